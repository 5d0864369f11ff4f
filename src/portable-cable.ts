import type { Cable, CableEvents, Link, SecureEvents, WireTap } from './cable.js';
import type { Core, Keying, SessionCounts, TransportKeys } from './core/core.js';
import type { Slot } from './core/ring.js';
import { STATUS, type Status } from './core/status.js';
import { framesIn, type OpenPlug, type Plug } from './plug/plug.js';
import { ORIGINAL_DATAGRAM_MAX, TYPE, WEAR_BYTES } from './protocol/constants.js';
import { type Remote, remoteKey } from './protocol/remote.js';
import { KEEPALIVE_BYTES } from './protocol/secure/constants.js';
import { firstIndexOf, handshakeType, isTransport } from './protocol/secure/messages.js';
import { Pace } from './protocol/secure/pace.js';
import type { OpenUdp, Udp } from './udp/udp.js';

/** Slots that must be free before a plug that was stopped for want of room is read again: enough for any frame. */
const RESUME_ROOM = 64;
/** Bytes from a plug that wait while there is no key; a plug that does not stop when it is told to has the rest refused. */
const HELD_MAX = 256 << 10;

/** An authentic message, as far as its like is told of once. */
interface News {
  readonly place: number;
  readonly from: Remote;
  readonly data: boolean;
}

class LinkState implements Link {
  readonly session: number;
  plug: Plug | undefined;
  remote: Remote;
  readonly secure: SecureEvents | undefined;
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
  /** The longest frame carried, bytes; and whether a longer one has been told of. */
  frameMax = 0;
  toldLong = false;
  /** Bytes under one Blowfish key; NaN with other ciphers, and when worn() has been said. */
  wear = Number.NaN;
  /** Frames opened in the batch at hand. */
  opened = 0;
  /** Whether a datagram was sent in the batch at hand. */
  sealed = false;

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

  /** Notes an authentic message. */
  opens({ index, keypair, length }: Slot, senders: readonly (Remote | undefined)[]): void {
    const news = { place: keypair, from: senders[index] as Remote, data: length > 0 };
    const last = this.news.at(-1);
    const same =
      last !== undefined &&
      last.place === news.place &&
      last.data === news.data &&
      last.from.port === news.from.port &&
      last.from.address === news.from.address;
    if (!same) this.news.push(news);
  }
}

/** A cable that works on every system, on the one thread there is: by a socket and plugs that are handed in. */
export class PortableCable implements Cable {
  readonly core: Core;
  readonly io: string;
  readonly #udp: Udp;
  readonly #events: CableEvents;
  readonly #tap: WireTap | undefined;
  readonly #wearBytes: number;
  readonly #bySession: (LinkState | undefined)[] = [];
  readonly #byRemote = new Map<string, LinkState>();
  /** Secure links, by the receiver's index that their messages bear. */
  readonly #byIndex = new Map<number, LinkState>();
  readonly #pace = new Pace(() => this.#bySession.flatMap((link) => link?.remote ?? []));
  /** Who sent what a slot holds, by slot. */
  readonly #senders: (Remote | undefined)[] = [];
  /** One for each slot, made once: gives the slot back when its datagram has been sent. */
  readonly #releases: (() => void)[];
  readonly #stalled = new Set<LinkState>();
  readonly #touched = new Set<LinkState>();
  #scheduled = false;
  #pumping = false;
  #closed = false;

  private constructor(
    core: Core,
    udp: Udp,
    events: CableEvents,
    tap: WireTap | undefined,
    wearBytes: number,
    why: string | undefined,
  ) {
    this.core = core;
    this.#udp = udp;
    this.#events = events;
    this.#tap = tap;
    this.#wearBytes = wearBytes;
    this.io = why === undefined ? 'portable' : `portable (not native: ${why})`;
    this.#releases = Array.from({ length: core.ring.slots }, (_, index) => () => this.#release(index));
  }

  /**
   * @param port the local port; 0 for any
   * @param options wearBytes: after how many worn() is said; why: what speaks against another path, for people
   */
  static async open(
    core: Core,
    openUdp: OpenUdp,
    port: number,
    events: CableEvents,
    tap: WireTap | undefined,
    { wearBytes = WEAR_BYTES, why }: { wearBytes?: number; why?: string | undefined } = {},
  ): Promise<PortableCable> {
    let receive = (_bytes: Uint8Array, _from: Remote) => {}; // what comes before there is a cable
    const udp = await openUdp(port, {
      datagram: (bytes, from) => receive(bytes, from),
      unreachable: () => events.unreachable(),
      failed: (why) => events.sendFailed(why, 1),
    });
    const cable = new PortableCable(core, udp, events, tap, wearBytes, why);
    receive = (bytes, from) => cable.#receive(bytes, from);
    return cable;
  }

  get local(): Remote {
    return this.#udp.local;
  }

  connect(to: Remote): Promise<Remote> {
    return this.#udp.connect(to);
  }

  send(datagram: Uint8Array, to: Remote): void {
    this.#tap?.('out', to, datagram);
    this.#udp.send(datagram, 0, datagram.length, to, () => {});
  }

  probe(open: OpenPlug): Plug {
    return open({ stream() {}, lost() {}, back() {} });
  }

  plugIn(remote: Remote, open: OpenPlug): Link | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new LinkState(session, remote);
    this.#bySession[session] = link;
    this.plug(link, open);
    return link;
  }

  join(remote: Remote, path: number, events: SecureEvents): Link | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    this.core.setPath(session, path);
    const link = new LinkState(session, remote, events);
    link.frameMax = this.core.frameMax;
    this.#bySession[session] = link;
    return link;
  }

  index(_link: Link, drawn: number): number {
    return drawn;
  }

  plug(link: Link, open: OpenPlug): Plug {
    const state = link as LinkState;
    let plug: Plug | undefined;
    const unlessPulled = (act: () => void) => {
      if (state.plug === plug) act();
    };
    plug = open({
      stream: (piece) => unlessPulled(() => this.#feed(state, piece)),
      lost: (why) => unlessPulled(() => this.#events.plugLost(state, why)),
      back: () =>
        unlessPulled(() => {
          this.core.resetStream(state.session);
          this.#events.plugBack(state);
        }),
    });
    state.plug = plug;
    return plug;
  }

  async pull(link: Link): Promise<void> {
    const state = link as LinkState;
    const { plug } = state;
    state.resume();
    state.plug = undefined;
    state.backlog = undefined;
    this.#stalled.delete(state);
    this.core.resetStream(state.session);
    await plug?.close();
  }

  install(link: Link, place: number, keys: TransportKeys): void {
    const state = link as LinkState;
    this.core.installKeypair(state.session, place, keys);
    this.#byIndex.delete(state.indices[place] as number);
    state.indices[place] = keys.local;
    this.#byIndex.set(keys.local, state);
  }

  use(link: Link, place: number): void {
    const state = link as LinkState;
    this.core.useKeypair(state.session, place);
    state.sealing = place;
    if (state.backlog !== undefined) this.#feed(state, new Uint8Array());
  }

  drop(link: Link, place: number): void {
    const state = link as LinkState;
    this.#pump(); // what came in time
    this.core.dropKeypair(state.session, place);
    this.#byIndex.delete(state.indices[place] as number);
    if (state.sealing === place) state.sealing = undefined;
  }

  discard(link: Link): void {
    const state = link as LinkState;
    if (state.backlog !== undefined) this.#feed(state, new Uint8Array(), false);
  }

  keepalive(link: Link): void {
    const { ring } = this.core;
    if (!ring.pushKeepalive(link.session)) {
      this.#pump();
      ring.pushKeepalive(link.session); // a ring that stays full has other messages, which do as well
    }
    this.#pump();
  }

  move(link: Link, to: Remote): void {
    (link as LinkState).remote = to;
  }

  raise(link: Link, keying: Keying): void {
    const state = link as LinkState;
    this.core.keySession(state.session, keying);
    this.limit(state, this.core.frameMax);
    state.wear = keying.suite === 'blowfish' ? 0 : Number.NaN;
    this.#byRemote.set(remoteKey(state.remote), state);
  }

  limit(link: Link, frameMax: number): void {
    const state = link as LinkState;
    this.core.limitSession(state.session, frameMax);
    state.frameMax = frameMax;
    state.toldLong = false;
  }

  lower(link: Link): void {
    const state = link as LinkState;
    this.#pump();
    if (state.secure === undefined) this.#byRemote.delete(remoteKey(state.remote));
    for (const index of state.indices.splice(0)) this.#byIndex.delete(index as number);
    state.sealing = undefined;
    this.core.unkeySession(state.session);
  }

  async unplug(link: Link): Promise<void> {
    const state = link as LinkState;
    this.lower(state);
    this.#bySession[state.session] = undefined;
    await this.pull(state);
    this.core.closeSession(state.session);
  }

  counts(link: Link): SessionCounts {
    return this.core.counts(link.session);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#udp.close();
  }

  #receive(datagram: Uint8Array, from: Remote): void {
    this.#tap?.('in', from, datagram);
    const link =
      datagram[0] === TYPE.DATA
        ? this.#byRemote.get(remoteKey(from))
        : isTransport(datagram)
          ? this.#byIndex.get(firstIndexOf(datagram))
          : undefined;
    if (link === undefined) {
      if (handshakeType(datagram) !== undefined) {
        if (!this.#pace.allows(performance.now(), from)) return;
        this.#pump(); // what came before it comes before it
      }
      this.#events.control(datagram, from);
      return;
    }
    if (datagram.length > this.core.datagramMax) {
      this.core.dropped(link.session, 0, 1);
      this.#events.refused(link, 'bad length', 1);
      return;
    }
    if (!this.#push(link, datagram, from)) {
      this.#pump();
      if (!this.#push(link, datagram, from)) {
        this.core.dropped(link.session, 0, 1);
        return;
      }
    }
    if (this.#scheduled) return;
    // The socket hands out what it has one by one; after that comes setImmediate: one batch.
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #push(link: LinkState, datagram: Uint8Array, from: Remote): boolean {
    const { ring } = this.core;
    if (link.secure === undefined) return ring.push(link.session, datagram);
    this.#senders[ring.next] = from;
    return ring.pushTransport(link.session, datagram);
  }

  /**
   * Reads a piece of a plug's stream as far as the ring has room; the plug waits with the rest.
   * @param waits whether it waits for a key, too
   */
  #feed(link: LinkState, piece: Uint8Array, waits = true): void {
    if (this.#closed || this.#bySession[link.session] !== link) return;
    let rest = piece;
    if (link.backlog !== undefined) {
      rest = new Uint8Array(link.backlog.length + piece.length);
      rest.set(link.backlog);
      rest.set(piece, link.backlog.length);
      link.backlog = undefined;
    }
    if (waits && link.secure !== undefined && link.sealing === undefined && rest.length <= HELD_MAX) {
      this.#stalled.delete(link);
      link.backlog = rest;
      link.pause();
      link.secure.wanted();
      return;
    }
    while (rest.length > 0) {
      const part = rest.subarray(0, this.core.pieceMax);
      const taken = this.core.readStream(link.session, part);
      this.#pump();
      rest = rest.subarray(taken);
      const { room } = this.core.ring;
      // A frame in fragments needs several slots at once: where there are too few, none is taken.
      if (taken < part.length && (room === 0 || (taken === 0 && room < RESUME_ROOM))) break;
    }
    if (rest.length > 0) {
      link.backlog = rest;
      this.#stalled.add(link);
      link.pause();
    } else {
      this.#stalled.delete(link);
      link.resume();
    }
  }

  /** A datagram has been sent. */
  #release(slot: number): void {
    this.core.ring.release(slot);
    this.#readOn();
  }

  /** Reads on from plugs that waited for room in the ring. */
  #readOn(): void {
    if (this.#stalled.size === 0 || this.core.ring.room < RESUME_ROOM) return;
    for (const link of [...this.#stalled]) this.#feed(link, new Uint8Array());
  }

  /**
   * Has the core work through what waits in the ring, and hands out what comes of it. A plug that answers
   * at once, from within, adds to the ring: the loop finds it.
   */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let count = this.core.ring.process(); count > 0; count = this.core.ring.process()) {
        this.#deliver(count);
      }
    } finally {
      this.#pumping = false; // what a plug throws must not stop the others for good
    }
    this.#readOn();
  }

  #refused(link: LinkState, why: Status): void {
    if (why !== 'frame too long') {
      this.#events.refused(link, why, 1);
    } else if (!link.toldLong) {
      link.toldLong = true;
      this.#events.tooLong(link, link.frameMax);
    }
  }

  #sent(link: LinkState): void {
    const { secure, session, sealing, payload } = link;
    if (secure === undefined) this.#events.sent(link);
    else if (sealing !== undefined) secure.sealed(payload, this.core.keypairSealed(session, sealing));
  }

  #heard(link: LinkState): void {
    const { secure } = link;
    if (secure === undefined) this.#events.heard(link);
    else for (const { place, from, data } of link.news.splice(0)) secure.opened(place, from, data);
  }

  #deliver(count: number): void {
    const { ring } = this.core;
    for (let back = count - 1; back >= 0; back--) {
      const slot = ring.processed(back);
      const link = this.#bySession[slot.session];
      if (link === undefined) {
        if (slot.sealed) ring.release(slot.index);
      } else if (slot.status !== 0) {
        if (slot.sealed) ring.release(slot.index);
        this.#refused(link, STATUS[slot.status] as Status);
      } else if (slot.sealed) {
        this.#tap?.('out', link.remote, ring.bytes.slice(slot.address, slot.address + slot.length));
        const release = this.#releases[slot.index] as () => void;
        link.sealed = true;
        if (link.secure !== undefined) link.payload ||= slot.length > KEEPALIVE_BYTES;
        else if (slot.length > ORIGINAL_DATAGRAM_MAX) link.large = true;
        link.wear += slot.length;
        this.#touched.add(link);
        this.#udp.send(ring.bytes, slot.address, slot.length, link.remote, release);
      } else {
        link.opened++;
        if (link.secure !== undefined) link.opens(slot, this.#senders);
        link.wear += slot.length;
        this.#touched.add(link);
      }
    }
    for (const link of this.#touched) {
      if (link.sealed) this.#sent(link);
      if (link.large) this.#events.large(link);
      if (link.opened > 0) {
        this.#heard(link); // first, as it may be what plugs the link in
        // A copy: the pipe may keep it for a while. One for each batch and peer.
        const stream = this.core.writeStream(link.session, count, performance.now()).slice();
        if (stream.length > 0 && link.plug?.write(stream) !== true)
          this.core.dropped(link.session, framesIn(stream), 0);
      }
      if (link.wear >= this.#wearBytes) {
        link.wear = Number.NaN;
        this.#events.worn(link);
      }
      link.sealed = false;
      link.payload = false;
      link.large = false;
      link.opened = 0;
    }
    this.#touched.clear();
    for (let back = count - 1; back >= 0; back--) {
      const slot = ring.processed(back);
      if (!slot.sealed) ring.release(slot.index);
    }
  }
}
