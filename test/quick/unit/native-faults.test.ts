// Calls of the native path that fail, from the start or later: what cannot be had is said, and nothing is asked for ever. The
// C library is a double.
import { expect, test } from 'vitest';
import { Arena } from '../../../src/cable/native/linux/arena.js';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import type { Port } from '../../../src/cable/native/ports/port.js';
import { Datagrams } from '../../../src/cable/native/thread/datagrams.js';
import { FrameSide } from '../../../src/cable/native/thread/frame-side.js';
import { FrameTools } from '../../../src/cable/native/thread/frame-tools.js';
import { Moderation } from '../../../src/cable/native/thread/moderation.js';
import { Ready } from '../../../src/cable/native/thread/ready.js';
import { Watch } from '../../../src/cable/native/thread/watch.js';
import { makeCore } from './core/harness.js';
import { Kernel } from './kernel.js';

/** As often as a loop would have to go round before somebody notices. */
const ROUNDS = 5_000;
const ENOSYS = 38;
const REFUSALS = [ERRNO.PERM, ENOSYS, ERRNO.IO, ERRNO.INTR];

async function datagramsOn(kernel: Kernel) {
  const { core } = await makeCore();
  const troubles: number[] = [];
  const arena = new Arena(kernel.libc, Datagrams.arenaBytes(core));
  const socket = { fd: 3, family: 'both' as const, gso: true, tapped: false };
  const events = {
    control() {},
    came() {},
    arrives() {},
    pump() {},
    trouble: (errno: number) => troubles.push(errno),
  };
  return { datagrams: new Datagrams(kernel.libc, core, arena, socket, events), troubles };
}

test.each(['recvmmsg', 'sendmmsg'])('%s is tried before anybody relies on it', async (call) => {
  for (const errno of [ERRNO.PERM, ENOSYS]) {
    const kernel = new Kernel();
    kernel.fails = (name) => (name === call ? errno : name === 'recvmmsg' ? ERRNO.AGAIN : 0);
    const { datagrams } = await datagramsOn(kernel);
    expect(() => datagrams.tryOut()).toThrow(`${call} error ${errno}`);
  }
});

test.each(REFUSALS)(
  'a socket that shows something and gives errno %i for ever is given up',
  async (errno) => {
    const kernel = new Kernel();
    kernel.fails = () => errno;
    const { datagrams, troubles } = await datagramsOn(kernel);
    expect(() => {
      for (let i = 0; i < ROUNDS; i++) datagrams.receive();
    }).toThrow(`recvmmsg error ${errno}`);
    expect(troubles).toEqual([]);
  },
);

test('that nobody listens is no fault of the socket, however often', async () => {
  const kernel = new Kernel();
  kernel.fails = () => ERRNO.CONNREFUSED;
  const { datagrams, troubles } = await datagramsOn(kernel);
  for (let i = 0; i < ROUNDS; i++) datagrams.receive();
  expect(troubles.length).toBe(ROUNDS);
});

test.each(['epollCreate', 'epollControl'])('%s refused is said at once', (call) => {
  const kernel = new Kernel();
  kernel.does({ epollCreate: () => 9, epollControl: () => 0 });
  kernel.fails = (name) => (name === call ? ERRNO.PERM : 0);
  expect(() => new Ready(kernel.libc, 4, 3)).toThrow(/^epoll_(create1|ctl) error 1$/);
});

test('epoll_wait refused is an error, and not a moment that passes', () => {
  const kernel = new Kernel();
  kernel.does({ epollCreate: () => 9 });
  const watch = new Watch(kernel.libc);
  kernel.fails = () => ERRNO.PERM;
  expect(() => watch.wait(0)).toThrow('epoll_wait error 1');
  kernel.fails = () => ERRNO.INTR;
  expect(watch.wait(0)).toBe(0);
});

test('what is watched already stays so; what cannot be watched is lost', async () => {
  const kernel = new Kernel();
  kernel.does({ epollCreate: () => 9, epollControl: () => 0 });
  const ready = new Ready(kernel.libc, 4, 3);
  const { side } = await sideOn(kernel, { plain: true });
  kernel.fails = () => ERRNO.EXIST;
  ready.add(side);
  expect(ready.takeLost()).toEqual([]);
  kernel.fails = () => 28; // ENOSPC
  ready.add(side);
  expect(ready.takeLost()).toEqual([side]);
});

async function sideOn(kernel: Kernel, kind: Partial<Port>) {
  const { core, pushFrames, session } = await makeCore();
  const arena = new Arena(kernel.libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
  const calls = { receive: kernel.libc.read, send: kernel.libc.write } as never;
  const side = new FrameSide(
    new FrameTools(kernel.libc, core, arena, calls, () => {}, new Moderation(() => {})),
    session('plain'),
  );
  side.plug(
    { connection: 1, dataFd: 7, controlFd: -1, plain: false, vnet: undefined, device: undefined, ...kind },
    1,
  );
  return { core, side, pushFrames };
}

const KINDS: [string, Partial<Port>][] = [
  ['a switch', { plain: true }],
  ['another network', {}],
  ['a tap', { vnet: 10 }],
  ['a tap without headers', { vnet: 0 }],
];

test.each(KINDS)('%s whose reads fail for ever is lost', async (_, kind) => {
  for (const errno of [ERRNO.PERM, ENOSYS, ERRNO.IO]) {
    const kernel = new Kernel();
    const { side } = await sideOn(kernel, kind);
    kernel.fails = () => errno;
    for (let i = 0; i < ROUNDS && !side.lost; i++) side.read();
    expect(side.lost).toBe(true);
  }
});

test.each(KINDS)('%s that has nothing is not', async (_, kind) => {
  const kernel = new Kernel();
  const { side } = await sideOn(kernel, kind);
  kernel.fails = () => ERRNO.AGAIN;
  for (let i = 0; i < ROUNDS; i++) side.read();
  expect(side.lost).toBe(false);
});

test.each(KINDS)('%s that takes nothing for ever keeps nobody: flush ends', async (_, kind) => {
  for (const errno of [...REFUSALS, ERRNO.NOBUFS, ERRNO.INVAL, ERRNO.AGAIN]) {
    const kernel = new Kernel();
    const { core, side } = await sideOn(kernel, kind);
    kernel.fails = () => errno;
    for (let i = 0; i < 10; i++) side.queue(core.ring.next, core.ring.frameAt(core.ring.next), 60);
    side.flush();
    expect([...kernel.calls.values()].reduce((sum, calls) => sum + calls, 0)).toBeLessThan(50);
  }
});
