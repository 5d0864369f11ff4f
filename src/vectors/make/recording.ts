// Traces as they are made: what a machine is given, and what it returns, is recorded.
import { hexToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { Fields } from '../fields.js';
import { Recorder } from '../random.js';
import type { Outcome, Traced } from '../traces.js';
import { type DraftTest, valid } from './draft.js';

/** Bytes as a step has them. */
export { bytesToHex as hex } from '@noble/hashes/utils.js';

/** A trace that is being made. */
export class Recording {
  readonly #steps: object[] = [];
  readonly #random: Recorder;
  readonly #traced: Traced;
  readonly #fields: Record<string, unknown>;
  now = 0;

  /**
   * @param fields of the test
   * @param begin makes the machine of them
   */
  constructor(
    random: Random,
    fields: Record<string, unknown>,
    begin: (fields: Fields, random: Random) => Traced,
  ) {
    this.#random = new Recorder(random);
    this.#fields = fields;
    const test = { ...fields, tcId: 0, comment: '', result: 'valid' } as const;
    this.#traced = begin(new Fields({ type: '', tests: [] }, test), this.#random.draw);
  }

  /** Something happens now. */
  tell(event: string, its: Record<string, unknown> = {}): Outcome {
    const outcome = this.#traced.step({ now: this.now, event, ...its });
    this.#steps.push({ now: this.now, event, ...its, ...outcome });
    return outcome;
  }

  /** Something happens after some time, ms. */
  after(ms: number, event: string, its: Record<string, unknown> = {}): Outcome {
    this.now += ms;
    return this.tell(event, its);
  }

  /** The time that the machine asked for comes. */
  due(event: string, { deadline }: Outcome): Outcome {
    if (typeof deadline !== 'number') throw new RangeError('no time was asked for');
    this.now = deadline;
    return this.tell(event);
  }

  test(comment: string, flag: string): DraftTest {
    return valid(comment, flag, { ...this.#fields, random: this.#random.drawn, steps: this.#steps });
  }
}

/** The one datagram that an outcome sends. */
export function sentOf({ effects }: Outcome): string {
  const sent = (effects as { do: string; datagram?: string }[]).filter((effect) => effect.do === 'send');
  const [only] = sent;
  if (only?.datagram === undefined || sent.length > 1)
    throw new RangeError(`${sent.length} datagrams, not one`);
  return only.datagram;
}

export const unhex = hexToBytes;
