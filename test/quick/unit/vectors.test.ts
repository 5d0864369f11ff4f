// Vectors as this program reads and checks them: what is wrong in a file shows.
import { describe, expect, it } from 'vitest';
import {
  parseVectors,
  type VectorFile,
  type VectorGroup,
  VectorsError,
  type VectorTest,
} from '../../../src/vectors/format.js';
import { verify } from '../../../src/vectors/verify.js';
import { some } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';
import { foreign, ours } from '../vectors/files.js';

const { below } = randomness();
const files = [...ours, ...foreign].map(({ name, text }) => ({ name, file: parseVectors(text) }));

/** A file of one group with one test. */
function alone(file: VectorFile, group: VectorGroup, test: VectorTest): VectorFile {
  return { ...file, numberOfTests: 1, testGroups: [{ ...group, tests: [test] }] };
}

async function failuresOf(file: VectorFile): Promise<string[]> {
  return (await verify(file)).flatMap(({ failures }) => failures.map(({ why }) => why));
}

/** Another digit in the place of one of the first so many. */
function changed(text: string, digits = text.length): string {
  const at = below(digits);
  const digit = (Number.parseInt(text[at] as string, 16) ^ (1 + below(15))).toString(16);
  return text.slice(0, at) + digit + text.slice(at + 1);
}

const isHex = (value: unknown): value is string =>
  typeof value === 'string' && /^(?:[0-9a-f]{2})+$/.test(value);

/** A few valid tests of each group. */
const examples = files.flatMap(({ name, file }) =>
  file.testGroups.flatMap((group) => {
    const valid = group.tests.filter(({ result }) => result === 'valid');
    const picked = valid.length === 0 ? [] : [valid[0], valid[below(valid.length)], valid.at(-1)];
    return picked.map((test) => ({ name, type: group.type, file, group, test: test as VectorTest }));
  }),
);

/**
 * What may be another one without anybody seeing it: X25519 clears bits of a private key; of a ChaCha20 key file 12 bytes are
 * never used, and of a key nothing where nobody responds; Poly1305 clears bits, too, and may multiply by 0; two random bytes may make the same character; any id may log in,
 * and one byte by itself may be one of several messages; nobody looks at a mac2 who did not give a cookie.
 */
function mayDiffer(type: string, field: string, test: VectorTest): boolean {
  if (/^private|Private$|Ephemeral|^gen_|_static$|random$|Random$/.test(field)) return true;
  if (/^Classic.*(?:Handshake|Trace)/.test(type) && /key$/i.test(field)) return true;
  if (type === 'MacTest' && field !== 'tag') return true;
  return type === 'ClassicCaptureTest' && !['CHALLENGE', 'RESPONSE', 'DATA'].includes(test.comment);
}

describe('a value that is not what it was', () => {
  it.each(examples)('of a $type in $name, test $test.tcId, is found', async ({ type, file, group, test }) => {
    for (const [field, value] of Object.entries(test)) {
      if (!isHex(value) || mayDiffer(type, field, test)) continue;
      // X25519 ignores the top bit of a public key, which is in its last byte.
      const digits = type === 'XdhComp' && field === 'public' ? value.length - 2 : value.length;
      const failures = await failuresOf(alone(file, group, { ...test, [field]: changed(value, digits) }));
      expect(failures, field).toHaveLength(1);
    }
  });

  it('in a list is found', async () => {
    for (const { type, file, group, test } of examples)
      for (const [field, value] of Object.entries(test)) {
        if (!Array.isArray(value) || !value.every(isHex) || value.length === 0) continue;
        if (type === 'SecureHandshakeTest' && field === 'before') continue;
        const at = below(value.length);
        const other = value.map((one, i) => (i === at ? changed(one) : one));
        expect(
          await failuresOf(alone(file, group, { ...test, [field]: other })),
          `${type} ${test.tcId} ${field} ${at}`,
        ).toHaveLength(1);
      }
  });

  it('in a step of a trace is found', async () => {
    for (const { file, group, test } of examples) {
      if (!Array.isArray(test.steps)) continue;
      const { steps } = test;
      const at = steps.findLastIndex(({ effects }) => effects.length > 0);
      if (at < 0) continue; // of what should be ignored
      for (const change of [
        { effects: steps[at].effects.slice(1) },
        { effects: [...steps[at].effects, { do: 'resolve' }] },
        { state: 'another' },
        { deadline: 1 },
        { event: 'nonsense' },
      ]) {
        const others = steps.map((step, i) => (i === at ? { ...step, ...change } : step));
        expect(
          await failuresOf(alone(file, group, { ...test, steps: others })),
          JSON.stringify(change),
        ).toHaveLength(1);
      }
    }
  });
});

describe('a verdict that is another one', () => {
  it('is found: what is valid is not refused', async () => {
    for (const { file, group, test } of some(examples, 60)) {
      // A checksum or tag that is the right one.
      expect(await failuresOf(alone(file, group, { ...test, result: 'invalid' }))).toEqual(['not refused']);
      expect(await failuresOf(alone(file, group, { ...test, result: 'acceptable' }))).toEqual([]);
    }
  });

  it('is found: what is invalid is refused, for its own reason', async () => {
    for (const { file } of files)
      for (const group of file.testGroups) {
        const test = group.tests.find(({ result }) => result === 'invalid');
        if (test === undefined) continue;
        expect(await failuresOf(alone(file, group, { ...test, reason: 'no reason' }))).toEqual([
          expect.stringMatching(/^refused for .*, not for no reason$/),
        ]);
        const { reason: _, ...without } = test;
        expect(await failuresOf(alone(file, group, without))).toEqual([]);
        expect(await failuresOf(alone(file, group, { ...test, result: 'acceptable' }))).toEqual([]);
        expect(await failuresOf(alone(file, group, { ...test, result: 'valid' }))).toHaveLength(1);
      }
  });
});

describe('a test that lacks what its type asks for', () => {
  it('fails, and says what', async () => {
    const { file } = files[0] as { file: VectorFile };
    const [group] = file.testGroups as [VectorGroup];
    const [test] = group.tests as [VectorTest];
    const { key: _, ...without } = test;
    for (const [other, why] of [
      [without, 'lacks key'],
      [{ ...test, key: 7 }, 'lacks key'],
      [{ ...test, key: 'xy' }, 'key is not in hexadecimal'],
      [{ ...test, key: '123' }, 'key is not in hexadecimal'],
    ] as [VectorTest, string][]) {
      expect(await failuresOf(alone(file, group, other))).toEqual([why]);
      expect(await failuresOf(alone(file, group, { ...other, result: 'invalid' }))).toEqual([why]);
    }
  });

  it('fails where it holds more than there is room for, and leaves the next one alone', async () => {
    const of = (wanted: string) => {
      const found = examples.find(({ type }) => type === wanted);
      if (found === undefined) throw new Error(`no ${wanted}`);
      return found;
    };
    const long = 'ab'.repeat(70_000);
    for (const [type, change] of [
      ['ClassicDataTest', { datagram: long }],
      ['ClassicDataTest', { before: [long] }],
      ['SecureTransportTest', { message: long }],
      ['SecurePayloadTest', { payloads: [{ now: 0, payload: long }] }],
      ['SecurePackingTest', { frames: [long] }],
      ['VdestreamReadTest', { stream: long, pieces: [70_000] }],
      ['VdestreamWriteTest', { frames: [long] }],
      ['VdestreamWriteTest', { frames: Array.from({ length: 300 }, () => 'ab'.repeat(14)) }],
      ['ChecksumTest', { msg: long }],
    ] as const) {
      const { file, group, test } = of(type);
      const [odd, good] = [
        { ...test, ...change, tcId: 1 },
        { ...test, tcId: 2 },
      ];
      const [result] = await verify({
        ...file,
        numberOfTests: 2,
        testGroups: [{ ...group, tests: [odd, good] }],
      });
      expect(
        result?.failures.map(({ tcId }) => tcId),
        type,
      ).toEqual([1]);
    }
  });
});

describe('what is no file of vectors', () => {
  const good = {
    algorithm: 'CRC-32',
    numberOfTests: 1,
    testGroups: [{ type: 'ChecksumTest', tests: [{ tcId: 1, comment: '', result: 'valid' }] }],
  };
  const withTest = (test: object) => ({
    ...good,
    testGroups: [{ type: 'ChecksumTest', tests: [{ ...good.testGroups[0]?.tests[0], ...test }] }],
  });

  it.each([
    ['', 'this is no JSON'],
    ['{', 'this is no JSON'],
    ['[]', 'this is no object'],
    ['null', 'this is no object'],
    ['{}', 'there is no algorithm'],
    [{ ...good, testGroups: undefined }, 'there are no testGroups'],
    [{ ...good, testGroups: [] }, 'there are no testGroups'],
    [{ ...good, testGroups: [7] }, 'a group lacks its type'],
    [{ ...good, testGroups: [{ type: 'x', tests: [] }] }, 'a group has no tests'],
    [{ ...good, numberOfTests: 2 }, 'numberOfTests is not 1, which is how many there are'],
    [withTest({ tcId: '1' }), 'a test lacks its tcId'],
    [withTest({ comment: null }), 'test 1 lacks its comment'],
    [withTest({ result: 'good' }), 'test 1 has no result that is valid or invalid or acceptable'],
    [withTest({ flags: 'x' }), 'the flags of test 1 are no list of names'],
    [withTest({ reason: 3 }), 'the reason of test 1 is no text'],
    [
      { ...good, numberOfTests: 2, testGroups: [...good.testGroups, ...good.testGroups] },
      'tcId 1 is there twice',
    ],
  ])('%j: %s', (file, why) => {
    const text = typeof file === 'string' ? file : JSON.stringify(file);
    expect(() => parseVectors(text)).toThrow(new VectorsError(`no test vectors: ${why}`));
  });

  it('is told from one of something that this program has not', async () => {
    const aes = parseVectors(
      JSON.stringify({
        ...good,
        algorithm: 'AES-GCM',
        testGroups: [{ ...good.testGroups[0], type: 'AeadTest' }],
      }),
    );
    await expect(verify(aes)).rejects.toThrow(
      'nothing here can be tested by this program: AES-GCM, AeadTest',
    );
    const x448 = {
      ...good,
      algorithm: 'XDH',
      testGroups: [{ ...good.testGroups[0], type: 'XdhComp', curve: 'curve448' }],
    };
    await expect(verify(parseVectors(JSON.stringify(x448)))).rejects.toThrow(VectorsError);
  });

  it.each(['Other', 'constructor', '__proto__'])(
    'of a mixed one the groups that nobody knows are skipped, and counted: %s',
    async (type) => {
      const { file } = files.find(({ name }) => name === 'crc32.json') as { file: VectorFile };
      const other = { type, tests: [{ tcId: 999, comment: '', result: 'valid' as const }] };
      const mixed = { ...file, testGroups: [...file.testGroups, other] };
      expect((await verify(mixed)).map(({ passed, skipped }) => [passed, skipped])).toEqual([
        [80, 0],
        [0, 1],
      ]);
    },
  );
});
