import { describe, expect, test } from 'vitest';
import { login, loginId } from '../../../src/protocol/classic/messages.js';
import { keyingsFor, newId, newKey, type Secret, wipe } from '../../../src/protocol/classic/session-key.js';
import { copyKey } from '../../../src/protocol/secret.js';
import { randomnessOf } from '../../support/randomness.js';
import { randomness } from '../../support/seed.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

describe('an id', () => {
  test('is vde_ and 11 of 62 characters, so that a NUL is left and a server of either make takes it', () => {
    const { bytes } = randomness();
    for (let i = 0; i < 500; i++) {
      const id = newId(bytes);
      expect(id).toMatch(/^vde_[A-Za-z0-9]{11}$/);
      expect(loginId(login(id))).toBe(id);
      expect(login(id).at(-1)).toBe(0);
    }
  });

  test('has each character as often as any other', () => {
    const { bytes } = randomness();
    const counts = new Map<string, number>();
    const ids = 6_200;
    for (let i = 0; i < ids; i++) {
      for (const c of newId(bytes).slice(4)) counts.set(c, (counts.get(c) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join('')).toBe([...ALPHABET].sort().join(''));
    // 1100 each, and a deviation of 33; with the remainder of 256 / 62 the first 8 had a quarter more.
    for (const count of counts.values()) expect(Math.abs(count - (ids * 11) / 62)).toBeLessThan(6 * 33);
  });

  test('throws away the bytes from 248, of which there are too few for all 62', () => {
    const served = [255, 248, 0, 61, 62, 123, 247];
    let at = 0;
    const id = newId((count) =>
      Uint8Array.from({ length: count }, () => served[at++ % served.length] as number),
    );
    // 0 → A, 61 → 9, 62 → A, 123 → 9, 247 → 9
    expect(id).toBe('vde_A9A99A9A99A');
  });

  test('draws again as often as it must', () => {
    let draws = 0;
    const id = newId((count) => new Uint8Array(count).fill(++draws < 50 ? 250 : 1));
    expect([id, draws]).toEqual([`vde_${'B'.repeat(11)}`, 50]);
  });

  test('is another one each time', () => {
    const { bytes } = randomness();
    expect(new Set(Array.from({ length: 1_000 }, () => newId(bytes))).size).toBe(1_000);
  });
});

describe('a key', () => {
  test.each([
    ['blowfish', 24],
    ['chacha20', 44],
  ] as const)('for %s is %d bytes as they are drawn', (cipher, bytes) => {
    expect(newKey(randomnessOf(5).bytes, cipher)).toEqual(randomnessOf(5).bytes(bytes));
  });

  test('does for the ciphers that its length and that of the RESPONSE allow', () => {
    const suites = (secret: Secret, length: number) =>
      keyingsFor(secret, length).map((keying) => ('block' in keying ? keying.block : keying.suite));
    const [short, long] = [new Uint8Array(24), new Uint8Array(44)];
    for (const secret of [short, long]) {
      expect(suites(secret, 137)).toEqual(['blowfish']);
      expect(suites(secret, 129)).toEqual([]); // in clear
    }
    expect([suites(short, 141), suites(long, 141)]).toEqual([[], [12, 0]]);
    expect([129, 137, 141].map((length) => suites('none', length))).toEqual([['plain'], [], []]);
  });

  test('is overwritten when it is wiped; a copy is not', () => {
    for (const key of [randomnessOf(5).bytes(24), Buffer.from(randomnessOf(5).bytes(24))]) {
      const copy = copyKey(key);
      wipe(key);
      expect([...key]).toEqual([...new Uint8Array(24)]);
      expect(copy).toEqual(randomnessOf(5).bytes(24));
    }
  });

  test('where there is none, nothing is wiped', () => {
    expect(() => wipe('none')).not.toThrow();
  });
});
