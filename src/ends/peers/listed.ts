// The peers of a server that a list has: a file, or etcd. Who is not in it any more is cut off, and who is new is let in.
import { blake2s } from '@noble/hashes/blake2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { OpenPlug } from '../../cable/plug/plug.js';
import { messageOf } from '../../error.js';
import { keyText } from '../../keys/key-text.js';
import type { Log } from '../../log.js';
import type { PolicyFields } from '../../network/policy.js';
import type { Remote } from '../../protocol/remote.js';
import type { Peer } from '../../protocol/secure/peer.js';
import { unkept } from '../policy-kept.js';
import type { SecureSide } from '../secure-side.js';
import type { PeerPolicies } from './peer-policies.js';
import type { KnownPeer } from './peers-watch.js';
import type { ReadOnlyLine } from './read-only.js';

interface Listed {
  readonly peer: Peer;
  /** Its line's content, to see whether it has changed. */
  readonly content: string;
  readonly where: string;
  /** What it says of the network, which changes while the peer is up. */
  readonly policy: PolicyFields;
}

/** All but the name. Of the preshared key a digest: it is not kept. */
function contentOf({ presharedKey = new Uint8Array(), endpoint, host }: KnownPeer): string {
  return JSON.stringify([bytesToHex(blake2s(presharedKey)), endpoint, host]);
}

export class ListedPeers {
  readonly #side: SecureSide;
  readonly #policies: PeerPolicies;
  readonly #plug: OpenPlug;
  readonly #log: Log;
  readonly #writable: boolean;
  readonly #listed = new Map<string, Listed>();
  /** Whether a line that cannot be kept is skipped; before, the caller with all wishes gets an error. */
  started = false;
  /** Peers that somebody lets in until a line does: that takes their place. */
  readonly untilListed = new WeakSet<Peer>();

  /** @param writable whether this server can change the list, which is a file then */
  constructor(side: SecureSide, policies: PeerPolicies, plug: OpenPlug, log: Log, writable: boolean) {
    this.#side = side;
    this.#policies = policies;
    this.#plug = plug;
    this.#log = log;
    this.#writable = writable;
  }

  /** What the list has of a public key. */
  get(publicKey: string): Pick<Listed, 'peer' | 'where'> | undefined {
    return this.#listed.get(publicKey);
  }

  /** Whether the list has this peer. */
  has(peer: Peer): boolean {
    return this.get(keyText(peer.publicKey))?.peer === peer;
  }

  /** A peer's line, where this server cannot change it. */
  readOnly(peer: Peer): ReadOnlyLine | undefined {
    if (this.#writable || !this.has(peer)) return undefined;
    const { where } = this.#listed.get(keyText(peer.publicKey)) as Listed;
    return { from: where, until: 'that line changes or the server ends' };
  }

  /** These are all, by public key. */
  all(peers: ReadonlyMap<string, KnownPeer>): void {
    for (const id of [...this.#listed.keys()]) if (!peers.has(id)) this.one(id, undefined);
    for (const [id, known] of peers) this.one(id, known);
  }

  /** One is new, or another than before; undefined: it is not there any more. */
  one(id: string, known: KnownPeer | undefined): void {
    const listed = this.#listed.get(id);
    let wasAt: Remote | undefined;
    if (listed !== undefined) {
      const { peer, content } = listed;
      if (known !== undefined && contentOf(known) === content) {
        if ((known.name ?? '') !== peer.name) this.#side.rename(peer, known.name ?? '');
        this.#govern(id, known);
      } else {
        wasAt = peer.endpoint;
        this.#listed.delete(id);
        this.#side.remove(peer);
      }
    }
    if (known === undefined) return;
    if (!this.#listed.has(id)) this.#add(id, known);
    // A stock WireGuard does not hear that its keys are gone, and would call only after 15 s.
    const added = this.#listed.get(id)?.peer;
    if (
      known.host !== undefined &&
      wasAt !== undefined &&
      added?.endpoint === undefined &&
      added !== undefined
    )
      this.#side.recall(added, wasAt);
    known.presharedKey?.fill(0); // the machine has a copy
  }

  /** A line may say something else of the network than before. */
  #govern(id: string, { where, at, policy = {} }: KnownPeer): void {
    const listed = this.#listed.get(id) as Listed;
    if (JSON.stringify(policy) === JSON.stringify(listed.policy)) {
      this.#listed.set(id, { ...listed, where });
      return;
    }
    const why = unkept(this.#plug, policy);
    if (why !== undefined) {
      this.#log.warn({ ...at }, `keeps to what ${where} said before: ${why}`);
      return;
    }
    this.#listed.set(id, { ...listed, where, policy });
    const { peer } = listed;
    const port = this.#side.linkOf(peer)?.port;
    this.#policies.change(peer, policy, port, () => this.#side.disconnect(peer));
  }

  #add(id: string, known: KnownPeer): void {
    const { endpoint, where, at, policy = {}, host, ...options } = known;
    const content = contentOf(known);
    try {
      const why = this.started ? unkept(this.#plug, policy) : undefined;
      if (why !== undefined) throw new RangeError(why);
      const before = this.#side.find(id);
      if (before !== undefined && this.untilListed.has(before)) this.#side.remove(before);
      const peer = this.#side.add(options, endpoint, host);
      this.#policies.set(peer, policy);
      this.#listed.set(id, { peer, content, where, policy });
    } catch (error) {
      this.#log.warn({ ...at }, `skipped ${where}: ${messageOf(error)}`);
    }
  }
}
