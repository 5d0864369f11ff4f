import type { Core } from '../../core/core.js';
import { STATUS } from '../../core/status.js';
import type { FragmentCounts, Keying, SessionCounts, TransportKeys } from '../../core/terms.js';
import { CryptcabError } from '../../error.js';
import { TYPE, WEAR_BYTES } from '../../protocol/classic/constants.js';
import { Refusals } from '../../protocol/refusals.js';
import { type Remote, remoteKey } from '../../protocol/remote.js';
import { firstIndexOf, isTransport } from '../../protocol/secure/messages.js';
import { PATH_HEADERS, PATH_MTU } from '../../protocol/sizes.js';
import { type Cable, type CableEvents, type Link, portText, type SecureEvents } from '../cable.js';
import { CableCopies } from '../copies/cable-copies.js';
import { framesIn, type OpenPlug, type Plug, probed } from '../plug/plug.js';
import type { WireTap } from '../wire-tap.js';
import { IoThread } from './io-thread.js';
import { ERRNO, type Libc, loadLibc } from './linux/libc.js';
import { Routes } from './linux/routes.js';
import { NativeLink } from './native-link.js';
import { NativePlug } from './native-plug.js';
import { Openers } from './ports/opener.js';
import { Vde } from './ports/vde.js';
import { NativeSocket } from './socket.js';
import { FEED_MAX, FLOW, FLOW_BYTES, type Report } from './thread/talk.js';

/** How often the counts of the I/O thread are looked at, for what they tell. */
const LOOK_MS = 250;
/** How often the way to the peer of a secure link in use is asked for. */
const PATH_MS = 1_000;

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
  readonly #wearBytes: bigint;
  readonly copies: readonly [CableCopies];
  readonly #thread: IoThread;
  readonly #flow: Int32Array;
  readonly #links = new Map<number, NativeLink>();
  readonly #byRemote = new Map<string, NativeLink>();
  /** Secure links, by the receiver's index that their messages bear. */
  readonly #byIndex = new Map<number, NativeLink>();
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
    { bind, alone }: { bind?: string | undefined; alone?: string | undefined } = {},
  ): Promise<NativeCable> {
    const socket = NativeSocket.open(await loadLibc(), port, bind);
    if (alone !== undefined) socket.lacks.push(alone);
    return NativeCable.on(socket, core, events, tap);
  }

  /** Opens a cable on a socket that is there, and takes it over; see open(). */
  static async on(
    socket: NativeSocket,
    core: Core,
    events: CableEvents,
    tap: WireTap | undefined,
    wearBytes = WEAR_BYTES,
    program?: URL,
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
      cable = new NativeCable(libc, vde, socket, core, events, tap, wearBytes, program);
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
    wearBytes: number,
    program: URL | undefined,
  ) {
    this.#libc = libc;
    this.#openers = new Openers(libc, vde);
    this.#socket = socket;
    this.#routes = new Routes(libc);
    this.core = core;
    this.#events = events;
    this.#tap = tap;
    this.#wearBytes = BigInt(wearBytes);
    this.copies = [
      new CableCopies({
        sessionsMax: core.layout.SESSIONS_MAX,
        linkOf: (session) => this.#links.get(session),
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
    };
    this.#thread = new IoThread(libc, program, start, {
      report: (report) => this.#hear(report),
      failed: (why) => this.#failed(why),
      gone: () => {
        this.core.shared = false; // it may have ended with the lock
      },
    });
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

  send(datagram: Uint8Array, to: Remote): void {
    this.#tap?.('out', to, datagram);
    this.copies[0].datagram('out', to, datagram);
    this.core.noteSent(datagram);
    const error = this.#socket.send(datagram, to);
    if (error === 0) this.#refusals.sent();
    else this.#trouble(error, 1, this.#refusals.refused(performance.now()));
  }

  #trouble(error: number, times: number, lasts: boolean): void {
    if (error === ERRNO.CONNREFUSED) this.#events.unreachable();
    else this.#events.sendFailed(`send ${this.#libc.errorName(error)}`, times, lasts);
  }

  probe(open: OpenPlug, had: () => void): { settled: Promise<void>; close(): Promise<void> } {
    const source = this.#openers.find(open);
    if (source === undefined) return probed(open, had);
    const plug = new NativePlug(source, { plugged: had, lost() {} });
    return { settled: plug.settled, close: async () => plug.close() };
  }

  plugIn(remote: Remote, open: OpenPlug): Link | undefined {
    const link = this.#link(remote);
    if (link !== undefined) this.plug(link, open);
    return link;
  }

  #link(remote: Remote, events?: SecureEvents): NativeLink | undefined {
    const session = this.core.openSession();
    if (session === undefined) return undefined;
    const link = new NativeLink(session, remote, this.core.counts(session), events);
    this.#links.set(session, link);
    this.copies[0].renew(session);
    return link;
  }

  plug(link: Link, open: OpenPlug): Pick<Plug, 'settled'> {
    const state = link as NativeLink;
    const { session } = state;
    const plugged = (device: string | undefined) => {
      state.port = portText(device);
      this.#events.plugged(state);
    };
    const lost = (why: string) => {
      state.port = undefined;
      this.#events.plugLost(state, why);
    };
    const source = this.#openers.find(open);
    if (source !== undefined) {
      this.#thread.order({ do: 'plug', session, port: undefined, number: 0 });
      const unlessPulled = (act: () => void) => {
        if (state.native === native) act();
      };
      const native = new NativePlug(source, {
        plugged: (port, number) =>
          unlessPulled(() => {
            this.#thread.order({ do: 'plug', session, port, number });
            plugged(port.device);
          }),
        lost: (why) => unlessPulled(() => lost(why)),
      });
      state.native = native;
      return native;
    }
    let foreign: Plug | undefined;
    const unlessPulled = (act: () => void) => {
      if (state.foreign === foreign) act();
    };
    this.#thread.order({ do: 'pipe', session, even: open.even === true });
    foreign = open({
      stream: (piece) => unlessPulled(() => this.#feed(state, piece)),
      lost: (why) => unlessPulled(() => lost(why)),
      back: () =>
        unlessPulled(() => {
          this.#thread.order({ do: 'resetStream', session });
          plugged(foreign?.device);
        }),
    });
    state.foreign = foreign;
    foreign.settled.then(
      () => unlessPulled(() => plugged(foreign?.device)),
      () => {}, // lost() tells
    );
    return foreign;
  }

  async pull(link: Link): Promise<void> {
    const state = link as NativeLink;
    await this.#letGo(state, 'pull');
  }

  /** Takes a link's plug away, and closes it when the I/O thread uses it no more. */
  async #letGo(link: NativeLink, what: 'pull' | 'unplug'): Promise<void> {
    const { native, foreign } = link;
    link.native = undefined;
    link.foreign = undefined;
    link.port = undefined;
    link.feeding = 0;
    link.paused = false;
    await this.#thread.done(link.session, what);
    native?.close();
    await foreign?.close();
  }

  /** Hands a piece of a plug's stream to the I/O thread; the plug waits when that has many. */
  #feed(link: NativeLink, piece: Uint8Array): void {
    link.feeding += piece.length;
    this.#thread.order({ do: 'feed', session: link.session, piece: piece.slice() });
    if (link.feeding > FEED_MAX && !link.paused) {
      link.paused = true;
      link.foreign?.pause();
    }
  }

  join(remote: Remote, path: number, events: SecureEvents): Link | undefined {
    const link = this.#link(remote, events);
    if (link === undefined) return undefined;
    link.pathMax = path;
    link.path = path;
    this.core.setPath(link.session, path);
    link.frameMax = this.core.frameMax;
    this.#thread.order({ do: 'join', session: link.session, path });
    this.#readdress(link);
    return link;
  }

  index(_link: Link, drawn: number): number {
    return drawn;
  }

  move(link: Link, to: Remote): void {
    const state = link as NativeLink;
    state.remote = to;
    if (state.secure !== undefined) this.#readdress(state);
  }

  /** Has the datagrams of a secure link go to its remote. */
  #readdress(link: NativeLink): void {
    const { session, remote } = link;
    const way = this.#socket.names.encode(remote);
    if (way !== undefined) this.#thread.order({ do: 'address', session, way });
    this.#askPath(link);
  }

  /** Has a secure link's datagrams fit the way to its remote, as far as the kernel knows it (secure.md §2.6). */
  #askPath(link: NativeLink): void {
    link.pathAsked = performance.now();
    if (link.remote.port === 0) return; // nowhere yet
    const packet = this.#routes.packet(link.remote);
    if (packet === undefined) return;
    const path = Math.min(link.pathMax, Math.max(packet, PATH_MTU.min) - PATH_HEADERS);
    if (path === link.path) return;
    link.path = path;
    this.#thread.order({ do: 'path', session: link.session, path });
    link.secure?.path?.(path + PATH_HEADERS);
  }

  install(link: Link, place: number, keys: TransportKeys): void {
    const state = link as NativeLink;
    this.core.installKeypair(state.session, place, keys);
    this.#forget(state, place);
    state.indices[place] = keys.local;
    this.#byIndex.set(keys.local, state);
    this.#thread.order({ do: 'install', session: state.session, place, index: keys.local });
  }

  use(link: Link, place: number): void {
    const state = link as NativeLink;
    this.core.useKeypair(state.session, place);
    state.sealing = place;
    this.#thread.order({ do: 'seal', session: state.session, can: true });
  }

  drop(link: Link, place: number): void {
    const state = link as NativeLink;
    const { session } = state;
    this.core.dropKeypair(session, place);
    this.#forget(state, place);
    this.#thread.order({ do: 'drop', session, place });
    if (state.sealing !== place) return;
    state.sealing = undefined;
    this.#thread.order({ do: 'seal', session, can: false });
  }

  #forget(link: NativeLink, place: number): void {
    this.#byIndex.delete(link.indices[place] as number);
    link.indices[place] = undefined;
    if (link.heardPlace === place) link.heardPlace = undefined;
  }

  discard(link: Link): void {
    this.#thread.order({ do: 'discard', session: link.session });
  }

  say(link: Link, payload: Uint8Array): void {
    const datagram = this.core.sealControl(link.session, payload);
    if (typeof datagram !== 'string') this.send(datagram, link.remote);
  }

  raise(link: Link, keying: Keying): void {
    const state = link as NativeLink;
    this.core.keySession(state.session, keying);
    this.limit(state, this.core.frameMax);
    const way = this.#socket.names.encode(state.remote);
    if (way === undefined) throw new CryptcabError(`no address of this socket: ${state.remote.address}`);
    const { sealedBytes, openedBytes } = this.core.counts(state.session);
    state.wornFrom = keying.suite === 'blowfish' ? sealedBytes + openedBytes : undefined;
    this.#byRemote.set(remoteKey(state.remote), state);
    const { connected } = this.#socket;
    this.#thread.order({ do: 'raise', session: state.session, way, connected });
  }

  limit(link: Link, frameMax: number): void {
    const state = link as NativeLink;
    this.core.limitSession(state.session, frameMax);
    state.frameMax = frameMax;
    state.toldLong = false;
  }

  lower(link: Link): void {
    const state = link as NativeLink;
    if (state.secure === undefined) this.#byRemote.delete(remoteKey(state.remote));
    for (const place of state.indices.keys()) this.#forget(state, place);
    state.sealing = undefined;
    this.core.unkeySession(state.session);
    this.#thread.order({ do: 'lower', session: state.session });
  }

  async unplug(link: Link): Promise<void> {
    const state = link as NativeLink;
    this.lower(state);
    this.#links.delete(state.session);
    await this.#letGo(state, 'unplug');
    this.core.closeSession(state.session);
  }

  counts(link: Link): SessionCounts {
    return this.core.counts(link.session);
  }

  fragments(link: Link): FragmentCounts {
    return this.core.fragments(link.session);
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
        const link = this.#links.get(report.session);
        if (link !== undefined) this.#opened(link, report.index, report.way, report.data);
        break;
      }
      case 'said':
        Atomics.sub(this.#flow, FLOW.said, 1);
        this.#said(this.#links.get(report.session), report.index, report.payload);
        break;
      case 'wanted':
        this.#links.get(report.session)?.secure?.wanted();
        break;
      case 'tapped': {
        Atomics.sub(this.#flow, FLOW.tapped, 1);
        Atomics.notify(this.#flow, FLOW.tapped);
        const link = this.#links.get(report.session);
        if (link === undefined) break;
        const from = report.way === undefined ? link.remote : this.#socket.names.decode(report.way);
        this.#tap?.(report.direction, from, report.datagram);
        break;
      }
      case 'lost':
        this.#links.get(report.session)?.native?.gone(report.number);
        break;
      case 'piece': {
        Atomics.sub(this.#flow, FLOW.pieces, report.piece.length);
        const link = this.#links.get(report.session);
        if (link !== undefined && link.foreign?.write(report.piece) !== true)
          this.core.dropped(report.session, framesIn(report.piece), 0);
        break;
      }
      case 'fed': {
        const link = this.#links.get(report.session);
        if (link === undefined) break;
        link.feeding = Math.max(0, link.feeding - report.bytes); // a plug that was pulled may have left some
        if (link.paused && link.feeding <= FEED_MAX / 2) {
          link.paused = false;
          link.foreign?.resume();
        }
        break;
      }
      case 'large': {
        const link = this.#links.get(report.session);
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
    this.copies[0].datagram('in', from, datagram);
    const classic = this.#byRemote.get(remoteKey(from));
    if (classic !== undefined) this.#lookAt(classic); // what happened before comes before
    const link = isTransport(datagram)
      ? this.#byIndex.get(firstIndexOf(datagram))
      : datagram[0] === TYPE.DATA
        ? classic
        : undefined;
    if (link !== undefined && datagram.length <= this.core.datagramMax) {
      // It came before the I/O thread knew that the link is up.
      this.#thread.order({ do: 'open', session: link.session, datagram, way });
      return;
    }
    this.#tap?.('in', from, datagram);
    this.#events.control(datagram, from);
  }

  /** An authentic message came from somewhere else, or under other keys, than the last one. */
  #opened(link: NativeLink, index: number, way: Uint8Array, data: boolean): void {
    const place = link.indices.indexOf(index);
    if (place < 0) return; // its keys have been taken away since
    link.heardPlace = place;
    link.heardFrom = this.#socket.names.decode(way);
    link.secure?.opened(place, link.heardFrom, data);
  }

  #said(link: NativeLink | undefined, index: number, payload: Uint8Array): void {
    const place = link?.indices.indexOf(index) ?? -1;
    if (place >= 0) link?.secure?.control(place, payload);
  }

  #look(): void {
    for (const link of [...this.#links.values()]) this.#lookAt(link);
  }

  /** Tells what a secure link's timers need to know. */
  #news(link: NativeLink, secure: SecureEvents): void {
    for (const { sealed, data } of this.core.news(link.session)) {
      const { sealing, heardPlace, heardFrom } = link; // what is told may change them
      if (!sealed && heardPlace !== undefined && heardFrom !== undefined)
        secure.opened(heardPlace, heardFrom, data);
      if (sealed && sealing !== undefined)
        secure.sealed(data, this.core.keypairSealed(link.session, sealing));
    }
  }

  /** Tells what the counts of a link tell. */
  #lookAt(link: NativeLink): void {
    const activity = this.core.activity(link.session);
    if (activity === link.activity) return;
    link.activity = activity;
    const now = this.core.counts(link.session);
    const before = link.seen;
    link.seen = now;
    if (link.secure !== undefined) {
      this.#news(link, link.secure);
      if (performance.now() - link.pathAsked >= PATH_MS) this.#askPath(link);
    } else {
      if (now.sealed > before.sealed) this.#events.sent(link);
      if (now.opened > before.opened) this.#events.heard(link);
    }
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
