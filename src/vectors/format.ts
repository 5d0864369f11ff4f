// Test vectors as files, in the shape of Wycheproof's: docs/vectors.md says what each kind of group holds. No I/O.

/**
 * - valid: what the test gives is right, and an implementation has to come to it
 * - invalid: an implementation has to refuse what the test gives, for its `reason` if there is one
 * - acceptable: it may do either
 */
export const VERDICTS = ['valid', 'invalid', 'acceptable'] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface VectorTest {
  /** Unique in its file. */
  readonly tcId: number;
  readonly comment: string;
  /** Names in the file's `notes`. */
  readonly flags?: readonly string[];
  readonly result: Verdict;
  /** Of an invalid test of ours: why it is refused, a name of STATUS, SECURE_REFUSALS or ServerRefusal. */
  readonly reason?: string;
  /** What the group's type asks for; bytes are text in hexadecimal, counters text in decimal. */
  readonly [field: string]: unknown;
}

export interface VectorGroup {
  /** What its tests are: says which fields they have, and how they are checked. */
  readonly type: string;
  readonly source?: { readonly name: string; readonly version: string };
  readonly tests: readonly VectorTest[];
  /** What holds for all of its tests. */
  readonly [field: string]: unknown;
}

export interface VectorFile {
  /** What is tested, in capitals. */
  readonly algorithm: string;
  /** Name of the JSON schema. */
  readonly schema?: string;
  /** Of a file of ours: how it is made again. */
  readonly generator?: {
    readonly name: string;
    readonly version: string;
    readonly seed: number;
    readonly command: string;
  };
  /** Of a file of ours: what came to the same values without us. */
  readonly oracles?: readonly {
    readonly name: string;
    readonly version: string;
    readonly confirms: string;
  }[];
  readonly header?: readonly string[];
  /** What each flag means. */
  readonly notes?: Readonly<Record<string, unknown>>;
  readonly numberOfTests: number;
  readonly testGroups: readonly VectorGroup[];
}

/** What was to be a file of vectors is none that can be checked: its message says why, in one line. */
export class VectorsError extends Error {
  override readonly name = 'VectorsError';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new VectorsError(`no test vectors: ${what}`);
}

function checkTest(test: unknown, seen: Set<number>): void {
  demand(isObject(test), 'a test is no object');
  const { tcId, comment, flags, result, reason } = test;
  demand(typeof tcId === 'number' && Number.isSafeInteger(tcId), 'a test lacks its tcId');
  demand(!seen.has(tcId), `tcId ${tcId} is there twice`);
  seen.add(tcId);
  demand(typeof comment === 'string', `test ${tcId} lacks its comment`);
  demand(VERDICTS.includes(result as Verdict), `test ${tcId} has no result that is ${VERDICTS.join(' or ')}`);
  demand(
    flags === undefined || (Array.isArray(flags) && flags.every((flag) => typeof flag === 'string')),
    `the flags of test ${tcId} are no list of names`,
  );
  demand(reason === undefined || typeof reason === 'string', `the reason of test ${tcId} is no text`);
}

/**
 * Reads a file of vectors, ours or a stranger's.
 * @throws VectorsError where it has not the shape of one
 */
export function parseVectors(text: string): VectorFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new VectorsError('no test vectors: this is no JSON');
  }
  demand(isObject(file), 'this is no object');
  const { algorithm, numberOfTests, testGroups } = file;
  demand(typeof algorithm === 'string', 'there is no algorithm');
  demand(Array.isArray(testGroups) && testGroups.length > 0, 'there are no testGroups');
  const seen = new Set<number>();
  for (const group of testGroups) {
    demand(isObject(group) && typeof group.type === 'string', 'a group lacks its type');
    demand(Array.isArray(group.tests) && group.tests.length > 0, 'a group has no tests');
    for (const test of group.tests) checkTest(test, seen);
  }
  demand(numberOfTests === seen.size, `numberOfTests is not ${seen.size}, which is how many there are`);
  return file as unknown as VectorFile;
}
