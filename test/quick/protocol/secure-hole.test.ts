// Large datagrams that are lost on the way while small ones are not: when that is noticed, and when something else it is.
import { expect, it } from 'vitest';
import { HOLE_FRAMES, HOLE_LEAST } from '../../../src/protocol/secure/constants.js';
import { Hole } from '../../../src/protocol/secure/hole.js';
import { randomnessOf } from '../../support/randomness.js';

// Not the seed of the run: in a line of 30 % loss, eight in a row are rare, not impossible.
const { next, below } = randomnessOf(1);
const TICK = 250;

/** What a receiver has counted, as the time passes. */
class World {
  readonly hole = new Hole();
  now = 1_000_000;
  leading = 0n;
  incomplete = 0n;
  readonly said: bigint[] = [];

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += TICK;
      const frames = this.hole.look(this.now, this.leading, this.incomplete);
      if (frames !== undefined) this.said.push(frames);
    }
  }

  /** A frame of two fragments comes, whole or in part. */
  frame(first: boolean, last: boolean): void {
    if (first) this.leading++;
    if (first !== last) this.incomplete++;
  }
}

it.each([200, 1_000, 5_000])(
  'only last fragments come, one each %d ms: it is said, and again while it lasts',
  (ms) => {
    const world = new World();
    for (let i = 0; i < Number(HOLE_FRAMES) - 1; i++) {
      world.frame(false, true);
      world.pass(ms);
    }
    expect(world.said).toEqual([]);
    for (let i = 0; i < 100; i++) {
      world.frame(false, true);
      world.pass(ms);
    }
    expect(world.said.length).toBeGreaterThan(1);
    expect(world.said.every((frames) => frames >= HOLE_FRAMES)).toBe(true);
  },
);

it('TCP that sends one segment again and again, later and later', () => {
  const world = new World();
  for (let wait = 250; wait <= 26_000; wait *= 2) {
    world.frame(false, true);
    world.pass(wait);
  }
  world.frame(false, true);
  world.pass(TICK);
  expect(world.said).toEqual([HOLE_FRAMES]);
});

it('one large datagram that comes begins the count anew', () => {
  const world = new World();
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < HOLE_LEAST / TICK - 1; i++) {
      world.frame(false, true);
      world.pass(TICK);
    }
    world.frame(true, round % 2 === 0);
    world.pass(TICK);
  }
  expect(world.said).toEqual([]);
});

it.each([0.01, 0.1, 0.3])('a line that loses %d of all datagrams is no hole', (loss) => {
  const world = new World();
  for (let i = 0; i < 5_000; i++) {
    world.frame(next() >= loss, next() >= loss);
    world.pass(TICK * (1 + below(12)));
  }
  expect(world.incomplete).toBeGreaterThan(10n);
  expect(world.said).toEqual([]);
});

it('a queue that is full for a moment, and takes small ones, is none', () => {
  const world = new World();
  for (let i = 0; i < 100; i++) {
    for (let frames = 0; frames < 50; frames++) world.frame(false, true);
    world.pass(2_000);
    for (let frames = 0; frames < 50; frames++) world.frame(true, true);
    world.pass(2_000);
  }
  expect(world.said).toEqual([]);
});

it('a few incomplete frames a minute are none, nor is a quiet cable, nor one whose peer is dead', () => {
  const world = new World();
  for (let i = 0; i < 100; i++) {
    world.frame(false, true);
    world.pass(10_000);
  }
  for (let i = 0; i < 5; i++) world.frame(false, true);
  world.pass(3_600_000);
  expect(world.said).toEqual([]);
});
