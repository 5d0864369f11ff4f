import type { Cable } from '../cable/cable.js';
import type { Link, SecureLink } from '../cable/link.js';
import type { OpenPlug } from '../cable/plug/plug.js';
import type { SessionCounts } from '../core/terms.js';
import { CryptcabError, isHopeless } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import { keyText } from '../keys/key-text.js';
import type { Log, SeldomLog } from '../log.js';
import type { HostFields } from '../network/host.js';
import { ATTEMPT_DELAY } from '../protocol/race.js';
import type { Rate } from '../protocol/rate-limit.js';
import type { Remote } from '../protocol/remote.js';
import type { EnrolResult } from '../protocol/secure/control.js';
import { SecureMachine } from '../protocol/secure/machine.js';
import { isTransport } from '../protocol/secure/messages.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { PeerOptions, SecureOptions, SecureRefusal, Stranger } from '../protocol/secure/terms.js';
import type { Endpoint } from './endpoint.js';
import { greeted } from './greeted.js';
import type { SecureHandlers } from './handlers.js';
import { Holes } from './holes.js';
import { HostEnd, type HostSide } from './host-end.js';
import { Member } from './peers/member.js';
import { peerText } from './peers/peer-text.js';
import { NobodyThere, Pings } from './pings.js';
import type { PeerFacts } from './report/report.js';
import { type Ask, Resolver } from './resolve.js';
import type { PeerStatistics } from './running.js';
import { type Initiation, SecureActs } from './secure-acts.js';
import { type SleepClock, sleepClock } from './sleep-clock.js';

/** How often the machine's timers are looked at; the shortest of them is seconds long. */
const TICK_MS = 250;
/** Another address should be tried by then; a timer may ring up to 1 ms too early. */
const ELSEWHERE_MS = ATTEMPT_DELAY + 1;

/**
 * The secure links of a cable: carries out what the machine says (secure.md). Which peers there are, and what
 * they are plugged into, is its owner's business.
 */
export class SecureSide {
  readonly #cable: Cable;
  readonly #machine: SecureMachine;
  readonly #acts: SecureActs;
  readonly #path: number;
  readonly #handlers: SecureHandlers;
  readonly #log: Log;
  readonly #members = new Map<Peer, Member>();
  readonly #byLink = new WeakMap<Link, Peer>();
  /** Who may not connect any more, until all is done that follows. */
  readonly #removed = new Set<Peer>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #ask: Ask | undefined;
  readonly #holes: Holes;
  readonly #hosts: HostSide;
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
   * @param enrolledMax enrolled peers at a time, at most; default: 1024
   * @param ask looks names up; default: the system does
   * @param forgetAfter for how long an enrolled peer may be silent, ms; default: 30 days
   * @param keyLog told the keys of each handshake
   * @param clock goes on while the system sleeps; default: the system's
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
    this.#handlers = options.handlers;
    this.#log = options.log;
    this.#ask = options.ask;
    this.#clock = options.clock ?? sleepClock();
    this.#machine = new SecureMachine({
      privateKey: options.privateKey,
      random: drawSecret,
      index: (peer, drawn) => {
        const member = this.#members.get(peer);
        const link = member && this.#acts.linkOf(member);
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
    this.#path = options.path;
    this.#acts = new SecureActs({
      ...{ cable: options.cable, path: options.path, handlers: options.handlers },
      ...{ log: options.log, seldom: options.seldom },
      ...{ pings: this.#pings, members: this.#members, byLink: this.#byLink },
      now: () => this.#clock.now(),
      tell: (what) => this.#step((now) => what(this.#machine, now)),
      called: (initiation) => {
        this.#initiation = initiation;
        if (this.#several) this.#tickForOthers();
      },
      resolve: (member) => this.#resolve(member),
      forget: (peer) => this.#forget(peer),
    });
    this.#hosts = {
      log: this.#log,
      path: this.#path,
      now: () => this.#clock.now(),
      wanted: (peer) => this.wanted(peer),
      close: (peer) => this.#handlers.slept?.(peer),
    };
    this.#holes = new Holes((hint) => this.#acts.hint(hint));
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

  /** What was dropped, by reason: handshakes that are none, and transport messages of unknown senders. */
  get refused(): ReadonlyMap<SecureRefusal, bigint> {
    return this.#machine.refused;
  }

  /**
   * From now on this one may connect; where its endpoint is known it is called.
   * @throws RangeError for what is no public key, our own, or there already, and for one more that enrols where all are up
   */
  add(options: Omit<PeerOptions, 'endpoint'>, endpoint?: Endpoint, host?: HostFields): Peer {
    const { name = '', eager = endpoint !== undefined } = options;
    if (host !== undefined) this.#refuseTwice(options.publicKey, host);
    const peer = this.#machine.addPeer(this.#clock.now(), { ...options, name, eager });
    const own = this.#cable.local.address;
    const resolver = endpoint && new Resolver(endpoint.host, own, this.#log, this.#ask);
    const member = new Member(peer, endpoint, resolver, host && new HostEnd(peer, host, this.#hosts));
    this.#members.set(peer, member);
    this.#step(() => {}); // another one may have had to make room
    // A peer that is added by hand is added again with its line in the list: the answer is about that one.
    queueMicrotask(() => this.#step((now) => this.#machine.answerWaiting(now, peer)));
    if (endpoint !== undefined) this.#resolve(member);
    return peer;
  }

  /** @throws RangeError for an address that another device has, also a MAC address */
  #refuseTwice(publicKey: Uint8Array, host: HostFields): void {
    for (const [peer, { host: other }] of this.#members) {
      const shared = other?.shared(publicKey, host);
      if (shared !== undefined) throw new RangeError(`${shared} is an address of ${peerText(peer)}`);
    }
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
    this.#setAddresses(member, addresses);
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

  /** A peer should be up, whether or not there is something to send. */
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
    const link = member && this.#acts.linkOf(member);
    return member === undefined || link === undefined ? Promise.resolve() : member.plug(link, open);
  }

  /** Gives a peer's port back. */
  pull(peer: Peer): void {
    const pulled = this.#members.get(peer)?.pull();
    if (pulled !== undefined) this.#run(pulled);
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
    return this.#members.get(peer)?.trouble;
  }

  /** What is known of each peer that may connect. */
  *facts(): Generator<PeerFacts & { readonly of: Peer }> {
    const now = this.#clock.now();
    for (const [peer, member] of this.#members) if (!peer.guest) yield { of: peer, ...member.facts(now) };
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
      throw peer.sealing === undefined
        ? new NobodyThere(`${peerText(peer)} is not up`)
        : new CryptcabError(
            `${peerText(peer)} answers no pings: it is no cryptcab, or one of an older version`,
          );
    return this.#pings.wait(peer, question);
  }

  /** From now on people call a peer by this name. */
  rename(peer: Peer, name: string): void {
    this.#machine.rename(peer, name);
  }

  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[] {
    return [...this.#members].flatMap(([{ guest }, member]) => (guest ? [] : (member.statistics() ?? [])));
  }

  /**
   * Some server with our key has met a peer.
   * @param timestamp of its initiation, 12 bytes
   * @param elsewhere whether that is another one
   */
  seen(peer: Peer, timestamp: Uint8Array, elsewhere: boolean): void {
    this.#step(() => this.#machine.seen(peer, timestamp, elsewhere));
  }

  /** A peer that is up has its port of the switch. */
  came(peer: Peer): void {
    this.#step(() => this.#machine.came(peer));
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
    await greeted([...this.#members.values()], () => this.#clock.now());
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

  /** Calls the machine, and does what it says. A call from within waits for its turn. */
  #step(tell: (now: number) => void): void {
    tell(this.#clock.now());
    if (this.#acting) return;
    this.#acting = true;
    try {
      for (let effects = this.#machine.take(); effects.length > 0; effects = this.#machine.take()) {
        for (const effect of effects) this.#acts.act(effect);
      }
      for (const peer of this.#removed) this.#forget(peer);
      this.#removed.clear();
    } finally {
      this.#acting = false;
    }
  }

  #forget(peer: Peer): void {
    const member = this.#members.get(peer);
    this.#members.delete(peer);
    member?.forget();
    const link = member?.link;
    this.#handlers.left?.(peer, link?.counts());
    if (link !== undefined) this.#run(link.close());
  }

  /** Looks up where a peer is, however long that takes, and calls it there. */
  #resolve(member: Member): void {
    const { peer } = member;
    const look = async () => {
      try {
        const found = await member.addresses();
        if (found !== undefined) this.callAt(peer, found);
      } catch (error) {
        if (isHopeless(error)) this.#handlers.noWay?.(peer, error);
      }
    };
    this.#run(look());
  }

  /** What its name stands for. */
  #setAddresses({ peer, link }: Member, all: readonly Remote[]): void {
    const { endpoint } = peer;
    const known = all.some(({ address }) => address === endpoint?.address);
    const to = known && endpoint !== undefined ? endpoint : (all[0] as Remote);
    this.#machine.setEndpoint(peer, to, all);
    if (!known) link?.move(to);
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
