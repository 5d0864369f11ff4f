import type { Cable, CableEvents } from '../cable/cable.js';
import type { Link } from '../cable/link.js';
import { openCable } from '../cable/open-cable.js';
import type { OpenPlug } from '../cable/plug/plug.js';
import { firstAttempt, type Patience } from '../cable/start-patience.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import type { Core } from '../core/core.js';
import { openCore } from '../core/open-core.js';
import type { SessionCounts } from '../core/terms.js';
import { deferred } from '../deferred.js';
import { type Log, SeldomLog } from '../log.js';
import type { Io } from '../options/io-path.js';
import { Captures, type CapturesHost } from './capture/captures.js';
import { Passages } from './passages.js';
import { Attendance } from './report/attendance.js';
import { type EndFacts, endReport } from './report/report.js';
import type { Watcher } from './running.js';
import { noteRefusal, warnOfLength, warnOfLoop, warnOfPort, warnOfWear } from './warnings.js';

/** What every end is started with. */
export interface EndConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Our only address; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  /** Makes a switch port for each peer. */
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly watcher?: Watcher | undefined;
  readonly tap?: WireTap;
  readonly io?: Io;
  readonly openUdp?: OpenUdp;
  /** Default: `network`. */
  readonly patience?: Patience;
}

/** What its owner does, and knows, that the end does not. */
export interface EndOwner extends Omit<CapturesHost, 'cable'> {
  readonly role: 'server' | 'client';
  /** Whether it has one peer, and connects its socket to that. */
  readonly connects?: boolean;
  /** I/O threads of the native path; 1 when undefined. */
  readonly threads?: number;
  /** Broadcasts and multicasts that each peer may send a second; any number when undefined. */
  readonly broadcastLimit?: number | undefined;
  /** What each peer that has a link has carried. */
  counts(): Iterable<SessionCounts>;
  control: CableEvents['control'];
  heard?(link: Link): void;
  sent?(): void;
  large?(): void;
  unreachable?(): void;
  /** The system refused to send. @returns whether the owner says that itself */
  sendFailed?(why: string, lasts: boolean): boolean;
  /** Why a link has no port, where the owner knows it better than the plug. */
  portTrouble?(link: Link): string | undefined;
}

/** One end of a cable: opens it, says what happens to it, and keeps who was up since when. */
export class End {
  readonly core: Core;
  readonly log: Log;
  readonly seldom = new SeldomLog();
  readonly passages = new Passages();
  readonly attendance: Attendance;
  readonly captures: Captures;
  readonly cable: Cable;
  readonly #configuration: EndConfiguration;
  readonly #owner: EndOwner;
  readonly #ended = deferred();
  /** Before that, a client's plug that fails ends the client, which says so itself. */
  #pluggedIn: boolean;

  /**
   * Opens its cable; what comes until it is open is lost, as it would have been a moment before.
   * @throws CryptcabError when the port, or the path that was asked for, cannot be had
   */
  static async open(configuration: EndConfiguration, owner: EndOwner): Promise<End> {
    const core = await openCore();
    core.broadcastLimit = owner.broadcastLimit;
    let end: End | undefined;
    const whenOpen = (act: (open: End) => void) => {
      if (end !== undefined) act(end);
    };
    const cable = await openCable({
      core,
      io: configuration.io,
      plug: configuration.plug,
      threads: owner.threads,
      openUdp: configuration.openUdp,
      port: configuration.port,
      bind: configuration.bind,
      connects: owner.connects ?? false,
      serves: owner.role === 'server',
      tap: configuration.tap,
      events: {
        control: (...datagram) => whenOpen(() => owner.control(...datagram)),
        heard: (link) => owner.heard?.(link),
        sent: () => owner.sent?.(),
        large: () => owner.large?.(),
        refused: (...what) => whenOpen((one) => one.#refused(...what)),
        tooLong: (...what) => whenOpen((one) => one.#tooLong(...what)),
        worn: (link) => warnOfWear(configuration.log, owner.who(link).peer),
        plugLost: (...what) => whenOpen((one) => one.#plugLost(...what)),
        plugged: (link) => whenOpen((one) => one.#plugged(link)),
        unreachable: () => whenOpen(() => owner.unreachable?.()),
        sendFailed: (...what) => whenOpen((one) => one.#sendFailed(...what)),
        failed: (error) => whenOpen((one) => one.fail(error)),
      },
    });
    end = new End(configuration, owner, core, cable);
    return end;
  }

  private constructor(configuration: EndConfiguration, owner: EndOwner, core: Core, cable: Cable) {
    const client = owner.role === 'client';
    this.#configuration = configuration;
    this.#owner = owner;
    configuration.plug.network?.tells((line) => configuration.log.warn({}, line));
    this.#pluggedIn = !client;
    this.core = core;
    this.cable = cable;
    this.log = configuration.log;
    this.attendance = new Attendance(configuration.watcher, () => owner.counts(), client);
    this.captures = new Captures({
      cable,
      links: () => owner.links(),
      who: (link) => owner.who(link),
      away: () => owner.away(),
    });
  }

  /** Rejects when it cannot go on; resolves after close(). */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** It cannot go on. */
  fail(error: Error): void {
    this.#ended.reject(error);
  }

  /** It has done what it was to do. */
  finish(): void {
    this.#ended.resolve();
  }

  /** It has all that it takes. */
  begin(): void {
    this.log.info({ io: this.cable.io }, 'how frames and datagrams are moved');
    this.attendance.begin();
  }

  /**
   * Waits for what a client's plug says of its first attempt.
   * @returns what it waits for, in one line; undefined when it is in
   * @throws CryptcabError where waiting is of no use, or not wanted
   */
  async plugIn(settled: Promise<void>, link: () => Link | undefined): Promise<string | undefined> {
    const waits = await firstAttempt(settled, this.#configuration.patience ?? 'network');
    const first = !this.#pluggedIn;
    this.#pluggedIn = true;
    const missing = link();
    if (waits !== undefined && first && missing !== undefined) this.#plugLost(missing, waits);
    return waits;
  }

  /** Whether that has been in once, or is waited for. */
  get pluggedIn(): boolean {
    return this.#pluggedIn;
  }

  /** All that it can say of itself now. */
  report(facts: Omit<EndFacts, 'role' | 'cable' | 'attendance' | 'seldom' | 'locator'>) {
    const { cable, attendance, seldom } = this;
    const { locator } = this.#configuration.plug;
    return endReport({ role: this.#owner.role, cable, attendance, seldom, locator, ...facts });
  }

  /** Stops reporting what becomes of its peers. */
  stop(): void {
    this.attendance.close();
    this.captures.close();
  }

  /** Closes its cable; the links have been closed. */
  async close(): Promise<void> {
    await this.cable.close();
    await this.#configuration.plug.close?.();
    this.#ended.resolve();
  }

  #refused(link: Link, why: string, times: number): void {
    // A client that is not up: frames from the switch have nowhere to go yet. A host: a switch floods.
    if ((why === 'no key' && this.#owner.role === 'client') || why === 'not for this host') return;
    const { peer } = this.#owner.who(link);
    const say = (all: number) =>
      why === 'own datagram'
        ? warnOfLoop(this.log, peer, link.remote, all)
        : this.log.info({ peer, times: all }, `dropped: ${why}`);
    this.seldom.note(performance.now(), why === 'own datagram' ? why : `${peer} ${why}`, say, times);
  }

  #tooLong(link: Link, frameMax: number): void {
    warnOfLength(this.log, this.#owner.who(link).peer, frameMax, frameMax < this.core.frameMax);
  }

  #plugLost(link: Link, said: string): void {
    if (!this.#pluggedIn) return;
    const who = this.#owner.who(link);
    const why = this.#owner.portTrouble?.(link) ?? said;
    const had = this.passages.lost(link, () => this.attendance.unplugged(who, why));
    warnOfPort(this.log, this.seldom, had, why, who.peer);
  }

  #plugged(link: Link): void {
    const who = this.#owner.who(link);
    this.attendance.plug = { open: true, trouble: undefined };
    this.passages.plugged(link, () => {
      this.log.info({ peer: who.peer, port: link.port }, 'plugged into the switch again');
      this.attendance.plugged(who);
    });
  }

  #sendFailed(why: string, times: number, lasts: boolean): void {
    if (this.#owner.sendFailed?.(why, lasts) !== true) noteRefusal(this.log, this.seldom, why, times, lasts);
  }
}
