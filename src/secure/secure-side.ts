import { randomBytes } from 'node:crypto';
import type { Cable, Link } from '../cable.js';
import { messageOf } from '../error.js';
import { keyText } from '../keys/key-text.js';
import type { Log, SeldomLog } from '../log.js';
import type { OpenPlug } from '../plug/plug.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { SecureMachine } from '../protocol/secure/machine.js';
import { isTransport } from '../protocol/secure/messages.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { PeerOptions, SecureEffect, SecureRefusal } from '../protocol/secure/terms.js';
import { resolveHost } from '../resolve.js';
import type { PeerStatistics } from '../running.js';

/** How often the machine's timers are looked at; the shortest of them is seconds long. */
const TICK_MS = 250;
/** Of a public key, in the log. */
const SHORT_KEY = 8;

/** Where a peer is said to be. */
export interface Endpoint {
  /** Name or address. */
  readonly host: string;
  /** UDP. */
  readonly port: number;
}

/** What the owner of a secure side does about its peers. */
export interface SecureHandlers {
  /** Frames can flow. */
  up(peer: Peer): void;
  down(peer: Peer, why: 'expired' | 'removed'): void;
  /** An enrolled peer was silent for too long: it is removed. */
  gone?(peer: Peer): void;
  /** No answer for some seconds; tried on. */
  noAnswer?(peer: Peer): void;
  /** No answer for long; not tried any more until something wants it. */
  unanswered?(peer: Peer): void;
}

interface Member {
  readonly endpoint: Endpoint | undefined;
  link: Link | undefined;
  plugged: boolean;
  up: boolean;
  /** Which of its host's addresses was tried last. */
  tried: number;
  resolving: boolean;
}

/** Whether a datagram is one of the secure cable; types 1 to 4 are none of the classic protocol's. */
export function isSecure(datagram: Uint8Array): boolean {
  const [type, ...zeros] = datagram.subarray(0, 4);
  return (
    type !== undefined && type >= 1 && type <= 4 && zeros.length === 3 && zeros.every((one) => one === 0)
  );
}

/** A peer, for people: its name, and the beginning of its public key. */
export function peerText(peer: Peer): string {
  const key = `${keyText(peer.publicKey).slice(0, SHORT_KEY)}…`;
  return peer.name === '' ? key : `${peer.name} (${key})`;
}

/**
 * The secure links of a cable: carries out what the machine says (secure-protocol). Which peers there are, and what
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
  readonly #tasks = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #acting = false;
  #closed = false;

  /**
   * @param privateKey 32 bytes; the machine keeps a copy of it
   * @param path largest UDP payload to be sent, bytes
   */
  constructor(options: {
    readonly cable: Cable;
    readonly privateKey: Uint8Array;
    readonly path: number;
    readonly handlers: SecureHandlers;
    readonly log: Log;
    readonly seldom: SeldomLog;
  }) {
    this.#cable = options.cable;
    this.#path = options.path;
    this.#handlers = options.handlers;
    this.#log = options.log;
    this.#seldom = options.seldom;
    this.#machine = new SecureMachine({
      privateKey: options.privateKey,
      random: (length) => new Uint8Array(randomBytes(length)),
      index: (peer, drawn) => {
        const member = this.#members.get(peer);
        const link = member && this.#linkOf(peer, member);
        return link === undefined ? drawn : this.#cable.index(link, drawn);
      },
      unixTime: Date.now,
    });
    this.#timer = setInterval(() => this.#step((now) => this.#machine.tick(now)), TICK_MS);
  }

  get publicKey(): Uint8Array {
    return this.#machine.publicKey;
  }

  /** What was dropped, by reason: handshakes that are none, and transport messages of nobody's. */
  get refused(): ReadonlyMap<SecureRefusal, bigint> {
    return this.#machine.refused;
  }

  /**
   * From now on this one may connect; where its endpoint is known it is called.
   * @throws RangeError for what is no public key, our own, or there already
   */
  add(options: Omit<PeerOptions, 'endpoint'>, endpoint?: Endpoint): Peer {
    const peer = this.#machine.addPeer(performance.now(), { ...options, name: options.name ?? '' });
    const member = { endpoint, link: undefined, plugged: false, up: false, tried: -1, resolving: false };
    this.#members.set(peer, member);
    if (endpoint !== undefined) this.#resolve(peer, member);
    return peer;
  }

  /** This one may not connect any more: it is cut off at once. */
  remove(peer: Peer): void {
    this.#step(() => this.#machine.removePeer(peer));
    this.#forget(peer);
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
    const link = this.#members.get(peer)?.link;
    if (link !== undefined && peer.sealing !== undefined) this.#cable.keepalive(link);
    else this.wanted(peer);
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
    return this.#cable.plug(link, open).settled;
  }

  /** Gives a peer's port back. */
  pull(peer: Peer): void {
    const member = this.#members.get(peer);
    if (member?.link === undefined || !member.plugged) return;
    member.plugged = false;
    this.#run(this.#cable.pull(member.link));
  }

  /** Whose link this is. */
  peerOf(link: Link): Peer | undefined {
    return this.#byLink.get(link);
  }

  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[] {
    return [...this.#members].flatMap(([peer, { link, up }]) =>
      up && link !== undefined
        ? [{ peer: peerText(peer), address: remoteText(link.remote), ...this.#cable.counts(link) }]
        : [],
    );
  }

  /** Cuts all off and wipes all keys. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed = true;
    for (const peer of [...this.#members.keys()]) this.remove(peer);
    this.#machine.end();
    await Promise.allSettled(this.#tasks);
  }

  /** Tells the machine something, and does what it says. What is told from within waits for its turn. */
  #step(tell: (now: number) => void): void {
    tell(performance.now());
    if (this.#acting) return;
    this.#acting = true;
    try {
      for (let effects = this.#machine.take(); effects.length > 0; effects = this.#machine.take()) {
        for (const effect of effects) this.#act(effect);
      }
    } finally {
      this.#acting = false;
    }
  }

  #act(effect: SecureEffect): void {
    if (effect.do === 'send') {
      this.#cable.send(effect.datagram, effect.to);
      return;
    }
    if (effect.do === 'refused') {
      const { from, why } = effect;
      const say = (times: number) => this.#log.info({ peer: remoteText(from), times }, `dropped: ${why}`);
      // By reason alone: whoever can forge one source address can forge many.
      this.#seldom.note(performance.now(), `secure ${why}`, say);
      return;
    }
    const { peer } = effect;
    const member = this.#members.get(peer);
    if (member === undefined) return;
    switch (effect.do) {
      case 'install': {
        const link = this.#linkOf(peer, member);
        if (link !== undefined) this.#cable.install(link, effect.place, effect.keys);
        effect.keys.send.fill(0);
        effect.keys.receive.fill(0);
        break;
      }
      case 'use':
        if (member.link !== undefined) this.#cable.use(member.link, effect.place);
        break;
      case 'drop':
        if (member.link !== undefined) this.#cable.drop(member.link, effect.place);
        break;
      case 'keepalive':
        if (member.link !== undefined) this.#cable.keepalive(member.link);
        break;
      case 'moved':
        this.#moved(peer, member, effect.to);
        break;
      case 'resolve':
        if (member.endpoint !== undefined) this.#resolve(peer, member);
        this.#handlers.noAnswer?.(peer);
        break;
      case 'unanswered':
        if (member.link !== undefined) this.#cable.discard(member.link);
        this.#handlers.unanswered?.(peer);
        break;
      case 'up':
        member.up = true;
        this.#handlers.up(peer);
        break;
      case 'down':
        member.up = false;
        if (member.link !== undefined) this.#cable.discard(member.link);
        this.#handlers.down(peer, effect.why);
        break;
      case 'gone':
        this.#handlers.gone?.(peer);
        this.#forget(peer);
        break;
    }
  }

  #moved(peer: Peer, member: Member, to: Remote): void {
    if (member.link === undefined) return;
    this.#cable.move(member.link, to);
    if (!member.up) return;
    const say = (times: number) =>
      this.#log.info({ peer: peerText(peer), address: remoteText(to), times }, 'the peer has moved');
    this.#seldom.note(performance.now(), `moved ${keyText(peer.publicKey)}`, say);
  }

  /** A peer's link, made when it is needed for the first time. */
  #linkOf(peer: Peer, member: Member): Link | undefined {
    const nowhere = { address: '::', port: 0 }; // until its endpoint is known nothing is sealed
    member.link ??= this.#cable.join(peer.endpoint ?? nowhere, this.#path, {
      wanted: () => this.wanted(peer),
      opened: (place, from, data) => this.#step((now) => this.#machine.opened(now, peer, place, from, data)),
      sealed: (data, count) => this.#step((now) => this.#machine.sealed(now, peer, data, count)),
      path: (packet) => {
        const text = `the way to the peer carries packets of ${packet} bytes`;
        this.#log.info({ peer: peerText(peer), packet }, text);
      },
    });
    if (member.link === undefined)
      this.#log.warn({ peer: peerText(peer) }, 'refused a peer: no memory for one more session');
    else this.#byLink.set(member.link, peer);
    return member.link;
  }

  #forget(peer: Peer): void {
    const link = this.#members.get(peer)?.link;
    this.#members.delete(peer);
    if (link !== undefined) this.#run(this.#cable.unplug(link));
  }

  /** Looks up where a peer is, and calls it there: at the next address each time. */
  #resolve(peer: Peer, member: Member): void {
    const { endpoint } = member;
    if (endpoint === undefined || member.resolving) return;
    member.resolving = true;
    const look = async () => {
      try {
        const addresses = await resolveHost(endpoint.host);
        if (this.#closed || !this.#members.has(peer)) return;
        member.tried = (member.tried + 1) % addresses.length;
        const to = { address: addresses[member.tried] as string, port: endpoint.port };
        this.#machine.setEndpoint(peer, to);
        if (member.link !== undefined) this.#cable.move(member.link, to);
        this.wanted(peer);
      } catch (error) {
        const why = messageOf(error);
        this.#seldom.note(performance.now(), why, () => this.#log.warn({ peer: peerText(peer) }, why));
      } finally {
        member.resolving = false;
      }
    };
    this.#run(look());
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#tasks.delete(running));
    running.catch(() => {});
    this.#tasks.add(running);
  }
}
