import { beforeEach, expect, test } from 'vitest';
import { Moderation } from '../../../src/cable/native/thread/moderation.js';

let slept: number[];
let moderation: Moderation;
let time: number;

beforeEach(() => {
  slept = [];
  moderation = new Moderation((microseconds) => slept.push(microseconds));
  time = 1_000;
});

/** Rounds that bring frames of these lengths, one each 0.1 ms. @returns how many of them were followed by a sleep */
function rounds(
  count: number,
  lengths: readonly number[],
  { crowded = false, every = 0.1, hurry = false } = {},
): number {
  const before = slept.length;
  for (let i = 0; i < count; i++) {
    for (const length of lengths) moderation.came(length);
    if (hurry) moderation.hurry();
    moderation.pause(crowded, () => time);
    time += every;
  }
  return slept.length - before;
}

const few = [100, 60, 512];

test('a few small frames in each round are waited for, once they have come for a while', () => {
  expect(rounds(16, few)).toBe(0);
  expect(rounds(10, few)).toBe(10);
  expect(slept.every((microseconds) => microseconds > 0 && microseconds <= 100)).toBe(true);
});

test.each([
  ['one at a time, as who waits for an answer sends', [100], {}],
  ['a large one among them', [100, 100, 513], {}],
  ['several peers', few, { crowded: true }],
  ['a pause between the rounds', few, { every: 0.6 }],
  ['a switch that must be read', few, { hurry: true }],
])('no waiting: %s', (_what, lengths, how) => {
  expect(rounds(100, lengths, how)).toBe(0);
});

test('many in a round need no help, and what comes after them is waited for at once', () => {
  rounds(17, few);
  expect(rounds(10, Array(49).fill(100))).toBe(0);
  expect(rounds(1, few)).toBe(1);
});

test.each([
  ['a large frame', () => moderation.came(1_400)],
  ['a round with nothing', () => moderation.pause(false, () => time)],
  ['a switch', () => moderation.hurry()],
])('%s begins it anew', (_what, happen) => {
  rounds(17, few);
  happen();
  expect(rounds(16, few)).toBe(0);
});
