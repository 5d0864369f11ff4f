import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CryptcabError } from '../../src/error.js';
import { splitOptions } from '../../src/keys/scp.js';
import { seed } from '../seed.js';

test('any text is split, or refused in one line', () => {
  const pieces = fc.constantFrom(...` \t\n'"\\$#;|&<>()*?[]{}~!%=-ab1`);
  const texts = fc.oneof(
    fc.string({ unit: pieces }),
    fc.string({ unit: pieces, minLength: 20, maxLength: 60 }),
  );
  const seen = { split: 0, refused: 0 };
  fc.assert(
    fc.property(texts, (text) => {
      try {
        expect(splitOptions(text).every((word) => typeof word === 'string')).toBe(true);
        seen.split++;
      } catch (error) {
        if (!(error instanceof CryptcabError)) throw error;
        expect(error.message).toMatch(/^SCP_EXTRA_OPTIONS (has|holds) [^\r\n]+$/);
        seen.refused++;
      }
    }),
    { seed, numRuns: 2_000 },
  );
  expect(Math.min(seen.split, seen.refused)).toBeGreaterThan(100);
});
