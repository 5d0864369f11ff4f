// One end of a secure cable with nothing around it: the machine, the core, and what stands between them. Tests run it on
// a simulated network; secure-node.ts puts it on a socket.
import type { Core } from '../src/core/core.js';
import { STATUS, type Status } from '../src/core/status.js';
import type { Remote } from '../src/protocol/remote.js';
import { SecureMachine } from '../src/protocol/secure/machine.js';
import { isTransport } from '../src/protocol/secure/messages.js';
import type { Peer } from '../src/protocol/secure/peer.js';
import type { PeerOptions, SecureEffect, SecureOptions } from '../src/protocol/secure/terms.js';

/** Frames kept for a peer while there is no key. */
const WAITING_MAX = 128;

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
  readonly #sessions = new Map<Peer, number>();
  readonly #waiting = new Map<Peer, Uint8Array[]>();
  /** What became of transport messages, by the core's status. */
  readonly opened: Partial<Record<Status, number>> = {};

  constructor(core: Core, options: SecureEndOptions) {
    this.#core = core;
    this.#options = options;
    this.machine = new SecureMachine(options);
  }

  add(options: PeerOptions): Peer {
    const peer = this.machine.addPeer(this.#options.now(), options);
    this.#sessions.set(peer, this.#core.openSession() as number);
    return peer;
  }

  sessionOf(peer: Peer): number {
    return this.#sessions.get(peer) as number;
  }

  receive(datagram: Uint8Array, from: Remote): void {
    const now = this.#options.now();
    if (isTransport(datagram)) {
      const route = this.machine.route(from, datagram);
      if (route !== undefined) {
        this.#core.ring.pushTransport(this.sessionOf(route.peer), datagram);
        this.#drain(route.peer, from);
      }
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
    for (const frame of frames) {
      const stream = Uint8Array.of(frame.length >> 8, frame.length & 255, ...frame);
      this.#core.readStream(this.sessionOf(peer), stream);
      this.#drain(peer);
    }
  }

  /** Works through the ring, which holds messages of one peer alone. */
  #drain(peer: Peer, from?: Remote): void {
    const { ring } = this.#core;
    const session = this.sessionOf(peer);
    const now = this.#options.now();
    for (let count = ring.process(); count > 0; count = ring.process()) {
      const slots = Array.from({ length: count }, (_, i) => ({ ...ring.processed(count - 1 - i) }));
      for (const { sealed, status, address, length, keypair } of slots) {
        if (!sealed) this.opened[STATUS[status] as Status] = (this.opened[STATUS[status] as Status] ?? 0) + 1;
        if (status !== 0) continue;
        if (!sealed) {
          this.machine.opened(now, peer, keypair, from as Remote, length > 0);
          continue;
        }
        this.#options.send(ring.bytes.slice(address, address + length), peer.endpoint as Remote);
        this.machine.sealed(
          now,
          peer,
          length > 32,
          this.#core.keypairSealed(session, peer.sealing as number),
        );
      }
      const stream = this.#core.writeStream(session, count, now).slice();
      for (const { index } of slots) ring.release(index);
      for (let at = 0; at < stream.length; ) {
        const length = ((stream[at] as number) << 8) | (stream[at + 1] as number);
        this.#options.frame?.(peer, stream.subarray(at + 2, at + 2 + length));
        at += 2 + length;
      }
    }
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
        this.#core.installKeypair(this.sessionOf(effect.peer), effect.place, effect.keys);
        effect.keys.send.fill(0);
        effect.keys.receive.fill(0);
        break;
      case 'use':
        this.#core.useKeypair(this.sessionOf(effect.peer), effect.place);
        this.#flush(effect.peer);
        break;
      case 'drop':
        this.#core.dropKeypair(this.sessionOf(effect.peer), effect.place);
        break;
      case 'keepalive':
        this.#core.ring.pushKeepalive(this.sessionOf(effect.peer));
        this.#drain(effect.peer);
        break;
      case 'unanswered':
        this.#waiting.delete(effect.peer);
        break;
      case 'down':
        this.#waiting.delete(effect.peer);
    }
  }
}
