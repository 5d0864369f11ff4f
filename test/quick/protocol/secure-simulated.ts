import { SecureEnd } from '../../../lab/secure-end.js';
import { Core } from '../../../src/core/index.js';
import { type Remote, remoteKey } from '../../../src/protocol/remote.js';
import { KEY_BYTES, PLACES } from '../../../src/protocol/secure/constants.js';
import type { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import type {
  PeerOptions,
  SecureEffect,
  SecureHint,
  SecureOptions,
} from '../../../src/protocol/secure/terms.js';
import type { Network } from './simulated.js';

/** When the simulated world began, ms since 1970. */
const EPOCH = 1_700_000_000_000;

/** Throws where effects do not fit together, whatever led to them. */
class Guard {
  readonly #installed = new Map<Peer, Set<number>>();
  readonly #up = new Set<Peer>();

  check(effect: SecureEffect): void {
    if (!('peer' in effect)) return;
    const places = this.#installed.get(effect.peer) ?? new Set();
    this.#installed.set(effect.peer, places);
    const demand = (holds: boolean) => {
      if (!holds) throw new Error(`an effect that does not fit: ${effect.do}`);
    };
    if (effect.do === 'install') {
      demand(!places.has(effect.place) && effect.place >= 0 && effect.place < PLACES);
      demand(effect.keys.send.length === KEY_BYTES && effect.keys.send.some((byte) => byte !== 0));
      places.add(effect.place);
    } else if (effect.do === 'drop') {
      demand(places.delete(effect.place));
    } else if (effect.do === 'use') {
      demand(places.has(effect.place));
    } else if (effect.do === 'up') {
      demand(!this.#up.has(effect.peer));
      this.#up.add(effect.peer);
    } else if (effect.do === 'down') {
      demand(this.#up.delete(effect.peer));
    }
  }
}

/** What ends differ in. */
type NodeOptions = Pick<SecureOptions, 'enrolledMax' | 'forgetAfter' | 'controls' | 'serverId' | 'index'>;

/** One end on a simulated network; it may be restarted, and move. */
export class SecureNode {
  readonly network: Network;
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  remote: Remote;
  /** How much its clock is ahead of the others', ms. */
  clock = 0;
  end: SecureEnd;
  /** Frames that came, in their order. */
  readonly frames: Uint8Array[] = [];
  readonly effects: SecureEffect[] = [];
  /** What its host does about an effect besides. */
  react: (effect: SecureEffect) => void = () => {};
  readonly #core: Core;
  #guard = new Guard();
  #told = 0;

  private constructor(
    network: Network,
    remote: Remote,
    core: Core,
    readonly options: NodeOptions,
  ) {
    this.network = network;
    this.remote = remote;
    this.#core = core;
    this.secret = network.random.bytes(KEY_BYTES);
    this.publicKey = keyPair(this.secret).public;
    this.end = this.#make();
    network.attach(this);
  }

  static async make(network: Network, address: string, options: NodeOptions = {}): Promise<SecureNode> {
    return new SecureNode(network, { address, port: 7667 }, await Core.load(), options);
  }

  #make(): SecureEnd {
    const { network } = this;
    return new SecureEnd(this.#core, {
      privateKey: this.secret,
      random: (length) => network.random.bytes(length),
      unixTime: () => EPOCH + network.now + this.clock,
      ...this.options,
      now: () => network.now,
      send: (datagram, to) => network.send(datagram, this.remote, to),
      frame: (_, frame) => this.frames.push(frame),
      effect: (effect) => {
        this.#guard.check(effect);
        this.effects.push(effect);
        this.react(effect);
      },
    });
  }

  get machine(): SecureMachine {
    return this.end.machine;
  }

  get deadline(): number {
    return this.machine.deadline;
  }

  add(other: SecureNode, options: Partial<PeerOptions> = {}): Peer {
    return this.end.add({ publicKey: other.publicKey, ...options });
  }

  /** The first peer. */
  get peer(): Peer {
    return this.machine.peers[0] as Peer;
  }

  timer(): void {
    this.end.timer();
  }

  receive(datagram: Uint8Array, from: Remote): void {
    this.end.receive(datagram, from);
  }

  send(...frames: Uint8Array[]): void {
    this.end.send(this.peer, ...frames);
  }

  /** Another address from now on. */
  move(address: string, port = 7667): void {
    this.network.detach(this);
    this.remote = { address, port };
    this.network.attach(this);
  }

  /** Forgets everything but its key; peers have to be added again. */
  restart(): void {
    this.#guard = new Guard();
    this.end = this.#make();
  }

  /** What was told people since this was asked last. */
  hints(): SecureHint[] {
    const hints = this.effects.flatMap((effect) => (effect.do === 'hint' ? [effect.hint] : []));
    const since = this.#told;
    this.#told = hints.length;
    return hints.slice(since);
  }

  count(what: SecureEffect['do']): number {
    return this.effects.filter((effect) => effect.do === what).length;
  }
}

/** Two ends that know each other; the first knows where the second is. */
export async function makePair(
  network: Network,
  options: Partial<PeerOptions> = {},
  ends: { client?: NodeOptions; server?: NodeOptions } = {},
) {
  const client = await SecureNode.make(network, '192.0.2.2', ends.client);
  const server = await SecureNode.make(network, '192.0.2.1', ends.server);
  client.add(server, { ...options, endpoint: server.remote, eager: true });
  server.add(client, options);
  return { client, server };
}

/** What was sent since a point, by type and direction: `1 client`. */
export function sentSince(network: Network, node: SecureNode, from = 0): number[] {
  return network.sent
    .slice(from)
    .filter((one) => remoteKey(one.from) === remoteKey(node.remote))
    .map(({ datagram }) => datagram[0] as number);
}
