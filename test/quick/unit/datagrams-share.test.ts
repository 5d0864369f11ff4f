// A peer whose frames its switch does not take, beside one whose switch does: on the native path, with a C library that is a double.
import { afterEach, expect, test, vi } from 'vitest';
import { Arena, MMSGHDR_BYTES } from '../../../src/cable/native/linux/arena.js';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { Datagrams } from '../../../src/cable/native/thread/datagrams.js';
import { FrameSide } from '../../../src/cable/native/thread/frame-side.js';
import { FrameTools } from '../../../src/cable/native/thread/frame-tools.js';
import type { Peer } from '../../../src/cable/native/thread/peer.js';
import { Refusals } from '../../../src/protocol/refusals.js';
import { rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';
import { makeCore } from './core/harness.js';
import { Kernel } from './kernel.js';

const WAY_BYTES = 48;
/** The UDP socket; a switch's is 100 and its session. */
const UDP = 3;
const PORT = 100;
/** Frames that wait for a port, and at most, for a moment of 10 ms; and what a batch may bring besides. */
const [WAIT, MOST, BATCH] = [256, 1_024, 64];

afterEach(() => {
  vi.restoreAllMocks();
});

type Scene = Awaited<ReturnType<typeof scene>>;
type End = Scene['peers'][0];

/** Peers with a switch port each, which may take nothing. */
async function scene(count: number) {
  const made = await makeCore();
  const { core, ring } = made;
  const kernel = new Kernel();
  const { libc } = kernel;
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  const stopped = new Set<number>();
  const taken = new Map<number, string[]>();
  kernel.does({
    sendmmsg: (fd, at, messages) => {
      if (stopped.has(fd - PORT)) return kernel.refuse(ERRNO.AGAIN);
      for (let i = 0; i < messages; i++) {
        const frames = taken.get(fd - PORT) ?? [];
        frames.push(kernel.whole(at + i * MMSGHDR_BYTES).toString('hex'));
        taken.set(fd - PORT, frames);
      }
      return messages;
    },
  });
  const arena = new Arena(libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
  const tools = new FrameTools(libc, core, arena, undefined, () => {});
  const sides = new Map<number, FrameSide>();
  // As the I/O thread does it.
  const pump = () => {
    for (let batch = ring.process(); batch > 0; batch = ring.process()) {
      for (let back = batch - 1; back >= 0; back--) {
        const { index, session, status, address, length } = ring.processed(back);
        expect(status).toBe(0);
        sides.get(session)?.queue(index, address, length);
      }
      for (const side of sides.values()) side.flush();
      if (ring.room < 96 && datagrams.crowded) for (const side of sides.values()) side.setAside();
    }
  };
  const datagrams: Datagrams = new Datagrams(
    libc,
    core,
    arena,
    { fd: UDP, family: 'both', gso: false, tapped: false },
    { control() {}, arrives() {}, pump, trouble() {} },
  );
  const peers = Array.from({ length: count }, (_, i) => {
    const session = made.session('plain');
    const side = new FrameSide(tools, session);
    const plug = { connection: 0, plain: true, vnet: undefined, device: undefined, controlFd: -1 };
    side.plug({ ...plug, dataFd: PORT + session }, 1);
    sides.set(session, side);
    const peer = { session, up: false, refusals: new Refusals(), secure: undefined, side } as unknown as Peer;
    const from = new Uint8Array(WAY_BYTES);
    from[3] = i + 1;
    datagrams.raise(peer, from);
    let sent = 0;
    const send = (datagrams: number, at?: number) => {
      for (let n = 0; n < datagrams; n++) {
        const bytes = new Uint8Array(61).fill(i);
        new DataView(bytes.buffer).setUint32(1, sent++);
        bytes[0] = 0x20;
        kernel.incoming.push({ bytes, from: from.subarray(0, 28), at });
      }
    };
    const counted = () => {
      const counts = core.counts(session);
      return {
        sent,
        taken: taken.get(session)?.length ?? 0,
        lost: Number(counts.refused['over its share'] ?? 0n) + Number(counts.droppedBySwitch),
        unopened: Number(counts.refused['over its share'] ?? 0n),
      };
    };
    /** The numbers of the frames that the switch took. */
    const numbers = () => (taken.get(session) ?? []).map((frame) => Number.parseInt(frame.slice(0, 8), 16));
    return { session, side, send, counted, numbers };
  });
  return {
    ...made,
    kernel,
    datagrams,
    peers,
    clock,
    pump,
    stop: (...ends: readonly { session: number }[]) => {
      for (const { session } of ends) stopped.add(session);
    },
    start: (...ends: readonly { session: number; side: FrameSide }[]) => {
      for (const { session, side } of ends) {
        stopped.delete(session);
        side.flush();
      }
    },
    /** Receives what there is, as far as there is room. */
    receive: () => {
      for (let i = 0; i < 10_000 && (kernel.incoming.length > 0 || datagrams.staged); i++) {
        datagrams.receive();
        pump();
      }
    },
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test.each([1, 2, 5])(
  'beside %i whose switch takes nothing one loses nothing, and they their own, unopened',
  async (greedy) => {
    const { peers, stop, start, receive, kernel, ring, datagrams, clock } = await scene(1 + greedy);
    const [victim, ...others] = peers as [End, ...End[]];
    stop(...others);
    for (const one of peers) one.send(1);
    receive(); // all have been heard
    for (let i = 0; i < 100; i++) {
      clock.mockReturnValue(i);
      for (const other of others) other.send(50);
      victim.send(40);
      receive();
    }
    expect([kernel.incoming.length, datagrams.staged]).toEqual([0, false]);
    expect(victim.counted()).toMatchObject({ sent: 4_001, taken: 4_001, lost: 0 });
    expect(victim.numbers()).toEqual(numbers(4_001));
    for (const other of others) {
      const { sent, lost, unopened } = other.counted();
      expect(sent - lost).toBeGreaterThanOrEqual(WAIT);
      expect(sent - lost).toBeLessThanOrEqual(MOST + BATCH + 16);
      expect(lost - unopened).toBeLessThanOrEqual(BATCH + 16);
    }
    expect(ring.room).toBeGreaterThanOrEqual(96);
    // What waited comes in order, and unharmed, when the switch takes something again.
    start(...others);
    for (const other of others) {
      const { sent, lost, taken } = other.counted();
      expect(taken).toBe(sent - lost);
      expect(other.numbers()).toEqual([...other.numbers()].sort((a, b) => a - b));
      expect(other.numbers().slice(0, WAIT)).toEqual(numbers(WAIT));
    }
    expect(ring.room).toBe(ring.slots);
  },
);

test('more may wait for a moment, as a switch may not have the processor; not for longer', async () => {
  const { peers, stop, start, receive, clock } = await scene(2);
  const [victim, bursty] = peers as [End, End];
  for (const one of peers) one.send(1);
  receive();
  for (let burst = 0; burst < 3; burst++) {
    clock.mockReturnValue(100 * burst);
    stop(bursty);
    bursty.send(MOST - BATCH);
    receive();
    clock.mockReturnValue(100 * burst + 9);
    bursty.send(10);
    receive();
    expect(bursty.counted().lost).toBe(0);
    start(bursty);
  }
  expect(bursty.counted().taken).toBe(bursty.counted().sent);
  stop(bursty);
  bursty.send(WAIT + BATCH);
  receive();
  bursty.send(1);
  receive();
  clock.mockReturnValue(1_000);
  bursty.send(100);
  victim.send(100);
  receive();
  expect([bursty.counted().unopened, victim.counted().lost]).toEqual([100, 0]);
});

test('of what has waited, that of one who brings few goes first, and its answer is looked for at once', async () => {
  const { peers, receive, kernel, datagrams, pump, clock } = await scene(2);
  const [victim, greedy] = peers as [End, End];
  for (const one of peers) one.send(1);
  receive(); // both have been heard
  const before = victim.counted().taken;
  let now = 10;
  clock.mockImplementation(() => {
    now += 0.15; // each look at the clock
    return now;
  });
  greedy.send(15, Date.now() - 1_000);
  victim.send(1, Date.now());
  datagrams.receive();
  pump();
  expect(victim.counted().taken).toBe(before + 1);
  expect(datagrams.staged).toBe(true);
  expect(greedy.counted().taken).toBeLessThan(5);
  receive();
  expect([kernel.incoming.length, datagrams.staged]).toEqual([0, false]);
  expect(greedy.numbers()).toEqual(numbers(16));
});

test('one that has the thread for itself waits for its switch, and loses nothing', async () => {
  const { peers, stop, start, receive, kernel, ring, clock, datagrams } = await scene(2);
  const [quiet, lone] = peers as [End, End];
  quiet.send(1);
  receive();
  clock.mockReturnValue(10_001);
  stop(lone);
  lone.send(1_000);
  receive();
  expect(lone.counted()).toMatchObject({ taken: 0, lost: 0 });
  expect([ring.room, datagrams.staged]).toEqual([0, true]);
  expect(kernel.incoming.length).toBeGreaterThan(700);
  for (let i = 0; i < 10; i++) {
    start(lone);
    receive();
  }
  expect(lone.counted()).toMatchObject({ taken: 1_000, lost: 0 });
  expect(lone.numbers()).toEqual(numbers(1_000));
});

test('frames for a port that is being opened make way', async () => {
  const { peers, receive, ring } = await scene(2);
  const [victim, opening] = peers as [End, End];
  victim.send(1);
  opening.send(1);
  receive();
  opening.side.plug(undefined, 0);
  for (let i = 0; i < 20; i++) {
    opening.send(20);
    victim.send(20);
    receive();
  }
  expect(victim.counted()).toMatchObject({ taken: 401, lost: 0 });
  expect(ring.room).toBeGreaterThanOrEqual(96);
});

test('when there is no time for all, a peer that brings too much loses its own, before they are opened', async () => {
  const { peers, kernel, datagrams, pump, clock } = await scene(3);
  const [victim, ...greedy] = peers as [End, ...End[]];
  const { below } = randomness();
  // Each ms there is time for ten receives, and more than that comes.
  for (let now = 0; now < rounds(1_000, 100); now++) {
    clock.mockReturnValue(now);
    const bring = [victim, ...greedy.flatMap((one) => Array.from({ length: 150 }, () => one))];
    for (let i = bring.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [bring[i], bring[j]] = [bring[j] as End, bring[i] as End];
    }
    for (const one of bring) one.send(1);
    kernel.incoming.splice(2_000);
    for (let receives = 0; receives < 10 && kernel.incoming.length > 0; receives++) {
      datagrams.receive();
      pump();
    }
  }
  expect(victim.counted().lost).toBe(0);
  for (const one of greedy) expect(one.counted().unopened).toBeGreaterThan(rounds(10_000, 1_000));
});

test.each([
  ['late', 2, true],
  ['not late', 1, false],
])('when datagrams are %s, one that floods loses its own: %i ms, %s', async (_how, waited, loses) => {
  const { peers, receive, clock } = await scene(2);
  const [victim, flood] = peers as [End, End];
  const system = vi.spyOn(Date, 'now');
  for (const one of peers) one.send(1);
  receive();
  for (let i = 0; i < 100; i++) {
    clock.mockReturnValue(i);
    system.mockReturnValue(1e12 + i + 0.5);
    flood.send(100, 1e12 + i - waited);
    victim.send(4, 1e12 + i - waited);
    flood.send(100, 1e12 + i - waited);
    receive();
  }
  expect(victim.counted()).toMatchObject({ sent: 401, taken: 401, lost: 0 });
  expect(flood.counted().unopened > 1_000).toBe(loses);
  if (!loses) expect(flood.counted().lost).toBe(0);
});

test('the switches are read after a millisecond of datagrams, where there is more than one peer', async () => {
  const { peers, receive, clock, datagrams, kernel } = await scene(2);
  const [one, other] = peers as [End, End];
  let now = 0;
  clock.mockImplementation(() => {
    now += 0.3;
    return now;
  });
  other.send(16);
  datagrams.receive();
  expect(datagrams.staged).toBe(false);
  one.send(1);
  receive();
  other.send(16);
  datagrams.receive();
  expect([datagrams.staged, kernel.incoming.length]).toEqual([true, 0]);
  receive();
  expect([datagrams.staged, other.counted().taken, other.counted().lost]).toEqual([false, 32, 0]);
});
