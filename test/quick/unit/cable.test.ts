// Two cables joined: frames both ways, a full ring, the end.
import { describe, expect, test } from 'vitest';
import type { ClassicLink } from '../../../src/cable/link.js';
import type { Keying } from '../../../src/core/terms.js';
import { randomness } from '../../support/seed.js';
import { numbered } from '../protocol/examples.js';
import {
  batch,
  carry,
  End,
  hex,
  hexes,
  joined,
  KEYING,
  LEFT,
  NO_PLUG,
  RIGHT,
  type Sent,
  stream,
} from './cable-ends.js';

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
