import type { HostAddresses } from '../../core/hosts.js';
import type { Keying, SessionCounts, TransportKeys } from '../../core/terms.js';
import { CryptcabError } from '../../error.js';
import type { Remote } from '../../protocol/remote.js';
import { datagramMax, PATH_HEADERS } from '../../protocol/sizes.js';
import { BaseLink, type LinkHost } from '../base-link.js';
import type { ClassicLink, SecureEvents, SecureLink } from '../link.js';
import type { Links } from '../links.js';
import type { OpenPlug } from '../plug/plug.js';
import type { IoThread } from './io-thread.js';
import type { Routes } from './linux/routes.js';
import { NativePlug } from './native-plug.js';
import type { Openers } from './ports/openers.js';
import type { Source } from './ports/source.js';
import type { NativeSocket } from './socket.js';
import { threadIndex } from './steering.js';
import { FEED_MAX } from './thread/talk.js';

/** How often the way to the peer of a link in use is asked for. */
const PATH_MS = 1_000;

/** Which of the I/O threads on one port this is. */
export interface ThreadPlace {
  readonly thread: number;
  readonly threads: number;
}

/** What a link needs of its cable. */
export interface NativeHost extends LinkHost {
  readonly links: Links<NativeLink>;
  readonly thread: IoThread;
  readonly socket: NativeSocket;
  readonly routes: Routes;
  readonly openers: Openers;
  readonly place: ThreadPlace;
}

/** One link of a native cable, as the main thread knows it: it orders what the I/O thread does. */
export class NativeLink extends BaseLink implements ClassicLink, SecureLink {
  readonly #host: NativeHost;
  /** What the counts were when last looked at. */
  #seen: SessionCounts;
  #activity = 0;
  /** Bytes of pieces from its plug that the I/O thread has not read yet, if its plug is on this thread. */
  #feeding = 0;
  #paused = false;
  /** Its plug, if that is the I/O thread's. */
  #native: NativePlug | undefined;
  /** Who sent the last authentic message that the I/O thread reported, and the place of its keypair, while that is there. */
  #heardFrom: Remote | undefined;
  #heardPlace: number | undefined;
  /** Of a secure link: the largest UDP payload that was asked for, bytes. */
  readonly #pathMax: number;
  #pathAsked = 0;
  /** The way that the I/O thread was given. */
  #way: Uint8Array | undefined;

  /** @param path of a secure link: the largest UDP payload to be sent, bytes */
  constructor(host: NativeHost, session: number, remote: Remote, secure?: SecureEvents, path = 0) {
    super(host, session, remote, secure);
    this.#host = host;
    this.#seen = this.counts();
    this.#pathMax = path;
    if (secure === undefined) return;
    this.path = path;
    host.core.setPath(session, path);
    host.thread.order({ do: 'join', session, path });
    this.#readdress();
  }

  override get settled(): Promise<void> | undefined {
    return this.#native?.settled ?? super.settled;
  }

  index(drawn: number): number {
    const { thread, threads } = this.#host.place;
    return threadIndex(drawn, thread, threads);
  }

  move(to: Remote): void {
    this.remote = to;
    if (this.secure !== undefined) this.#readdress();
  }

  plug(open: OpenPlug): Promise<void> {
    const { session } = this;
    const { openers, thread } = this.#host;
    const source = openers.find(open);
    if (source !== undefined) return this.#plugNatively(source);
    thread.order({ do: 'pipe', session, even: open.even === true });
    const renew = () => thread.order({ do: 'resetStream', session });
    return this.openPlug(open, (piece) => this.#feed(piece), renew);
  }

  #plugNatively(source: Source): Promise<void> {
    const { session } = this;
    const { thread } = this.#host;
    thread.order({ do: 'plug', session, port: undefined, number: 0 });
    const unlessPulled = (act: () => void) => {
      if (this.#native === native) act();
    };
    const native = new NativePlug(source, {
      plugged: (port, number) =>
        unlessPulled(() => {
          thread.order({ do: 'plug', session, port, number });
          this.plugged(port.device);
        }),
      lost: (why) => unlessPulled(() => this.plugLost(why)),
    });
    this.#native = native;
    return native.settled;
  }

  pull(): Promise<void> {
    return this.#letGo('pull');
  }

  /** Takes its plug away, and closes it when the I/O thread uses it no more. */
  async #letGo(what: 'pull' | 'unplug'): Promise<void> {
    const { own } = this;
    const native = this.#native;
    this.#native = undefined;
    this.own = undefined;
    this.port = undefined;
    this.#feeding = 0;
    this.#paused = false;
    await this.#host.thread.done(this.session, what);
    native?.close();
    await own?.close();
  }

  raise(keying: Keying): void {
    const { core, links, socket, thread } = this.#host;
    const { session } = this;
    core.keySession(session, keying);
    this.renewed();
    const way = socket.names.encode(this.remote);
    if (way === undefined) throw new CryptcabError(`no address of this socket: ${this.remote.address}`);
    this.#way = way;
    links.raise(this);
    const { connected } = socket;
    thread.order({ do: 'raise', session, way, connected });
  }

  lower(): void {
    const { core, links, thread } = this.#host;
    this.#way = undefined;
    links.lower(this);
    this.#heardPlace = undefined;
    this.sealing = undefined;
    core.unkeySession(this.session);
    thread.order({ do: 'lower', session: this.session });
  }

  async close(): Promise<void> {
    this.lower();
    this.#host.links.remove(this);
    await this.#letGo('unplug');
    this.#host.core.closeSession(this.session);
  }

  install(place: number, keys: TransportKeys): void {
    const { core, links, thread } = this.#host;
    core.installKeypair(this.session, place, keys);
    if (this.#heardPlace === place) this.#heardPlace = undefined;
    links.install(this, place, keys.local);
    thread.order({ do: 'install', session: this.session, place, index: keys.local });
  }

  use(place: number): void {
    this.#host.core.useKeypair(this.session, place);
    this.sealing = place;
    this.#host.thread.order({ do: 'seal', session: this.session, can: true });
  }

  drop(place: number): void {
    const { core, links, thread } = this.#host;
    const { session } = this;
    core.dropKeypair(session, place);
    if (this.#heardPlace === place) this.#heardPlace = undefined;
    links.drop(this, place);
    thread.order({ do: 'drop', session, place });
    if (this.sealing !== place) return;
    this.sealing = undefined;
    thread.order({ do: 'seal', session, can: false });
  }

  discard(): void {
    this.#host.thread.order({ do: 'discard', session: this.session });
  }

  say(payload: Uint8Array): void {
    const datagram = this.#host.core.sealControl(this.session, payload);
    if (typeof datagram !== 'string') this.#host.send(datagram, this.remote);
  }

  override beHost(mac: Uint8Array, addresses: HostAddresses): void {
    super.beHost(mac, addresses);
    this.#host.thread.order({ do: 'host', session: this.session });
  }

  inject(frame: Uint8Array): void {
    this.#host.thread.order({ do: 'inject', session: this.session, frame });
  }

  /** Hands a piece of its plug's stream to the I/O thread; the plug waits when that has many. */
  #feed(piece: Uint8Array): void {
    this.#feeding += piece.length;
    this.#host.thread.order({ do: 'feed', session: this.session, piece: piece.slice() });
    if (this.#feeding > FEED_MAX && !this.#paused) {
      this.#paused = true;
      this.own?.pause();
    }
  }

  /** The I/O thread has read so much of them. */
  fed(bytes: number): void {
    this.#feeding = Math.max(0, this.#feeding - bytes); // a plug that was pulled may have left some
    if (this.#paused && this.#feeding <= FEED_MAX / 2) {
      this.#paused = false;
      this.own?.resume();
    }
  }

  /** The I/O thread has lost its port, and let go of it. */
  gone(number: number): void {
    this.#native?.gone(number);
  }

  /** Has the datagrams of a secure link go to its remote. */
  #readdress(): void {
    const way = this.#host.socket.names.encode(this.remote);
    if (way !== undefined) this.#goBy(way);
    this.#askPath();
  }

  /** Looks whether the way is still the same: an interface that was made again has another number under its name. */
  #lookAtWay(): void {
    const known = this.#way;
    if (known !== undefined && this.remote.address.includes('%')) {
      const way = this.#host.socket.names.encode(this.remote);
      if (way?.some((byte, i) => byte !== known[i])) this.#goBy(way);
    }
    this.#askPath();
  }

  #goBy(way: Uint8Array): void {
    this.#way = way;
    this.#host.thread.order({ do: 'address', session: this.session, way });
  }

  /** Has a secure link's datagrams fit the way to its remote, as far as the kernel knows it (secure.md §2.6). */
  #askPath(): void {
    this.#pathAsked = performance.now();
    if (this.secure === undefined || this.remote.port === 0) return; // nothing is fitted to it, or it is nowhere yet
    const packet = this.#host.routes.packet(this.remote);
    if (packet === undefined) return;
    const path = Math.min(this.#pathMax, datagramMax(packet));
    if (path === this.path) return;
    this.path = path;
    this.#host.thread.order({ do: 'path', session: this.session, path });
    this.secure?.path?.(path + PATH_HEADERS);
  }

  /** An authentic message came from somewhere else, or under other keys, than the last one. */
  opened(index: number, from: Remote, data: boolean): void {
    const place = this.indices.indexOf(index);
    if (place < 0) return; // its keys have been taken away since
    this.#heardPlace = place;
    this.#heardFrom = from;
    this.secure?.opened(place, from, data);
  }

  /** A control payload came. */
  said(index: number, payload: Uint8Array): void {
    const place = this.indices.indexOf(index);
    if (place >= 0) this.secure?.control(place, payload);
  }

  /** Tells what its counts tell. */
  look(): void {
    const { core, events } = this.#host;
    const activity = core.activity(this.session);
    if (activity === this.#activity) return;
    this.#activity = activity;
    const now = this.counts();
    const before = this.#seen;
    this.#seen = now;
    if (performance.now() - this.#pathAsked >= PATH_MS) this.#lookAtWay();
    if (this.secure !== undefined) {
      this.#news(this.secure);
    } else {
      if (now.sealed > before.sealed) events.sent(this);
      if (now.opened > before.opened) events.heard(this);
      this.lookAtWear();
    }
    this.lookAtRefusals();
    const long = Number(now.droppedUnopened - before.droppedUnopened);
    if (long > 0) this.refused('bad length', long);
  }

  /** Tells what a secure link's timers need to know. */
  #news(secure: SecureEvents): void {
    const { core } = this.#host;
    for (const { sealed, data } of core.news(this.session)) {
      const { sealing } = this; // the events may change it, and these
      const place = this.#heardPlace;
      const from = this.#heardFrom;
      if (!sealed && place !== undefined && from !== undefined) secure.opened(place, from, data);
      if (sealed && sealing !== undefined) secure.sealed(data, core.keypairSealed(this.session, sealing));
    }
  }
}
