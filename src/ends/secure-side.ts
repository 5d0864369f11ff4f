import type { Cable } from '../cable/cable.js';
import type { Link, SecureLink } from '../cable/link.js';
import { forPeer, type OpenPlug } from '../cable/plug/plug.js';
import type { SessionCounts } from '../core/terms.js';
import { CryptcabError, isHopeless } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import { keyText } from '../keys/key-text.js';
import type { Log, SeldomLog } from '../log.js';
import type { HostFields } from '../network/host.js';
import { ATTEMPT_DELAY } from '../protocol/race.js';
import type { Rate } from '../protocol/rate-limit.js';
import { type Remote, remoteKey, remoteText } from '../protocol/remote.js';
import { MESSAGE } from '../protocol/secure/constants.js';
import type { EnrolResult } from '../protocol/secure/control.js';
import { SecureMachine } from '../protocol/secure/machine.js';
import { handshakeType, isTransport } from '../protocol/secure/messages.js';
import type { Peer } from '../protocol/secure/peer.js';
import type {
  PeerOptions,
  SecureEffect,
  SecureHint,
  SecureOptions,
  SecureRefusal,
  Stranger,
} from '../protocol/secure/terms.js';
import type { Endpoint } from './endpoint.js';
import type { SecureHandlers } from './handlers.js';
import { hintText } from './hints.js';
import { Holes } from './holes.js';
import { HostEnd } from './host-end.js';
import { identityOf, peerText } from './peers/peer-text.js';
import { Pings } from './pings.js';
import type { PeerFacts } from './report/report.js';
import { type Ask, Resolver } from './resolve.js';
import type { PeerStatistics } from './running.js';
import { type SleepClock, sleepClock } from './sleep-clock.js';

/** How often the machine's timers are looked at; the shortest of them is seconds long. */
const TICK_MS = 250;
/** Another address is to be tried by then; a timer may ring up to 1 ms too early. */
const ELSEWHERE_MS = ATTEMPT_DELAY + 1;

/** What a refusal may mean, where people can tell. */
const MEANS: Partial<Record<SecureRefusal, string>> = {
  'bad mac1': ', of somebody who calls another server: with its public key, or by its invite',
};

/** A message that begins a handshake, and where it was sent. */
export interface Initiation {
  readonly to: Remote;
  readonly datagram: Uint8Array;
}

interface Member {
  readonly endpoint: Endpoint | undefined;
  /** Of a stock WireGuard device. */
  readonly host: HostEnd | undefined;
  link: SecureLink | undefined;
  plugged: boolean;
  up: boolean;
  readonly resolver: Resolver | undefined;
  /** Ends what is under way for it. */
  readonly forgotten: AbortController;
  resolving: boolean;
}

/**
 * The secure links of a cable: carries out what the machine says (secure.md). Which peers there are, and what
 * they are plugged into, is its owner's business.
 */
export class SecureSide {
  readonly #cable: Cable;
  readonly #machine: SecureMachine;
  readonly #path: number;
  readonly #handlers: SecureHandlers;
  readonly #log: Log;
  readonly #seldom: SeldomLog;
  readonly #members = new Map<Peer, Member>();
  readonly #byLink = new WeakMap<Link, Peer>();
  /** Who may not connect any more, until all is done that follows. */
  readonly #removed = new Set<Peer>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #ask: Ask | undefined;
  readonly #holes: Holes;
  readonly #timer: NodeJS.Timeout;
  /** Each rings when an initiation may go to another address. */
  readonly #elsewhere = new Set<NodeJS.Timeout>();
  /** Whether a peer's name stands for more than one address. */
  #several = false;
  readonly #clock: SleepClock;
  readonly #pings = new Pings();
  #initiation: Initiation | undefined;
  #acting = false;

  /**
   * @param privateKey 32 bytes; the machine keeps a copy of it
   * @param path largest UDP payload to be sent, bytes
   * @param enrolledMax enrolled peers at a time, at most; 1024 unless told
   * @param ask looks names up; the system does unless told
   * @param forgetAfter for how long an enrolled peer may be silent, ms; 30 days unless told
   * @param keyLog told the keys of each handshake
   * @param clock goes on while the system sleeps; the system's unless told
   * @param strangers how many strangers' keys are looked at
   * @param serverId of one of several servers with this key
   */
  constructor(options: {
    readonly cable: Cable;
    readonly privateKey: Uint8Array;
    readonly path: number;
    readonly enrolledMax?: number | undefined;
    readonly handlers: SecureHandlers;
    readonly log: Log;
    readonly seldom: SeldomLog;
    readonly ask?: Ask | undefined;
    readonly forgetAfter?: number | undefined;
    readonly clock?: SleepClock;
    readonly keyLog?: SecureOptions['keyLog'];
    readonly strangers?: Rate | undefined;
    readonly serverId?: number | undefined;
  }) {
    this.#cable = options.cable;
    this.#path = options.path;
    this.#handlers = options.handlers;
    this.#log = options.log;
    this.#seldom = options.seldom;
    this.#ask = options.ask;
    this.#clock = options.clock ?? sleepClock();
    this.#machine = new SecureMachine({
      privateKey: options.privateKey,
      random: drawSecret,
      index: (peer, drawn) => {
        const member = this.#members.get(peer);
        const link = member && this.#linkOf(peer, member);
        return link === undefined ? drawn : link.index(drawn);
      },
      unixTime: Date.now,
      enrolledMax: options.enrolledMax,
      forgetAfter: options.forgetAfter,
      controls: true,
      keyLog: options.keyLog,
      strangers: options.strangers,
      serverId: options.serverId,
    });
    this.#holes = new Holes((hint) => this.#hint(hint));
    this.#timer = setInterval(() => {
      this.#clock.look();
      this.#tick();
      for (const { host } of this.#members.values()) host?.tick();
      this.#holes.look(this.#clock.now(), this.#members);
    }, TICK_MS);
  }

  get publicKey(): Uint8Array {
    return this.#machine.publicKey;
  }

  /** The last one that was sent. */
  get initiation(): Initiation | undefined {
    return this.#initiation;
  }

  /** What was dropped, by reason: handshakes that are none, and transport messages of nobody's. */
  get refused(): ReadonlyMap<SecureRefusal, bigint> {
    return this.#machine.refused;
  }

  /**
   * From now on this one may connect; where its endpoint is known it is called.
   * @throws RangeError for what is no public key, our own, or there already, and for one more that enrols where all are up
   */
  add(options: Omit<PeerOptions, 'endpoint'>, endpoint?: Endpoint, host?: HostFields): Peer {
    const { name = '', eager = endpoint !== undefined } = options;
    const peer = this.#machine.addPeer(this.#clock.now(), { ...options, name, eager });
    const member: Member = {
      endpoint,
      host: host && this.#hostEnd(peer, host),
      link: undefined,
      plugged: false,
      up: false,
      resolver: endpoint && new Resolver(endpoint.host, this.#cable.local.address, this.#log, this.#ask),
      forgotten: new AbortController(),
      resolving: false,
    };
    this.#members.set(peer, member);
    this.#step(() => {}); // another one may have had to make room
    if (endpoint !== undefined) this.#resolve(peer, member);
    return peer;
  }

  #hostEnd(peer: Peer, host: HostFields): HostEnd {
    return new HostEnd(peer, host, {
      log: this.#log,
      path: this.#path,
      now: () => this.#clock.now(),
      wanted: () => this.wanted(peer),
      close: () => this.#handlers.slept?.(peer),
    });
  }

  /** A stock WireGuard device's host; undefined of another peer. */
  hostOf(peer: Peer): HostEnd | undefined {
    return this.#members.get(peer)?.host;
  }

  /** This one may not connect any more: it is cut off at once. */
  remove(peer: Peer): void {
    this.#removed.add(peer);
    this.#step(() => this.#machine.removePeer(peer));
  }

  /** Calls a peer where it was last. */
  recall(peer: Peer, endpoint: Remote): void {
    this.#machine.setEndpoint(peer, endpoint);
    const link = this.#members.get(peer)?.link;
    if (link !== undefined) link.move(endpoint);
    this.wanted(peer);
  }

  /** Calls a peer at these addresses, one after the other while none answers. */
  callAt(peer: Peer, addresses: readonly Remote[]): void {
    const member = this.#members.get(peer);
    if (member === undefined) return;
    this.#several ||= addresses.length > 1;
    this.#setAddresses(peer, member, addresses);
    this.wanted(peer);
  }

  /** Answers a guest. @param time s since 1970 */
  answer(guest: Peer, result: EnrolResult, time = 0): void {
    this.#step(() => this.#machine.answer(guest, result, time));
  }

  /** All that may connect, and whether each is up; guests are none of them. */
  *peers(): Generator<{ readonly peer: Peer; readonly up: boolean }> {
    for (const [peer, { up }] of this.#members) if (!peer.guest) yield { peer, up };
  }

  /** Ends a peer's session; it may connect again. */
  disconnect(peer: Peer): void {
    this.#step(() => this.#machine.disconnect(peer));
  }

  /** The peer with this public key, as text. */
  find(publicKey: string): Peer | undefined {
    return this.#machine.peers.find((peer) => keyText(peer.publicKey) === publicKey);
  }

  /** Whether a peer is up. */
  isUp(peer: Peer): boolean {
    return this.#members.get(peer)?.up === true;
  }

  /** A datagram came that is of no link. */
  receive(datagram: Uint8Array, from: Remote): void {
    this.#step((now) => {
      if (isTransport(datagram)) this.#machine.route(from, datagram);
      else this.#machine.receive(now, from, datagram);
    });
  }

  /** A peer is to be up, whether or not there is something to send. */
  wanted(peer: Peer): void {
    this.#step((now) => this.#machine.wanted(now, peer));
  }

  /** Says something to a peer, so that a quiet link stays. */
  keepalive(peer: Peer): void {
    this.#step((now) => this.#machine.keepalive(now, peer));
  }

  /**
   * Takes a port of the switch for a peer, unless it has one.
   * @returns what the plug says of its first attempt
   */
  plug(peer: Peer, open: OpenPlug): Promise<void> {
    const member = this.#members.get(peer);
    const link = member && this.#linkOf(peer, member);
    if (member === undefined || link === undefined || member.plugged) return Promise.resolve();
    member.plugged = true;
    return link.plug(forPeer(open, identityOf(peer)));
  }

  /** Gives a peer's port back. */
  pull(peer: Peer): void {
    const member = this.#members.get(peer);
    if (member?.link === undefined || !member.plugged) return;
    member.plugged = false;
    this.#run(member.link.pull());
  }

  /** A peer's link, once it has one. */
  linkOf(peer: Peer): SecureLink | undefined {
    return this.#members.get(peer)?.link;
  }

  /** The links that there are. */
  links(): SecureLink[] {
    return [...this.#members.values()].flatMap(({ link }) => link ?? []);
  }

  /** Whether a peer has a port of the switch. */
  get plugged(): boolean {
    for (const { link } of this.#members.values()) if (link?.port !== undefined) return true;
    return false;
  }

  /** Whose link this is. */
  peerOf(link: Link): Peer | undefined {
    return this.#byLink.get(link);
  }

  /** Why a peer's name has no address; undefined when it has one, or is none. */
  trouble(peer: Peer): string | undefined {
    return this.#members.get(peer)?.resolver?.trouble;
  }

  /** What is known of each peer that may connect. */
  *facts(): Generator<PeerFacts & { readonly of: Peer }> {
    const now = this.#clock.now();
    for (const [peer, { link, host }] of this.#members) {
      if (peer.guest) continue;
      const { endpoint, heardAt, roundTrip, loss } = peer;
      yield {
        of: peer,
        identity: identityOf(peer),
        cable: 'secure',
        address: endpoint,
        quiet: heardAt === undefined ? undefined : now - heardAt,
        roundTrip,
        loss,
        link,
        counts: link?.counts(),
        ...(host !== undefined && { host: host.facts }),
      };
    }
  }

  /** What the links of all peers have carried. */
  *counts(): Generator<SessionCounts> {
    for (const { link } of this.#members.values()) if (link !== undefined) yield link.counts();
  }

  /** Who called and is not known, of the last ones; and the clock that says when. */
  get strangers(): { readonly strangers: readonly Stranger[]; readonly now: number } {
    return { strangers: this.#machine.strangers, now: this.#clock.now() };
  }

  /**
   * Asks a peer whether it is there.
   * @returns how long the answer took, ms; undefined when none came for long
   * @throws CryptcabError for one that is not up, or answers no questions
   */
  ping(peer: Peer): Promise<number | undefined> {
    let question: bigint | undefined;
    this.#step((now) => {
      question = this.#machine.ask(now, peer);
    });
    if (question === undefined)
      throw new CryptcabError(
        peer.sealing === undefined
          ? `${peerText(peer)} is not up`
          : `${peerText(peer)} answers no pings: it is no cryptcab, or one of an older version`,
      );
    return this.#pings.wait(peer, question);
  }

  /** From now on people call a peer by this name. */
  rename(peer: Peer, name: string): void {
    this.#machine.rename(peer, name);
  }

  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[] {
    return [...this.#members].flatMap(([peer, { link, up }]) =>
      up && link !== undefined && !peer.guest
        ? [
            {
              ...identityOf(peer),
              address: remoteText(link.remote),
              port: link.port,
              roundTrip: peer.roundTrip,
              loss: peer.loss,
              ...link.counts(),
            },
          ]
        : [],
    );
  }

  /** Tells all peers to go elsewhere; no call is answered from now on. */
  leave(): void {
    this.#step((now) => this.#machine.leave(now));
  }

  /** Whether all have gone. */
  get left(): boolean {
    return this.#machine.left(this.#clock.now());
  }

  /** Cuts all off and wipes all keys. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const timer of this.#elsewhere) clearTimeout(timer);
    this.#pings.close();
    for (const peer of [...this.#members.keys()]) this.remove(peer);
    this.#machine.end();
    this.#clock.close();
    await Promise.allSettled(this.#tasks);
  }

  #tick(): void {
    this.#step((now) => this.#machine.tick(now));
  }

  /** Tells the machine something, and does what it says. What is told from within waits for its turn. */
  #step(tell: (now: number) => void): void {
    tell(this.#clock.now());
    if (this.#acting) return;
    this.#acting = true;
    try {
      for (let effects = this.#machine.take(); effects.length > 0; effects = this.#machine.take()) {
        for (const effect of effects) this.#act(effect);
      }
      for (const peer of this.#removed) this.#forget(peer);
      this.#removed.clear();
    } finally {
      this.#acting = false;
    }
  }

  #act(effect: SecureEffect): void {
    if (effect.do === 'send') {
      this.#cable.send(effect.datagram, effect.to);
      if (handshakeType(effect.datagram) === MESSAGE.INITIATION) {
        this.#initiation = effect;
        if (this.#several) this.#tickForOthers();
      }
      return;
    }
    if (effect.do === 'refused') {
      const { from, why } = effect;
      const say = (times: number) =>
        this.#log.info({ peer: remoteText(from), times }, `dropped: ${why}${MEANS[why] ?? ''}`);
      // By reason alone: an attacker who can forge one source address can forge many.
      this.#seldom.note(this.#clock.now(), `secure ${why}`, say);
      return;
    }
    if (effect.do === 'hint') {
      this.#hint(effect.hint);
      return;
    }
    const { peer } = effect;
    const member = this.#members.get(peer);
    if (member === undefined) return;
    switch (effect.do) {
      case 'install': {
        const link = this.#linkOf(peer, member);
        if (link !== undefined) link.install(effect.place, effect.keys);
        this.#handlers.keyed?.();
        effect.keys.send.fill(0);
        effect.keys.receive.fill(0);
        break;
      }
      case 'use':
        if (member.link !== undefined) member.link.use(effect.place);
        member.host?.keyed();
        break;
      case 'drop':
        if (member.link !== undefined) member.link.drop(effect.place);
        break;
      case 'keepalive':
        if (member.link !== undefined) member.link.say(new Uint8Array());
        break;
      case 'control':
        if (member.link !== undefined) member.link.say(effect.payload);
        effect.payload.fill(0); // it may hold a key
        break;
      case 'enrol':
        this.#handlers.enrol?.(peer, effect.introduction);
        break;
      case 'verdict':
        this.#handlers.verdict?.(peer, effect.answer);
        break;
      case 'answered':
        this.#pings.answered(peer, effect.question, effect.took);
        break;
      case 'moved':
        this.#moved(peer, member, effect.to);
        break;
      case 'resolve':
        if (member.endpoint === undefined) break; // it is the one that calls
        this.#resolve(peer, member);
        this.#handlers.noAnswer?.(peer);
        break;
      case 'unanswered':
        if (member.link !== undefined) member.link.discard();
        member.host?.discard();
        this.#handlers.unanswered?.(peer);
        break;
      case 'up':
        member.up = true;
        this.#handlers.up(peer);
        break;
      case 'down':
        member.up = false;
        if (member.link !== undefined) member.link.discard();
        this.#handlers.down(peer, effect.why);
        break;
      case 'gone':
        this.#handlers.gone?.(peer, effect.why);
        this.#forget(peer);
        break;
    }
  }

  #hint(hint: SecureHint): void {
    if (hint.what === 'stranger') {
      this.#handlers.stranger?.(hint.publicKey, hint.from);
      return;
    }
    const say = () => this.#log.warn({ peer: peerText(hint.peer) }, hintText(hint));
    this.#seldom.note(this.#clock.now(), `${hint.what} ${keyText(hint.peer.publicKey)}`, say);
  }

  #moved(peer: Peer, member: Member, to: Remote): void {
    if (member.link === undefined) return;
    const before = remoteKey(member.link.remote);
    member.link.move(to);
    if (!member.up || before === remoteKey(to)) return;
    this.#handlers.moved?.(peer);
    const say = (times: number) =>
      this.#log.info({ peer: peerText(peer), address: remoteText(to), times }, 'the peer has moved');
    this.#seldom.note(this.#clock.now(), `moved ${keyText(peer.publicKey)}`, say);
  }

  /** A peer's link, made when it is needed for the first time. */
  #linkOf(peer: Peer, member: Member): SecureLink | undefined {
    if (member.link !== undefined) return member.link;
    const nowhere = { address: '::', port: 0 }; // until its endpoint is known nothing is sealed
    member.link = this.#cable.join(peer.endpoint ?? nowhere, this.#path, {
      wanted: () => this.wanted(peer),
      opened: (place, from, data) => this.#step((now) => this.#machine.opened(now, peer, place, from, data)),
      control: (place, payload) => this.#step((now) => this.#machine.control(now, peer, place, payload)),
      sealed: (data, count) => this.#step((now) => this.#machine.sealed(now, peer, data, count)),
      path: (packet) => {
        const text = `the way to the peer carries packets of ${packet} bytes`;
        this.#log.info({ peer: peerText(peer), packet }, text);
      },
      kept: (from, bytes) => member.host?.kept(from, bytes),
    });
    if (member.link === undefined) {
      this.#log.warn({ peer: peerText(peer) }, 'refused a peer: no memory for one more session');
    } else {
      this.#byLink.set(member.link, peer);
      member.host?.begin(member.link);
    }
    return member.link;
  }

  #forget(peer: Peer): void {
    const member = this.#members.get(peer);
    this.#members.delete(peer);
    member?.forgotten.abort();
    member?.host?.gone(); // it may have been asleep
    const link = member?.link;
    this.#handlers.left?.(peer, link?.counts());
    if (link !== undefined) this.#run(link.close());
  }

  /** Looks up where a peer is, however long that takes, and calls it there. */
  #resolve(peer: Peer, member: Member): void {
    const { endpoint, resolver } = member;
    if (endpoint === undefined || resolver === undefined || member.resolving) return;
    member.resolving = true;
    const look = async () => {
      let found: string[];
      try {
        found = await resolver.wait(member.forgotten.signal);
      } catch (error) {
        if (isHopeless(error)) this.#handlers.noWay?.(peer, error);
        return;
      } finally {
        member.resolving = false;
      }
      if (!this.#members.has(peer)) return;
      this.#several ||= found.length > 1;
      this.#setAddresses(
        peer,
        member,
        found.map((address) => ({ address, port: endpoint.port })),
      );
      this.wanted(peer);
    };
    this.#run(look());
  }

  /** What its name stands for. */
  #setAddresses(peer: Peer, member: Member, all: readonly Remote[]): void {
    const { endpoint } = peer;
    const known = all.some(({ address }) => address === endpoint?.address);
    const to = known && endpoint !== undefined ? endpoint : (all[0] as Remote);
    this.#machine.setEndpoint(peer, to, all);
    if (!known && member.link !== undefined) member.link.move(to);
  }

  #tickForOthers(): void {
    const timer = setTimeout(() => {
      this.#elsewhere.delete(timer);
      this.#tick();
    }, ELSEWHERE_MS);
    this.#elsewhere.add(timer);
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#tasks.delete(running));
    running.catch(() => {});
    this.#tasks.add(running);
  }
}
