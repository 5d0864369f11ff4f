import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Cable, CableEvents, Link, WireTap } from '../cable.js';
import type { Core, Keying, SessionCounts } from '../core/core.js';
import { STATUS } from '../core/status.js';
import { CryptcabError, messageOf } from '../error.js';
import type { OpenPlug, Plug } from '../plug/plug.js';
import { TYPE, WEAR_BYTES } from '../protocol/constants.js';
import { type Remote, remoteKey } from '../protocol/remote.js';
import { Arena } from './arena.js';
import { ERRNO, type Libc, loadLibc, SOCK } from './libc.js';
import { NativePlug } from './native-plug.js';
import { NativeSocket } from './socket.js';
import { FEED_MAX, FLOW, FLOW_BYTES, type Order, type Report, type Start } from './talk.js';
import { Vde } from './vde.js';

/** How often the counts of the I/O thread are looked at, for what they tell. */
const LOOK_MS = 250;
/** The I/O thread answers within a ms or two, or not at all. */
const ANSWER_MS = 700;

const WORKER = new URL('./worker.js', import.meta.url);

class NativeLink implements Link {
  readonly session: number;
  remote: Remote;
  up = false;
  /** What the counts were when last looked at. */
  seen: SessionCounts;
  activity = 0;
  frameMax = 0;
  toldLong = false;
  /** Bytes carried when the key was new; undefined with other ciphers, and when worn() has been said. */
  wornFrom: bigint | undefined;
  /** Bytes of pieces from its plug that the I/O thread has not read yet, if its plug is on this thread. */
  feeding = 0;
  paused = false;
  native: NativePlug | undefined;
  foreign: Plug | undefined;

  constructor(session: number, remote: Remote, seen: SessionCounts) {
    this.session = session;
    this.remote = remote;
    this.seen = seen;
  }

  get plug(): Pick<Plug, 'settled'> {
    return (this.native ?? this.foreign) as Pick<Plug, 'settled'>;
  }
}

/**
 * A cable whose frames and datagrams are moved by a thread of its own, with system calls that move many at
 * once. On the main thread is what it takes to rule it: sockets and plugs are opened and closed here, keys are
 * given and taken, handshakes pass through, counts are read.
 */
export class NativeCable implements Cable {
  readonly core: Core;
  readonly io: string;
  readonly #libc: Libc;
  readonly #socket: NativeSocket;
  readonly #vde: Vde | undefined;
  readonly #events: CableEvents;
  readonly #tap: WireTap | undefined;
  readonly #wearBytes: bigint;
  readonly #worker: Worker;
  readonly #orders: MessagePort;
  readonly #wakeFd: number;
  readonly #one: Arena;
  readonly #flow: Int32Array;
  readonly #links = new Map<number, NativeLink>();
  readonly #byRemote = new Map<string, NativeLink>();
  readonly #unplugging = new Map<number, () => void>();
  #tickets = 0;
  #looking: NodeJS.Timeout | undefined;
  readonly #gone: Promise<void>;
  #alive = true;
  #closing = false;

  /**
   * @param worker what the I/O thread runs
   * @throws CryptcabError when the port cannot be had; any other error says why there is no native path here
   */
  static async open(
    core: Core,
    port: number,
    events: CableEvents,
    tap: WireTap | undefined,
    wearBytes = WEAR_BYTES,
    worker = WORKER,
  ): Promise<NativeCable> {
    const libc = await loadLibc();
    let vde: Vde | undefined;
    try {
      vde = new Vde(libc);
    } catch {
      // vde_plug does it
    }
    const socket = NativeSocket.open(libc, port);
    const cable = new NativeCable(libc, vde, socket, core, events, tap, wearBytes, worker);
    try {
      await cable.#started();
    } catch (error) {
      await cable.close();
      throw error;
    }
    return cable;
  }

  private constructor(
    libc: Libc,
    vde: Vde | undefined,
    socket: NativeSocket,
    core: Core,
    events: CableEvents,
    tap: WireTap | undefined,
    wearBytes: number,
    worker: URL,
  ) {
    this.#libc = libc;
    this.#vde = vde;
    this.#socket = socket;
    this.core = core;
    this.#events = events;
    this.#tap = tap;
    this.#wearBytes = BigInt(wearBytes);
    this.#one = new Arena(libc, 16);
    this.#one.store64(0, 1);
    this.#wakeFd = libc.eventfd(0, SOCK.NONBLOCK | SOCK.CLOEXEC);
    const flow = new SharedArrayBuffer(FLOW_BYTES);
    this.#flow = new Int32Array(flow);
    const { port1, port2 } = new MessageChannel();
    this.#orders = port1;
    port1.unref();
    const { gso, gro } = socket;
    this.io = `native (${gso ? 'GSO' : 'sendmmsg'}, ${gro ? 'GRO' : 'recvmmsg'}, ${vde === undefined ? 'vde_plug' : 'libvdeplug'})`;
    const start: Start = {
      memory: core.memory,
      flow,
      orders: port2,
      udp: socket.fd,
      wake: this.#wakeFd,
      gso,
      vde: vde !== undefined,
      tapped: tap !== undefined,
    };
    this.core.shared = true;
    this.#worker = new Worker(worker, { workerData: start, transferList: [port2] });
    this.#worker.on('error', (error) => this.#died(messageOf(error)));
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', (status) => {
        this.#died(`status ${status}`);
        resolve();
      });
    });
  }

  /** Waits for the I/O thread's first word. */
  #started(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failed = (why) => reject(new Error(`the I/O thread does not start (${why})`));
      this.#worker.on('message', (report: Report) => {
        if (report.says !== 'ready') return this.#hear(report);
        this.#failed = (why) =>
          this.#events.failed(new CryptcabError(`the I/O thread ended, start again: ${why}`));
        this.#looking = setInterval(() => this.#look(), LOOK_MS);
        resolve();
      });
    });
  }

  #failed: (why: string) => void = () => {};

  #died(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.core.shared = false; // it may have ended with the lock
    for (const done of this.#unplugging.values()) done();
    if (!this.#closing) this.#failed(why);
  }

  #order(order: Order): void {
    if (!this.#alive) return;
    this.#orders.postMessage(order);
    this.#libc.write(this.#wakeFd, this.#one.address(0), 8);
  }

  get local(): Remote {
    return this.#socket.local;
  }

  async connect(to: Remote): Promise<Remote> {
    return this.#socket.connect(to);
  }

  send(datagram: Uint8Array, to: Remote): void {
    this.#tap?.('out', to, datagram);
    const error = this.#socket.send(datagram, to);
    if (error !== 0) this.#trouble(error, 1);
  }

  #trouble(error: number, times: number): void {
    if (error === ERRNO.CONNREFUSED) this.#events.unreachable();
    else this.#events.sendFailed(`send ${this.#libc.errorName(error)}`, times);
  }

  probe(open: OpenPlug): { settled: Promise<void>; close(): Promise<void> } {
    const { locator } = open;
    if (this.#vde === undefined || locator === undefined || !this.#vde.serves(locator))
      return open({ stream() {}, lost() {}, back() {} });
    const plug = new NativePlug(this.#libc, this.#vde, locator, { plugged() {}, lost() {}, back() {} });
    return { settled: plug.settled, close: async () => plug.close() };
  }

  plugIn(remote: Remote, open: OpenPlug): Link | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new NativeLink(session, remote, this.core.counts(session));
    this.#links.set(session, link);
    const { locator } = open;
    if (this.#vde !== undefined && locator !== undefined && this.#vde.serves(locator)) {
      this.#order({ do: 'plug', session, port: undefined, number: 0 });
      link.native = new NativePlug(this.#libc, this.#vde, locator, {
        plugged: (port, number) => this.#order({ do: 'plug', session, port, number }),
        lost: (why) => this.#events.plugLost(link, why),
        back: () => this.#events.plugBack(link),
      });
    } else {
      this.#order({ do: 'pipe', session });
      link.foreign = open({
        stream: (piece) => this.#feed(link, piece),
        lost: (why) => this.#events.plugLost(link, why),
        back: () => {
          this.#order({ do: 'resetStream', session });
          this.#events.plugBack(link);
        },
      });
    }
    return link;
  }

  /** Hands a piece of a plug's stream to the I/O thread; the plug waits when that has many. */
  #feed(link: NativeLink, piece: Uint8Array): void {
    if (this.#links.get(link.session) !== link) return;
    link.feeding += piece.length;
    this.#order({ do: 'feed', session: link.session, piece: piece.slice() });
    if (link.feeding > FEED_MAX && !link.paused) {
      link.paused = true;
      link.foreign?.pause();
    }
  }

  raise(link: Link, keying: Keying): void {
    const state = link as NativeLink;
    this.core.keySession(state.session, keying);
    this.limit(state, this.core.frameMax);
    const name = this.#socket.names.encode(state.remote);
    if (name === undefined) throw new CryptcabError(`no address of this socket: ${state.remote.address}`);
    const { sealedBytes, openedBytes } = this.core.counts(state.session);
    state.wornFrom = keying.suite === 'blowfish' ? sealedBytes + openedBytes : undefined;
    state.up = true;
    this.#byRemote.set(remoteKey(state.remote), state);
    this.#order({ do: 'raise', session: state.session, name, connected: this.#socket.connected });
  }

  limit(link: Link, frameMax: number): void {
    const state = link as NativeLink;
    this.core.limitSession(state.session, frameMax);
    state.frameMax = frameMax;
    state.toldLong = false;
  }

  lower(link: Link): void {
    const state = link as NativeLink;
    this.#byRemote.delete(remoteKey(state.remote));
    state.up = false;
    this.core.unkeySession(state.session);
    this.#order({ do: 'lower', session: state.session });
  }

  async unplug(link: Link): Promise<void> {
    const state = link as NativeLink;
    this.lower(state);
    this.#links.delete(state.session);
    await this.#letGo(state.session);
    state.native?.close();
    await state.foreign?.close();
    this.core.closeSession(state.session);
  }

  /** Waits until the I/O thread uses nothing of a session any more. */
  async #letGo(session: number): Promise<void> {
    if (!this.#alive) return;
    const ticket = this.#tickets++;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS);
      this.#unplugging.set(ticket, () => {
        clearTimeout(timer);
        resolve();
      });
      this.#order({ do: 'unplug', session, ticket });
    });
    this.#unplugging.delete(ticket);
  }

  counts(link: Link): SessionCounts {
    return this.core.counts(link.session);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#looking);
    this.#order({ do: 'stop' });
    if (!(await this.#ends())) {
      this.#worker.terminate();
      if (!(await this.#ends())) return; // it hangs in a call: closing what it uses could hit others
    }
    this.#orders.close();
    this.#socket.close();
    this.#libc.close(this.#wakeFd);
  }

  /** Whether the I/O thread ends within its time. */
  #ends(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS, false);
      this.#gone.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  #hear(report: Report): void {
    switch (report.says) {
      case 'control':
        Atomics.sub(this.#flow, FLOW.control, 1);
        this.#control(report.datagram, this.#socket.names.decode(report.name));
        break;
      case 'tapped': {
        Atomics.sub(this.#flow, FLOW.tapped, 1);
        Atomics.notify(this.#flow, FLOW.tapped);
        const link = this.#links.get(report.session);
        if (link !== undefined) this.#tap?.(report.direction, link.remote, report.datagram);
        break;
      }
      case 'lost':
        this.#links.get(report.session)?.native?.gone(report.number);
        break;
      case 'piece': {
        Atomics.sub(this.#flow, FLOW.pieces, report.piece.length);
        const link = this.#links.get(report.session);
        if (link?.foreign?.write(report.piece) === false) this.core.dropped(report.session, report.frames, 0);
        break;
      }
      case 'fed': {
        const link = this.#links.get(report.session);
        if (link === undefined) break;
        link.feeding -= report.bytes;
        if (link.paused && link.feeding <= FEED_MAX / 2) {
          link.paused = false;
          link.foreign?.resume();
        }
        break;
      }
      case 'unplugged':
        this.#unplugging.get(report.ticket)?.();
        break;
      case 'large': {
        const link = this.#links.get(report.session);
        if (link !== undefined) this.#events.large(link);
        break;
      }
      case 'trouble':
        this.#trouble(report.error, report.times);
        break;
    }
  }

  #control(datagram: Uint8Array, from: Remote): void {
    const link = this.#byRemote.get(remoteKey(from));
    if (link !== undefined) {
      this.#lookAt(link); // what happened before comes before
      if (datagram[0] === TYPE.DATA && datagram.length <= this.core.datagramMax) {
        // It came before the I/O thread knew that the link is up.
        this.#order({ do: 'open', session: link.session, datagram });
        return;
      }
    }
    this.#tap?.('in', from, datagram);
    this.#events.control(datagram, from);
  }

  #look(): void {
    for (const link of [...this.#links.values()]) this.#lookAt(link);
  }

  /** Tells what the counts of a link tell. */
  #lookAt(link: NativeLink): void {
    const activity = this.core.activity(link.session);
    if (activity === link.activity) return;
    link.activity = activity;
    const now = this.core.counts(link.session);
    const before = link.seen;
    link.seen = now;
    if (now.sealed > before.sealed) this.#events.sent(link);
    if (now.opened > before.opened) this.#events.heard(link);
    for (const why of STATUS) {
      if (why === 'ok') continue;
      const more = Number((now.refused[why] ?? 0n) - (before.refused[why] ?? 0n));
      if (more === 0) continue;
      if (why !== 'frame too long') {
        this.#events.refused(link, why, more);
      } else if (!link.toldLong) {
        link.toldLong = true;
        this.#events.tooLong(link, link.frameMax);
      }
    }
    const long = Number(now.droppedUnopened - before.droppedUnopened);
    if (long > 0) this.#events.refused(link, 'bad length', long);
    if (link.wornFrom !== undefined && now.sealedBytes + now.openedBytes - link.wornFrom >= this.#wearBytes) {
      link.wornFrom = undefined;
      this.#events.worn(link);
    }
  }
}
