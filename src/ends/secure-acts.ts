import type { Cable } from '../cable/cable.js';
import type { Link, SecureLink } from '../cable/link.js';
import { keyText } from '../keys/key-text.js';
import type { Log, SeldomLog } from '../log.js';
import { type Remote, remoteKey, remoteText } from '../protocol/remote.js';
import { announcements } from '../protocol/secure/announce.js';
import { MESSAGE } from '../protocol/secure/constants.js';
import type { SecureMachine } from '../protocol/secure/machine.js';
import { handshakeType } from '../protocol/secure/messages.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureEffect, SecureHint, SecureRefusal } from '../protocol/secure/terms.js';
import type { SecureHandlers } from './handlers.js';
import { hintKind, hintText } from './hints.js';
import type { Member } from './peers/member.js';
import { peerText } from './peers/peer-text.js';
import type { Pings } from './pings.js';

/** The time between two lines about messages for another server, ms: anybody can send as many as they like. */
const MISDIRECTED_MS = 10 * 60_000;

/** A message that begins a handshake, and where it was sent. */
export interface Initiation {
  readonly to: Remote;
  readonly datagram: Uint8Array;
}

/** What it takes to do what the machine says. */
export interface ActsHost {
  readonly cable: Cable;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  readonly handlers: SecureHandlers;
  readonly log: Log;
  readonly seldom: SeldomLog;
  readonly pings: Pings;
  readonly members: ReadonlyMap<Peer, Member>;
  readonly byLink: WeakMap<Link, Peer>;
  now(): number;
  /** Tells the machine something, and has done what it says. */
  tell(what: (machine: SecureMachine, now: number) => void): void;
  /** An initiation was sent. */
  called(initiation: Initiation): void;
  /** Looks up where a peer is, and calls it there. */
  resolve(member: Member): void;
  forget(peer: Peer): void;
}

/** Does what the machine of the secure cable says (protocol/secure/terms.ts), by the cable and by the owner's handlers. */
export class SecureActs {
  readonly #host: ActsHost;

  constructor(host: ActsHost) {
    this.#host = host;
  }

  /** Does what the machine says. */
  act(effect: SecureEffect): void {
    if (effect.do === 'send') {
      const { datagram, to } = effect;
      if (handshakeType(datagram) !== MESSAGE.INITIATION) {
        this.#host.cable.send(datagram, to);
        return;
      }
      this.#host.cable.send(datagram, to, (refused) => this.#host.handlers.called?.(to, refused));
      this.#host.called(effect);
      return;
    }
    if (effect.do === 'refused') {
      this.#refused(effect.from, effect.why);
      return;
    }
    if (effect.do === 'hint') {
      this.hint(effect.hint);
      return;
    }
    const { peer } = effect;
    const member = this.#host.members.get(peer);
    if (member === undefined) return;
    switch (effect.do) {
      case 'install': {
        const link = this.linkOf(member);
        link?.install(effect.place, effect.keys);
        this.#host.handlers.keyed?.();
        effect.keys.send.fill(0);
        effect.keys.receive.fill(0);
        break;
      }
      case 'use':
        member.link?.use(effect.place);
        member.host?.keyed();
        break;
      case 'drop':
        member.link?.drop(effect.place);
        break;
      case 'keepalive':
        member.link?.say(new Uint8Array());
        break;
      case 'control':
        member.link?.say(effect.payload);
        effect.payload.fill(0); // it may hold a key
        break;
      case 'announce':
        for (const payload of announcements(member.link?.sources() ?? [])) member.link?.say(payload);
        break;
      case 'enrol':
        this.#host.handlers.enrol?.(peer, effect.introduction);
        break;
      case 'verdict':
        this.#host.handlers.verdict?.(peer, effect.answer);
        break;
      case 'answered':
        this.#host.pings.answered(peer, effect.question, effect.took);
        break;
      case 'moved':
        this.#moved(member, effect.to);
        break;
      case 'resolve':
        if (!member.called) break; // it is the one that calls
        this.#host.resolve(member);
        this.#host.handlers.noAnswer?.(peer);
        break;
      case 'unanswered':
        member.link?.discard();
        member.host?.discard();
        this.#host.handlers.unanswered?.(peer);
        break;
      case 'up':
        member.up = true;
        member.upAt = this.#host.now();
        this.#host.handlers.up(peer);
        break;
      case 'down':
        member.up = false;
        member.link?.discard();
        this.#host.handlers.down(peer, effect.why);
        break;
      case 'met':
        this.#host.handlers.met?.(peer, effect.timestamp);
        break;
      case 'gone':
        this.#host.handlers.gone?.(peer, effect.why);
        this.#host.forget(peer);
        break;
    }
  }

  /** By reason alone: an attacker who can forge one source address can forge many. */
  #refused(from: Remote, why: SecureRefusal): void {
    const { seldom, log, handlers } = this.#host;
    const { misdirected } = handlers;
    if (why === 'bad mac1' && misdirected !== undefined) {
      const say = (times: number) => misdirected(from, times);
      seldom.note(this.#host.now(), `secure ${why}`, say, 1, MISDIRECTED_MS);
      return;
    }
    const say = (times: number) => log.info({ peer: remoteText(from), times }, `dropped: ${why}`);
    seldom.note(this.#host.now(), `secure ${why}`, say);
  }

  /** Says what may help people. */
  hint(hint: SecureHint): void {
    if (hint.what === 'stranger') {
      this.#host.handlers.stranger?.(hint.publicKey, hint.from);
      return;
    }
    const say = () => this.#host.log.warn({ peer: peerText(hint.peer) }, hintText(hint));
    this.#host.seldom.note(this.#host.now(), `${hintKind(hint)} ${keyText(hint.peer.publicKey)}`, say);
  }

  #moved(member: Member, to: Remote): void {
    const { peer } = member;
    if (member.link === undefined) return;
    const before = remoteKey(member.link.remote);
    member.link.move(to);
    if (!member.up || before === remoteKey(to)) return;
    this.#host.handlers.moved?.(peer);
    const say = (times: number) =>
      this.#host.log.info({ peer: peerText(peer), address: remoteText(to), times }, 'the peer has moved');
    this.#host.seldom.note(this.#host.now(), `moved ${keyText(peer.publicKey)}`, say);
  }

  /** A peer's link, made when it is needed for the first time. */
  linkOf(member: Member): SecureLink | undefined {
    if (member.link !== undefined) return member.link;
    const { peer } = member;
    const { tell } = this.#host;
    const nowhere = { address: '::', port: 0 }; // until its endpoint is known nothing is sealed
    member.link = this.#host.cable.join(peer.endpoint ?? nowhere, this.#host.path, {
      wanted: () => tell((machine, now) => machine.wanted(now, peer)),
      opened: (place, from, data) => tell((machine, now) => machine.opened(now, peer, place, from, data)),
      control: (place, payload) => tell((machine, now) => machine.control(now, peer, place, payload)),
      sealed: (data, count) => tell((machine, now) => machine.sealed(now, peer, data, count)),
      path: (packet) => {
        const text = `the way to the peer carries packets of ${packet} bytes`;
        this.#host.log.info({ peer: peerText(peer), packet }, text);
      },
      kept: (from, bytes) => member.host?.kept(from, bytes),
    });
    if (member.link === undefined) {
      this.#host.log.warn({ peer: peerText(peer) }, 'refused a peer: no memory for one more session');
    } else {
      this.#host.byLink.set(member.link, peer);
      member.host?.begin(member.link);
    }
    return member.link;
  }
}
