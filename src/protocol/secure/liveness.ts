import { ECHO_AFTER, ECHO_MAX, MEASURE_INTERVAL, MEASURED } from './constants.js';

const TOKEN_BYTES = 8;

/** A question that has not been answered yet. */
interface Asked {
  readonly number: bigint;
  readonly at: number;
}

/** What is due: a question for the peer, or the conclusion that it does not answer. */
export type Due = { readonly ask: Uint8Array } | 'dead' | undefined;

/** The number of the question that a token is of. */
export function questionOf(token: Uint8Array): bigint {
  return new DataView(token.buffer, token.byteOffset).getBigUint64(0);
}

/**
 * Whether a peer that answers questions is there, and how far away (secure.md §7.4). While frames are sent and
 * nothing comes back it is asked; what it answers, and how soon, is measured now and then.
 */
export class Liveness {
  /** Since when frames are sent and nothing has come back. */
  #since = Infinity;
  /** Questions since then. */
  #questions = 0;
  /** Whether it was found dead, and has not been heard since. */
  #dead = false;
  #number = 0n;
  /** The oldest first. */
  #asked: Asked[] = [];
  /** Whether frames were sent since it was measured last, and when it may be measured again. */
  #active = false;
  #measureAt = 0;
  #roundTrip: number | undefined;
  /** Of the last questions, whether each was answered. */
  #answered: boolean[] = [];

  /** Smoothed as TCP's is, ms; undefined before the first answer. */
  get roundTrip(): number | undefined {
    return this.#roundTrip;
  }

  /** Of the last questions the part that was not answered, 0 to 1; undefined before the first one ended. */
  get loss(): number | undefined {
    if (this.#answered.length === 0) return undefined;
    return this.#answered.filter((one) => !one).length / this.#answered.length;
  }

  /** When due() has something to say at the earliest, ms. */
  get deadline(): number {
    return Math.min(
      this.#since + ECHO_AFTER * (this.#questions + 1),
      this.#active ? this.#measureAt : Infinity,
    );
  }

  /** Frames were sent. */
  sent(now: number): void {
    if (!this.#active) this.#measureAt = Math.max(this.#measureAt, now + ECHO_AFTER);
    this.#active = true;
    if (this.#since === Infinity && !this.#dead) this.#since = now;
  }

  /** Something authentic came. */
  heard(): void {
    this.#since = Infinity;
    this.#questions = 0;
    this.#dead = false;
  }

  /** A question, whether or not one is due. */
  ask(now: number): Uint8Array {
    this.#expire(now);
    this.#asked.push({ number: this.#number, at: now });
    const token = new DataView(new ArrayBuffer(TOKEN_BYTES));
    token.setBigUint64(0, this.#number++);
    this.#active = false;
    this.#measureAt = now + MEASURE_INTERVAL;
    return new Uint8Array(token.buffer);
  }

  /**
   * An answer came.
   * @param token as ask() gave it
   * @returns how long it took, ms; undefined for an answer to nothing, or one that comes late
   */
  answer(now: number, token: Uint8Array): number | undefined {
    const number = questionOf(token);
    const asked = this.#asked.find((one) => one.number === number);
    if (asked === undefined) return undefined;
    this.#asked = this.#asked.filter((one) => one !== asked);
    this.#note(true);
    const took = now - asked.at;
    this.#roundTrip = this.#roundTrip === undefined ? took : this.#roundTrip + (took - this.#roundTrip) / 8;
    return took;
  }

  /** Time has passed. */
  due(now: number): Due {
    this.#expire(now);
    if (now >= this.#since + ECHO_AFTER * (this.#questions + 1)) {
      if (++this.#questions < ECHO_MAX) return { ask: this.ask(now) };
      this.heard();
      this.#dead = true; // concluded once: it is called from now on, and looked for elsewhere
      return 'dead';
    }
    return this.#active && now >= this.#measureAt ? { ask: this.ask(now) } : undefined;
  }

  #expire(now: number): void {
    while (this.#asked[0] !== undefined && now - this.#asked[0].at >= ECHO_AFTER * ECHO_MAX) {
      this.#asked.shift();
      this.#note(false);
    }
  }

  #note(answered: boolean): void {
    this.#answered.push(answered);
    if (this.#answered.length > MEASURED) this.#answered.shift();
  }
}
