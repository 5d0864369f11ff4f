import type { Cable, Link } from '../cable/cable.js';
import { Hole } from '../protocol/secure/hole.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureHint } from '../protocol/secure/terms.js';

/** Looks at the fragments of each peer that is up, for large datagrams that are lost on the way (protocol/secure/hole.ts). */
export class Holes {
  readonly #cable: Cable;
  readonly #hint: (hint: SecureHint) => void;
  readonly #holes = new WeakMap<Link, Hole>();

  constructor(cable: Cable, hint: (hint: SecureHint) => void) {
    this.#cable = cable;
    this.#hint = hint;
  }

  /** To be asked several times a second. */
  look(
    now: number,
    peers: ReadonlyMap<Peer, { readonly link: Link | undefined; readonly up: boolean }>,
  ): void {
    for (const [peer, { link, up }] of peers) {
      if (!up || link === undefined) continue;
      const hole = this.#holes.get(link) ?? new Hole();
      this.#holes.set(link, hole);
      const { leading, incomplete } = this.#cable.fragments(link);
      const frames = hole.look(now, leading, incomplete);
      if (frames !== undefined) this.#hint({ what: 'hole', peer, frames });
    }
  }
}
