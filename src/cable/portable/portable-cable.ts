import type { Core } from '../../core/core.js';
import { CryptcabError } from '../../error.js';
import { ORIGINAL_DATAGRAM_MAX, WEAR_BYTES } from '../../protocol/classic/constants.js';
import { FairShares } from '../../protocol/fair-share.js';
import { KnownRemotes, Pace } from '../../protocol/handshake-pace.js';
import type { Remote } from '../../protocol/remote.js';
import { handshakeType } from '../../protocol/secure/messages.js';
import { Refusals } from '../../protocol/send-refusals.js';
import type { Cable, CableEvents } from '../cable.js';
import { CableCopies } from '../copies/cable-copies.js';
import { Copier } from '../copies/copier.js';
import type { ClassicLink, SecureEvents, SecureLink } from '../link.js';
import { Links } from '../links.js';
import { type OpenPlug, type Plug, probed } from '../plug/plug.js';
import type { OpenUdp, Sent, Udp, UdpWish } from '../udp/udp.js';
import type { WireTap } from '../wire-tap.js';
import { type PortableHost, PortableLink, RESUME_ROOM } from './portable-link.js';

/** A socket that fails so often in a row fails for good. */
const FAILED_MAX = 1_000;

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
  readonly #links = new Links<PortableLink>();
  readonly #host: PortableHost;
  readonly #pace = new Pace();
  readonly #known = new KnownRemotes(() => this.#links.all().map(({ remote }) => remote));
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
        linkOf: (session) => this.#links.at(session),
        copy: (copies, { frames }) => {
          // Datagrams are on this thread anyway.
          this.#copier =
            copies && frames ? new Copier(core.ring, copies, { frames, wire: false }) : undefined;
        },
      }),
    ];
    const closed = () => this.#closed;
    this.#host = {
      ...{ core, events, wearBytes, links: this.#links, stalled: this.#stalled },
      get closed() {
        return closed();
      },
      pump: () => this.#pump(),
      send: (datagram, to) => this.send(datagram, to),
    };
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
   * wish: how the socket should be opened
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

  send(datagram: Uint8Array, to: Remote, done?: Sent): void {
    this.#tap?.('out', to, datagram);
    this.copies[0].datagram('out', to, datagram);
    this.core.noteSent(datagram);
    this.#udp.send(datagram, 0, datagram.length, to, (refused) => {
      if (!this.#closed) done?.(refused);
      this.#sent(this.#refusals, refused);
    });
  }

  /** The system has sent a datagram, or refused to. */
  #sent(refusals: Refusals, refused: string | undefined): void {
    if (refused === undefined) refusals.sent();
    else if (!this.#closed) this.#events.sendFailed(refused, 1, refusals.refused(performance.now()));
  }

  probe(open: OpenPlug, had: () => void): Plug {
    return probed(open, had);
  }

  plugIn(remote: Remote, open: OpenPlug): ClassicLink | undefined {
    const link = this.#link(remote);
    link?.plug(open);
    return link;
  }

  join(remote: Remote, path: number, events: SecureEvents): SecureLink | undefined {
    const link = this.#link(remote, events);
    if (link === undefined) return undefined;
    this.core.setPath(link.session, path);
    link.path = path;
    return link;
  }

  #link(remote: Remote, events?: SecureEvents): PortableLink | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new PortableLink(this.#host, session, remote, events);
    this.#links.add(link);
    this.copies[0].renew(session);
    return link;
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
    const link = this.#links.of(datagram, from);
    this.copies[0].datagram('in', from, datagram, link);
    if (link === undefined) {
      const now = performance.now();
      if (!this.#pace.allows(now, datagram[0] ?? 0, this.#known.has(now, from))) return;
      if (handshakeType(datagram) !== undefined) this.#pump(); // what came before it comes before it
      this.#events.control(datagram, from, this);
      return;
    }
    if (datagram.length > this.core.datagramMax) {
      this.core.dropped(link.session, 0, 1);
      link.refused('bad length', 1);
      return;
    }
    const { session } = link;
    const done = this.#shares.left(session) > 0;
    this.#shares.brings(session, 1, done);
    this.#turn++;
    if (!done) {
      this.core.overShare(session);
      this.#touched.add(link);
    } else this.#take(link, datagram, from);
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
    for (const link of [...this.#stalled]) link.feed(new Uint8Array());
  }

  /**
   * Has the core work through what waits in the ring, and hands out what comes of it. A plug that answers
   * at once, from within, adds to the ring: the loop finds it.
   */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let count = this.#process(); count > 0; count = this.#process()) {
        this.#deliver(count);
        this.#tellKept();
      }
      this.#tellKept(); // nothing of it may have come into the ring
    } finally {
      this.#pumping = false; // what a plug throws must not stop the others for good
    }
    this.#readOn();
  }

  /** Tells what the core has kept of hosts. */
  #tellKept(): void {
    for (const { session, from, bytes } of this.core.hosts.kept())
      this.#links.at(session)?.secure?.kept?.(from, bytes);
  }

  #process(): number {
    this.#copier?.before();
    const now = performance.now();
    this.core.tellTime(now);
    const count = this.core.ring.process(now);
    this.#copier?.after(count);
    return count;
  }

  #deliver(count: number): void {
    const { ring } = this.core;
    for (let back = count - 1; back >= 0; back--) {
      const slot = ring.processed(back);
      const link = this.#links.at(slot.session);
      if (link === undefined) {
        if (slot.sealed) ring.release(slot.index);
      } else if (slot.status !== 0) {
        if (slot.sealed) ring.release(slot.index);
        this.#touched.add(link);
      } else if (slot.sealed) {
        const { address, length } = slot;
        this.#tap?.('out', link.remote, ring.bytes.slice(address, address + length));
        this.copies[0].datagram('out', link.remote, ring.bytes.subarray(address, address + length), link);
        const release = this.#releases[slot.index] as () => void;
        link.sealed = true;
        if (link.secure !== undefined) link.payload ||= slot.data;
        else if (slot.length > ORIGINAL_DATAGRAM_MAX) link.large = true;
        this.#touched.add(link);
        this.#sending[slot.index] = link;
        this.#udp.send(ring.bytes, slot.address, slot.length, link.remote, release);
      } else {
        link.opened++;
        if (link.secure !== undefined) link.opens(slot, this.#senders);
        else link.follow(this.#senders[slot.index] as Remote);
        this.#touched.add(link);
      }
    }
    for (const link of this.#touched) {
      if (link.sealed) link.tellSealed();
      if (link.large) this.#events.large(link);
      if (link.opened > 0) {
        link.tellOpened(); // first, as it may be what plugs the link in
        link.deliver(count);
      }
      if (link.secure === undefined) link.lookAtWear();
      if (this.#links.at(link.session) === link) link.lookAtRefusals();
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
