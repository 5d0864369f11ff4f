import type { Cable } from '../../cable/cable.js';
import type { Copied } from '../../cable/copies/cable-copies.js';
import type { Link } from '../../cable/link.js';
import type { PeerIdentity } from '../../cable/plug/plug.js';
import { isAny } from '../../cable/udp/dual.js';
import type { ByteSink, CaptureWish, Capturing } from '../../control/capture-terms.js';
import { CryptcabError } from '../../error.js';
import { remoteKey, remoteText } from '../../protocol/remote.js';
import { Capture, isPeer } from './capture.js';
import { ipPacket } from './ip.js';
import { OwnAddress } from './own-address.js';

/** How often copies are fetched, ms. */
const FETCH_MS = 10;
/** At a time; each costs the copying of all that passes. */
const CAPTURES_MAX = 4;

/** What captures are made of. */
export interface CapturesHost {
  readonly cable: Cable;
  /** The links that there are. */
  links(): Iterable<Link>;
  who(link: Link): PeerIdentity;
  /** Peers that are known and have no link. */
  away(): readonly (PeerIdentity & { readonly address?: string | undefined })[];
}

/** The captures of a running end. Without one, nothing is copied. */
export class Captures implements Capturing {
  readonly #host: CapturesHost;
  readonly #all = new Map<Capture, () => void>();
  readonly #own = new OwnAddress();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(host: CapturesHost) {
    this.#host = host;
  }

  begin(wish: CaptureWish, sink: ByteSink, application: string, ended: () => void): () => void {
    if (this.#closed) throw new CryptcabError('this end of the cable ends');
    if (this.#all.size >= CAPTURES_MAX)
      throw new CryptcabError(`${CAPTURES_MAX} captures are under way already: end one`);
    const { peer } = wish;
    if (peer !== undefined && !this.#peers().some((one) => isPeer(one, peer)))
      throw new CryptcabError(`there is no peer ${peer} here: cryptcab status lists them`);
    const capture = new Capture(wish, sink, {
      application,
      who: (link) => this.#who(link),
      packetOf: (copied) => this.#packet(copied),
    });
    this.#all.set(capture, ended);
    this.#copy();
    return () => this.#end(capture);
  }

  close(): void {
    this.#closed = true;
    for (const capture of [...this.#all.keys()]) this.#end(capture);
  }

  #peers() {
    return [...[...this.#host.links()].map((link) => this.#who(link)), ...this.#host.away()];
  }

  #who(link: Link): PeerIdentity & { readonly address: string } {
    return { ...this.#host.who(link), address: remoteText(link.remote) };
  }

  /** Has the cable copy what the captures want. */
  #copy(): void {
    const all = [...this.#all.keys()];
    const wish = { frames: all.some((one) => !one.wish.wire), wire: all.some((one) => one.wish.wire) };
    for (const copies of this.#host.cable.copies)
      copies.start(wish, (link) => all.some((one) => one.wants(link)));
    if (all.length > 0) this.#timer ??= setTimeout(() => void this.#fetch(), FETCH_MS);
  }

  async #fetch(): Promise<void> {
    const copied = this.#take();
    await this.#lookUp(copied);
    this.#hand(copied);
    this.#timer = this.#all.size > 0 ? setTimeout(() => void this.#fetch(), FETCH_MS) : undefined;
  }

  #take(): Copied[] {
    const { copies } = this.#host.cable;
    const copied = copies.flatMap((one) => one.take());
    if (copies.length > 1) copied.sort((one, other) => one.time - other.time);
    if (copied.every(({ link }) => link !== undefined)) return copied;
    // A handshake's datagram is its peer's where that is known by its address.
    const links = new Map([...this.#host.links()].map((link) => [remoteKey(link.remote), link]));
    return copied.map((one) => ({ ...one, link: one.link ?? links.get(remoteKey(one.remote)) }));
  }

  #hand(copied: readonly Copied[]): void {
    for (const capture of this.#all.keys()) capture.take(copied);
    for (const copies of this.#host.cable.copies) {
      for (const { link, count } of copies.takeLost())
        for (const capture of this.#all.keys()) capture.lost(link, count);
    }
  }

  async #lookUp(copied: readonly Copied[]): Promise<void> {
    if (!isAny(this.#host.cable.local.address)) return;
    const unknown = new Map(
      copied
        .filter(({ what, remote }) => what === 'datagram' && this.#own.of(remote) === undefined)
        .map(({ remote }) => [remoteText(remote), remote] as const),
    );
    await Promise.all([...unknown.values()].map((remote) => this.#own.look(remote)));
  }

  #packet({ direction, remote, bytes }: Copied): Uint8Array {
    const { address, port } = this.#host.cable.local;
    const own = { address: isAny(address) ? (this.#own.of(remote) ?? address) : address, port };
    return direction === 'in' ? ipPacket(remote, own, bytes) : ipPacket(own, remote, bytes);
  }

  #end(capture: Capture): void {
    const ended = this.#all.get(capture);
    if (ended === undefined) return;
    this.#hand(this.#take()); // what came in time
    capture.end(Date.now());
    this.#all.delete(capture);
    this.#copy();
    ended();
  }
}
