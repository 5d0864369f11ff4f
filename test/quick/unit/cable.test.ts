import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ClassicLink } from '../../../src/cable/link.js';
import type { Plug, PlugEvents } from '../../../src/cable/plug/plug.js';
import { PortableCable } from '../../../src/cable/portable/portable-cable.js';
import type { UdpEvents } from '../../../src/cable/udp/udp.js';
import { Core } from '../../../src/core/core.js';
import type { Keying } from '../../../src/core/terms.js';
import { WEAR_BYTES } from '../../../src/protocol/classic/constants.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { randomness } from '../../support/seed.js';
import { numbered } from '../protocol/examples.js';

const KEYING: Keying = { suite: 'blowfish', key: numbered(24) };
const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };

/** What the cable does after the socket has handed out what it had: setImmediate, in turn. */
const batch = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Frames as a plug's stream. */
function stream(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    Buffer.concat(frames.flatMap((f) => [Uint8Array.of(f.length >> 8, f.length & 0xff), f])),
  );
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const hexes = (frames: readonly Uint8Array[]) => frames.map(hex);

interface Sent {
  readonly bytes: Uint8Array;
  readonly to: Remote;
}

/** One end: a cable with a socket and a switch that are only here. */
const NO_PLUG: Plug = {
  settled: Promise.resolve(),
  write: () => true,
  pause() {},
  resume() {},
  async close() {},
};

class End {
  cable!: PortableCable;
  link!: ClassicLink;
  plug!: PlugEvents;
  socket!: UdpEvents;
  readonly local: Remote;
  /** Datagrams that nobody has carried yet. */
  readonly sent: Sent[] = [];
  /** What tells that they were sent; called at once, unless they are held. */
  readonly held: (() => void)[] = [];
  hold = false;
  /** Why the system refuses the next datagrams; undefined for those that it sends. */
  readonly refuses: (string | undefined)[] = [];
  /** Frames that came out at the switch. */
  readonly frames: Uint8Array[] = [];
  /** What happened, in order. */
  readonly log: string[] = [];
  /** Whether the switch takes frames. */
  takes = true;
  throws = false;

  static async open(
    local: Remote,
    { wearBytes = WEAR_BYTES, turn }: { wearBytes?: number; turn?: number } = {},
  ): Promise<End> {
    const end = new End(local);
    end.cable = await PortableCable.open(
      await Core.load(),
      async (_port, socket) => {
        end.socket = socket;
        return {
          local,
          turn,
          send: (bytes, start, length, to, done) => {
            end.sent.push({ bytes: bytes.slice(start, start + length), to });
            const refused = end.refuses.shift();
            if (refused !== undefined) end.sent.pop();
            if (end.hold) end.held.push(done);
            else done(refused);
          },
          connect: async (to) => to,
          close: async () => {
            end.log.push('socket closed');
          },
        };
      },
      local.port,
      {
        control: (datagram, from) => end.log.push(`control ${datagram.length} ${from.address}`),
        heard: () => end.log.push('heard'),
        sent: () => end.log.push('sent'),
        refused: (_link, why) => end.log.push(`refused ${why}`),
        plugLost: (_link, why) => end.log.push(`plug lost ${why}`),
        plugged: () => {
          if (end.log.at(-1)?.startsWith('plug lost')) end.log.push('plug back');
        },
        unreachable: () => end.log.push('unreachable'),
        sendFailed: (why, times, lasts) => end.log.push(`failed ${why} ${times}${lasts ? ' lasts' : ''}`),
        failed: (error) => end.log.push(error.message),
        large: () => end.log.push('large'),
        tooLong: (_link, frameMax) => end.log.push(`too long ${frameMax}`),
        worn: () => end.log.push('worn'),
      },
      (direction, remote, datagram) => end.tapped.push(`${direction} ${remote.address} ${hex(datagram)}`),
      { wearBytes },
    );
    return end;
  }

  readonly tapped: string[] = [];

  private constructor(local: Remote) {
    this.local = local;
  }

  /** Plugs a peer in, and lets frames flow. */
  raise(remote: Remote, keying = KEYING, even = false): ClassicLink {
    const open = (events: PlugEvents): Plug => {
      this.plug = events;
      return {
        settled: Promise.resolve(),
        write: (frames) => {
          if (this.throws) throw new Error('no switch');
          for (let at = 0; this.takes && at < frames.length; ) {
            const length = ((frames[at] as number) << 8) | (frames[at + 1] as number);
            this.frames.push(frames.subarray(at + 2, at + 2 + length)); // the plug's to keep
            at += 2 + length;
          }
          return this.takes;
        },
        pause: () => this.log.push('pause'),
        resume: () => this.log.push('resume'),
        close: async () => {
          this.log.push('plug closed');
        },
      };
    };
    this.link = this.cable.plugIn(remote, Object.assign(open, { even })) as ClassicLink;
    this.link.raise(keying);
    return this.link;
  }

  get dropped(): bigint {
    return this.link.counts().droppedUnopened;
  }

  /** Frames come from the switch, in one piece. */
  feed(...frames: Uint8Array[]): void {
    this.plug.stream(stream(frames));
  }

  /** Tells that so many of the datagrams have been sent. */
  release(count = this.held.length): void {
    for (const done of this.held.splice(0, count)) done();
  }

  count(what: string): number {
    return this.log.filter((entry) => entry === what).length;
  }
}

/** Brings what was sent to the other end, and lets that work. */
async function carry(from: End, to: End): Promise<void> {
  for (const { bytes } of from.sent.splice(0)) to.socket.datagram(bytes, from.local);
  await batch();
}

async function joined(keying = KEYING): Promise<{ left: End; right: End }> {
  const [left, right] = await Promise.all([End.open(LEFT), End.open(RIGHT)]);
  left.raise(RIGHT, keying);
  right.raise(LEFT, keying);
  return { left, right };
}

describe('two cables joined', () => {
  test.each<[string, Keying]>([
    ['encrypted', KEYING],
    ['plain', { suite: 'plain' }],
  ])('carry frames of all sizes both ways, %s', async (_, keying) => {
    const { left, right } = await joined(keying);
    const random = randomness();
    const sizes = [14, 15, 16, 17, 59, 60, 1499, 1500, 1514, 9215, 9216];
    while (sizes.length < 80) sizes.push(14 + random.below(9203));
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const frames = sizes.map((size) => random.bytes(size));
      for (const frame of frames) {
        from.feed(frame);
        await carry(from, to);
      }
      expect(hexes(to.frames)).toEqual(hexes(frames));
      expect(from.link.counts()).toMatchObject({ sealed: 80n, refused: {} });
      expect(to.link.counts()).toMatchObject({ opened: 80n, refused: {}, droppedBySwitch: 0n });
    }
    expect([left.count('refused'), left.dropped, right.dropped]).toEqual([0, 0n, 0n]);
  });

  test('frames of odd length get a zero byte more where a plug wants it, and nowhere else', async () => {
    const { left, right } = await joined();
    const frames = [60, 61, 62, 63].map(numbered);
    for (const even of [true, false]) {
      right.raise(LEFT, KEYING, even);
      left.raise(RIGHT, KEYING);
      left.feed(...frames);
      await carry(left, right);
      const wanted = frames.map((frame) =>
        even && frame.length % 2 === 1 ? Uint8Array.of(...frame, 0) : frame,
      );
      expect(hexes(right.frames.splice(0))).toEqual(hexes(wanted));
    }
  });

  test('carry a stream that is cut anywhere', async () => {
    const { left, right } = await joined();
    const random = randomness();
    const frames = Array.from({ length: 60 }, () => random.bytes(14 + random.below(1_500)));
    const bytes = stream(frames);
    for (let at = 0; at < bytes.length; ) {
      const step = 1 + random.below(random.below(2) === 0 ? 3 : 3_000);
      left.plug.stream(bytes.slice(at, at + step));
      at += step;
    }
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes(frames));
  });

  test('tell of each batch once, to each side', async () => {
    const { left, right } = await joined();
    left.feed(...Array.from({ length: 40 }, (_, i) => numbered(60, i)));
    expect([left.sent.length, ...left.log]).toEqual([40, 'sent']);
    await carry(left, right);
    expect([right.frames.length, ...right.log]).toEqual([40, 'heard']);
    right.feed(numbered(60));
    await carry(right, left);
    expect([left.log, right.log]).toEqual([
      ['sent', 'heard'],
      ['heard', 'sent'],
    ]);
  });

  test('show each datagram to a tap, as it is on the wire', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    const [sent] = left.sent as [Sent];
    expect([sent.bytes[0], sent.bytes.length, sent.to]).toEqual([0x20, 81, RIGHT]);
    await carry(left, right);
    left.cable.send(Uint8Array.of(0x48), RIGHT);
    expect(left.tapped).toEqual([`out ${RIGHT.address} ${hex(sent.bytes)}`, `out ${RIGHT.address} 48`]);
    expect(right.tapped).toEqual([`in ${LEFT.address} ${hex(sent.bytes)}`]);
  });
});

describe('a peer that brings more than there is time for', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('loses its own datagrams, unopened, and another one none', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const right = await End.open(RIGHT, { turn: 32 });
    const GREEDY: Remote = { address: '192.0.2.3', port: 1003 };
    const links = [LEFT, GREEDY].map((remote) => right.raise(remote, { suite: 'plain' }));
    const datagram = Uint8Array.of(0x20, ...numbered(60));
    for (let turn = 0; turn < 200; turn++) {
      clock.mockReturnValue(turn);
      for (let i = 0; i < 31; i++) right.socket.datagram(datagram, GREEDY);
      right.socket.datagram(datagram, LEFT);
      await batch();
    }
    const [victim, greedy] = links.map((link) => link.counts());
    expect(victim).toMatchObject({ opened: 200n, refused: {} });
    expect(greedy?.refused['over its share']).toBeGreaterThan(1_000n);
    // Where fewer come, nobody loses anything.
    for (let turn = 200; turn < 400; turn++) {
      clock.mockReturnValue(turn);
      for (let i = 0; i < 20; i++) right.socket.datagram(datagram, GREEDY);
      await batch();
    }
    const after = (links[1] as ClassicLink).counts();
    expect(Number(after.opened - (greedy?.opened ?? 0n))).toBeGreaterThan(20 * 190);
  });
});

describe('a full ring', () => {
  const frames = Array.from({ length: 1_000 }, (_, i) => Uint8Array.of(i >> 8, i & 0xff, ...numbered(58)));

  test('stops the plug until datagrams have been sent, and loses none of 1000 frames in one piece', async () => {
    const { left, right } = await joined();
    left.hold = true;
    left.feed(...frames);
    expect(left.log.filter((entry) => entry !== 'sent')).toEqual(['pause']);
    const { slots } = left.cable.core.ring;
    expect([left.sent.length, left.held.length]).toEqual([slots, slots]);
    left.release(63); // so few are not worth reading on for
    expect(left.sent).toHaveLength(slots);
    left.release(1);
    expect(left.sent).toHaveLength(slots + 64);
    expect(left.count('resume')).toBe(0);
    while (left.held.length > 0) left.release(50);
    expect(left.log.filter((entry) => entry !== 'sent').at(-1)).toBe('resume');
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes(frames));
    expect(left.cable.core.ring.room).toBe(slots);
  });

  test('keeps what comes while the plug is stopped in its place', async () => {
    const { left, right } = await joined();
    left.hold = true;
    const bytes = stream(frames);
    // The plug is told to stop; what it had already read comes all the same.
    for (let at = 0; at < bytes.length; at += 5_000) left.plug.stream(bytes.slice(at, at + 5_000));
    while (left.held.length > 0) left.release(64);
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes(frames));
  });

  test('gives slots back in the order in which their datagrams are done, whatever that is', async () => {
    const { left, right } = await joined();
    const random = randomness();
    left.hold = true;
    left.feed(...frames);
    while (left.held.length > 0) {
      const [done] = left.held.splice(random.below(left.held.length), 1);
      done?.();
    }
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes(frames));
    expect(left.cable.core.ring.room).toBe(left.cable.core.ring.slots);
  });

  test('makes way for datagrams that come; those for which there is no room are counted', async () => {
    const { left, right } = await joined();
    left.feed(...frames);
    await carry(left, right); // 1000 at once: more than the ring has, and none is held
    expect([right.frames.length, right.dropped]).toEqual([1_000, 0n]);
    right.hold = true;
    right.feed(...frames); // all of the ring waits for the socket
    left.feed(...frames.slice(0, 10));
    await carry(left, right);
    expect([right.frames.length, right.dropped]).toEqual([1_000, 10n]);
    while (right.held.length > 0) right.release();
    left.feed(...frames.slice(0, 10));
    await carry(left, right);
    expect([right.frames.length, right.dropped]).toEqual([1_010, 10n]);
  });

  test('is read from by one plug after the other', async () => {
    const left = await End.open(LEFT);
    const one = left.raise(RIGHT);
    const { plug } = left;
    left.hold = true;
    left.feed(...frames);
    const other = left.raise({ ...RIGHT, port: 9 });
    left.feed(...frames);
    expect(left.count('pause')).toBe(2);
    while (left.held.length > 0) left.release(100);
    expect(left.count('resume')).toBeGreaterThanOrEqual(2);
    expect(one.counts().sealed).toBe(1_000n);
    expect(other.counts().sealed).toBe(1_000n);
    expect(left.sent.filter(({ to }) => to.port === 9)).toHaveLength(1_000);
    expect(plug).not.toBe(left.plug);
  });

  test('has room for each plug in its turn, in whatever order they came to wait', async () => {
    const left = await End.open(LEFT);
    left.hold = true;
    const links = [1, 2, 3].map((port) => {
      const link = left.raise({ ...RIGHT, port });
      left.feed(...frames, ...frames);
      return link;
    });
    for (let i = 0; i < 12; i++) left.release(64);
    const sealed = links.map((link) => Number(link.counts().sealed));
    expect(Math.max(...sealed) - Math.min(...sealed)).toBeLessThanOrEqual(left.cable.core.ring.slots);
  });

  test('takes an answer from within even when it is the only thing to send', async () => {
    const { left, right } = await joined();
    const push = right.frames.push.bind(right.frames);
    right.frames.push = (...all) => {
      if (right.frames.length === 0) right.feed(numbered(60));
      return push(...all);
    };
    left.feed(...frames.slice(0, right.cable.core.ring.slots)); // so many that the answer has to wait
    await carry(left, right);
    expect([right.frames.length, right.sent.length]).toEqual([right.cable.core.ring.slots, 1]);
    expect(right.log.slice(-2)).toEqual(['resume', 'sent']);
  });

  test('takes a plug that answers at once, from within', async () => {
    const { left, right } = await joined();
    // A switch that sends each frame back as soon as it has it.
    const push = right.frames.push.bind(right.frames);
    right.frames.push = (...all) => {
      right.feed(...all);
      return push(...all);
    };
    for (let round = 1; round <= 5; round++) {
      left.feed(...frames);
      await carry(left, right);
      await carry(right, left);
      expect(right.frames).toHaveLength(round * 1_000);
      expect(hexes(left.frames.splice(0))).toEqual(hexes(frames));
      expect(right.cable.core.ring.room).toBe(right.cable.core.ring.slots);
    }
  });
});

describe('what does not pass', () => {
  test('frames that the switch does not take are counted', async () => {
    const { left, right } = await joined();
    right.takes = false;
    left.feed(...Array.from({ length: 7 }, () => numbered(60)));
    await carry(left, right);
    expect(right.link.counts()).toMatchObject({ opened: 7n, droppedBySwitch: 7n });
    expect(right.count('heard')).toBe(1); // the peer is there all the same
    right.takes = true;
    left.feed(numbered(60));
    await carry(left, right);
    expect(right.frames).toHaveLength(1);
    expect(right.link.counts().droppedBySwitch).toBe(7n);
    right.takes = false;
    left.feed(numbered(60), numbered(60));
    await carry(left, right);
    expect(right.link.counts().droppedBySwitch).toBe(9n);
  });

  test('a datagram longer than any frame sealed is refused', async () => {
    const { left, right } = await joined();
    const { datagramMax } = right.cable.core;
    for (const length of [datagramMax + 1, 65_507]) {
      right.socket.datagram(Uint8Array.of(0x20, ...new Uint8Array(length - 1)), left.local);
    }
    expect([...right.log, right.dropped]).toEqual(['refused bad length', 'refused bad length', 2n]);
    right.socket.datagram(Uint8Array.of(0x20, ...new Uint8Array(datagramMax - 1)), left.local);
    await batch();
    expect([right.log.length, right.dropped, right.frames.length]).toEqual([3, 2n, 0]);
  });

  test.each<[string, (old: Uint8Array, next: Uint8Array) => Uint8Array, string]>([
    ['the same one again', (old) => old, 'replayed'],
    ['the same one again, a bit of it turned', (old) => old.with(8, (old[8] as number) ^ 1), 'replayed'],
    ['a bit of it turned', (_, next) => next.with(8, (next[8] as number) ^ 1), 'bad checksum'],
    ['its end missing', (_, next) => next.slice(0, -1), 'bad length'],
    ['its type byte alone', () => Uint8Array.of(0x20), 'bad length'],
  ])('DATA with %s is refused: %s', async (_, change, why) => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    const [{ bytes }] = left.sent as [Sent];
    await carry(left, right);
    left.feed(numbered(60));
    const [next] = left.sent.splice(0) as [Sent];
    right.socket.datagram(change(bytes, next.bytes), left.local);
    await batch();
    expect(right.frames).toHaveLength(1);
    expect(right.log).toEqual(['heard', `refused ${why}`]); // and it is not heard of
    expect(right.link.counts().refused).toEqual({ [why]: 1n });
  });

  test('DATA from anybody else, and what is not DATA, is not the cable’s', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    const [{ bytes }] = left.sent as [Sent];
    right.socket.datagram(bytes, { ...LEFT, port: 7 });
    right.socket.datagram(bytes, { ...LEFT, address: '192.0.2.9' });
    for (const datagram of [Uint8Array.of(0x4a), new Uint8Array(), Uint8Array.of(0x21, ...bytes.slice(1))]) {
      right.socket.datagram(datagram, LEFT);
    }
    await batch();
    expect(right.frames).toEqual([]);
    expect(right.log).toEqual([
      'control 81 192.0.2.1',
      'control 81 192.0.2.9',
      'control 1 192.0.2.1',
      'control 0 192.0.2.1',
      'control 81 192.0.2.1',
    ]);
  });

  test('frames too short or too long for Ethernet are counted and skipped', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60), numbered(13), new Uint8Array(), numbered(9_217), numbered(65_535), numbered(61));
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes([numbered(60), numbered(61)]));
    expect(left.link.counts().refused).toEqual({
      'frame too short': 2n,
      'frame too long': 2n,
    });
  });

  test('frames too long are told of once, and again when the link is raised again', async () => {
    const { left, right } = await joined();
    left.feed(numbered(9_217), numbered(9_216));
    left.feed(numbered(9_217));
    await carry(left, right);
    expect(left.log.filter((entry) => entry.startsWith('too long'))).toEqual(['too long 9216']);
    left.link.raise(KEYING);
    left.feed(numbered(9_217));
    expect(left.count('too long 9216')).toBe(2);
    expect(left.log.filter((entry) => entry.startsWith('refused'))).toEqual([]);
    expect(left.link.counts().refused).toEqual({ 'frame too long': 3n });
  });

  test('frames longer than a peer takes are dropped, until the link is raised again', async () => {
    const { left, right } = await joined();
    left.link.limit(1_979);
    left.feed(numbered(1_979), numbered(1_980), numbered(9_217), numbered(60));
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes([numbered(1_979), numbered(60)]));
    expect(left.log).toEqual(['sent', 'too long 1979']);
    // The peer may send what it likes.
    right.feed(numbered(3_000));
    await carry(right, left);
    expect(hexes(left.frames)).toEqual(hexes([numbered(3_000)]));
    left.link.raise(KEYING);
    right.link.raise(KEYING);
    left.feed(numbered(1_980));
    await carry(left, right);
    expect(right.frames).toHaveLength(3);
  });

  test('datagrams that a C program would cut are told of, once for each batch', async () => {
    const { left } = await joined();
    left.feed(numbered(1_979), numbered(1_979)); // datagrams of 1993 bytes
    expect(left.log).toEqual(['sent']);
    left.feed(numbered(1_980), numbered(60), numbered(9_216)); // 2001 and 9233
    expect(left.log).toEqual(['sent', 'sent', 'large']);
    left.feed(numbered(60));
    expect(left.count('large')).toBe(1);
  });

  test('what a lost plug had begun is no part of what the next one says', async () => {
    const { left, right } = await joined();
    left.plug.stream(stream([numbered(60)]).slice(0, 40));
    left.plug.lost('it fell');
    left.plug.back();
    left.feed(numbered(80));
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes([numbered(80)]));
    expect(left.log).toEqual(['plug lost it fell', 'plug back', 'sent']);
  });

  test('the socket’s troubles are told', async () => {
    const { left } = await joined();
    left.socket.unreachable();
    left.socket.failed('no route');
    expect(left.log).toEqual(['unreachable', 'failed no route 1']);
  });
});

describe('taking a cable down', () => {
  test('lower() stops the frames both ways', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    left.link.lower();
    left.feed(numbered(60));
    expect(left.log).toEqual(['sent', 'refused no key']);
    left.feed(...Array.from({ length: 1_000 }, () => numbered(60)));
    expect([left.sent.length, left.cable.core.ring.room]).toEqual([1, left.cable.core.ring.slots]);
    await carry(left, right);
    expect(right.frames).toHaveLength(1);
    right.feed(numbered(60));
    await carry(right, left);
    expect(left.frames).toEqual([]);
    expect(left.log.at(-1)).toBe('control 81 192.0.2.2'); // its owner answers
  });

  test.each([
    ['blowfish', 1],
    ['chacha20', 0],
    ['plain', 0],
  ] as const)(
    'tells once that the key of %s is worn, when both directions together wear it',
    async (suite, times) => {
      const key = numbered(44);
      const keying: Keying =
        suite === 'chacha20' ? { suite, key, block: 12 } : suite === 'plain' ? { suite } : { suite, key };
      // A frame of 60 bytes is 80 of cipher text, out and in.
      const [left, right] = await Promise.all([End.open(LEFT, { wearBytes: 5 * 80 }), End.open(RIGHT)]);
      left.raise(RIGHT, keying);
      right.raise(LEFT, keying);
      const told: number[] = [];
      for (let i = 0; i < 5; i++) {
        left.feed(numbered(60));
        right.feed(numbered(60));
        await carry(right, left);
        told.push(left.count('worn'));
      }
      expect(told).toEqual([0, 0, times, times, times]);
      left.link.raise(keying); // another key, or a new session at least
      for (let i = 0; i < 3; i++) {
        left.feed(numbered(60));
        right.feed(numbered(60));
        await carry(right, left);
      }
      expect(left.count('worn')).toBe(2 * times);
    },
  );

  test('a plug that throws does not stop the cable', async () => {
    const { left, right } = await joined();
    right.throws = true;
    right.feed(numbered(60)); // so that the cable is at work from within a call that can fail
    left.feed(numbered(60));
    for (const { bytes } of left.sent.splice(0)) right.socket.datagram(bytes, LEFT);
    expect(() => right.feed(numbered(62))).toThrow('no switch');
    right.throws = false;
    left.feed(numbered(64));
    await carry(left, right);
    expect(hexes(right.frames)).toEqual(hexes([numbered(64)]));
  });

  test('raise() lets them flow again, from a new address too', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    await carry(left, right);
    right.link.lower();
    right.link.move({ ...LEFT, port: 5 });
    right.link.raise(KEYING);
    left.feed(numbered(62));
    const [{ bytes }] = left.sent as [Sent];
    right.socket.datagram(bytes, LEFT);
    right.socket.datagram(bytes, { ...LEFT, port: 5 });
    await batch();
    expect(hexes(right.frames)).toEqual(hexes([numbered(60), numbered(62)]));
    expect(right.log).toEqual(['heard', 'control 81 192.0.2.1', 'heard']);
    expect(right.link.counts()).toMatchObject({ opened: 2n, openedBytes: 122n, refused: {} });
  });

  test('what was received before lower() still arrives', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    for (const { bytes } of left.sent) right.socket.datagram(bytes, LEFT);
    right.link.lower();
    expect(right.frames).toHaveLength(1);
  });

  test('close() closes the plug and wipes the session, for the next one that has its number', async () => {
    const { left, right } = await joined();
    left.feed(numbered(60));
    await carry(left, right);
    const { session } = right.link;
    const { plug } = right;
    await right.link.close();
    expect(right.log).toEqual(['heard', 'plug closed']);
    left.feed(numbered(60));
    await carry(left, right);
    plug.stream(stream([numbered(60)])); // a last word of the old plug
    expect(right.log.at(-1)).toBe('control 81 192.0.2.1');
    expect([right.frames.length, right.sent.length]).toEqual([1, 0]);
    const next = right.cable.plugIn(LEFT, () => NO_PLUG) as ClassicLink;
    expect(next.session).toBe(session);
    expect(next.counts()).toEqual({
      sealed: 0n,
      sealedBytes: 0n,
      opened: 0n,
      openedBytes: 0n,
      refused: {},
      droppedBySwitch: 0n,
      droppedUnopened: 0n,
    });
  });

  test('close() leaves what waited for the socket alone, and the ring whole', async () => {
    const { left } = await joined();
    left.hold = true;
    left.feed(...Array.from({ length: 1_000 }, () => numbered(60)));
    await left.link.close();
    const sent = left.sent.length;
    while (left.held.length > 0) left.release(10);
    expect(left.sent).toHaveLength(sent); // the rest is gone with its link
    expect(left.cable.core.ring.room).toBe(left.cable.core.ring.slots);
  });

  test('close() of the cable closes the socket', async () => {
    const { left } = await joined();
    await left.link.close();
    await left.cable.close();
    expect(left.log).toEqual(['plug closed', 'socket closed']);
    expect(left.cable.local).toEqual(LEFT);
  });
});

test('a socket that fails for ever ends the cable, with one line; what the network says does not', async () => {
  const one = await End.open(LEFT);
  for (let i = 0; i < 5_000; i++) one.socket.failed('EHOSTUNREACH');
  for (let i = 0; i < 999; i++) one.socket.failed('EPERM');
  one.socket.datagram(numbered(4), RIGHT);
  for (let i = 0; i < 999; i++) one.socket.failed('EPERM');
  expect(one.log.filter((entry) => !entry.startsWith('failed '))).toEqual(['control 4 192.0.2.2']);
  for (let i = 0; i < 999; i++) one.socket.failed('EPERM');
  expect(one.log.filter((entry) => entry.includes('start again'))).toEqual([
    'the UDP socket fails, start again: EPERM',
  ]);
});

describe('what the system refuses to send', () => {
  test('costs itself alone, and is told', async () => {
    const one = await End.open(LEFT);
    one.raise(RIGHT, { suite: 'plain' });
    one.refuses.push(undefined, 'EPERM', undefined, 'ENOBUFS');
    one.feed(...[0, 1, 2, 3, 4].map((i) => Uint8Array.of(i, ...numbered(60))));
    await batch();
    expect(one.sent.map(({ bytes }) => bytes[1])).toEqual([0, 2, 4]);
    expect(one.log.filter((entry) => entry !== 'sent')).toEqual(['failed EPERM 1', 'failed ENOBUFS 1']);
    expect(one.cable.core.ring.room).toBe(one.cable.core.ring.slots);
  });

  test('is trouble after a second without one that was sent; what the handshake sends counts by itself', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const one = await End.open(LEFT);
      one.raise(RIGHT, { suite: 'plain' });
      const send = (refused?: string) => {
        one.refuses.push(refused);
        one.feed(numbered(60));
      };
      for (const ms of [0, 500, 499]) {
        vi.advanceTimersByTime(ms);
        send('EPERM');
        one.refuses.push(undefined);
        one.cable.send(numbered(3), RIGHT);
      }
      expect(one.log).not.toContain('failed EPERM 1 lasts');
      vi.advanceTimersByTime(1);
      send('EPERM');
      expect(one.log).toContain('failed EPERM 1 lasts');
      one.log.length = 0;
      send();
      send('EPERM');
      expect(one.log).not.toContain('failed EPERM 1 lasts');
    } finally {
      vi.useRealTimers();
    }
  });
});
