import { test } from 'vitest';
import { threadIndex } from '../../../src/cable/native/steering.js';
import { some } from '../../support/rounds.js';
import { same } from '../../support/same.js';
import { randomness } from '../../support/seed.js';

test('an index leads to its thread by its lowest byte, and stays as it was drawn else', () => {
  const random = randomness();
  for (const threads of some(
    Array.from({ length: 64 }, (_, i) => i + 1),
    16,
  )) {
    for (let i = 0; i < 256; i++) {
      const drawn = ((random.below(0x1000000) << 8) | i) >>> 0;
      const thread = random.below(threads);
      const index = threadIndex(drawn, thread, threads);
      same((index & 0xff) % threads, thread);
      same(index >>> 8, drawn >>> 8);
    }
  }
});
