import fc from 'fast-check';
import { expect } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { splitOptions } from '../../../src/keys/scp.js';
import { property } from './property.js';

const pieces = fc.constantFrom(...` \t\n'"\\$#;|&<>()*?[]{}~!%=-ab1`);
const texts = fc.oneof(
  fc.string({ unit: pieces }),
  fc.string({ unit: pieces, minLength: 20, maxLength: 60 }),
  fc.string({ unit: 'binary' }),
);
const seen = { split: 0, refused: 0 };

property(
  'any text in SCP_EXTRA_OPTIONS is split, or refused in one line',
  2_000,
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
  () => expect(Math.min(seen.split, seen.refused)).toBeGreaterThan(0),
);
