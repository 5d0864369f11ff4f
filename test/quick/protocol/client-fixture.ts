import { expect } from 'vitest';
import type { Keying } from '../../../src/core/terms.js';
import { ClassicClient } from '../../../src/protocol/classic/client.js';
import type {
  ClientEffect,
  ClientEvent,
  ClientMode,
  ClientState,
} from '../../../src/protocol/classic/client-terms.js';
import { CHALLENGE_BYTES, DOUBT_TIME, TYPE } from '../../../src/protocol/classic/constants.js';
import { authOk, challenge, classify, deny } from '../../../src/protocol/classic/messages.js';
import type { CipherChoice } from '../../../src/protocol/classic/session-key.js';
import { randomnessOf } from '../../support/randomness.js';
import { numbered } from './examples.js';

export type Happening = ClientEvent | Uint8Array;

/** What an effect is, in a word or three: 'send login', 'denied wrong key', 'up'. */
export function kindOf(effect: ClientEffect): string {
  if (effect.do === 'send') return `send ${classify(effect.datagram)}`;
  return 'why' in effect ? `${effect.do} ${effect.why}` : effect.do;
}

/** A client machine with a clock of its own; keeps what it said and when. */
export class ClientFixture {
  readonly client: ClassicClient;
  readonly mode: ClientMode;
  now = 100_000;
  /** Addresses that the server's name stands for. */
  candidates = 1;
  /** All effects so far. */
  readonly log: { readonly at: number; readonly kind: string; readonly effect: ClientEffect }[] = [];
  /** What the machine asked to have sealed: a copy of the key, as it is wiped later. */
  readonly sealed: { readonly suite: string; readonly key: string; readonly challenge: Uint8Array }[] = [];

  constructor({
    mode = { kind: 'preshared', key: numbered(24) } as ClientMode,
    keepalive = false,
    cipher = 'blowfish' as CipherChoice,
    seed = 7,
  } = {}) {
    this.mode = mode;
    const random = randomnessOf(seed);
    this.client = new ClassicClient({
      mode,
      keepalive,
      cipher,
      random: random.bytes,
      sealResponse: (keying, challenge) => {
        const block = 'block' in keying ? ` ${keying.block}` : '';
        this.sealed.push({ suite: keying.suite + block, key: keyText(keying), challenge: challenge.slice() });
        // Another one each time: bytes that are sent twice were kept, not made again.
        return Uint8Array.of(TYPE.RESPONSE, ...random.bytes(keying.suite === 'plain' ? 128 : 136));
      },
    });
  }

  get state(): ClientState {
    return this.client.state;
  }

  /** Milliseconds until the timer, Infinity when there is none. */
  get due(): number {
    return this.client.deadline - this.now;
  }

  /** Tells the machine something and returns the kinds of its effects. */
  tell(happening: Happening): string[] {
    if (typeof happening !== 'string') this.client.receive(this.now, happening);
    else if (happening === 'resolved') this.client.resolved(this.now, this.candidates);
    else this.client.happen(this.now, happening);
    return this.#take();
  }

  /** What to do, kept and as kinds. */
  #take(): string[] {
    const effects = this.client.take();
    for (const effect of effects) this.log.push({ at: this.now, kind: kindOf(effect), effect });
    return effects.map(kindOf);
  }

  /** Several one after the other: the kinds of all effects. */
  tellAll(...happenings: Happening[]): string[] {
    return happenings.flatMap((happening) => this.tell(happening));
  }

  wait(ms: number): this {
    this.now += ms;
    return this;
  }

  /** Goes to the deadline and tells so. */
  timer(): string[] {
    this.now = this.client.deadline;
    return this.tell('timer');
  }

  /** Goes on for so long; the timer rings where it is due, and questions of a cable that is up are answered. */
  run(ms: number): string[] {
    const end = this.now + ms;
    const kinds: string[] = [];
    while (this.client.deadline <= end) {
      const effects = this.timer();
      if (this.state === 'up' && effects.includes('send response')) this.tell(authOk());
      else kinds.push(...effects);
    }
    this.now = end;
    return kinds;
  }

  /** DATA was sent. */
  data(): this {
    this.client.sent(this.now);
    return this;
  }

  /** DENY of a LOGIN or a RESPONSE, and nobody who says otherwise in time: what the machine says when it believes it. */
  deny(): string[] {
    this.tell(DENY);
    return this.timer();
  }

  /** DENY while up, and nobody who says otherwise in time: the kinds of all effects. */
  lose(): string[] {
    return [...this.tell(DENY), ...this.wait(DOUBT_TIME).tell('timer')];
  }

  /** Authentic DATA came. */
  heard(): this {
    this.client.heard();
    this.#take();
    return this;
  }

  /** From a fresh machine to the first LOGIN of one that has its key at the server. */
  logIn(): this {
    this.tellAll('start', 'resolved');
    return this;
  }

  /** From the LOGIN to up. */
  authenticate(): this {
    this.tellAll(CHALLENGE, authOk());
    return this;
  }

  /** The effects of one kind so far. */
  all<D extends ClientEffect['do']>(what: D): Extract<ClientEffect, { do: D }>[] {
    return this.log.flatMap(({ effect }) =>
      effect.do === what ? [effect as Extract<ClientEffect, { do: D }>] : [],
    );
  }

  last<D extends ClientEffect['do']>(what: D): Extract<ClientEffect, { do: D }> {
    const effect = this.all(what).at(-1);
    if (effect === undefined) throw new Error(`there was no ${what}`);
    return effect;
  }

  /** When effects of this kind were. */
  times(kind: string): number[] {
    return this.log.filter((entry) => entry.kind === kind).map(({ at }) => at);
  }

  /** The time between each effect of this kind and the next. */
  gaps(kind: string): number[] {
    const times = this.times(kind);
    return times.slice(1).map((at, i) => at - (times[i] as number));
  }
}

export const CHALLENGE = challenge(numbered(CHALLENGE_BYTES));
export const DENY = deny(137);

export function keyText(keying: Keying): string {
  return keying.suite === 'plain' ? '' : Buffer.from(keying.key).toString('hex');
}

/** With a pre-shared key no client ever comes to carry one. */
const modeFor = (state: ClientState): ClientMode =>
  state === 'enrolling' ? { kind: 'random' } : { kind: 'preshared', key: numbered(24) };

/** Brings a new machine into a state by what would bring it there. */
export function inState(state: ClientState, mode = modeFor(state)): ClientFixture {
  const bench = new ClientFixture({ keepalive: true, mode });
  switch (state) {
    case 'closed':
      bench.logIn().wait(100).deny();
      break;
    case 'resolving':
      bench.tell('start');
      break;
    case 'enrolling':
    case 'opening':
      bench.logIn();
      break;
    case 'loginDenied':
      bench.logIn().wait(100).tell(DENY);
      break;
    case 'waiting':
      bench.logIn().tell(CHALLENGE);
      break;
    case 'responseDenied':
      bench.logIn().wait(100).tellAll(CHALLENGE, DENY);
      break;
    case 'up':
      bench.logIn().authenticate().heard().timer();
  }
  expect(bench.state).toBe(state);
  return bench;
}
