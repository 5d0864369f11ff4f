import { TYPE } from '../../../src/protocol/classic/constants.js';
import type { randomness } from '../../support/seed.js';

const LONGEST = 2_000;

/** How many datagrams() yields. */
export const COUNT = 2 * Object.values(TYPE).length * (LONGEST + 1);

/** Random datagrams of every length from 0 to 2000: for each type one with it, and one of any. */
export function* datagrams(random: ReturnType<typeof randomness>): Generator<Uint8Array> {
  const pool = random.bytes(1 << 16);
  const some = (length: number) => {
    const at = random.below(pool.length - LONGEST);
    return pool.slice(at, at + length);
  };
  for (let length = 0; length <= LONGEST; length++) {
    for (const type of Object.values(TYPE)) {
      yield some(length);
      const typed = some(length);
      if (length > 0) typed[0] = type;
      yield typed;
    }
  }
}
