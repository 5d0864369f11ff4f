import type { Slot } from '../../core/ring.js';
import { Refusals } from '../../protocol/refusals.js';
import { type Remote, sameWay } from '../../protocol/remote.js';
import type { Link, SecureEvents } from '../cable.js';
import type { Plug } from '../plug/plug.js';

/** An authentic message; messages that are alike in this are reported once. */
interface News {
  readonly place: number;
  readonly from: Remote;
  readonly data: boolean;
}

/** One link of a portable cable. */
export class PortableLink implements Link {
  readonly session: number;
  plug: Plug | undefined;
  /** What OpenPlug.even says of it. */
  even = false;
  port: string | undefined;
  remote: Remote;
  readonly secure: SecureEvents | undefined;
  path: number | undefined;
  /** Of a secure link: the place of the keypair that seals, and the index of each. */
  sealing: number | undefined;
  readonly indices: (number | undefined)[] = [];
  /** Authentic messages in the batch at hand, and whether one with a payload was sent. */
  news: News[] = [];
  payload = false;
  /** What was read from the plug and found no room in the ring, or no key. */
  backlog: Uint8Array | undefined;
  /** Whether its plug is. */
  #paused = false;
  /** Whether a datagram of more than ORIGINAL_DATAGRAM_MAX bytes was sent in the batch at hand. */
  large = false;
  /** The longest frame carried, bytes; and whether a longer one has been logged. */
  frameMax = 0;
  toldLong = false;
  /** Bytes under one Blowfish key; NaN with other ciphers, and when worn() has been said. */
  wear = Number.NaN;
  /** Frames opened in the batch at hand. */
  opened = 0;
  /** Whether a datagram was sent in the batch at hand. */
  sealed = false;
  /** Of its datagrams, by the system. */
  readonly refusals = new Refusals();

  constructor(session: number, remote: Remote, secure?: SecureEvents) {
    this.session = session;
    this.remote = remote;
    this.secure = secure;
  }

  pause(): void {
    this.#paused = true;
    this.plug?.pause();
  }

  resume(): void {
    if (this.#paused) this.plug?.resume();
    this.#paused = false;
  }

  /** A piece of its plug's stream, behind what has been kept of those before. */
  withBacklog(piece: Uint8Array): Uint8Array {
    const { backlog } = this;
    if (backlog === undefined) return piece;
    this.backlog = undefined;
    const all = new Uint8Array(backlog.length + piece.length);
    all.set(backlog);
    all.set(piece, backlog.length);
    return all;
  }

  tellNews(secure: SecureEvents): void {
    for (const { place, from, data } of this.news.splice(0)) secure.opened(place, from, data);
  }

  /** Authentic DATA came: its answers leave from the address that it came to. */
  follow(from: Remote): void {
    if (from.local !== this.remote.local) this.remote = from;
  }

  /** Notes an authentic message. */
  opens({ index, keypair, data }: Slot, senders: readonly (Remote | undefined)[]): void {
    const news = { place: keypair, from: senders[index] as Remote, data };
    const last = this.news.at(-1);
    const same =
      last !== undefined &&
      last.place === news.place &&
      last.data === news.data &&
      sameWay(last.from, news.from);
    if (!same) this.news.push(news);
  }
}
