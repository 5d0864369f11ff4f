// The I/O thread: moves frames and datagrams between the sockets and the ring, and has the core work on them. It
// never returns to the event loop: it waits in epoll, where its orders reach it by an eventfd. Handshakes, timers and
// logs are the main thread's.
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { FrameCore } from '../../../core/frame-core.js';
import { ORIGINAL_DATAGRAM_MAX } from '../../../protocol/classic/constants.js';
import { RateLimit } from '../../../protocol/rate-limit.js';
import { Refusals } from '../../../protocol/refusals.js';
import { MESSAGE } from '../../../protocol/secure/constants.js';
import { Copier } from '../../copies/copier.js';
import { Copies } from '../../copies/copies.js';
import { Arena } from '../linux/arena.js';
import { ERRNO, type Libc, loadLibc } from '../linux/libc.js';
import { WAY_WORDS } from '../linux/sockaddr.js';
import type { Port } from '../ports/port.js';
import { bindVdeCalls, type VdeCalls } from '../ports/vde.js';
import { Datagrams } from './datagrams.js';
import { FrameTools } from './frame-tools.js';
import { FrameSide } from './frames.js';
import { List } from './list.js';
import type { Peer, SecurePeer } from './peer.js';
import { sameWords } from './peer-table.js';
import { Ready } from './ready.js';
import { letSwitchesFinish } from './schedule.js';
import {
  CONTROL_MAX,
  CONTROL_RATE,
  FEED_MAX,
  FLOW,
  KEPT_MAX,
  OPENED_MAX,
  type Order,
  PIECES_MAX,
  type Report,
  SAID_MAX,
  type Start,
  TAPPED_MAX,
} from './talk.js';
import { Tidings } from './tidings.js';

/** A thread that waits in a call cannot be ended: it waits no longer than this. */
const WAIT_MS = 500;
/** While a switch takes nothing, or something has to be told soon. */
const SOON_MS = 25;
/** A tap's copy waits for the main thread no longer. */
const TAPPED_MS = 100;
/** Slots that must be free before anything is taken in: a frame in fragments needs 21 at most. */
const ROOM_MIN = 32;
/** With fewer slots free than that, frames that wait for their switches make way, where there are other peers. */
const ROOM_SHORT = 96;
/** Batches of frames that are refused at most when nobody answers. */
const DISCARDED = 64;
/** For each first byte of a datagram, from somebody known or not, a rate of its own. */
const CONTROL_KINDS = Array.from({ length: 512 }, (_, kind) => String(kind));
const ALL_KINDS = { rate: 1e6, burst: 1e6 };

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

class IoThread {
  readonly #libc: Libc;
  readonly #core: FrameCore;
  readonly #start: Start;
  readonly #flow: Int32Array;
  readonly #datagrams: Datagrams;
  readonly #tools: FrameTools;
  /** By session. */
  readonly #peers: (Peer | undefined)[] = [];
  readonly #counter: Arena;
  readonly #ready: Ready;
  readonly #controls = new RateLimit(CONTROL_RATE, ALL_KINDS, CONTROL_KINDS.length);
  readonly #touched = new List<Peer>();
  readonly #backlogged = new Set<Peer>();
  #copier: Copier | undefined;
  readonly #tidings = new Tidings((report) => this.#report(report));
  #stopped = false;

  constructor(libc: Libc, core: FrameCore, calls: VdeCalls | undefined, start: Start) {
    this.#libc = libc;
    this.#core = core;
    this.#start = start;
    this.#flow = new Int32Array(start.flow);
    this.#counter = new Arena(libc, 16);
    const arena = new Arena(libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
    this.#tools = new FrameTools(libc, core, arena, calls, (session) => this.#want(session));
    this.#datagrams = new Datagrams(
      libc,
      core,
      arena,
      { fd: start.udp, family: start.family, gso: start.gso, tapped: start.tapped },
      {
        control: (name, at, length, known) => this.#control(name, at, length, known),
        arrives: (peer, name, at, length) => this.#arrives(peer, name, at, length),
        pump: () => this.#pump(),
        trouble: (error, times, lasts) => this.#trouble(error, times, lasts),
      },
    );
    this.#ready = new Ready(libc, start.wake, start.udp);
  }

  /** @param lacks what the system refused, and can be done without */
  run(lacks: readonly string[]): void {
    const ready = this.#ready;
    // Each call that it cannot do without is made before anybody relies on it.
    ready.wait(true, 0);
    this.#readCounter();
    this.#datagrams.tryOut();
    this.#report({ says: 'ready', lacks });
    const { ring } = this.#core;
    const room = () => ring.room >= ROOM_MIN;
    while (!this.#stopped) {
      const soon = this.#tidings.wait || ready.waits;
      ready.wait(room(), soon ? SOON_MS : WAIT_MS);
      if (ready.orders) this.#obey();
      if (this.#datagrams.waiting > 0) this.#flush();
      ready.write();
      if (ready.datagrams || this.#datagrams.staged) {
        this.#datagrams.receive();
        this.#pump();
      }
      ready.read(room);
      this.#pump();
      while (room() && this.#tools.taps.goOn()) this.#pump();
      this.#lose(ready.takeLost());
      if (this.#backlogged.size > 0) for (const peer of this.#backlogged) this.#feed(peer);
      this.#tidings.tell();
    }
    ready.close();
  }

  #flush(): void {
    this.#datagrams.flush();
    this.#ready.checkSocket(this.#datagrams.blocked);
  }

  /** Lets go of ports that were lost; the main thread closes them, and opens others. */
  #lose(sides: readonly FrameSide[]): void {
    for (const side of sides) {
      this.#plug(side, undefined, side.number);
      this.#report({ says: 'lost', session: side.session, number: side.number });
    }
  }

  #plug(side: FrameSide, port: Port | undefined, number: number): void {
    this.#ready.remove(side);
    side.plug(port, number);
    this.#ready.add(side);
  }

  #process(): number {
    this.#copier?.before();
    const count = this.#core.ring.process(this.#start.timed ? performance.now() : 0);
    this.#copier?.after(count);
    return count;
  }

  /** Has the core work through what waits in the ring, and hands out what comes of it. */
  #pump(): void {
    const { ring } = this.#core;
    for (let count = this.#process(); count > 0; count = this.#process()) {
      for (let back = count - 1; back >= 0; back--) {
        const { index, session, sealed, keypair, data, status, address, length } = ring.processed(back);
        const peer = this.#peers[session];
        if (status !== 0 || peer === undefined) {
          ring.release(index);
        } else if (sealed && !peer.up) {
          ring.release(index); // its order to rise is under way, or it has just been lowered
        } else if (sealed) {
          if (length > ORIGINAL_DATAGRAM_MAX && peer.secure === undefined) this.#tidings.large(session);
          if (this.#start.tapped) this.#tap('out', peer, address, length);
          this.#datagrams.queue(peer, index, address, length);
        } else if (peer.secure !== undefined) {
          this.#news(peer, peer.secure, keypair, index, data);
          peer.opened++;
          this.#touch(peer);
        } else if (peer.side !== undefined) {
          this.#datagrams.follow(peer, index);
          peer.side.queue(index, address, length);
          this.#touch(peer);
        } else if (peer.piped) {
          this.#datagrams.follow(peer, index);
          peer.opened++; // its slot is given back below: the core still writes the stream
          this.#touch(peer);
        } else {
          this.#core.dropped(session, 1, 0);
          ring.release(index);
        }
      }
      if (this.#datagrams.waiting > 0) this.#flush();
      for (let i = 0; i < this.#touched.count; i++) {
        const peer = this.#touched.at(i);
        peer.touched = false;
        if (peer.secure !== undefined) this.#unpack(peer, count);
        else if (peer.opened > 0) this.#pipe(peer, count);
        if (peer.side !== undefined) this.#handOver(peer, peer.side);
      }
      this.#touched.clear();
      if (ring.room < ROOM_SHORT && this.#datagrams.crowded) this.#ready.setAside();
      this.#tellKept();
    }
    this.#tellKept(); // nothing of it may have come into the ring
  }

  /** Reports what the core has kept of hosts. */
  #tellKept(): void {
    for (const { session, from, bytes } of this.#core.hosts.kept()) {
      if (Atomics.load(this.#flow, FLOW.kept) >= KEPT_MAX) {
        this.#core.hosts.busy(session);
        continue;
      }
      Atomics.add(this.#flow, FLOW.kept, 1);
      this.#report({ says: 'kept', session, from, bytes });
    }
  }

  /** Hands a frame of the main thread's to a link's switch. */
  #inject(peer: Peer, frame: Uint8Array): void {
    const { side } = peer;
    const put = side && this.#core.borrowFrame(frame);
    if (side === undefined || put === undefined) {
      this.#core.dropped(peer.session, 1, 0);
      return;
    }
    side.queue(put.place, put.address, put.length);
    this.#handOver(peer, side);
  }

  #touch(peer: Peer): void {
    if (!peer.touched) this.#touched.push(peer);
    peer.touched = true;
  }

  /** Hands what waits at a side to its port, or to the plug on the main thread. */
  #handOver(peer: Peer, side: FrameSide): void {
    if (!peer.piped) side.flush();
    else if (Atomics.load(this.#flow, FLOW.pieces) > PIECES_MAX) side.drop();
    else if (side.blocked) this.#tellPiece(peer, side.stream(peer.even));
    this.#ready.check(side);
  }

  #tellPiece(peer: Peer, piece: Uint8Array): void {
    if (piece.length === 0) return;
    Atomics.add(this.#flow, FLOW.pieces, piece.length);
    this.#report({ says: 'piece', session: peer.session, piece });
  }

  /** Queues the frames of a secure link's messages among the last `count` slots for its switch. */
  #unpack(peer: Peer, count: number): void {
    const core = this.#core;
    peer.opened = 0;
    const frames = core.frames(peer.session, count, performance.now());
    for (let back = count - 1; back >= 0; back--) {
      const slot = core.ring.processed(back);
      if (slot.session === peer.session && !slot.sealed && slot.status === 0)
        this.#tools.holds(slot.index, slot.frames);
    }
    for (const { place, payload } of core.controls()) this.#said(peer, place, payload);
    for (let i = 0; i < frames; i++) {
      const { place, address, length } = core.frame(i);
      peer.side?.queue(place, address, length);
    }
  }

  /** Reports an authentic message to the main thread, unless one like it has just been reported. */
  #news(peer: Peer, secure: SecurePeer, keypair: number, slot: number, data: boolean): void {
    const index = secure.indices[keypair];
    const name = this.#datagrams.senderOf(slot);
    const { words } = this.#datagrams;
    if (index === undefined) return; // taken away meanwhile
    if (index === secure.toldIndex && sameWords(secure.toldFrom, words, name >> 2, WAY_WORDS)) return;
    if (Atomics.load(this.#flow, FLOW.opened) >= OPENED_MAX) return;
    Atomics.add(this.#flow, FLOW.opened, 1);
    secure.toldIndex = index;
    secure.toldFrom.set(words.subarray(name >> 2, (name >> 2) + WAY_WORDS));
    const { session } = peer;
    this.#report({ says: 'opened', session, index, way: this.#datagrams.wayAt(name), data });
  }

  #said({ session, secure }: Peer, place: number, payload: Uint8Array): void {
    const index = secure?.indices[place];
    if (index === undefined || Atomics.load(this.#flow, FLOW.said) >= SAID_MAX) return;
    Atomics.add(this.#flow, FLOW.said, 1);
    this.#report({ says: 'said', session, index, payload });
  }

  /** Tells once that a secure link has frames, and no key. */
  #want(session: number): void {
    this.#report({ says: 'wanted', session });
  }

  /** Hands a peer's frames among the last `count` slots to its plug on the main thread. */
  #pipe(peer: Peer, count: number): void {
    const { ring } = this.#core;
    const frames = peer.opened;
    peer.opened = 0;
    if (Atomics.load(this.#flow, FLOW.pieces) > PIECES_MAX) {
      this.#core.dropped(peer.session, frames, 0);
    } else {
      this.#tellPiece(peer, this.#core.writeStream(peer.session, count, 0, peer.even).slice());
    }
    for (let back = count - 1; back >= 0; back--) {
      const { index, session, sealed, status } = ring.processed(back);
      if (session === peer.session && !sealed && status === 0) ring.release(index);
    }
  }

  /** Reads what its plug on the main thread gave, as far as there is room. */
  #feed(peer: Peer): void {
    const core = this.#core;
    const { side } = peer;
    if (side?.holds && bytesOf(peer.backlog) <= FEED_MAX) {
      if (!side.wanted) this.#want(peer.session);
      side.wanted = true;
      this.#backlogged.delete(peer);
      return;
    }
    let bytes = 0;
    for (let piece = peer.backlog[0]; piece !== undefined; piece = peer.backlog[0]) {
      const part = piece.subarray(0, core.pieceMax);
      const taken = core.readStream(peer.session, part);
      bytes += taken;
      if (taken < piece.length) peer.backlog[0] = piece.subarray(taken);
      else peer.backlog.shift();
      if (taken < part.length) {
        this.#pump();
        if (core.ring.room < ROOM_MIN) break;
      }
    }
    this.#pump();
    if (bytes > 0) this.#report({ says: 'fed', session: peer.session, bytes });
    if (peer.backlog.length === 0) this.#backlogged.delete(peer);
  }

  #obey(): void {
    this.#readCounter();
    for (;;) {
      const received = receiveMessageOnPort(this.#start.orders) as { message: Order } | undefined;
      if (received === undefined) return;
      this.#carryOut(received.message);
    }
  }

  /** While the counter is not read, epoll shows it. */
  #readCounter(): void {
    const libc = this.#libc;
    if (libc.read(this.#start.wake, this.#counter.address(0), 8) >= 0) return;
    const errno = libc.errno();
    if (errno !== ERRNO.AGAIN && errno !== ERRNO.INTR) throw new Error(`read ${libc.errorName(errno)}`);
  }

  #peer(session: number): Peer {
    this.#peers[session] ??= {
      session,
      up: false,
      name: undefined,
      local: undefined,
      astray: 0,
      connected: false,
      refusals: new Refusals(),
      segmentMax: 0,
      side: undefined,
      piped: false,
      even: false,
      backlog: [],
      opened: 0,
      touched: false,
      secure: undefined,
      host: false,
    };
    return this.#peers[session];
  }

  #carryOut(order: Order): void {
    if (order.do === 'stop') {
      this.#stopped = true;
      return;
    }
    if (order.do === 'copy') {
      const { memory, wish } = order;
      const { ring, layout } = this.#core;
      this.#copier = memory && new Copier(ring, new Copies(layout.SESSIONS_MAX, memory), wish);
      this.#datagrams.tapped = this.#start.tapped || (memory !== undefined && wish.wire);
      return;
    }
    const peer = this.#peer(order.session);
    switch (order.do) {
      case 'raise':
        peer.connected = order.connected;
        this.#datagrams.raise(peer, order.way);
        break;
      case 'lower':
        this.#datagrams.lower(peer);
        break;
      case 'plug':
        peer.piped = false;
        peer.side ??= new FrameSide(this.#tools, peer.session);
        this.#plug(peer.side, order.port, order.number);
        break;
      case 'pipe':
        peer.piped = true;
        peer.even = order.even;
        if (peer.side !== undefined) this.#handOver(peer, peer.side);
        break;
      case 'feed':
        peer.backlog.push(order.piece);
        this.#backlogged.add(peer);
        break;
      case 'resetStream':
        this.#forgetStream(peer);
        break;
      case 'open':
        this.#datagrams.put(peer, order.datagram, order.way);
        this.#pump();
        break;
      case 'join':
        peer.secure = { indices: [], toldIndex: undefined, toldFrom: new Uint32Array(WAY_WORDS) };
        peer.side = new FrameSide(this.#tools, peer.session, order.path);
        this.#ready.add(peer.side);
        break;
      case 'path':
        this.#core.setPath(peer.session, order.path);
        peer.side?.fit(order.path);
        this.#datagrams.renew(peer);
        break;
      case 'address':
        this.#datagrams.raise(peer, order.way);
        break;
      case 'install':
        this.#unroute(peer, order.place);
        if (peer.secure !== undefined) peer.secure.indices[order.place] = order.index;
        this.#datagrams.route(order.index, peer);
        break;
      case 'drop':
        this.#unroute(peer, order.place);
        break;
      case 'seal':
        this.#holdBack(peer, !order.can);
        break;
      case 'host':
        peer.host = true;
        this.#holdBack(peer, false);
        break;
      case 'inject':
        this.#inject(peer, order.frame);
        break;
      case 'discard':
        this.#discard(peer);
        break;
      case 'pull':
        if (peer.side !== undefined) this.#plug(peer.side, undefined, 0);
        peer.side?.drop();
        peer.piped = false;
        this.#forgetStream(peer);
        this.#report({ says: 'unplugged', ticket: order.ticket });
        break;
      case 'unplug':
        this.#datagrams.lower(peer);
        for (const place of peer.secure?.indices.keys() ?? []) this.#unroute(peer, place);
        if (peer.side !== undefined) this.#ready.remove(peer.side);
        peer.side?.drop();
        this.#backlogged.delete(peer);
        this.#peers[peer.session] = undefined;
        this.#report({ says: 'unplugged', ticket: order.ticket });
        break;
    }
  }

  /** Forgets what is left of a plug's stream. */
  #forgetStream(peer: Peer): void {
    const bytes = bytesOf(peer.backlog);
    if (bytes > 0) this.#report({ says: 'fed', session: peer.session, bytes });
    peer.backlog = [];
    this.#backlogged.delete(peer);
    this.#core.resetStream(peer.session);
  }

  #unroute(peer: Peer, place: number): void {
    const index = peer.secure?.indices[place];
    if (peer.secure === undefined || index === undefined) return;
    this.#datagrams.route(index, undefined);
    peer.secure.indices[place] = undefined;
  }

  /** Whether a secure link's frames wait for a key. */
  #holdBack(peer: Peer, holds: boolean): void {
    const { side } = peer;
    if (side === undefined) return;
    side.holds = holds && !peer.host;
    side.wanted = false;
    if (peer.backlog.length > 0) this.#backlogged.add(peer);
    this.#ready.resume(side);
  }

  /** Has the core refuse what waits for a key; what comes then waits anew. */
  #discard(peer: Peer): void {
    const { side } = peer;
    if (!side?.holds) return;
    side.holds = false;
    for (let i = 0; i < DISCARDED && side.take() > 0; i++) this.#pump();
    this.#feed(peer);
    this.#holdBack(peer, true);
  }

  #control(name: number, at: number, length: number, known: boolean): void {
    if (Atomics.load(this.#flow, FLOW.control) >= CONTROL_MAX) return;
    const kind = 2 * (this.#core.ring.bytes[at] as number) + (known ? 1 : 0);
    if (!this.#controls.allow(performance.now(), CONTROL_KINDS[kind] as string)) return;
    Atomics.add(this.#flow, FLOW.control, 1);
    // What came before a message of the secure handshake comes before it.
    if (kind < 2 * MESSAGE.TRANSPORT) this.#pump();
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    this.#report({ says: 'control', way: this.#datagrams.wayAt(name), datagram });
  }

  #arrives(peer: Peer, name: number, at: number, length: number): void {
    if (this.#start.tapped) this.#tap('in', peer, at, length, name);
    this.#copier?.arrives(peer.session, this.#datagrams.wayAt(name), at, length);
  }

  /** A copy for the tap; waits while the main thread has so many that it must not get more. */
  #tap(direction: 'in' | 'out', { session, secure }: Peer, at: number, length: number, from?: number): void {
    const waiting = Atomics.add(this.#flow, FLOW.tapped, 1) + 1;
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    const way = secure === undefined || from === undefined ? undefined : this.#datagrams.wayAt(from);
    this.#report({ says: 'tapped', direction, session, way, datagram });
    if (waiting >= TAPPED_MAX) Atomics.wait(this.#flow, FLOW.tapped, waiting, TAPPED_MS);
  }

  #trouble(error: number, times: number, lasts: boolean): void {
    if (error === ERRNO.DESTADDRREQ) return; // the main thread is connecting the socket anew
    this.#tidings.trouble(error, times, lasts);
  }

  #report(report: Report): void {
    parentPort?.postMessage(report);
  }
}

async function main(): Promise<void> {
  const told = new Promise<Start>((resolve) => parentPort?.once('message', resolve));
  const libc = await loadLibc();
  const start = await told;
  const lacks = letSwitchesFinish(libc);
  const core = await FrameCore.load(start.memory);
  core.shared = true;
  new IoThread(libc, core, start.vde ? bindVdeCalls(libc) : undefined, start).run(lacks);
}

await main();
