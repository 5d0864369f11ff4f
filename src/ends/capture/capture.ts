import type { Copied } from '../../cable/copies/cable-copies.js';
import type { Link } from '../../cable/link.js';
import type { PeerIdentity } from '../../cable/plug/plug.js';
import type { ByteSink, CaptureWish } from '../../control/capture-terms.js';
import { interfaceDescription, interfaceStatistics, LINK, packet, sectionHeader } from './pcapng.js';

/** Bytes that may wait to be read; packets that come then are dropped. */
const WAITING_MAX = 4 << 20;

/** What packets look like as they are written. */
export interface CaptureTerms {
  /** The program, as the file names it. */
  readonly application: string;
  who(link: Link): PeerIdentity & { readonly address?: string };
  /** A datagram with its IP header. */
  packetOf(copied: Copied): Uint8Array;
}

interface Interface {
  readonly number: number;
  received: number;
  dropped: number;
}

/** The name of the interface for datagrams that are no known peer's: handshakes. */
const OTHERS = 'others';

/** One capture: a pcapng stream with an interface for each peer. */
export class Capture {
  readonly wish: CaptureWish;
  readonly #sink: ByteSink;
  readonly #terms: CaptureTerms;
  /** By public key; of a peer without one by address. */
  readonly #interfaces = new Map<string, Interface>();

  constructor(wish: CaptureWish, sink: ByteSink, terms: CaptureTerms) {
    this.wish = wish;
    this.#sink = sink;
    this.#terms = terms;
    sink.write(sectionHeader(terms.application));
  }

  /** Whether a link's packets are of interest; a datagram that is nobody's may be a handshake of anybody's. */
  wants(link: Link | undefined): boolean {
    const { peer, wire } = this.wish;
    if (link === undefined) return wire;
    return peer === undefined || isPeer(this.#terms.who(link), peer);
  }

  /** Writes those packets that are of interest. */
  take(copied: readonly Copied[]): void {
    const what = this.wish.wire ? 'datagram' : 'frame';
    const blocks: Uint8Array[] = [];
    let waiting = this.#sink.waiting;
    for (const one of copied) {
      if (one.what !== what || !this.wants(one.link)) continue;
      const to = this.#interface(one.link, blocks);
      to.received++;
      if (waiting > WAITING_MAX) {
        to.dropped++;
        continue;
      }
      const bytes = this.wish.wire ? this.#terms.packetOf(one) : one.bytes;
      const block = packet(to.number, one.time, one.direction, bytes);
      waiting += block.length;
      blocks.push(block);
    }
    if (blocks.length > 0) this.#sink.write(Buffer.concat(blocks));
  }

  /** So many of a link's packets, or of unknown senders, found no room on their way here. */
  lost(link: Link | undefined, count: number): void {
    if (!this.wants(link)) return;
    const blocks: Uint8Array[] = [];
    const to = this.#interface(link, blocks);
    to.received += count;
    to.dropped += count;
    for (const block of blocks) this.#sink.write(block);
  }

  /** Ends it with the counts of each interface. */
  end(now: number): void {
    for (const { number, received, dropped } of this.#interfaces.values())
      this.#sink.write(interfaceStatistics(number, now, received, dropped));
  }

  #interface(link: Link | undefined, blocks: Uint8Array[]): Interface {
    const who: ReturnType<CaptureTerms['who']> =
      link === undefined ? { peer: OTHERS } : this.#terms.who(link);
    const { peer, name = peer, publicKey = peer, address = '' } = who;
    const there = this.#interfaces.get(publicKey);
    if (there !== undefined) return there;
    const made = { number: this.#interfaces.size, received: 0, dropped: 0 };
    this.#interfaces.set(publicKey, made);
    blocks.push(interfaceDescription(this.wish.wire ? LINK.ip : LINK.ethernet, name, address));
    return made;
  }
}

/** Whether a peer is meant by what somebody wrote: its name, its public key, or its address with or without the port. */
export function isPeer(
  { peer, name, publicKey, address = '' }: PeerIdentity & { readonly address?: string | undefined },
  text: string,
): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return [peer, name, publicKey, address, host].includes(text);
}
