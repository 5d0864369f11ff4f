// The I/O thread: moves frames and datagrams between the sockets and the ring, and has the core work on them. It
// never returns to the event loop: it waits in epoll, where its orders reach it by an eventfd. Handshakes, timers and
// logs are the main thread's.
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { FrameCore } from '../../../core/frame-core.js';
import { ORIGINAL_DATAGRAM_MAX } from '../../../protocol/classic/constants.js';
import { Copier } from '../../copies/copier.js';
import { Copies } from '../../copies/copies.js';
import { Arena } from '../linux/arena.js';
import { ERRNO, type Libc, loadLibc } from '../linux/libc.js';
import { bindVdeCalls, type VdeCalls } from '../ports/vde.js';
import { Datagrams } from './datagrams.js';
import type { FrameSide } from './frame-side.js';
import { FrameTools } from './frame-tools.js';
import { List } from './list.js';
import { Moderation } from './moderation.js';
import { Orders, ROOM_MIN, want } from './orders.js';
import type { Peer } from './peer.js';
import { Ready } from './ready.js';
import { Reports, report } from './reports.js';
import { Turns } from './schedule.js';
import type { Order, Start } from './talk.js';
import { Tidings } from './tidings.js';

/** A thread that waits in a call cannot be ended: it waits no longer than this. */
const WAIT_MS = 500;
/** While a switch takes nothing, or something has to be reported soon. */
const SOON_MS = 25;
/** With fewer slots free than that, frames that wait for their switches make way, where there are other peers. */
const ROOM_SHORT = 96;

class IoThread {
  readonly #libc: Libc;
  readonly #core: FrameCore;
  readonly #start: Start;
  readonly #datagrams: Datagrams;
  readonly #moderation: Moderation;
  readonly #tools: FrameTools;
  readonly #orders: Orders;
  readonly #reports: Reports;
  readonly #counter: Arena;
  readonly #ready: Ready;
  readonly #touched = new List<Peer>();
  #copier: Copier | undefined;
  readonly #tidings = new Tidings(report);
  #stopped = false;

  constructor(libc: Libc, core: FrameCore, calls: VdeCalls | undefined, start: Start) {
    this.#libc = libc;
    this.#core = core;
    this.#start = start;
    this.#counter = new Arena(libc, 16);
    const arena = new Arena(libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
    this.#moderation = new Moderation((microseconds) => libc.usleep(microseconds));
    this.#tools = new FrameTools(libc, core, arena, calls, want, this.#moderation);
    this.#datagrams = new Datagrams(
      libc,
      core,
      arena,
      { fd: start.udp, family: start.family, gso: start.gso, tapped: start.tapped },
      {
        control: (name, at, length, known) => this.#reports.control(name, at, length, known),
        came: (bytes) => this.#moderation.came(bytes),
        arrives: (peer, name, at, length) => this.#arrives(peer, name, at, length),
        pump: () => this.#pump(),
        trouble: (error, times, lasts) => this.#trouble(error, times, lasts),
      },
    );
    this.#ready = new Ready(libc, start.wake, start.udp);
    const pump = () => this.#pump();
    this.#reports = new Reports(core, this.#datagrams, new Int32Array(start.flow), pump);
    this.#orders = new Orders({
      ...{ core, datagrams: this.#datagrams, tools: this.#tools, ready: this.#ready, pump },
      handOver: (peer, side) => this.#handOver(peer, side),
    });
  }

  run(turns: Turns): void {
    const ready = this.#ready;
    // Each call that it cannot do without is made before anybody relies on it.
    ready.wait(true, 0);
    this.#readCounter();
    this.#datagrams.tryOut();
    report({ says: 'ready', lacks: turns.lacks });
    const now = () => performance.now();
    const { ring } = this.#core;
    const room = () => ring.room >= ROOM_MIN;
    // What the core has kept of one port's frames goes on before the next one is read: it keeps few, and a broadcast comes
    // from the ports of all hosts at once.
    const next = () => {
      this.#reports.kept();
      return room();
    };
    while (!this.#stopped) {
      const soon = this.#tidings.wait || ready.waits;
      const input = room();
      ready.wait(input, input && this.#datagrams.staged ? 0 : soon ? SOON_MS : WAIT_MS);
      if (ready.orders) this.#obey();
      if (this.#datagrams.out.waiting > 0) this.#flush();
      ready.write();
      if (ready.datagrams || this.#datagrams.staged) {
        this.#datagrams.receive();
        this.#pump();
      }
      turns.look(this.#datagrams.crowded, now);
      ready.read(next);
      this.#pump();
      while (room() && this.#tools.taps.goOn()) this.#pump();
      this.#lose(ready.takeLost());
      for (const peer of this.#orders.backlogged) this.#orders.feed(peer);
      this.#tidings.tell();
      this.#moderation.pause(this.#datagrams.crowded, now);
    }
    ready.close();
  }

  #flush(): void {
    this.#datagrams.out.flush();
    this.#ready.checkSocket(this.#datagrams.out.blocked);
  }

  /** Lets go of ports that were lost; the main thread closes them, and opens others. */
  #lose(sides: readonly FrameSide[]): void {
    for (const side of sides) {
      this.#orders.plug(side, undefined, side.number);
      report({ says: 'lost', session: side.session, number: side.number });
    }
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
        const peer = this.#orders.at(session);
        if (status !== 0 || peer === undefined) {
          ring.release(index);
        } else if (sealed && !peer.up) {
          ring.release(index); // its order to rise is under way, or it has just been lowered
        } else if (sealed) {
          if (length > ORIGINAL_DATAGRAM_MAX && peer.secure === undefined) this.#tidings.large(session);
          if (this.#start.tapped) this.#reports.tapped('out', peer, address, length);
          this.#datagrams.out.queue(peer, index, address, length);
        } else if (peer.secure !== undefined) {
          this.#reports.opened(peer, peer.secure, keypair, index, data);
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
      if (this.#datagrams.out.waiting > 0) this.#flush();
      for (let i = 0; i < this.#touched.count; i++) {
        const peer = this.#touched.at(i);
        peer.touched = false;
        if (peer.secure !== undefined) this.#unpack(peer, count);
        else if (peer.opened > 0) this.#pipe(peer, count);
        if (peer.side !== undefined) this.#handOver(peer, peer.side);
      }
      this.#touched.clear();
      if (ring.room < ROOM_SHORT && this.#datagrams.crowded) this.#ready.setAside();
      this.#reports.kept();
    }
    this.#reports.kept(); // nothing of it may have come into the ring
  }

  #touch(peer: Peer): void {
    if (!peer.touched) this.#touched.push(peer);
    peer.touched = true;
  }

  /** Hands what waits at a side to its port, or to the plug on the main thread. */
  #handOver(peer: Peer, side: FrameSide): void {
    if (!peer.piped) side.flush();
    else if (this.#reports.piecesFull) side.drop();
    else if (side.blocked) this.#reports.piece(peer.session, side.stream(peer.even));
    this.#ready.check(side);
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
    for (const { place, payload } of core.controls()) this.#reports.said(peer, place, payload);
    for (let i = 0; i < frames; i++) {
      const { place, address, length } = core.frame(i);
      peer.side?.queue(place, address, length);
    }
  }

  /** Hands a peer's frames among the last `count` slots to its plug on the main thread. */
  #pipe(peer: Peer, count: number): void {
    const { ring } = this.#core;
    const frames = peer.opened;
    peer.opened = 0;
    if (this.#reports.piecesFull) {
      this.#core.dropped(peer.session, frames, 0);
    } else {
      this.#reports.piece(peer.session, this.#core.writeStream(peer.session, count, 0, peer.even).slice());
    }
    for (let back = count - 1; back >= 0; back--) {
      const { index, session, sealed, status } = ring.processed(back);
      if (session === peer.session && !sealed && status === 0) ring.release(index);
    }
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

  #carryOut(order: Order): void {
    if (order.do === 'stop') {
      this.#stopped = true;
    } else if (order.do === 'copy') {
      const { memory, wish } = order;
      const { ring, layout } = this.#core;
      this.#copier = memory && new Copier(ring, new Copies(layout.SESSIONS_MAX, memory), wish);
      this.#datagrams.tapped = this.#start.tapped || (memory !== undefined && wish.wire);
    } else {
      this.#orders.carryOut(order);
    }
  }

  #arrives(peer: Peer, name: number, at: number, length: number): void {
    if (this.#start.tapped) this.#reports.tapped('in', peer, at, length, name);
    this.#copier?.arrives(peer.session, this.#datagrams.wayAt(name), at, length);
  }

  #trouble(error: number, times: number, lasts: boolean): void {
    if (error === ERRNO.DESTADDRREQ) return; // the main thread is connecting the socket again
    this.#tidings.trouble(error, times, lasts);
  }
}

async function main(): Promise<void> {
  const told = new Promise<Start | null>((resolve) => parentPort?.once('message', resolve));
  const libc = await loadLibc();
  const start = await told;
  if (start === null) return;
  const turns = new Turns(libc, start.serves);
  const core = await FrameCore.load(start.memory);
  core.shared = true;
  new IoThread(libc, core, start.vde ? bindVdeCalls(libc) : undefined, start).run(turns);
}

await main();
