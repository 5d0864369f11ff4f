// What vitest's reports say of a run.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './setup.mjs';

const MOST_REPEATED = 10;

/** A report; undefined if the run wrote none, or was ended before it was whole. */
export function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Tests of a report by file and name.
 * @param {'passed' | 'failed'} outcome of which
 */
export function outcomes(report, outcome) {
  return (report?.testResults ?? []).flatMap(({ name: file, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === outcome)
      .map(({ fullName }) => `${relative(root, file)} > ${fullName}`),
  );
}

/** Files of tests that failed, to be run once more: none where they are more than a busy machine would explain. */
export function filesToRepeat(names) {
  const files = [...new Set([...names].map((name) => name.split(' > ')[0]))];
  return files.length > MOST_REPEATED ? [] : files;
}
