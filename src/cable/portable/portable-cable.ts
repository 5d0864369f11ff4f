import type { Core } from '../../core/core.js';
import { STATUS, type Status } from '../../core/status.js';
import type { FragmentCounts, Keying, SessionCounts, TransportKeys } from '../../core/terms.js';
import { CryptcabError } from '../../error.js';
import { ORIGINAL_DATAGRAM_MAX, TYPE, WEAR_BYTES } from '../../protocol/classic/constants.js';
import { FairShares } from '../../protocol/fair-share.js';
import { Refusals } from '../../protocol/refusals.js';
import { type Remote, remoteKey } from '../../protocol/remote.js';
import { firstIndexOf, handshakeType, isTransport } from '../../protocol/secure/messages.js';
import { Pace } from '../../protocol/secure/pace.js';
import { type Cable, type CableEvents, type Link, portText, type SecureEvents } from '../cable.js';
import { CableCopies } from '../copies/cable-copies.js';
import { Copier } from '../copies/copier.js';
import { framesIn, type OpenPlug, type Plug, probed } from '../plug/plug.js';
import type { OpenUdp, Sent, Udp, UdpWish } from '../udp/udp.js';
import type { WireTap } from '../wire-tap.js';
import { PortableLink } from './portable-link.js';

/** Slots that must be free before a plug that was stopped for want of room is read again: enough for any frame. */
const RESUME_ROOM = 64;
/** A socket that fails so often in a row fails for good. */
const FAILED_MAX = 1_000;
/** Bytes from a plug that wait while there is no key; a plug that does not stop when it is told to has the rest refused. */
const HELD_MAX = 256 << 10;

/** A cable that works on every system, on the one thread there is: by a socket and plugs that are handed in. */
export class PortableCable implements Cable {
  readonly core: Core;
  readonly io: string;
  readonly threads = 1;
  readonly #udp: Udp;
  readonly #events: CableEvents;
  readonly #tap: WireTap | undefined;
  readonly copies: readonly [CableCopies];
  #copier: Copier | undefined;
  readonly #wearBytes: number;
  readonly #bySession: (PortableLink | undefined)[] = [];
  readonly #byRemote = new Map<string, PortableLink>();
  /** Secure links, by the receiver's index that their messages bear. */
  readonly #byIndex = new Map<number, PortableLink>();
  readonly #pace = new Pace(() => this.#bySession.flatMap((link) => link?.remote ?? []));
  /** Who sent what a slot holds, by slot. */
  readonly #senders: (Remote | undefined)[] = [];
  /** One for each slot, made once: gives the slot back when its datagram has been sent. */
  readonly #releases: Sent[];
  /** Whose datagram is being sent out of a slot, by slot. */
  readonly #sending: (PortableLink | undefined)[] = [];
  /** Of datagrams of the handshake, by the system. */
  readonly #refusals = new Refusals();
  readonly #stalled = new Set<PortableLink>();
  readonly #touched = new Set<PortableLink>();
  /** How often the socket has failed since a datagram came. */
  #failed = 0;
  #scheduled = false;
  readonly #shares = new FairShares();
  /** Datagrams of links in the turn at hand. */
  #turn = 0;
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
    this.copies = [
      new CableCopies({
        sessionsMax: core.layout.SESSIONS_MAX,
        linkOf: (session) => this.#bySession[session],
        copy: (copies, { frames }) => {
          // Datagrams are on this thread anyway.
          this.#copier =
            copies && frames ? new Copier(core.ring, copies, { frames, wire: false }) : undefined;
        },
      }),
    ];
    this.#wearBytes = wearBytes;
    core.knowPort(udp.local.port);
    this.io = why === undefined ? 'portable' : `portable (not native: ${why})`;
    this.#releases = Array.from(
      { length: core.ring.slots },
      (_, index) => (refused) => this.#release(index, refused),
    );
  }

  /**
   * @param port the local port; 0 for any
   * @param options wearBytes: after how many worn() is said; why: what speaks against another path, for people;
   * wish: how the socket is to be opened
   */
  static async open(
    core: Core,
    openUdp: OpenUdp,
    port: number,
    events: CableEvents,
    tap: WireTap | undefined,
    {
      wearBytes = WEAR_BYTES,
      why,
      wish,
    }: { wearBytes?: number; why?: string | undefined; wish?: UdpWish } = {},
  ): Promise<PortableCable> {
    let receive = (_bytes: Uint8Array, _from: Remote) => {}; // what comes before there is a cable
    let failed = (_why: string) => {};
    const told = {
      datagram: (bytes: Uint8Array, from: Remote) => receive(bytes, from),
      unreachable: () => events.unreachable(),
      failed: (why: string) => failed(why),
    };
    const udp = await openUdp(port, told, wish);
    const cable = new PortableCable(core, udp, events, tap, wearBytes, why);
    failed = (why) => cable.#socketFailed(why);
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
    this.copies[0].datagram('out', to, datagram);
    this.core.noteSent(datagram);
    this.#udp.send(datagram, 0, datagram.length, to, (refused) => this.#sent(this.#refusals, refused));
  }

  /** The system has sent a datagram, or refused to. */
  #sent(refusals: Refusals, refused: string | undefined): void {
    if (refused === undefined) refusals.sent();
    else if (!this.#closed) this.#events.sendFailed(refused, 1, refusals.refused(performance.now()));
  }

  probe(open: OpenPlug, had: () => void): Plug {
    return probed(open, had);
  }

  plugIn(remote: Remote, open: OpenPlug): Link | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new PortableLink(session, remote);
    this.#bySession[session] = link;
    this.copies[0].renew(session);
    this.plug(link, open);
    return link;
  }

  join(remote: Remote, path: number, events: SecureEvents): Link | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    this.core.setPath(session, path);
    const link = new PortableLink(session, remote, events);
    link.path = path;
    link.frameMax = this.core.frameMax;
    this.#bySession[session] = link;
    this.copies[0].renew(session);
    return link;
  }

  index(_link: Link, drawn: number): number {
    return drawn;
  }

  plug(link: Link, open: OpenPlug): Plug {
    const state = link as PortableLink;
    let plug: Plug | undefined;
    const unlessPulled = (act: () => void) => {
      if (state.plug === plug) act();
    };
    plug = open({
      stream: (piece) => unlessPulled(() => this.#feed(state, piece)),
      lost: (why) =>
        unlessPulled(() => {
          state.port = undefined;
          this.#events.plugLost(state, why);
        }),
      back: () =>
        unlessPulled(() => {
          this.core.resetStream(state.session);
          plugged();
        }),
    });
    const plugged = () => {
      state.port = portText(plug?.device);
      this.#events.plugged(state);
    };
    state.plug = plug;
    state.even = open.even === true;
    plug.settled.then(
      () => unlessPulled(plugged),
      () => {}, // lost() tells
    );
    return plug;
  }

  async pull(link: Link): Promise<void> {
    const state = link as PortableLink;
    const { plug } = state;
    state.resume();
    state.plug = undefined;
    state.port = undefined;
    state.backlog = undefined;
    this.#stalled.delete(state);
    this.core.resetStream(state.session);
    await plug?.close();
  }

  install(link: Link, place: number, keys: TransportKeys): void {
    const state = link as PortableLink;
    this.core.installKeypair(state.session, place, keys);
    this.#byIndex.delete(state.indices[place] as number);
    state.indices[place] = keys.local;
    this.#byIndex.set(keys.local, state);
  }

  use(link: Link, place: number): void {
    const state = link as PortableLink;
    this.core.useKeypair(state.session, place);
    state.sealing = place;
    if (state.backlog !== undefined) this.#feed(state, new Uint8Array());
  }

  drop(link: Link, place: number): void {
    const state = link as PortableLink;
    this.#pump(); // what came in time
    this.core.dropKeypair(state.session, place);
    this.#byIndex.delete(state.indices[place] as number);
    if (state.sealing === place) state.sealing = undefined;
  }

  discard(link: Link): void {
    const state = link as PortableLink;
    if (state.backlog !== undefined) this.#feed(state, new Uint8Array(), false);
  }

  say(link: Link, payload: Uint8Array): void {
    const { secure, sealing, session } = link as PortableLink;
    const datagram = this.core.sealControl(session, payload);
    if (typeof datagram === 'string' || sealing === undefined) return;
    this.send(datagram, link.remote);
    secure?.sealed(false, this.core.keypairSealed(session, sealing));
  }

  move(link: Link, to: Remote): void {
    (link as PortableLink).remote = to;
  }

  raise(link: Link, keying: Keying): void {
    const state = link as PortableLink;
    this.core.keySession(state.session, keying);
    this.limit(state, this.core.frameMax);
    state.wear = keying.suite === 'blowfish' ? 0 : Number.NaN;
    this.#byRemote.set(remoteKey(state.remote), state);
  }

  limit(link: Link, frameMax: number): void {
    const state = link as PortableLink;
    this.core.limitSession(state.session, frameMax);
    state.frameMax = frameMax;
    state.toldLong = false;
  }

  lower(link: Link): void {
    const state = link as PortableLink;
    this.#pump();
    if (state.secure === undefined) this.#byRemote.delete(remoteKey(state.remote));
    for (const index of state.indices.splice(0)) this.#byIndex.delete(index as number);
    state.sealing = undefined;
    this.core.unkeySession(state.session);
  }

  async unplug(link: Link): Promise<void> {
    const state = link as PortableLink;
    this.lower(state);
    this.#bySession[state.session] = undefined;
    await this.pull(state);
    this.core.closeSession(state.session);
  }

  counts(link: Link): SessionCounts {
    return this.core.counts(link.session);
  }

  fragments(link: Link): FragmentCounts {
    return this.core.fragments(link.session);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#udp.close();
  }

  /** The socket says something that is about no datagram of ours. */
  #socketFailed(why: string): void {
    this.#sent(this.#refusals, why);
    // What does not go away comes as often as it is looked for. What the network says does.
    if (/^E(HOST|NET)/.test(why) || ++this.#failed !== FAILED_MAX) return;
    this.#events.failed(new CryptcabError(`the UDP socket fails, start again: ${why}`));
  }

  #receive(datagram: Uint8Array, from: Remote): void {
    this.#failed = 0;
    this.#tap?.('in', from, datagram);
    const link =
      datagram[0] === TYPE.DATA
        ? this.#byRemote.get(remoteKey(from))
        : isTransport(datagram)
          ? this.#byIndex.get(firstIndexOf(datagram))
          : undefined;
    this.copies[0].datagram('in', from, datagram, link);
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
    const { session } = link;
    const done = this.#shares.left(session) > 0;
    this.#shares.brings(session, 1, done);
    this.#turn++;
    if (!done) this.core.overShare(session);
    else this.#take(link, datagram, from);
    if (this.#scheduled) return;
    // The socket hands out what it has one by one; after that comes setImmediate: one batch.
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#shares.received(performance.now(), this.#turn >= (this.#udp.turn ?? Number.POSITIVE_INFINITY));
      this.#turn = 0;
      this.#pump();
    });
  }

  #take(link: PortableLink, datagram: Uint8Array, from: Remote): void {
    if (!this.#push(link, datagram, from)) {
      this.#pump();
      if (!this.#push(link, datagram, from)) this.core.dropped(link.session, 0, 1);
    }
  }

  #push(link: PortableLink, datagram: Uint8Array, from: Remote): boolean {
    const { ring } = this.core;
    this.#senders[ring.next] = from;
    if (link.secure === undefined) return ring.push(link.session, datagram);
    return ring.pushTransport(link.session, datagram);
  }

  /**
   * Reads a piece of a plug's stream as far as the ring has room; the plug waits with the rest.
   * @param waits whether it waits for a key, too
   */
  #feed(link: PortableLink, piece: Uint8Array, waits = true): void {
    if (this.#closed || this.#bySession[link.session] !== link) return;
    let rest = link.withBacklog(piece);
    if (waits && link.secure !== undefined && link.sealing === undefined && rest.length <= HELD_MAX) {
      this.#stalled.delete(link);
      link.backlog = rest;
      link.pause();
      link.secure.wanted();
      return;
    }
    const bytes = rest.length;
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
      if (rest.length < bytes) this.#stalled.delete(link); // the others have their turn first
      this.#stalled.add(link);
      link.pause();
    } else {
      this.#stalled.delete(link);
      link.resume();
    }
  }

  /** A link's datagram has been sent, or refused. */
  #release(slot: number, refused: string | undefined): void {
    const link = this.#sending[slot];
    this.core.ring.release(slot);
    if (link !== undefined) this.#sent(link.refusals, refused);
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
      for (let count = this.#process(); count > 0; count = this.#process()) this.#deliver(count);
    } finally {
      this.#pumping = false; // what a plug throws must not stop the others for good
    }
    this.#readOn();
  }

  #process(): number {
    this.#copier?.before();
    const count = this.core.ring.process(this.core.broadcastLimit === undefined ? 0 : performance.now());
    this.#copier?.after(count);
    return count;
  }

  #refused(link: PortableLink, why: Status): void {
    if (why !== 'frame too long') {
      this.#events.refused(link, why, 1);
    } else if (!link.toldLong) {
      link.toldLong = true;
      this.#events.tooLong(link, link.frameMax);
    }
  }

  #sealed(link: PortableLink): void {
    const { secure, session, sealing, payload } = link;
    if (secure === undefined) this.#events.sent(link);
    else if (sealing !== undefined) secure.sealed(payload, this.core.keypairSealed(session, sealing));
  }

  #heard(link: PortableLink): void {
    if (link.secure === undefined) this.#events.heard(link);
    else link.tellNews(link.secure);
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
        const { address, length } = slot;
        this.#tap?.('out', link.remote, ring.bytes.slice(address, address + length));
        this.copies[0].datagram('out', link.remote, ring.bytes.subarray(address, address + length), link);
        const release = this.#releases[slot.index] as () => void;
        link.sealed = true;
        if (link.secure !== undefined) link.payload ||= slot.data;
        else if (slot.length > ORIGINAL_DATAGRAM_MAX) link.large = true;
        link.wear += slot.length;
        this.#touched.add(link);
        this.#sending[slot.index] = link;
        this.#udp.send(ring.bytes, slot.address, slot.length, link.remote, release);
      } else {
        link.opened++;
        if (link.secure !== undefined) link.opens(slot, this.#senders);
        else link.follow(this.#senders[slot.index] as Remote);
        link.wear += slot.length;
        this.#touched.add(link);
      }
    }
    for (const link of this.#touched) {
      if (link.sealed) this.#sealed(link);
      if (link.large) this.#events.large(link);
      if (link.opened > 0) {
        this.#heard(link); // first, as it may be what plugs the link in
        // A copy: the pipe may keep it for a while. One for each batch and peer.
        const stream = this.core.writeStream(link.session, count, performance.now(), link.even).slice();
        for (const { place, payload } of this.core.controls()) link.secure?.control(place, payload);
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
