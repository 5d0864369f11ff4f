// Datagrams of the native path that the system refuses: each costs itself alone. The C library is a double.
import { expect, test } from 'vitest';
import { Arena } from '../../../src/cable/native/linux/arena.js';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { Datagrams } from '../../../src/cable/native/thread/datagrams.js';
import type { Peer } from '../../../src/cable/native/thread/peer.js';
import { Refusals, TROUBLE } from '../../../src/protocol/send-refusals.js';
import { randomness } from '../../support/seed.js';
import { makeCore } from './core/harness.js';
import { Kernel } from './kernel.js';

const { below, bytes } = randomness();
const EAGAIN = ERRNO.AGAIN;

async function scene(gso = true) {
  const made = await makeCore();
  const kernel = new Kernel();
  const troubles: [errno: number, times: number, lasts: boolean][] = [];
  const arena = new Arena(kernel.libc, Datagrams.arenaBytes(made.core));
  const datagrams = new Datagrams(
    kernel.libc,
    made.core,
    arena,
    { fd: 3, family: 'both', gso, tapped: false },
    {
      control() {},
      came() {},
      arrives() {},
      pump() {},
      trouble: (...given) => troubles.push(given),
    },
  );
  const session = made.session('plain');
  const peer = { session, up: false, refusals: new Refusals(), secure: undefined } as unknown as Peer;
  datagrams.raise(peer, new Uint8Array(28));
  /** Sends frames of a peer's switch. */
  const send = (...frames: Uint8Array[]) => {
    made.pushFrames(session, ...frames);
    for (let count = made.ring.process(); count > 0; count = made.ring.process()) {
      for (let back = count - 1; back >= 0; back--) {
        const { index, address, length } = made.ring.processed(back);
        datagrams.out.queue(peer, index, address, length);
      }
    }
    datagrams.out.flush();
  };
  const frames = (count: number, size: () => number) =>
    Array.from({ length: count }, (_, i) => Buffer.concat([Buffer.of(i), bytes(size())]));
  /** The numbers of the frames that were sent: a plain datagram is a type and the frame. */
  const arrived = () => kernel.sent.splice(0).map((datagram) => datagram[1] as number);
  return { ...made, kernel, troubles, datagrams, peer, send, frames, arrived };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test.each([
  ['in pieces', true, () => 999],
  ['in pieces of all sizes', true, () => 600 + below(4)],
  ['one by one', false, () => 999],
])('one that is refused costs none of its batch, %s', async (_how, gso, size) => {
  const { kernel, send, frames, arrived, troubles, ring, datagrams } = await scene(gso);
  const bad = new Set([0, 7, 8, 63, below(64)]);
  kernel.refuses = (message) => (message.some((one) => bad.has(one[1] as number)) ? ERRNO.PERM : 0);
  send(...frames(64, size));
  expect(arrived()).toEqual(numbers(64).filter((i) => !bad.has(i)));
  expect(troubles).toEqual([...bad].sort((a, b) => a - b).map(() => [ERRNO.PERM, 1, false]));
  expect([datagrams.out.waiting, ring.room]).toEqual([0, ring.slots]);
  // What comes next goes in pieces again.
  kernel.refuses = () => 0;
  const calls = kernel.calls.get('sendmmsg') as number;
  send(...frames(64, () => 999));
  expect(arrived()).toEqual(numbers(64));
  expect(kernel.calls.get('sendmmsg')).toBe(calls + (gso ? 1 : 2));
});

test.each([ERRNO.PERM, ERRNO.NOBUFS, 101, 113, ERRNO.INVAL])(
  'errno %i for ever ends, and is trouble after a second',
  async (errno) => {
    const { kernel, send, frames, troubles, peer, ring } = await scene();
    kernel.refuses = () => errno;
    send(...frames(64, () => 999));
    const now = performance.now();
    expect(troubles.every(([, , lasts]) => !lasts)).toBe(true);
    expect(troubles.reduce((sum, [, times]) => sum + times, 0)).toBe(64);
    expect(ring.room).toBe(ring.slots);
    expect(peer.refusals.lasting(now + TROUBLE.after + 1_000)).toBe(true);
  },
);

test('a socket that is full keeps what waits, also of a piece that goes one by one', async () => {
  const { kernel, send, frames, arrived, datagrams } = await scene();
  let room = 10;
  kernel.refuses = (message) => {
    if (message.some((one) => one[1] === 3)) return ERRNO.PERM;
    return room-- > 0 ? 0 : EAGAIN;
  };
  send(...frames(40, () => 700));
  expect(datagrams.out.blocked).toBe(true);
  expect(arrived()).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10]);
  room = Infinity;
  datagrams.out.flush();
  expect(arrived()).toEqual(numbers(40).slice(11));
});
