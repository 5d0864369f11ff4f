// One end of a secure cable with nothing around it: the machine, the core, and what stands between them. Tests run it on
// a simulated network; secure-node.ts puts it on a socket.
import type { Core, SecureSession, Status } from '../src/core/index.js';
import type { Remote } from '../src/protocol/remote.js';
import { SecureMachine } from '../src/protocol/secure/machine.js';
import { isTransport } from '../src/protocol/secure/messages.js';
import type { Peer } from '../src/protocol/secure/peer.js';
import type { PeerOptions, SecureEffect, SecureOptions } from '../src/protocol/secure/terms.js';

/** Frames kept for a peer while there is no key. */
const WAITING_MAX = 128;
/** Largest UDP payload on a path of 1500 bytes. */
const PATH = 1452;

export interface SecureEndOptions extends SecureOptions {
  readonly now: () => number;
  readonly send: (datagram: Uint8Array, to: Remote) => void;
  /** A frame came. */
  readonly frame?: (peer: Peer, frame: Uint8Array) => void;
  /** Sees every effect. */
  readonly effect?: (effect: SecureEffect) => void;
}

export class SecureEnd {
  readonly machine: SecureMachine;
  readonly #core: Core;
  readonly #options: SecureEndOptions;
  readonly #sessions = new Map<Peer, SecureSession>();
  readonly #waiting = new Map<Peer, Uint8Array[]>();
  /** The place of the keypair that seals, as far as effects have been carried out. */
  readonly #sealing = new Map<Peer, number>();
  /** What became of transport messages, by the core's status. */
  readonly opened: Partial<Record<Status, number>> = {};

  constructor(core: Core, options: SecureEndOptions) {
    this.#core = core;
    this.#options = options;
    this.machine = new SecureMachine(options);
  }

  add(options: PeerOptions): Peer {
    const peer = this.machine.addPeer(this.#options.now(), options);
    this.#sessions.set(peer, this.#core.openSecureSession(PATH));
    this.machine.answerWaiting(this.#options.now(), peer);
    return peer;
  }

  sessionOf(peer: Peer): SecureSession {
    return this.#sessions.get(peer) as SecureSession;
  }

  receive(datagram: Uint8Array, from: Remote): void {
    const now = this.#options.now();
    if (isTransport(datagram)) {
      const route = this.machine.route(from, datagram);
      if (route !== undefined) this.#open(route.peer, datagram, from);
    } else {
      this.machine.receive(now, from, datagram);
    }
    this.#carryOut();
  }

  /** Sends frames, now or when there is a key. */
  send(peer: Peer, ...frames: Uint8Array[]): void {
    const waiting = this.#waiting.get(peer) ?? [];
    waiting.push(...frames);
    this.#waiting.set(peer, waiting.slice(-WAITING_MAX));
    this.machine.wanted(this.#options.now(), peer);
    this.#flush(peer);
    this.#carryOut();
  }

  timer(): void {
    this.machine.tick(this.#options.now());
    this.#carryOut();
  }

  #flush(peer: Peer): void {
    if (peer.sealing === undefined) return;
    const frames = this.#waiting.get(peer) ?? [];
    this.#waiting.delete(peer);
    for (const frame of frames) this.#sendSealed(peer, this.sessionOf(peer).seal(frame), true);
  }

  #sendSealed(peer: Peer, messages: readonly Uint8Array[], data: boolean): void {
    for (const message of messages) {
      this.#options.send(message, peer.endpoint as Remote);
      const sealed = this.sessionOf(peer).messagesSealed(this.#sealing.get(peer) as number);
      this.machine.sealed(this.#options.now(), peer, data, sealed);
    }
  }

  #open(peer: Peer, datagram: Uint8Array, from: Remote): void {
    const now = this.#options.now();
    const opened = this.sessionOf(peer).open(datagram, now);
    const status = 'refused' in opened ? opened.refused : 'ok';
    this.opened[status] = (this.opened[status] ?? 0) + 1;
    if ('refused' in opened) return;
    this.machine.opened(now, peer, opened.place, from, opened.data);
    for (const payload of opened.controls) this.machine.control(now, peer, opened.place, payload);
    for (const frame of opened.frames) this.#options.frame?.(peer, frame);
  }

  #carryOut(): void {
    for (let effects = this.machine.take(); effects.length > 0; effects = this.machine.take()) {
      for (const effect of effects) this.#do(effect);
    }
  }

  #do(effect: SecureEffect): void {
    this.#options.effect?.(effect);
    switch (effect.do) {
      case 'send':
        this.#options.send(effect.datagram, effect.to);
        break;
      case 'install':
        this.sessionOf(effect.peer).install(effect.place, effect.keys);
        effect.keys.send.fill(0);
        effect.keys.receive.fill(0);
        break;
      case 'use':
        this.sessionOf(effect.peer).use(effect.place);
        this.#sealing.set(effect.peer, effect.place);
        this.#flush(effect.peer);
        break;
      case 'drop':
        this.sessionOf(effect.peer).drop(effect.place);
        break;
      case 'keepalive':
        this.#sendSealed(effect.peer, [this.sessionOf(effect.peer).keepalive()], false);
        break;
      case 'control':
        this.#sendSealed(effect.peer, [this.sessionOf(effect.peer).control(effect.payload)], false);
        break;
      case 'unanswered':
        this.#waiting.delete(effect.peer);
        break;
      case 'down':
        this.#waiting.delete(effect.peer);
    }
  }
}
