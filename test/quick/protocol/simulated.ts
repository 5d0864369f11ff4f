import { Core } from '../../../src/core/core.js';
import type { Keying } from '../../../src/core/terms.js';
import { ClassicClient } from '../../../src/protocol/classic/client.js';
import type { ClientDenial, ClientEffect, ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import {
  ClassicServer,
  type ServerEffect,
  type ServerRefusal,
} from '../../../src/protocol/classic/server.js';
import type { CipherChoice, Secret } from '../../../src/protocol/classic/session-key.js';
import { type Remote, remoteKey } from '../../../src/protocol/remote.js';
import { copyKey } from '../../../src/protocol/secret.js';
import { type Randomness, randomnessOf } from '../../support/randomness.js';

export interface Faults {
  /** Parts of all datagrams, from 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Each takes as long as chance wants, so that they overtake each other; ms. */
  readonly delay: readonly [least: number, most: number];
}

export const PERFECT: Faults = { loss: 0, duplication: 0, delay: [1, 1] };

/** More than any honest exchange of a test needs: two that answer each other for ever get there. */
const EVENTS_MAX = 200_000;

export interface Node {
  readonly remote: Remote;
  /** When timer() is due. */
  readonly deadline: number;
  timer(): void;
  receive(datagram: Uint8Array, from: Remote): void;
  /** Nobody listens at an address that it sent to. */
  unreachable?(): void;
}

/** A network that loses, doubles, delays and reorders, with a clock of its own; the same for the same seed. */
export class Network {
  now = 0;
  /** Every datagram that was sent, whatever became of it. */
  readonly sent: {
    readonly at: number;
    readonly from: Remote;
    readonly to: Remote;
    readonly datagram: Uint8Array;
  }[] = [];
  faults: Faults;
  /** Loses what this says, besides the others. */
  loses: (datagram: Uint8Array) => boolean = () => false;
  readonly random: Randomness;
  readonly #nodes = new Map<string, Node>();
  #events: { readonly at: number; readonly happen: () => void }[] = [];
  #count = 0;

  constructor(seed: number, faults = PERFECT) {
    this.random = randomnessOf(seed);
    this.faults = faults;
  }

  attach(node: Node): void {
    this.#nodes.set(remoteKey(node.remote), node);
  }

  detach(node: Node): void {
    this.#nodes.delete(remoteKey(node.remote));
  }

  /** Has something happen after so many ms; what is due at the same time keeps its order. */
  after(ms: number, happen: () => void): void {
    const event = { at: this.now + ms, happen };
    const behind = this.#events.findIndex(({ at }) => at > event.at);
    this.#events.splice(behind < 0 ? this.#events.length : behind, 0, event);
  }

  send(datagram: Uint8Array, from: Remote, to: Remote): void {
    this.sent.push({ at: this.now, from, to, datagram });
    if (this.loses(datagram)) return;
    const { loss, duplication } = this.faults;
    const copies = this.random.next() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) if (this.random.next() >= loss) this.deliver(datagram, from, to);
  }

  /** Brings a datagram to its end, late. */
  deliver(datagram: Uint8Array, from: Remote, to: Remote): void {
    const [least, most] = this.faults.delay;
    this.after(least + this.random.below(most - least + 1), () => {
      const node = this.#nodes.get(remoteKey(to));
      if (node !== undefined) node.receive(datagram.slice(), from);
      else this.#nodes.get(remoteKey(from))?.unreachable?.();
    });
  }

  /** Lets so many ms pass; stops sooner when `until` holds. Tells whether it did. */
  run(ms: number, until = () => false): boolean {
    const end = this.now + ms;
    while (!until()) {
      const next = this.#events[0];
      const node = [...this.#nodes.values()].reduce<Node | undefined>(
        (first, other) => (first === undefined || other.deadline < first.deadline ? other : first),
        undefined,
      );
      const at = Math.min(next?.at ?? Infinity, node?.deadline ?? Infinity);
      if (at > end) {
        this.now = end;
        return false;
      }
      if (++this.#count > EVENTS_MAX) throw new Error(`it goes on for ever, at ${at} ms`);
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at === at) {
        this.#events.shift();
        next.happen();
      } else {
        node?.timer();
      }
    }
    return true;
  }
}

/** A DATA datagram: what the host would seal is told by the key that it would seal it with. */
function data(keying: Keying): Uint8Array {
  return Uint8Array.of(TYPE.DATA, ...(keying.suite === 'plain' ? new Uint8Array(24) : keying.key));
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(Buffer.from(b));

// Handshakes only: the numbers of datagrams and the secrets of one network do not matter to the next.
const clientCore = await Core.load();
export const serverCore = await Core.load();

/** A server as its host runs it, without switch and sockets. */
export class SimulatedServer implements Node {
  readonly remote: Remote;
  readonly #network: Network;
  /** Its key file, which may change; keys are sent to it when undefined; 'none' with -x. */
  preshared: Secret | undefined;
  /** Why it has refused anybody. */
  readonly refusals = new Set<ServerRefusal>();
  /** The key files that clients sent. */
  readonly keyFiles = new Map<string, Uint8Array>();
  readonly sessions = new Map<string, Keying>();
  machine!: ClassicServer;
  deadline = 0;
  /** How far its clock is ahead of the network's, ms. */
  #ahead = 0;

  /** @param preshared its key file; keys are sent to it when undefined */
  constructor(network: Network, preshared: Secret | undefined, address = '198.51.100.1') {
    this.remote = { address, port: 7667 };
    this.#network = network;
    this.preshared = preshared;
    this.restart();
    network.attach(this);
  }

  /** Forgets everything but the key files that nobody has used yet. */
  restart(): void {
    this.sessions.clear();
    this.deadline = this.#network.now + 1_000;
    this.machine = new ClassicServer({
      random: this.#network.random.bytes,
      keyFor: (id) => {
        if (this.preshared === 'none') return 'none';
        const key = this.preshared ?? this.keyFiles.get(id);
        return key && copyKey(key);
      },
      verifyResponse: (keying, response, challenge) => serverCore.verifyResponse(keying, response, challenge),
    });
  }

  timer(): void {
    this.deadline = this.#network.now + 1_000;
    this.machine.tick(this.#now);
    this.#act();
  }

  receive(datagram: Uint8Array, from: Remote): void {
    const keying = datagram[0] === TYPE.DATA ? this.sessions.get(remoteKey(from)) : undefined;
    if (keying === undefined) this.machine.receive(this.#now, from, datagram);
    else if (same(datagram, data(keying))) this.machine.heard(this.#now, from);
    this.#act();
  }

  get #now(): number {
    return this.#network.now + this.#ahead;
  }

  /** Sets its clock forward, or back. */
  jump(ms: number): void {
    this.#ahead += ms;
  }

  #act(): void {
    for (const effect of this.machine.take()) this.#do(effect);
  }

  #do(effect: ServerEffect): void {
    switch (effect.do) {
      case 'send':
        this.#network.send(effect.datagram, this.remote, effect.to);
        break;
      case 'plug':
      case 'rekey':
        this.keyFiles.delete(effect.id); // it has been proved (classic.md §4.2)
        this.sessions.set(remoteKey(effect.peer), effect.keying);
        break;
      case 'refused':
        this.refusals.add(effect.why);
        break;
      case 'unplug':
        this.sessions.delete(remoteKey(effect.peer));
    }
  }
}

/** What a client logs in to; not always a server. */
export type FarEnd = Pick<SimulatedServer, 'remote' | 'keyFiles' | 'sessions'>;

/** A client as its host runs it, without switch and sockets. */
export class SimulatedClient implements Node {
  readonly remote: Remote;
  readonly server: FarEnd;
  readonly machine: ClassicClient;
  readonly #network: Network;
  /** When the timer rings, by the network's clock. */
  deadline = Infinity;
  #ahead = 0;
  keying: Keying | undefined;
  /** What it has taken DENYs for. */
  readonly denials = new Set<ClientDenial>();
  /** Why it has given up. */
  failed: string | undefined;
  /** How often it came up. */
  ups = 0;
  /** Whether it has said that no frame comes. */
  mute = false;

  constructor(
    network: Network,
    server: FarEnd,
    {
      mode,
      cipher = 'blowfish',
      keepalive = false,
      port = 40_000,
    }: { mode: ClientMode; cipher?: CipherChoice; keepalive?: boolean; port?: number },
  ) {
    this.remote = { address: '192.0.2.1', port };
    this.server = server;
    this.#network = network;
    this.machine = new ClassicClient({
      mode,
      cipher,
      keepalive,
      random: network.random.bytes,
      sealResponse: (keying, challenge) => clientCore.sealResponse(keying, challenge),
    });
    network.attach(this);
    this.#tell(() => this.machine.happen(this.#now, 'start'));
  }

  /** Whether both ends are up, with the same key. */
  get connected(): boolean {
    const theirs = this.server.sessions.get(remoteKey(this.remote));
    return this.keying !== undefined && theirs !== undefined && same(data(this.keying), data(theirs));
  }

  get #now(): number {
    return this.#network.now + this.#ahead;
  }

  /** Sets its clock forward, or back. A timer that runs is none of the clock's. */
  jump(ms: number): void {
    this.#ahead += ms;
  }

  #arm(): void {
    this.deadline = this.machine.deadline - this.#ahead;
  }

  timer(): void {
    this.#tell(() => this.machine.happen(this.#now, 'timer'));
  }

  unreachable(): void {
    this.#tell(() => this.machine.happen(this.#now, 'unreachable'));
  }

  receive(datagram: Uint8Array, from: Remote): void {
    if (remoteKey(from) !== remoteKey(this.server.remote)) return; // as a connected socket
    if (datagram[0] === TYPE.DATA && this.keying !== undefined) return;
    this.#tell(() => this.machine.receive(this.#now, datagram));
  }

  /** Sends DATA, if the cable is up. */
  data(): void {
    if (this.keying === undefined) return;
    this.#network.send(data(this.keying), this.remote, this.server.remote);
    this.machine.sent(this.#now);
    if (this.machine.deadline - this.#ahead < this.deadline) this.#arm();
  }

  #tell(what: () => void): void {
    what();
    for (const effect of this.machine.take()) this.#do(effect);
    this.#arm();
  }

  #do(effect: ClientEffect): void {
    switch (effect.do) {
      case 'send':
        this.#network.send(effect.datagram, this.remote, this.server.remote);
        break;
      case 'resolve':
        this.#network.after(5, () => this.#tell(() => this.machine.resolved(this.#now, 1)));
        break;
      case 'enrol':
        this.#network.after(300, () => {
          this.server.keyFiles.set(effect.id, effect.key);
          this.#tell(() => this.machine.happen(this.#now, 'enrolled'));
        });
        break;
      case 'trial':
        this.keying = effect.keying;
        break;
      case 'up':
        this.keying = effect.keying;
        this.ups++;
        break;
      case 'mute':
        this.mute = true;
        break;
      case 'down':
        this.keying = undefined;
        break;
      case 'reconnect':
        this.#network.after(5, () => this.#tell(() => this.machine.resolved(this.#now, 1)));
        break;
      case 'denied':
        this.denials.add(effect.why);
        break;
      case 'fail':
        this.failed = effect.why;
    }
  }
}
