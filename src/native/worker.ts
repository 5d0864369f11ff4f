// The I/O thread: moves frames and datagrams between the sockets and the ring, and has the core work on them. It
// never returns to the event loop: it waits in poll, where its orders reach it by an eventfd. Handshakes, timers and
// logs are the main thread's.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Core } from '../core/core.js';
import { ORIGINAL_DATAGRAM_MAX } from '../protocol/constants.js';
import { RateLimit } from '../protocol/rate-limit.js';
import { Arena } from './arena.js';
import { Datagrams } from './datagrams.js';
import { FrameSide, FrameTools } from './frames.js';
import { ERRNO, type Libc, loadLibc } from './libc.js';
import type { Peer } from './peer.js';
import { Ready } from './ready.js';
import {
  CONTROL_MAX,
  CONTROL_RATE,
  FLOW,
  type Order,
  PIECES_MAX,
  type Report,
  type Start,
  TAPPED_MAX,
} from './talk.js';
import { bindVdeCalls, type VdeCalls, type VdePort } from './vde.js';

/** A thread that waits in a call cannot be ended: it waits no longer than this. */
const POLL_MS = 500;
/** While a switch takes nothing, or something has to be told soon. */
const SOON_MS = 25;
/** Troubles, and large datagrams, are told no more often. */
const TELL_MS = 100;
/** For each first byte of a datagram, from somebody known or not, a rate of its own. */
const CONTROL_KINDS = Array.from({ length: 512 }, (_, kind) => String(kind));
const ALL_KINDS = { rate: 1e6, burst: 1e6 };

class IoThread {
  readonly #libc: Libc;
  readonly #core: Core;
  readonly #start: Start;
  readonly #flow: Int32Array;
  readonly #datagrams: Datagrams;
  readonly #tools: FrameTools;
  /** By session. */
  readonly #peers: (Peer | undefined)[] = [];
  readonly #counter: Arena;
  readonly #ready: Ready;
  readonly #controls = new RateLimit(CONTROL_RATE, ALL_KINDS, CONTROL_KINDS.length);
  readonly #touched = new Set<Peer>();
  readonly #backlogged = new Set<Peer>();
  // What is told now and then.
  readonly #troubles = new Map<number, number>();
  readonly #large = new Set<number>();
  #told = 0;
  #stopped = false;

  constructor(libc: Libc, core: Core, calls: VdeCalls | undefined, start: Start) {
    this.#libc = libc;
    this.#core = core;
    this.#start = start;
    this.#flow = new Int32Array(start.flow);
    this.#counter = new Arena(libc, 16);
    const arena = new Arena(libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
    this.#tools = new FrameTools(libc, core, arena, calls);
    this.#datagrams = new Datagrams(
      libc,
      core,
      arena,
      { fd: start.udp, gso: start.gso, tapped: start.tapped },
      {
        control: (name, at, length, known) => this.#control(name, at, length, known),
        arrives: (peer, at, length) => this.#tap('in', peer, at, length),
        pump: () => this.#pump(),
        trouble: (error) => this.#trouble(error),
      },
    );
    this.#ready = new Ready(libc, start.wake, start.udp);
  }

  run(): void {
    this.#report({ says: 'ready' });
    const ready = this.#ready;
    const { ring } = this.#core;
    const room = () => ring.room > 0;
    while (!this.#stopped) {
      const soon = this.#troubles.size + this.#large.size > 0 || ready.waits;
      ready.wait(room(), soon ? SOON_MS : POLL_MS);
      if (ready.orders) this.#obey();
      if (this.#datagrams.waiting > 0) this.#flush();
      ready.write();
      if (ready.datagrams || this.#datagrams.staged) {
        this.#datagrams.receive();
        this.#pump();
      }
      ready.read(room);
      this.#pump();
      this.#lose(ready.takeLost());
      for (const peer of this.#backlogged) this.#feed(peer);
      this.#tell();
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

  #plug(side: FrameSide, port: VdePort | undefined, number: number): void {
    this.#ready.remove(side);
    side.plug(port, number);
    this.#ready.add(side);
  }

  /** Has the core work through what waits in the ring, and hands out what comes of it. */
  #pump(): void {
    const { ring } = this.#core;
    for (let count = ring.process(); count > 0; count = ring.process()) {
      for (let back = count - 1; back >= 0; back--) {
        const { index, session, sealed, status, address, length } = ring.processed(back);
        const peer = this.#peers[session];
        if (status !== 0 || peer === undefined) {
          ring.release(index);
        } else if (sealed && !peer.up) {
          ring.release(index); // its order to rise is under way, or it has just been lowered
        } else if (sealed) {
          if (length > ORIGINAL_DATAGRAM_MAX) this.#large.add(session);
          if (this.#start.tapped) this.#tap('out', peer, address, length);
          this.#datagrams.queue(peer, index, address, length);
        } else if (peer.side !== undefined) {
          peer.side.queue(index, address, length);
          this.#touched.add(peer);
        } else if (peer.piped) {
          peer.opened++; // its slot is given back below: the core still writes the stream
          this.#touched.add(peer);
        } else {
          this.#core.dropped(session, 1, 0);
          ring.release(index);
        }
      }
      if (this.#datagrams.waiting > 0) this.#flush();
      for (const peer of this.#touched) {
        if (peer.opened > 0) this.#pipe(peer, count);
        else if (peer.side !== undefined) {
          peer.side.flush();
          this.#ready.check(peer.side);
        }
      }
      this.#touched.clear();
    }
  }

  /** Hands a peer's frames among the last `count` slots to its plug on the main thread. */
  #pipe(peer: Peer, count: number): void {
    const { ring } = this.#core;
    const frames = peer.opened;
    peer.opened = 0;
    if (Atomics.load(this.#flow, FLOW.pieces) > PIECES_MAX) {
      this.#core.dropped(peer.session, frames, 0);
    } else {
      const piece = this.#core.writeStream(peer.session, count).slice();
      Atomics.add(this.#flow, FLOW.pieces, piece.length);
      this.#report({ says: 'piece', session: peer.session, piece, frames });
    }
    for (let back = count - 1; back >= 0; back--) {
      const { index, session, sealed, status } = ring.processed(back);
      if (session === peer.session && !sealed && status === 0) ring.release(index);
    }
  }

  /** Reads what its plug on the main thread gave, as far as there is room. */
  #feed(peer: Peer): void {
    const core = this.#core;
    let bytes = 0;
    for (let piece = peer.backlog[0]; piece !== undefined; piece = peer.backlog[0]) {
      const part = piece.subarray(0, core.pieceMax);
      const taken = core.readStream(peer.session, part);
      bytes += taken;
      if (taken < piece.length) peer.backlog[0] = piece.subarray(taken);
      else peer.backlog.shift();
      if (taken < part.length) {
        this.#pump();
        if (core.ring.room === 0) break;
      }
    }
    this.#pump();
    if (bytes > 0) this.#report({ says: 'fed', session: peer.session, bytes });
    if (peer.backlog.length === 0) this.#backlogged.delete(peer);
  }

  #obey(): void {
    this.#libc.read(this.#start.wake, this.#counter.address(0), 8);
    for (;;) {
      const received = receiveMessageOnPort(this.#start.orders) as { message: Order } | undefined;
      if (received === undefined) return;
      this.#carryOut(received.message);
    }
  }

  #peer(session: number): Peer {
    this.#peers[session] ??= {
      session,
      up: false,
      name: undefined,
      connected: false,
      segmentMax: 0,
      side: undefined,
      piped: false,
      backlog: [],
      opened: 0,
    };
    return this.#peers[session];
  }

  #carryOut(order: Order): void {
    if (order.do === 'stop') {
      this.#stopped = true;
      return;
    }
    const peer = this.#peer(order.session);
    switch (order.do) {
      case 'raise':
        peer.connected = order.connected;
        this.#datagrams.raise(peer, order.name);
        break;
      case 'lower':
        this.#datagrams.lower(peer);
        break;
      case 'plug':
        peer.side ??= new FrameSide(this.#tools, peer.session);
        this.#plug(peer.side, order.port, order.number);
        break;
      case 'pipe':
        peer.piped = true;
        break;
      case 'feed':
        peer.backlog.push(order.piece);
        this.#backlogged.add(peer);
        break;
      case 'resetStream':
        peer.backlog = [];
        this.#core.resetStream(peer.session);
        break;
      case 'open':
        if (this.#core.ring.push(peer.session, order.datagram)) this.#pump();
        break;
      case 'unplug':
        this.#datagrams.lower(peer);
        if (peer.side !== undefined) this.#ready.remove(peer.side);
        peer.side?.drop();
        this.#backlogged.delete(peer);
        this.#peers[peer.session] = undefined;
        this.#report({ says: 'unplugged', ticket: order.ticket });
        break;
    }
  }

  #control(name: number, at: number, length: number, known: boolean): void {
    if (Atomics.load(this.#flow, FLOW.control) >= CONTROL_MAX) return;
    const kind = 2 * (this.#core.ring.bytes[at] as number) + (known ? 1 : 0);
    if (!this.#controls.allow(performance.now(), CONTROL_KINDS[kind] as string)) return;
    Atomics.add(this.#flow, FLOW.control, 1);
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    this.#report({ says: 'control', name: this.#datagrams.nameAt(name), datagram });
  }

  /** A copy for the tap; waits while the main thread has so many that it must not get more. */
  #tap(direction: 'in' | 'out', peer: Peer, at: number, length: number): void {
    const waiting = Atomics.add(this.#flow, FLOW.tapped, 1) + 1;
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    this.#report({ says: 'tapped', direction, session: peer.session, datagram });
    if (waiting >= TAPPED_MAX) Atomics.wait(this.#flow, FLOW.tapped, waiting, TELL_MS);
  }

  #trouble(error: number): void {
    if (error === ERRNO.DESTADDRREQ) return; // the main thread is connecting the socket anew
    this.#troubles.set(error, (this.#troubles.get(error) ?? 0) + 1);
  }

  #tell(): void {
    if (this.#troubles.size + this.#large.size === 0) return;
    const now = performance.now();
    if (now - this.#told < TELL_MS) return;
    this.#told = now;
    for (const [error, times] of this.#troubles) this.#report({ says: 'trouble', error, times });
    for (const session of this.#large) this.#report({ says: 'large', session });
    this.#troubles.clear();
    this.#large.clear();
  }

  #report(report: Report): void {
    parentPort?.postMessage(report);
  }
}

async function main(): Promise<void> {
  const start = workerData as Start;
  const libc = await loadLibc();
  const core = await Core.load(start.memory);
  core.shared = true;
  new IoThread(libc, core, start.vde ? bindVdeCalls(libc) : undefined, start).run();
}

await main();
