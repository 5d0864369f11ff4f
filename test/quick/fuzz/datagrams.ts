import { TYPE } from '../../../src/protocol/classic/constants.js';
import type { Randomness } from '../../support/randomness.js';
import { allRounds } from '../../support/rounds.js';

const LONGEST = 2_000;
/** All; or those of messages, and every eighth of what is longer. */
const LENGTHS = [...Array(LONGEST + 1).keys()].filter(
  (length) => allRounds || length <= 160 || length % 8 === 0,
);

/** How many datagrams() yields. */
export const COUNT = 2 * Object.values(TYPE).length * LENGTHS.length;

/** Random datagrams of lengths from 0 to 2000: for each type one with it, and one of any. */
export function* datagrams(random: Randomness): Generator<Uint8Array> {
  const pool = random.bytes(1 << 16);
  const some = (length: number) => {
    const at = random.below(pool.length - LONGEST);
    return pool.slice(at, at + length);
  };
  for (const length of LENGTHS) {
    for (const type of Object.values(TYPE)) {
      yield some(length);
      const typed = some(length);
      if (length > 0) typed[0] = type;
      yield typed;
    }
  }
}
