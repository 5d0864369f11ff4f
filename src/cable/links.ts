import { TYPE } from '../protocol/classic/constants.js';
import { type Remote, remoteKey } from '../protocol/remote.js';
import { firstIndexOf, isTransport } from '../protocol/secure/messages.js';
import type { SecureEvents } from './link.js';

/** What a link is found by. */
interface Found {
  readonly session: number;
  readonly remote: Remote;
  /** Of a link of the secure cable. */
  readonly secure: SecureEvents | undefined;
  /** Of a secure link: the receiver's index of each keypair, by place. */
  readonly indices: (number | undefined)[];
}

/** The links of a cable: secure ones are found by receiver's index, classic ones that are up by address. */
export class Links<L extends Found> {
  readonly #bySession = new Map<number, L>();
  readonly #byRemote = new Map<string, L>();
  readonly #byIndex = new Map<number, L>();

  /** All of them; they may come and go meanwhile. */
  all(): L[] {
    return [...this.#bySession.values()];
  }

  /** The link that has this session of the core. */
  at(session: number): L | undefined {
    return this.#bySession.get(session);
  }

  /** The classic link that is up with this remote. */
  from(remote: Remote): L | undefined {
    return this.#byRemote.get(remoteKey(remote));
  }

  /** Whose datagram this is; undefined for one of a handshake, and for nobody's. */
  of(datagram: Uint8Array, from: Remote): L | undefined {
    if (datagram[0] === TYPE.DATA) return this.from(from);
    return isTransport(datagram) ? this.#byIndex.get(firstIndexOf(datagram)) : undefined;
  }

  add(link: L): void {
    this.#bySession.set(link.session, link);
  }

  remove(link: L): void {
    this.#bySession.delete(link.session);
  }

  /** A classic link is up. */
  raise(link: L): void {
    this.#byRemote.set(remoteKey(link.remote), link);
  }

  /** Nothing that comes is a link's any more. */
  lower(link: L): void {
    if (link.secure === undefined) this.#byRemote.delete(remoteKey(link.remote));
    for (const place of link.indices.keys()) this.drop(link, place);
  }

  /** What comes under this index is a secure link's. */
  install(link: L, place: number, index: number): void {
    this.drop(link, place);
    link.indices[place] = index;
    this.#byIndex.set(index, link);
  }

  drop(link: L, place: number): void {
    const index = link.indices[place];
    if (index !== undefined) this.#byIndex.delete(index);
    link.indices[place] = undefined;
  }
}
