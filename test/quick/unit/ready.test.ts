// What the I/O thread waits for: ports whose other side is gone, and switches that take nothing.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Arena } from '../../../src/cable/native/linux/arena.js';
import { AF, type Libc, loadLibc, SOCK } from '../../../src/cable/native/linux/libc.js';
import type { Port } from '../../../src/cable/native/ports/port.js';
import { FrameSide } from '../../../src/cable/native/thread/frame-side.js';
import { FrameTools } from '../../../src/cable/native/thread/frame-tools.js';
import { Moderation } from '../../../src/cable/native/thread/moderation.js';
import { Ready } from '../../../src/cable/native/thread/ready.js';
import { Core } from '../../../src/core/core.js';

const libc: Libc = await loadLibc();
const fds: number[] = [];
let core: Core;
let tools: FrameTools;
let ready: Ready;

function keep(fd: number): number {
  expect(fd).toBeGreaterThanOrEqual(0);
  fds.push(fd);
  return fd;
}

/** A socket that nobody hangs up. */
const quiet = () => keep(libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0));
/** One of a connection that is no more: there is no other side. */
const hungUp = () => keep(libc.socket(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0));

beforeEach(async () => {
  core = await Core.load();
  tools = new FrameTools(
    libc,
    core,
    new Arena(libc, FrameTools.arenaBytes(core)),
    undefined,
    () => {},
    new Moderation(() => {}),
  );
  ready = new Ready(libc, keep(libc.eventfd(0, SOCK.NONBLOCK | SOCK.CLOEXEC)), quiet());
});

afterEach(() => {
  vi.restoreAllMocks();
  ready.close();
  for (const fd of fds.splice(0)) libc.close(fd);
});

function side(port?: Pick<Port, 'dataFd' | 'controlFd'>): FrameSide {
  const session = core.openSession() as number;
  core.keySession(session, { suite: 'plain' });
  const made = new FrameSide(tools, session);
  if (port) made.plug({ connection: 0, plain: true, vnet: undefined, device: undefined, ...port }, 1);
  ready.add(made);
  return made;
}

test('a port whose switch has ended is lost, by its control socket; its neighbour is not', () => {
  side({ dataFd: quiet(), controlFd: quiet() });
  const lost = side({ dataFd: quiet(), controlFd: hungUp() });
  ready.wait(true, 0);
  expect(ready.takeLost()).toEqual([lost]);
  expect(ready.takeLost()).toEqual([]);
});

test('a port is lost by its data socket where it has no other', () => {
  const lost = side({ dataFd: hungUp(), controlFd: -1 });
  ready.wait(true, 0);
  expect(ready.takeLost()).toEqual([lost]);
});

test('a side that was taken away is lost no more', () => {
  const taken = side({ dataFd: quiet(), controlFd: hungUp() });
  ready.wait(true, 0);
  ready.remove(taken);
  expect(ready.takeLost()).toEqual([]);
});

/** Queues a frame for a side's switch, in a slot of the ring. */
function queue(to: FrameSide): void {
  const { ring } = core;
  const frame = new Uint8Array(62);
  frame[1] = 60;
  core.readStream(to.session, frame);
  ring.process();
  const sealed = ring.processed(0);
  const datagram = ring.bytes.slice(sealed.address, sealed.address + sealed.length);
  ring.release(sealed.index);
  expect(ring.push(to.session, datagram)).toBe(true);
  ring.process();
  const { index, address, length, status } = ring.processed(0);
  expect(status).toBe(0);
  to.queue(index, address, length);
  to.flush();
  ready.check(to);
}

test('frames wait 200 ms for a port, and are dropped and counted then', () => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  const { slots } = core.ring;
  const waits = side();
  queue(waits);
  expect(core.ring.room).toBe(slots - 1);
  clock.mockReturnValue(1_199);
  ready.write();
  expect([ready.waits, core.counts(waits.session).droppedBySwitch]).toEqual([true, 0n]);
  clock.mockReturnValue(1_200);
  ready.write();
  expect([ready.waits, core.counts(waits.session).droppedBySwitch]).toEqual([false, 1n]);
  expect(core.ring.room).toBe(slots);
});

test('where there is no room for all, each port has its turn', () => {
  const one = new Arena(libc, 8);
  one.store64(0, 1);
  const reads = new Map<FrameSide, number>();
  let room = 0;
  const sides = Array.from({ length: 5 }, () => {
    // Readable for ever: nobody reads it.
    const fd = keep(libc.eventfd(0, SOCK.NONBLOCK | SOCK.CLOEXEC));
    expect(libc.write(fd, one.address(0), 8)).toBe(8);
    const made = side({ dataFd: fd, controlFd: -1 });
    vi.spyOn(made, 'read').mockImplementation(() => {
      room--;
      reads.set(made, (reads.get(made) ?? 0) + 1);
    });
    return made;
  });
  for (let pass = 0; pass < 50; pass++) {
    room = 2;
    ready.wait(true, 0);
    ready.read(() => room > 0);
  }
  expect(sides.map((each) => reads.get(each))).toEqual([20, 20, 20, 20, 20]);
});
