import { expect, test } from 'vitest';
import { growth, type Vitals, vitals } from '../../../lab/vitals.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
/** Samples whose values wander as a garbage collector lets them, on a slope. */
const series = (memoryPerSample: number, descriptorsPerSample: number): Vitals[] =>
  Array.from({ length: 300 }, (_, i) => ({
    resident: 60e6 + random.next() * 8e6 + i * memoryPerSample,
    descriptors: 23 + Math.floor(i * descriptorsPerSample) + (random.next() < 0.1 ? 6 : 0),
  }));

test('what wanders has not grown', () => {
  expect(growth(series(0, 0))).toEqual([]);
  expect(growth(series(-100e3, -0.05))).toEqual([]);
});

test('what grows is told', () => {
  expect(growth(series(100e3, 0))).toEqual([expect.stringMatching(/^its memory grew from \d+\.\d MB to /)]);
  expect(growth(series(0, 0.05))).toEqual([
    expect.stringMatching(/^its open descriptors grew from 2\d to 3\d$/),
  ]);
});

test('a process has both', () => {
  const { resident, descriptors } = vitals(process.pid);
  expect(resident).toBeGreaterThan(10e6);
  expect(descriptors).toBeGreaterThan(2);
});
