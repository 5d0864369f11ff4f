// What vitest's reports say of a run.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './setup.mjs';

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

/** The files in which those tests are. */
export function filesOf(names) {
  return [...new Set([...names].map((name) => name.split(' > ')[0]))];
}
