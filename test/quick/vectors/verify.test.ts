// The package's vectors, checked by this program on the runtime that runs the tests; and that they are the files that the
// manifests, the generator and the schema tell of.
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseVectors } from '../../../src/vectors/format.js';
import { MANIFEST, make, SEED, sha256Of } from '../../../src/vectors/make.js';
import { verify } from '../../../src/vectors/verify.js';
import { allRounds } from '../../support/rounds.js';
import { DIRECTORY, foreign, manifest, ours } from './files.js';

describe('every test of', () => {
  it.each([...ours, ...foreign])('$name comes out as it says', async ({ text }) => {
    const file = parseVectors(text);
    const results = await verify(file);
    const why = results.flatMap(({ failures }) => failures.map(({ tcId, why }) => `test ${tcId}: ${why}`));
    expect(why).toEqual([]);
    expect(results.reduce((sum, { passed }) => sum + passed, 0)).toBe(file.numberOfTests);
  });
});

describe('what vectors there are', () => {
  it('there are enough of each kind, valid ones and invalid ones', () => {
    const counts: Record<string, Record<string, number>> = {};
    for (const { text } of ours)
      for (const { type, tests } of parseVectors(text).testGroups)
        for (const { result } of tests) {
          counts[type] ??= {};
          counts[type][result] = (counts[type][result] ?? 0) + 1;
        }
    expect(counts).toMatchObject({
      BlockCipherTest: { valid: 57, invalid: 3 },
      ChecksumTest: { invalid: 7 },
      ClassicHandshakeTest: { valid: 4, invalid: 6 },
      VdestreamWriteTest: { acceptable: 1 },
      SecureCookieTest: { valid: 1, invalid: 6 },
    });
    for (const type of [
      'IndCpaTest',
      'ClassicDataTest',
      'SecureTransportTest',
      'SecurePayloadTest',
      'SecureHandshakeTest',
    ])
      expect(Math.min(counts[type]?.valid ?? 0, counts[type]?.invalid ?? 0), type).toBeGreaterThanOrEqual(4);
    for (const type of [
      ...['VdestreamReadTest', 'ClassicClientTrace', 'ClassicServerTrace', 'SecureTrace'],
      'SecureHostTrace',
    ])
      expect(counts[type]?.valid, type).toBeGreaterThan(10);
  });

  it('the bad padding, bad CRC, replayed, cut and flipped are among what is refused, each for its reason', () => {
    const reasons = new Set(
      ours.flatMap(({ text }) =>
        parseVectors(text).testGroups.flatMap(({ tests }) => tests.map((one) => one.reason)),
      ),
    );
    for (const reason of [
      ...[
        'bad padding',
        'bad checksum',
        'replayed',
        'too old',
        'bad length',
        'counter exhausted',
        'frame too short',
      ],
      ...[
        'frame too long',
        'decrypt failed',
        'unknown receiver index',
        'malformed record',
        'ip',
        'unknown payload',
      ],
      ...[
        'incomplete frame',
        'malformed',
        'bad mac1',
        'no cookie',
        'unknown peer',
        'wrong key',
        'not encrypted',
        'no key',
      ],
    ])
      expect(reasons, reason).toContain(reason);
  });

  it('two frames are cut in every way into two pieces, and into three', () => {
    const file = parseVectors(ours.find(({ name }) => name === 'vdestream.json')?.text ?? '');
    const [group] = file.testGroups;
    if (group === undefined) throw new Error('there are no vectors of vdestream');
    const length = String(group.stream).length / 2;
    const cuts = new Set(group.tests.map(({ pieces }) => (pieces as number[]).join()));
    expect(cuts.size).toBe(2 + (length - 1) + ((length - 1) * (length - 2)) / 2);
  });

  it('they are small', () => {
    expect([...ours, ...foreign].reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(1_600_000);
  });
});

describe('the manifest', () => {
  it.each([
    ['ours', ours],
    ['foreign', foreign],
  ] as const)('of %s names each file, with its SHA-256, and no other', (of, files) => {
    const lines = files.map(({ name, text }) => `${sha256Of(text)}  ${name.replace(/^.*\//, '')}`);
    expect(manifest(of).trim().split('\n').sort()).toEqual(lines.sort());
  });
});

describe('making them again', () => {
  it('gives the same bytes, with the same seed', async () => {
    const made = await make(SEED);
    expect([...made.keys()].sort()).toEqual([...ours.map(({ name }) => name), MANIFEST].sort());
    for (const { name, text } of ours) expect(made.get(name) === text, name).toBe(true);
    expect(made.get(MANIFEST)).toBe(manifest('ours'));
  });

  it('gives others that hold as well, with another seed', async () => {
    const one = await make(2 ** 40 + 3);
    if (allRounds) expect(await make(2 ** 40 + 3)).toEqual(one);
    for (const { name, text } of ours) {
      const other = one.get(name) as string;
      expect(other === text, name).toBe(false);
      const file = parseVectors(other);
      expect(file.numberOfTests, name).toBe(parseVectors(text).numberOfTests);
      expect(
        (await verify(file)).flatMap(({ failures }) => failures),
        name,
      ).toEqual([]);
    }
  });
});

describe('the schema', () => {
  const schema = JSON.parse(readFileSync(`${DIRECTORY}vectors.schema.json`, 'utf8'));
  const holds = new Ajv2020({ allErrors: true }).compile(schema);
  const errors = (file: unknown): unknown => {
    holds(file);
    return holds.errors?.slice(0, 3) ?? [];
  };

  // Wycheproof's own file is of Wycheproof's own schema.
  it.each([...ours, ...foreign].filter(({ name }) => !name.includes('wycheproof')))(
    '$name is of it',
    ({ text }) => {
      expect(errors(JSON.parse(text))).toEqual([]);
    },
  );

  it('asks for what it names', () => {
    const file = JSON.parse(ours[0]?.text ?? '');
    for (const [what, change] of [
      ['no oracles', { ...file, oracles: undefined }],
      ['no tests', { ...file, testGroups: [{ ...file.testGroups[0], tests: [] }] }],
      ['no such type', { ...file, testGroups: [{ ...file.testGroups[0], type: 'Other' }] }],
      [
        'a result that is none',
        {
          ...file,
          testGroups: [
            { ...file.testGroups[0], tests: [{ ...file.testGroups[0].tests[0], result: 'good' }] },
          ],
        },
      ],
    ])
      expect(errors(JSON.parse(JSON.stringify(change))), what).not.toEqual([]);
  });
});
