import type { Core, Keying, SessionCounts } from './core/core.js';
import { STATUS, type Status } from './core/status.js';
import type { CryptcabError } from './error.js';
import type { OpenPlug, Plug } from './plug/plug.js';
import { ORIGINAL_DATAGRAM_MAX, TYPE, WEAR_BYTES } from './protocol/constants.js';
import { type Remote, remoteKey } from './protocol/remote.js';
import type { OpenUdp, Udp } from './udp/udp.js';

/** Slots that must be free before a plug that was stopped for want of room is read again. */
const RESUME_ROOM = 64;

/** Sees every datagram as it is on the wire: for `-vvvv` and for teaching. */
export type WireTap = (direction: 'in' | 'out', remote: Remote, datagram: Uint8Array) => void;

export interface CableEvents {
  /** A datagram came that is not DATA of a link that is up. */
  control(datagram: Uint8Array, from: Remote): void;
  /** Authentic DATA came. */
  heard(link: Link): void;
  /** DATA was sent. */
  sent(link: Link): void;
  /** A link's datagram or frame was refused; as often as `times` says. */
  refused(link: Link, why: Status, times: number): void;
  /** A datagram was sent that a C program would cut. */
  large(link: Link): void;
  /** The first frame from its switch that was longer than the link carries was dropped. */
  tooLong(link: Link, frameMax: number): void;
  /** A link has carried WEAR_BYTES under one Blowfish key. */
  worn(link: Link): void;
  plugLost(link: Link, why: string): void;
  plugBack(link: Link): void;
  /** The connected remote has nobody who listens. */
  unreachable(): void;
  /** A datagram could not be sent. */
  sendFailed(why: string, times: number): void;
  /** The cable cannot go on. */
  failed(error: CryptcabError): void;
}

/** One peer's end of the cable: its address, its session in the core, its port of the switch. */
export interface Link {
  readonly session: number;
  /** Where its datagrams go to and come from. */
  remote: Remote;
  readonly plug: Pick<Plug, 'settled'>;
}

/**
 * Moves frames between plugs and one UDP socket, through the ring of the core. Who is connected, and
 * with which key, is the business of its owner: a client with one link, a server with many.
 */
export interface Cable {
  readonly core: Core;
  /** How it moves them, for people. */
  readonly io: string;
  readonly local: Remote;
  /** Sends to, and receives from, this remote alone; see Udp. */
  connect(to: Remote): Promise<Remote>;
  /** Sends a datagram of the handshake. */
  send(datagram: Uint8Array, to: Remote): void;
  /** Takes a port of the switch, as a link would, to see whether it can be had. */
  probe(open: OpenPlug): Pick<Plug, 'settled' | 'close'>;
  /**
   * Takes a port of the switch for a peer; no frame passes before raise().
   * @returns undefined when the core has no memory for one more session
   */
  plugIn(remote: Remote, open: OpenPlug): Link | undefined;
  /** Keys a link's session, anew if it was up, and lets frames flow between the link and its remote. */
  raise(link: Link, keying: Keying): void;
  /** Refuses longer frames from a link's switch, until it is raised again. */
  limit(link: Link, frameMax: number): void;
  /** Stops the frames of a link, and takes its session's key away. */
  lower(link: Link): void;
  /** Gives back a link's port of the switch, and wipes its session. */
  unplug(link: Link): Promise<void>;
  counts(link: Link): SessionCounts;
  /** Closes the socket; the links have been unplugged. */
  close(): Promise<void>;
}

class LinkState implements Link {
  readonly session: number;
  readonly plug: Plug;
  remote: Remote;
  /** What was read from the plug and found no room in the ring. */
  backlog: Uint8Array | undefined;
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

  constructor(session: number, remote: Remote, open: (link: LinkState) => Plug) {
    this.session = session;
    this.remote = remote;
    this.plug = open(this);
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
    const link = new LinkState(session, remote, (self) =>
      open({
        stream: (piece) => this.#feed(self, piece),
        lost: (why) => this.#events.plugLost(self, why),
        back: () => {
          this.core.resetStream(session);
          this.#events.plugBack(self);
        },
      }),
    );
    this.#bySession[session] = link;
    return link;
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
    this.#byRemote.delete(remoteKey(state.remote));
    this.core.unkeySession(state.session);
  }

  async unplug(link: Link): Promise<void> {
    const state = link as LinkState;
    this.lower(state);
    this.#stalled.delete(state);
    state.backlog = undefined;
    this.#bySession[state.session] = undefined;
    await state.plug.close();
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
    const link = datagram[0] === TYPE.DATA ? this.#byRemote.get(remoteKey(from)) : undefined;
    if (link === undefined) {
      this.#events.control(datagram, from);
      return;
    }
    if (datagram.length > this.core.datagramMax) {
      this.core.dropped(link.session, 0, 1);
      this.#events.refused(link, 'bad length', 1);
      return;
    }
    if (!this.core.ring.push(link.session, datagram)) {
      this.#pump();
      if (!this.core.ring.push(link.session, datagram)) {
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

  /** Reads a piece of a plug's stream as far as the ring has room; the plug waits with the rest. */
  #feed(link: LinkState, piece: Uint8Array): void {
    if (this.#closed || this.#bySession[link.session] !== link) return;
    let rest = piece;
    if (link.backlog !== undefined) {
      rest = new Uint8Array(link.backlog.length + piece.length);
      rest.set(link.backlog);
      rest.set(piece, link.backlog.length);
      link.backlog = undefined;
    }
    while (rest.length > 0) {
      const part = rest.subarray(0, this.core.pieceMax);
      const taken = this.core.readStream(link.session, part);
      this.#pump();
      rest = rest.subarray(taken);
      if (taken < part.length && this.core.ring.room === 0) break;
    }
    if (rest.length > 0) {
      link.backlog = rest;
      this.#stalled.add(link);
      link.plug.pause();
    } else if (this.#stalled.delete(link)) {
      link.plug.resume();
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
        if (slot.length > ORIGINAL_DATAGRAM_MAX) link.large = true;
        link.wear += slot.length;
        this.#touched.add(link);
        this.#udp.send(ring.bytes, slot.address, slot.length, link.remote, release);
      } else {
        link.opened++;
        link.wear += slot.length;
        this.#touched.add(link);
      }
    }
    for (const link of this.#touched) {
      if (link.sealed) this.#events.sent(link);
      if (link.large) this.#events.large(link);
      if (link.opened > 0) {
        // A copy: the pipe may keep it for a while. One for each batch and peer.
        if (!link.plug.write(this.core.writeStream(link.session, count).slice())) {
          this.core.dropped(link.session, link.opened, 0);
        }
        this.#events.heard(link);
      }
      if (link.wear >= this.#wearBytes) {
        link.wear = Number.NaN;
        this.#events.worn(link);
      }
      link.sealed = false;
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
