import { expect } from 'vitest';
import type { Keying } from '../../../src/core/terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { classify, login } from '../../../src/protocol/classic/messages.js';
import {
  ClassicServer,
  type PeerState,
  type ServerEffect,
  type ServerOptions,
} from '../../../src/protocol/classic/server.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { randomnessOf } from '../../support/randomness.js';
import { numbered } from './examples.js';

export const PEER: Remote = { address: '192.0.2.1', port: 40_000 };
export const ID = 'vde_abc123';

/** Another peer: an address of its own, so that it has a rate of its own. */
export const peerOf = (n: number): Remote => ({ address: `10.0.${n >> 8}.${n & 0xff}`, port: 1_000 + n });

/** What an effect is, in a word or three: 'send challenge', 'refused wrong key', 'plug'. */
export function kindOf(effect: ServerEffect): string {
  if (effect.do === 'send') return `send ${classify(effect.datagram)}`;
  return 'why' in effect ? `${effect.do} ${effect.why}` : effect.do;
}

/** Not the classic cipher, but it takes key and challenge together: the machine does not know better. */
function seal(key: Uint8Array, challenge: Uint8Array): Uint8Array {
  const body = Uint8Array.from({ length: 136 }, (_, i) => (challenge[i % 128] ?? 0) ^ (key[i % 24] ?? 0));
  return Uint8Array.of(TYPE.RESPONSE, ...body);
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(Buffer.from(b));

/** A server machine with a clock of its own, and what its peers would do. */
export class ServerFixture {
  readonly server: ClassicServer;
  now = 100_000;
  /** All effects so far. */
  readonly log: ServerEffect[] = [];
  /** The ids that a key was asked for. */
  readonly asked: string[] = [];
  /** The keys that were given out, in the same order. */
  readonly given: Uint8Array[] = [];
  /** The challenge that each address was sent last. */
  readonly challenges = new Map<string, Uint8Array>();

  /**
   * @param keyFor a key for each id, by its bytes; 'plain' for none at all
   */
  constructor({
    keyFor = (_id: string): Uint8Array | 'plain' | undefined => numbered(24),
    ...bounds
  }: { keyFor?: (id: string) => Uint8Array | 'plain' | undefined } & Pick<
    ServerOptions,
    'peersMax' | 'unprovenMax'
  > = {}) {
    this.server = new ClassicServer({
      random: randomnessOf(3).bytes,
      keyFor: (id) => {
        this.asked.push(id);
        const key = keyFor(id);
        if (key instanceof Uint8Array) this.given.push(key);
        return key === 'plain' ? 'none' : key;
      },
      verifyResponse: (keying: Keying, response, challenge) =>
        keying.suite === 'plain'
          ? same(response.slice(1), challenge)
          : same(response, seal(keying.key, challenge)),
      ...bounds,
    });
  }

  state(from = PEER): PeerState {
    return this.server.stateOf(from);
  }

  #take(): string[] {
    const effects = this.server.take();
    for (const effect of effects) {
      this.log.push(effect);
      if (effect.do === 'send' && classify(effect.datagram) === 'challenge') {
        this.challenges.set(JSON.stringify(effect.to), effect.datagram.slice(1));
      }
    }
    return effects.map(kindOf);
  }

  /** A datagram comes; returns the kinds of the effects. */
  receive(datagram: Uint8Array, from = PEER): string[] {
    this.server.receive(this.now, from, datagram);
    return this.#take();
  }

  login(from = PEER, id = ID): string[] {
    return this.receive(login(id), from);
  }

  /** The right RESPONSE to the last challenge of a peer. */
  response(from = PEER, key = numbered(24)): Uint8Array {
    return seal(key, this.challenges.get(JSON.stringify(from)) ?? new Uint8Array(128));
  }

  plainResponse(from = PEER): Uint8Array {
    return Uint8Array.of(TYPE.RESPONSE, ...(this.challenges.get(JSON.stringify(from)) ?? []));
  }

  /** LOGIN and RESPONSE. */
  logIn(from = PEER, id = ID, key = numbered(24)): string[] {
    return [...this.login(from, id), ...this.receive(this.response(from, key), from)];
  }

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  /** Time passes, and the machine is told. */
  tick(ms = 0): string[] {
    this.now += ms;
    this.server.tick(this.now);
    return this.#take();
  }

  /** Authentic DATA came. */
  heard(from = PEER): this {
    this.server.heard(this.now, from);
    return this;
  }

  /** The datagrams sent so far, or those to one peer. */
  sent(to?: Remote): Uint8Array[] {
    return this.log.flatMap((effect) =>
      effect.do === 'send' && (to === undefined || effect.to === to) ? [effect.datagram] : [],
    );
  }

  /** The last effect of one kind. */
  last<D extends ServerEffect['do']>(what: D): Extract<ServerEffect, { do: D }> {
    const effect = this.log.findLast((entry) => entry.do === what);
    if (effect === undefined) throw new Error(`there was no ${what}`);
    return effect as Extract<ServerEffect, { do: D }>;
  }
}

/** A server to whom PEER is in a state. */
export function inState(state: PeerState, bounds = {}): ServerFixture {
  const bench = new ServerFixture(bounds);
  if (state === 'up' || state === 'rechallenged') bench.logIn();
  if (state === 'challenged' || state === 'rechallenged') bench.login();
  expect(bench.state()).toBe(state);
  return bench;
}
