// A machine that sleeps: its cable is back as soon as it wakes, by the keys that both ends have.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type SleepClock, sleepClock } from '../../../src/ends/sleep-clock.js';
import { newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { batch, End, LEFT, RIGHT, settle } from '../../support/secure-ends.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const [MINUTES, DAYS] = [60_000, 86_400_000];

/** A clock that a test moves ahead. */
class Moved implements SleepClock {
  ahead = 0;
  now = () => performance.now() + this.ahead;
  look(): void {}
  close(): void {}
}

let ends: End[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'Date'] });
});

afterEach(async () => {
  await Promise.all(ends.map(({ side }) => side.close()));
  vi.useRealTimers();
});

async function pair(forgetAfter?: number) {
  const clocks = { left: new Moved(), right: new Moved() };
  const left = new End(newPrivateKey(bytes), clocks.left);
  const right = new End(newPrivateKey(bytes), clocks.right);
  ends = [left, right];
  left.calls = true;
  await left.open(LEFT);
  await right.open(RIGHT, undefined, forgetAfter);
  const presharedKey = bytes(32);
  right.side.add({ publicKey: publicKeyOf(left.privateKey), presharedKey, enrolled: true });
  left.side.add(
    { publicKey: publicKeyOf(right.privateKey), presharedKey },
    { host: RIGHT.address, port: RIGHT.port },
  );
  while (left.sent.length === 0) await batch(); // its address is looked up
  await settle(left, right);
  expect([left.ups, right.ups]).toEqual([1, 1]);
  /** Both clocks go on, while what they send is lost: the left machine sleeps. */
  const sleep = async (ms: number) => {
    for (const clock of [clocks.left, clocks.right]) clock.ahead += ms;
  };
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 250) {
      vi.advanceTimersByTime(250);
      await settle(left, right);
    }
  };
  return { left, right, sleep, pass };
}

test.each([
  ['10 minutes', 10 * MINUTES],
  ['3 days', 3 * DAYS],
  ['29 days', 29 * DAYS],
])('after %s it is back within a second, and nobody has forgotten it', async (_, ms) => {
  const { left, right, sleep, pass } = await pair();
  await sleep(ms);
  await pass(1_000);
  expect([left.ups, right.ups]).toEqual([2, 2]);
  expect([left.downs, right.downs, right.forgotten]).toEqual([1, 1, 0]);
  left.plugAgain();
  right.plugAgain();
  const frame = bytes(60);
  left.port.send(frame);
  await settle(left, right);
  expect(right.frames).toEqual([frame]);
});

test('who sleeps for longer than the server remembers is forgotten', async () => {
  const { left, right, sleep, pass } = await pair(2 * DAYS);
  await sleep(3 * DAYS);
  await pass(1_000);
  expect([left.ups, right.ups, right.forgotten]).toEqual([1, 1, 1]);
});

test('the clock of this machine goes as the usual one while it is awake', () => {
  vi.useRealTimers();
  const clock = sleepClock();
  const from = [clock.now(), performance.now()] as const;
  for (let i = 0; i < 100; i++) clock.look();
  const [slept, awake] = [clock.now() - from[0], performance.now() - from[1]];
  expect(Math.abs(slept - awake)).toBeLessThan(50);
  clock.close();
  clock.close();
  clock.look(); // after its end: nothing
});
