import { TYPE } from '../../src/protocol/classic/constants.js';
import type { Randomness } from './randomness.js';

/** Random datagrams of every length from 0 to 2000: of a random type, and with the type of a real one in turn. */
export function* junk(random: Randomness): Generator<Uint8Array> {
  const types = Object.values(TYPE);
  for (let length = 0; length <= 2000; length++) {
    yield random.bytes(length);
    const typed = random.bytes(length);
    if (length > 0) typed[0] = types[length % types.length] as number;
    yield typed;
  }
}
