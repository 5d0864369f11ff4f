// A file of vectors before its tests are numbered.
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import type { Verdict } from '../format.js';
import type { Tools } from '../tools.js';

/** Bytes become hexadecimal, counters decimal; what is undefined is left out. */
type Value = unknown;

export interface DraftTest {
  readonly comment: string;
  readonly flags: readonly string[];
  readonly fields: Readonly<Record<string, Value>>;
  readonly result: Verdict;
  readonly reason?: string;
}

export interface DraftGroup {
  readonly type: string;
  readonly name: string;
  readonly fields?: Readonly<Record<string, Value>>;
  readonly tests: readonly DraftTest[];
}

export interface Oracle {
  readonly name: string;
  readonly version: string;
  readonly confirms: string;
}

export interface Draft {
  readonly algorithm: string;
  readonly header: readonly string[];
  readonly oracles: readonly Oracle[];
  /** Each flag that a test has, and what it means. */
  readonly notes: Readonly<Record<string, string>>;
  readonly groups: readonly DraftGroup[];
}

/** Makes one file. */
export type Maker = (random: Random, tools: Tools) => Draft;

/** A test that holds. */
export function valid(comment: string, flag: string, fields: DraftTest['fields']): DraftTest {
  return { comment, flags: [flag], fields, result: 'valid' };
}

/** A test of what should be refused. @param reason a name of STATUS, SECURE_REFUSALS or ServerRefusal */
export function invalid(
  comment: string,
  flag: string,
  reason: string,
  fields: DraftTest['fields'],
): DraftTest {
  return { comment, flags: [flag], fields, result: 'invalid', reason };
}

function json(value: Value): unknown {
  if (value instanceof Uint8Array) return bytesToHex(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(json);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, json(one)]));
}

/** Raised when the same seed gives other bytes than before. */
const GENERATOR_VERSION = '4';

/** A draft as the text of its file. */
export function fileText({ algorithm, header, oracles, notes, groups }: Draft, seed: number): string {
  let tcId = 0;
  const testGroups = groups.map(({ type, name, fields, tests }) => ({
    type,
    name,
    source: { name: 'cryptcab', version: GENERATOR_VERSION },
    ...(json(fields ?? {}) as object),
    tests: tests.map(({ comment, flags, fields, result, reason }) => {
      for (const flag of flags) if (!(flag in notes)) throw new RangeError(`nobody knows what ${flag} means`);
      return { tcId: ++tcId, comment, flags, ...(json(fields) as object), result, reason };
    }),
  }));
  const file = {
    algorithm,
    schema: 'vectors.schema.json',
    generator: {
      name: 'cryptcab',
      version: GENERATOR_VERSION,
      seed,
      command: `cryptcab vectors make --seed ${seed}`,
    },
    oracles,
    numberOfTests: tcId,
    header,
    notes: Object.fromEntries(Object.entries(notes).map(([flag, description]) => [flag, { description }])),
  };
  return layOut(file, testGroups);
}

/** As JSON with each test in a line of its own: a file that people can read, and compare. */
function layOut(file: object, groups: readonly { tests: readonly object[] }[]): string {
  const open = (value: object, list: string) =>
    `${JSON.stringify(value, null, 1).slice(0, -2)},\n "${list}": [\n`;
  const groupTexts = groups.map(({ tests, ...rest }) => {
    const lines = tests.map((test) => JSON.stringify(test)).join(',\n');
    return `${open(rest, 'tests')}${lines}\n ]\n}`;
  });
  return `${open(file, 'testGroups')}${groupTexts.join(',\n')}\n ]\n}\n`;
}

/** A copy with one bit turned over. @param bit counted from the first byte's lowest one */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

/** A random integer below a number that is at most 65536. */
export function below(random: Random, most: number): number {
  const [a = 0, b = 0] = random(2);
  return (a * 256 + b) % most;
}
