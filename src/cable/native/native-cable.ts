import type { Core } from '../../core/core.js';
import { CryptcabError } from '../../error.js';
import { WEAR_BYTES } from '../../protocol/classic/constants.js';
import type { Remote } from '../../protocol/remote.js';
import { Refusals } from '../../protocol/send-refusals.js';
import type { Cable, CableEvents } from '../cable.js';
import { CableCopies } from '../copies/cable-copies.js';
import type { ClassicLink, SecureEvents, SecureLink } from '../link.js';
import { Links } from '../links.js';
import { framesIn, type OpenPlug, probed } from '../plug/plug.js';
import type { Sent } from '../udp/udp.js';
import type { WireTap } from '../wire-tap.js';
import { IoThread } from './io-thread.js';
import { ERRNO, type Libc, loadLibc } from './linux/libc.js';
import { Routes } from './linux/routes.js';
import { type NativeHost, NativeLink, type ThreadPlace } from './native-link.js';
import { NativePlug } from './native-plug.js';
import { Openers } from './ports/openers.js';
import { Vde } from './ports/vde.js';
import { NativeSocket } from './socket.js';
import { FLOW, FLOW_BYTES, type Report } from './thread/talk.js';

/** How often the counts of the I/O thread are looked at, for what they tell. */
const LOOK_MS = 250;

interface NativeOptions {
  /** After how many bytes under one Blowfish key worn() is said. */
  readonly wearBytes?: number;
  /** What the I/O thread runs, unless it is what I/O threads run. */
  readonly program?: URL;
  /** Which of several I/O threads on one port it is. */
  readonly place?: ThreadPlace;
  /** Whether it is a server's. */
  readonly serves?: boolean;
}

/**
 * A cable whose frames and datagrams are moved by a thread of its own, with system calls that move many at
 * once. On the main thread is what it takes to rule it: sockets and plugs are opened and closed here, keys are
 * given and taken, handshakes pass through, counts are read.
 */
export class NativeCable implements Cable {
  readonly core: Core;
  readonly threads = 1;
  readonly #vde: Vde | undefined;
  /** What the system refused, and the I/O thread does without. */
  #lacks: readonly string[] = [];
  readonly #libc: Libc;
  readonly #socket: NativeSocket;
  readonly #routes: Routes;
  readonly #openers: Openers;
  readonly #events: CableEvents;
  readonly #tap: WireTap | undefined;
  readonly copies: readonly [CableCopies];
  readonly #thread: IoThread;
  readonly #flow: Int32Array;
  readonly #links = new Links<NativeLink>();
  readonly #host: NativeHost;
  /** Of datagrams of the handshake, by the system. */
  readonly #refusals = new Refusals();
  #looking: NodeJS.Timeout | undefined;

  /**
   * @param options bind: our only address, if not all of them; alone: why there is one thread, where more were wanted
   * @throws CryptcabError when the port cannot be had; any other error says why there is no native path here
   */
  static async open(
    core: Core,
    port: number,
    events: CableEvents,
    tap: WireTap | undefined,
    {
      bind,
      alone,
      serves = false,
    }: { bind?: string | undefined; alone?: string | undefined; serves?: boolean } = {},
  ): Promise<NativeCable> {
    const socket = NativeSocket.open(await loadLibc(), port, bind);
    if (alone !== undefined) socket.lacks.push(alone);
    return NativeCable.on(socket, core, events, tap, { serves });
  }

  /** Opens a cable on a socket that is there, and takes it over; see open(). */
  static async on(
    socket: NativeSocket,
    core: Core,
    events: CableEvents,
    tap: WireTap | undefined,
    more: NativeOptions = {},
  ): Promise<NativeCable> {
    const libc = await loadLibc();
    let vde: Vde | undefined;
    try {
      vde = new Vde(libc);
    } catch {
      // vde_plug does it
    }
    let cable: NativeCable;
    try {
      cable = new NativeCable(libc, vde, socket, core, events, tap, more);
    } catch (error) {
      core.shared = false;
      socket.close();
      throw error;
    }
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
    { wearBytes = WEAR_BYTES, program, place = { thread: 0, threads: 1 }, serves = false }: NativeOptions,
  ) {
    this.#libc = libc;
    this.#openers = new Openers(libc, vde);
    this.#socket = socket;
    const routes = new Routes(libc);
    this.#routes = routes;
    this.core = core;
    this.#events = events;
    this.#tap = tap;
    this.copies = [
      new CableCopies({
        sessionsMax: core.layout.SESSIONS_MAX,
        linkOf: (session) => this.#links.at(session),
        decode: (way) => socket.names.decode(way),
        copy: (copies, wish) => this.#thread.order({ do: 'copy', memory: copies?.memory, wish }),
      }),
    ];
    const flow = new SharedArrayBuffer(FLOW_BYTES);
    this.#flow = new Int32Array(flow);
    core.knowPort(socket.local.port);
    const { gso } = socket;
    this.#vde = vde;
    this.core.shared = true;
    const start = {
      memory: core.memory,
      flow,
      udp: socket.fd,
      family: socket.family,
      gso,
      vde: vde !== undefined,
      tapped: tap !== undefined,
      timed: core.broadcastLimit !== undefined,
      serves,
    };
    this.#thread = new IoThread(libc, program, start, {
      report: (report) => this.#hear(report),
      failed: (why) => this.#failed(why),
      gone: () => {
        this.core.shared = false; // it may have ended with the lock
      },
    });
    this.#host = {
      ...{ core, events, wearBytes, socket, routes, place },
      links: this.#links,
      thread: this.#thread,
      openers: this.#openers,
      send: (datagram, to) => this.send(datagram, to),
    };
  }

  /** Waits for the I/O thread's first word. */
  #started(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failed = (why) => reject(new Error(`the I/O thread does not start (${why})`));
      this.#ready = () => {
        this.#failed = (why) =>
          this.#events.failed(new CryptcabError(`the I/O thread ended, start again: ${why}`));
        this.#looking = setInterval(() => this.#look(), LOOK_MS);
        resolve();
      };
    });
  }

  #failed: (why: string) => void = () => {};
  #ready = () => {};

  get io(): string {
    const { gso, gro, lacks } = this.#socket;
    const how = [gso ? 'GSO' : 'sendmmsg', gro ? 'GRO' : 'recvmmsg', this.#vde ? 'libvdeplug' : 'vde_plug'];
    return `native (${[...how, ...lacks, ...this.#lacks].join(', ')})`;
  }

  get local(): Remote {
    return this.#socket.local;
  }

  async connect(to: Remote): Promise<Remote> {
    return this.#socket.connect(to);
  }

  send(datagram: Uint8Array, to: Remote, done?: Sent): void {
    this.#tap?.('out', to, datagram);
    this.copies[0].datagram('out', to, datagram);
    this.core.noteSent(datagram);
    const error = this.#socket.send(datagram, to);
    done?.(error === 0 || error === ERRNO.CONNREFUSED ? undefined : this.#refusal(error));
    if (error === 0) this.#refusals.sent();
    else this.#trouble(error, 1, this.#refusals.refused(performance.now()));
  }

  #trouble(error: number, times: number, lasts: boolean): void {
    if (error === ERRNO.CONNREFUSED) this.#events.unreachable();
    else this.#events.sendFailed(this.#refusal(error), times, lasts);
  }

  #refusal(error: number): string {
    return `send ${this.#libc.errorName(error)}`;
  }

  probe(open: OpenPlug, had: () => void): { settled: Promise<void>; close(): Promise<void> } {
    const source = this.#openers.find(open);
    if (source === undefined) return probed(open, had);
    const plug = new NativePlug(source, { plugged: had, lost() {} });
    return { settled: plug.settled, close: async () => plug.close() };
  }

  plugIn(remote: Remote, open: OpenPlug): ClassicLink | undefined {
    const link = this.#link(remote);
    link?.plug(open);
    return link;
  }

  join(remote: Remote, path: number, events: SecureEvents): SecureLink | undefined {
    return this.#link(remote, events, path);
  }

  #link(remote: Remote, events?: SecureEvents, path?: number): NativeLink | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new NativeLink(this.#host, session, remote, events, path);
    this.#links.add(link);
    this.copies[0].renew(session);
    return link;
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    this.#routes.close();
    if (await this.#thread.stop()) this.#socket.close();
  }

  #hear(report: Report): void {
    switch (report.says) {
      case 'ready':
        this.#lacks = report.lacks;
        this.#ready();
        break;
      case 'control':
        Atomics.sub(this.#flow, FLOW.control, 1);
        this.#control(report.datagram, report.way);
        break;
      case 'opened': {
        Atomics.sub(this.#flow, FLOW.opened, 1);
        const from = this.#socket.names.decode(report.way);
        this.#links.at(report.session)?.opened(report.index, from, report.data);
        break;
      }
      case 'kept':
        Atomics.sub(this.#flow, FLOW.kept, 1);
        this.#links.at(report.session)?.secure?.kept?.(report.from, report.bytes);
        break;
      case 'said':
        Atomics.sub(this.#flow, FLOW.said, 1);
        this.#links.at(report.session)?.said(report.index, report.payload);
        break;
      case 'wanted':
        this.#links.at(report.session)?.secure?.wanted();
        break;
      case 'tapped': {
        Atomics.sub(this.#flow, FLOW.tapped, 1);
        Atomics.notify(this.#flow, FLOW.tapped);
        const link = this.#links.at(report.session);
        if (link === undefined) break;
        const from = report.way === undefined ? link.remote : this.#socket.names.decode(report.way);
        this.#tap?.(report.direction, from, report.datagram);
        break;
      }
      case 'lost':
        this.#links.at(report.session)?.gone(report.number);
        break;
      case 'piece': {
        Atomics.sub(this.#flow, FLOW.pieces, report.piece.length);
        const link = this.#links.at(report.session);
        if (link !== undefined && link.own?.write(report.piece) !== true)
          this.core.dropped(report.session, framesIn(report.piece), 0);
        break;
      }
      case 'fed':
        this.#links.at(report.session)?.fed(report.bytes);
        break;
      case 'large': {
        const link = this.#links.at(report.session);
        if (link !== undefined) this.#events.large(link);
        break;
      }
      case 'trouble':
        this.#trouble(report.error, report.times, report.lasts);
        break;
    }
  }

  #control(datagram: Uint8Array, way: Uint8Array): void {
    const from = this.#socket.names.decode(way);
    if (!this.#socket.hears(from)) return;
    this.copies[0].datagram('in', from, datagram);
    this.#links.from(from)?.look(); // what happened before comes before
    const link = this.#links.of(datagram, from);
    if (link !== undefined && datagram.length <= this.core.datagramMax) {
      // It came before the I/O thread knew that the link is up.
      this.#thread.order({ do: 'open', session: link.session, datagram, way });
      return;
    }
    this.#tap?.('in', from, datagram);
    this.#events.control(datagram, from, this);
  }

  #look(): void {
    this.core.tellTime(performance.now());
    for (const link of this.#links.all()) link.look();
  }
}
