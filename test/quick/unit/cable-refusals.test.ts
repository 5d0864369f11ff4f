// What a cable does not carry, and what the system refuses.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ClassicLink } from '../../../src/cable/link.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { numbered } from '../protocol/examples.js';
import { batch, carry, End, hexes, joined, KEYING, LEFT, RIGHT, type Sent, stream } from './cable-ends.js';

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
