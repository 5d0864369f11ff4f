import fc from 'fast-check';
import { expect } from 'vitest';
import { parseVectors, VectorsError } from '../../../src/vectors/format.js';
import { verify } from '../../../src/vectors/verify.js';
import { foreign, ours } from '../vectors/files.js';
import { property } from './property.js';

type Json = Record<string, unknown>;

/** One test of each group, by itself: whole files take too long. */
const small = [...ours, ...foreign].flatMap(({ text }) => {
  const { testGroups, ...file } = JSON.parse(text);
  return testGroups.map(({ tests, ...group }: { tests: Json[] }) => ({ file, group, tests }));
});

const odd = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    'zz',
    '00',
    'ab'.repeat(10_000),
    null,
    -1,
    0,
    1e300,
    2 ** 53,
    true,
    [],
    {},
    [[]],
    [null],
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('hex')),
);

/** Puts something odd in the place of one of a value's parts; undefined leaves it away. */
function spoil(value: unknown, path: readonly number[], put: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== 'object' || value === null) return put;
  const keys = Object.keys(value);
  if (keys.length === 0) return put;
  const key = keys[first % keys.length] as string;
  const copy: Json | unknown[] = Array.isArray(value) ? [...value] : { ...value };
  (copy as Json)[key] = spoil((value as Json)[key], rest, put);
  return copy;
}

const changes = fc.array(
  fc.record({
    in: fc.constantFrom('file', 'group', 'test', 'test', 'test', 'test'),
    where: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 5 }),
    put: fc.oneof(odd, fc.constant(undefined)),
  }),
  { minLength: 1, maxLength: 3 },
);
const seen = { refused: 0, failed: 0, passed: 0 };

property(
  'any file of vectors is checked to its end, or refused in one line',
  150,
  fc.asyncProperty(fc.nat(1_000), fc.nat(1_000), changes, fc.nat(3_000), async (which, test, all, cut) => {
    const { file, group, tests } = small[which % small.length];
    const spoiled = (kind: string, sound: unknown) =>
      all
        .filter((change) => change.in === kind)
        .reduce<unknown>((value, { where, put }) => spoil(value, [...where], put), sound);
    const one = spoiled('test', tests[test % tests.length]);
    const groups = [spoiled('group', { ...group, tests: [one] })];
    const whole = spoiled('file', { ...file, numberOfTests: 1, testGroups: groups });
    const text = JSON.stringify(whole) ?? '';
    try {
      const [result] = await verify(parseVectors(cut < 100 ? text.slice(0, cut) : text));
      expect((result?.passed ?? 0) + (result?.failed ?? 0) + (result?.skipped ?? 0)).toBe(1);
      if (result?.failed === 1) seen.failed++;
      else seen.passed++;
    } catch (error) {
      if (!(error instanceof VectorsError)) throw error;
      expect(error.message).toMatch(/^.+$/);
      seen.refused++;
    }
  }),
  () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(5),
);
