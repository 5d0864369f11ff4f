import type { SecureLink } from '../cable/link.js';
import { Hole } from '../protocol/secure/hole.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureHint } from '../protocol/secure/terms.js';

/** Looks at the fragments of each peer that is up, for large datagrams that are lost on the way (protocol/secure/hole.ts). */
export class Holes {
  readonly #hint: (hint: SecureHint) => void;
  readonly #holes = new WeakMap<SecureLink, Hole>();

  constructor(hint: (hint: SecureHint) => void) {
    this.#hint = hint;
  }

  /** To be asked several times a second. */
  look(
    now: number,
    peers: ReadonlyMap<Peer, { readonly link: SecureLink | undefined; readonly up: boolean }>,
  ): void {
    for (const [peer, { link, up }] of peers) {
      if (!up || link === undefined) continue;
      const hole = this.#holes.get(link) ?? new Hole();
      this.#holes.set(link, hole);
      const { leading, incomplete } = link.fragments();
      const frames = hole.look(now, leading, incomplete);
      if (frames !== undefined) this.#hint({ what: 'hole', peer, frames });
    }
  }
}
