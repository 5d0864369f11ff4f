import type { Origin } from '../../control/status.js';
import { keyText } from '../../keys/key-text.js';
import { fieldsText, parsePolicy } from '../../network/policy.js';
import type { Remote } from '../../protocol/remote.js';
import type { Peer } from '../../protocol/secure/peer.js';
import type { SecureSide } from '../secure-side.js';
import type { PeerPolicies } from './peer-policies.js';
import type { KeptAll, KeptInvite, RememberedInvite, ServerState } from './server-state.js';

/** What a server keeps of its peers over a restart, and what it does with it then. */
export class Roster {
  readonly #state: ServerState;
  readonly #side: SecureSide;
  /** When something came of a peer that is not up, ms since 1970. */
  readonly #heard = new WeakMap<Peer, number>();
  /** Preshared keys of those that have enrolled, as they are kept. */
  readonly #sealed = new WeakMap<Peer, string>();
  readonly #origins: WeakMap<Peer, Origin>;
  readonly #policies: PeerPolicies;
  /** What there is to keep of invites. */
  invites: () => KeptInvite[] = () => [];
  #closed = false;

  /** @param origins of those that have enrolled */
  constructor(state: ServerState, side: SecureSide, origins: WeakMap<Peer, Origin>, policies: PeerPolicies) {
    this.#state = state;
    this.#side = side;
    this.#origins = origins;
    this.#policies = policies;
  }

  /**
   * Takes back what was kept: who has enrolled may connect, and who was somewhere is called there, one in each turn of the
   * event loop, as a call takes some time.
   * @returns the invites
   */
  restore(): readonly RememberedInvite[] {
    const { peers, invites } = this.#state.load();
    const calls: [Peer, Remote][] = [];
    for (const { publicKey, name, endpoint, heard, sealed, presharedKey, origin, policy = '' } of peers) {
      let peer = this.#side.find(keyText(publicKey));
      if (peer === undefined && presharedKey !== undefined && sealed !== undefined) {
        try {
          const silent = Math.max(0, Date.now() - heard);
          peer = this.#side.add({
            publicKey,
            presharedKey,
            name,
            ...(origin?.how !== 'invite' && { enrolled: true, silent }),
          });
          this.#sealed.set(peer, sealed);
          if (origin !== undefined) this.#origins.set(peer, origin);
          const fields = parsePolicy(policy);
          if (typeof fields === 'object') this.#policies.set(peer, fields);
        } catch {
          // There is no room for it, or it is no key: then it enrols again.
        }
      }
      presharedKey?.fill(0);
      if (peer === undefined) continue; // its line went away meanwhile
      this.#heard.set(peer, heard);
      if (endpoint !== undefined && peer.endpoint === undefined) calls.push([peer, endpoint]);
    }
    const next = () => {
      const call = calls.shift();
      if (call === undefined || this.#closed) return;
      const [peer, endpoint] = call;
      if (!this.#side.isUp(peer)) this.#side.recall(peer, endpoint);
      setImmediate(next);
    };
    next();
    return invites;
  }

  /** A peer has enrolled: it gets the answer when that is stored. */
  enrolled(peer: Peer, presharedKey: Uint8Array): void {
    this.#sealed.set(peer, this.#state.seal(peer.publicKey, presharedKey));
    this.heard(peer);
    this.#state.save();
  }

  /** A peer has joined by an invite. @returns whether that is kept */
  joined(peer: Peer, presharedKey: Uint8Array, origin: Origin): boolean {
    this.#origins.set(peer, origin);
    this.#sealed.set(peer, this.#state.seal(peer.publicKey, presharedKey));
    this.heard(peer);
    return this.#state.save();
  }

  /** A guest's preshared key as it is kept. */
  sealForGuest(publicKey: Uint8Array, presharedKey: Uint8Array): string {
    return this.#state.sealForGuest(publicKey, presharedKey);
  }

  /** Writes all, now. @returns whether that was possible */
  write(): boolean {
    this.#changed();
    return this.#state.save();
  }

  /** Something has come of a peer just now, and it has changed. */
  heard(peer: Peer): void {
    this.#heard.set(peer, Date.now());
    this.#changed();
  }

  /** A peer may not connect any more. */
  forget(peer: Peer): void {
    this.#heard.delete(peer);
    this.#sealed.delete(peer);
    this.#changed();
  }

  /** People have changed something about a peer. @param removed whether it may not connect any more */
  changed(peer: Peer, removed: boolean): void {
    if (removed) this.forget(peer);
    else this.#changed();
  }

  #changed(): void {
    this.#state.changed(() => this.#collect());
  }

  #collect(): KeptAll {
    const peers = [...this.#side.peers()].map(({ peer, up }) => ({
      publicKey: peer.publicKey,
      name: peer.name,
      endpoint: peer.endpoint,
      heard: up ? Date.now() : (this.#heard.get(peer) ?? 0),
      sealed: this.#sealed.get(peer),
      origin: this.#origins.get(peer),
      ...(this.#sealed.has(peer) && { policy: fieldsText(this.#policies.fieldsOf(peer)) }),
    }));
    return { peers, invites: this.invites() };
  }

  /** Writes what should be kept. To be called before the peers are cut off. */
  close(): void {
    this.#closed = true;
    this.#changed();
    this.#state.close();
  }
}
