import type { Core } from '../../core/core.js';
import { type HostAddresses, isPacket } from '../../core/hosts.js';
import type { Slot } from '../../core/ring.js';
import type { Keying, TransportKeys } from '../../core/terms.js';
import { type Remote, sameWay } from '../../protocol/remote.js';
import { Refusals } from '../../protocol/send-refusals.js';
import { BaseLink, type LinkHost } from '../base-link.js';
import type { ClassicLink, SecureEvents, SecureLink } from '../link.js';
import type { Links } from '../links.js';
import { bytesInStream, framesIn, type OpenPlug } from '../plug/plug.js';

/** Slots that must be free before a plug that was stopped for lack of room is read again: enough for any frame. */
export const RESUME_ROOM = 64;
/** Bytes from a plug that wait while there is no key; a plug that does not stop when it is told to has the rest refused. */
const HELD_MAX = 256 << 10;

/** What a link needs of its cable. */
export interface PortableHost extends LinkHost {
  readonly core: Core;
  readonly links: Links<PortableLink>;
  /** Those whose plugs wait for room in the ring. */
  readonly stalled: Set<PortableLink>;
  readonly closed: boolean;
  /** Has the core work through what waits in the ring. */
  pump(): void;
}

/** An authentic message; messages that are alike in this are reported once. */
interface News {
  readonly place: number;
  readonly from: Remote;
  readonly data: boolean;
}

/** One link of a portable cable. */
export class PortableLink extends BaseLink implements ClassicLink, SecureLink {
  readonly #host: PortableHost;
  /** What OpenPlug.even says of its plug. */
  #even = false;
  /** Authentic messages in the batch at hand, and whether one with a payload was sent. */
  #news: News[] = [];
  payload = false;
  /** What was read from the plug and found no room in the ring, or no key. */
  #backlog: Uint8Array | undefined;
  /** Whether its plug is. */
  #paused = false;
  /** Whether a datagram of more than ORIGINAL_DATAGRAM_MAX bytes was sent in the batch at hand. */
  large = false;
  /** Frames opened in the batch at hand. */
  opened = 0;
  /** Whether a datagram was sent in the batch at hand. */
  sealed = false;
  /** Whether it is that of a host: its frames are looked at without a key, too. */
  #isHost = false;
  /** Of its datagrams, by the system. */
  readonly refusals = new Refusals();

  constructor(host: PortableHost, session: number, remote: Remote, secure?: SecureEvents) {
    super(host, session, remote, secure);
    this.#host = host;
  }

  index(drawn: number): number {
    return drawn;
  }

  move(to: Remote): void {
    this.remote = to;
  }

  plug(open: OpenPlug): Promise<void> {
    const renew = () => this.#host.core.resetStream(this.session);
    this.#even = open.even === true;
    return this.openPlug(open, (piece) => this.feed(piece), renew);
  }

  async pull(): Promise<void> {
    const { own } = this;
    this.#resume();
    this.own = undefined;
    this.port = undefined;
    this.#backlog = undefined;
    this.#host.stalled.delete(this);
    this.#host.core.resetStream(this.session);
    await own?.close();
  }

  raise(keying: Keying): void {
    const { core, links } = this.#host;
    core.keySession(this.session, keying);
    this.renewed();
    links.raise(this);
  }

  lower(): void {
    this.#host.pump();
    this.#host.links.lower(this);
    this.sealing = undefined;
    this.#host.core.unkeySession(this.session);
  }

  async close(): Promise<void> {
    this.lower();
    this.#host.links.remove(this);
    await this.pull();
    this.#host.core.closeSession(this.session);
  }

  install(place: number, keys: TransportKeys): void {
    this.#host.core.installKeypair(this.session, place, keys);
    this.#host.links.install(this, place, keys.local);
  }

  use(place: number): void {
    this.#host.core.useKeypair(this.session, place);
    this.sealing = place;
    if (this.#backlog !== undefined) this.feed(new Uint8Array());
  }

  drop(place: number): void {
    this.#host.pump(); // what came in time
    this.#host.core.dropKeypair(this.session, place);
    this.#host.links.drop(this, place);
    if (this.sealing === place) this.sealing = undefined;
  }

  discard(): void {
    if (this.#backlog !== undefined) this.feed(new Uint8Array(), false);
  }

  say(payload: Uint8Array): void {
    const { secure, sealing, session } = this;
    const { core } = this.#host;
    const datagram = core.sealControl(session, payload);
    if (typeof datagram === 'string' || sealing === undefined) return;
    this.#host.send(datagram, this.remote);
    secure?.sealed(isPacket(payload), core.keypairSealed(session, sealing));
  }

  override beHost(mac: Uint8Array, addresses: HostAddresses): void {
    super.beHost(mac, addresses);
    this.#isHost = true;
  }

  inject(frame: Uint8Array): void {
    const size = bytesInStream(frame.length, this.#even);
    const stream = new Uint8Array(2 + size);
    stream.set([size >> 8, size]);
    stream.set(frame, 2);
    if (this.own?.write(stream) !== true) this.#host.core.dropped(this.session, 1, 0);
  }

  /**
   * Reads a piece of its plug's stream as far as the ring has room; the plug waits with the rest.
   * @param waits whether it waits for a key, too
   */
  feed(piece: Uint8Array, waits = true): void {
    const { core, links, stalled, closed } = this.#host;
    if (closed || links.at(this.session) !== this) return;
    let rest = this.#withBacklog(piece);
    const held = waits && !this.#isHost && this.secure !== undefined && this.sealing === undefined;
    if (held && rest.length <= HELD_MAX) {
      stalled.delete(this);
      this.#backlog = rest;
      this.#pause();
      this.secure?.wanted();
      return;
    }
    const bytes = rest.length;
    while (rest.length > 0) {
      const part = rest.subarray(0, core.pieceMax);
      const taken = core.readStream(this.session, part);
      this.#host.pump();
      rest = rest.subarray(taken);
      const { room } = core.ring;
      // A frame in fragments needs several slots at once: where there are too few, none is taken.
      if (taken < part.length && (room === 0 || (taken === 0 && room < RESUME_ROOM))) break;
    }
    if (links.at(this.session) === this) this.lookAtRefusals();
    if (rest.length > 0) {
      this.#backlog = rest;
      if (rest.length < bytes) stalled.delete(this); // the others have their turn first
      stalled.add(this);
      this.#pause();
    } else {
      stalled.delete(this);
      this.#resume();
    }
  }

  /** Hands its frames among the last `count` slots to its plug. */
  deliver(count: number): void {
    const { core } = this.#host;
    // A copy: the pipe may keep it for a while. One for each batch and peer.
    const stream = core.writeStream(this.session, count, performance.now(), this.#even).slice();
    for (const { place, payload } of core.controls()) this.secure?.control(place, payload);
    if (stream.length > 0 && this.own?.write(stream) !== true)
      core.dropped(this.session, framesIn(stream), 0);
  }

  /** Tells that messages of the batch at hand were sent. */
  tellSealed(): void {
    const { core, events } = this.#host;
    const { secure, session, sealing } = this;
    if (secure === undefined) events.sent(this);
    else if (sealing !== undefined) secure.sealed(this.payload, core.keypairSealed(session, sealing));
  }

  /** And that authentic ones came. */
  tellOpened(): void {
    const { secure } = this;
    if (secure === undefined) this.#host.events.heard(this);
    else for (const { place, from, data } of this.#news.splice(0)) secure.opened(place, from, data);
  }

  /** Authentic DATA came: its answers leave from the address that it came to. */
  follow(from: Remote): void {
    if (from.local !== this.remote.local) this.remote = from;
  }

  /** Notes an authentic message. */
  opens({ index, keypair, data }: Slot, senders: readonly (Remote | undefined)[]): void {
    const news = { place: keypair, from: senders[index] as Remote, data };
    const last = this.#news.at(-1);
    const same =
      last !== undefined &&
      last.place === news.place &&
      last.data === news.data &&
      sameWay(last.from, news.from);
    if (!same) this.#news.push(news);
  }

  #pause(): void {
    this.#paused = true;
    this.own?.pause();
  }

  #resume(): void {
    if (this.#paused) this.own?.resume();
    this.#paused = false;
  }

  /** A piece of its plug's stream, behind what has been kept of those before. */
  #withBacklog(piece: Uint8Array): Uint8Array {
    const backlog = this.#backlog;
    if (backlog === undefined) return piece;
    this.#backlog = undefined;
    const all = new Uint8Array(backlog.length + piece.length);
    all.set(backlog);
    all.set(piece, backlog.length);
    return all;
  }
}
