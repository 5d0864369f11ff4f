import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newPrivateKey } from '../../src/keys/key-text.js';
import { PACE } from '../../src/protocol/secure/constants.js';
import { SecureMachine } from '../../src/protocol/secure/machine.js';
import type { SecureEffect } from '../../src/protocol/secure/terms.js';
import { End, join, RIGHT, settle } from '../secure-ends.js';
import { randomness } from '../seed.js';

const { bytes } = randomness();
let left: End;
let right: End;

/** Time passes, in steps of a second, with what comes of it. */
async function pass(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    vi.advanceTimersByTime(1_000);
    await settle(left, right);
  }
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'Date'] });
  [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
  await join(left, right);
});

afterEach(async () => {
  await Promise.all([left.side.close(), right.side.close()]);
  vi.useRealTimers();
});

test('a port of the switch stays over every change of keys, and no frame is lost', async () => {
  let handshakes = 0;
  for (let i = 0; i < 120; i++) {
    left.port.send(bytes(60));
    right.port.send(bytes(60));
    for (const { sent } of [left, right]) handshakes += sent.filter(([type]) => type === 1).length;
    await pass(5);
  }
  expect([left.frames.length, right.frames.length]).toEqual([120, 120]);
  expect([left.ups, right.ups, left.downs, right.downs]).toEqual([1, 1, 0, 0]);
  expect(right.side.statistics()).toMatchObject([{ opened: 120n, sealed: 120n }]);
  expect(handshakes).toBeGreaterThanOrEqual(4); // one every two minutes
});

test('a flood of strangers’ handshakes: little of it is answered, and the keys of who is up are renewed all the same', async () => {
  const { publicKey } = right.side;
  const strangers = Array.from({ length: 20 }, () => {
    const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 1e12 });
    machine.wanted(0, machine.addPeer(0, { publicKey, endpoint: RIGHT }));
    return (machine.take()[0] as SecureEffect & { do: 'send' }).datagram;
  });
  await pass(110);
  let answered = 0;
  let renewed = 0;
  for (let second = 0; second < 80; second++) {
    left.port.send(bytes(60));
    vi.advanceTimersByTime(1_000);
    for (let i = 0; i < PACE.rate + 500; i++) {
      const from = { address: `198.51.100.${i & 255}`, port: i };
      right.receive(strangers[i % strangers.length] as Uint8Array, from);
    }
    const sent = right.sent.splice(0);
    const others = sent.filter(([type]) => type !== 3);
    answered += sent.length - others.length;
    right.sent.push(...others);
    renewed += (await settle(left, right)).filter(([type]) => type === 2).length;
  }
  expect(answered).toBeLessThanOrEqual(81 * PACE.rate);
  expect(answered).toBeGreaterThan(1_000);
  expect(renewed).toBe(1);
  expect([left.downs, right.downs, right.frames.length]).toEqual([0, 0, 80]);
}, 60_000);

test('quiet for long, it is down and gives its port back; a frame brings it up again, and is carried', async () => {
  await pass(200);
  expect([left.downs, right.downs]).toEqual([1, 1]);
  expect(right.side.statistics()).toEqual([]);
  right.port.send(bytes(60)); // its port is given back: nobody takes it
  const frame = bytes(62);
  left.plugAgain();
  left.port.send(frame);
  await settle(left, right);
  expect([left.ups, right.ups]).toEqual([2, 2]);
  expect(right.frames).toEqual([frame]);
});

test('nobody answers: what waits is let go after 90 s, and the next frame calls again', async () => {
  await pass(200);
  left.plugAgain();
  for (let i = 0; i < 3; i++) left.port.send(bytes(60));
  let calls = 0;
  for (let i = 0; i < 120; i++) {
    vi.advanceTimersByTime(1_000);
    calls += left.sent.splice(0).length;
  }
  expect(calls).toBeGreaterThanOrEqual(15);
  left.port.send(bytes(62));
  await settle(left, right);
  expect(right.frames.map(({ length }) => length)).toEqual([62]);
});
