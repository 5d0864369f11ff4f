// Broadcasts and multicasts of one peer that are too many: refused and counted, in each suite, whole and in fragments.
import { describe, expect, test } from 'vitest';
import type { Keying } from '../../../../src/core/terms.js';
import { randomness } from '../../../support/seed.js';
import { makeCore } from './harness.js';
import { type Fragment, payload, Transport } from './secure-twins.js';
import { parseStream } from './twins.js';

const { bytes, below } = randomness();
const LIMIT = 10;
const LOCAL = 7;

/** A frame to a group's address (the lowest bit of its first byte), or to somebody. */
function frame(group: boolean, length = 60): Uint8Array {
  const made = bytes(length);
  made[0] = group ? (made[0] as number) | 1 : (made[0] as number) & ~1;
  return made;
}

const BROADCAST = () => Uint8Array.of(255, 255, 255, 255, 255, 255, ...bytes(54));
const MULTICAST_V4 = () => Uint8Array.of(1, 0, 0x5e, 1, 2, 3, ...bytes(54));
const MULTICAST_V6 = () => Uint8Array.of(0x33, 0x33, 0, 0, 0, 1, ...bytes(54));
const KINDS = [BROADCAST, MULTICAST_V4, MULTICAST_V6];

/** The end that opens; `open` tells which frames came out. */
async function classic(keying: Keying, limit: number | undefined) {
  const far = await makeCore();
  const near = await makeCore();
  const from = far.session();
  far.core.keySession(from, keying);
  near.core.broadcastLimit = limit;
  const session = near.session();
  near.core.keySession(session, keying);
  const open = (now: number, ...frames: readonly Uint8Array[]) => {
    for (const one of frames) near.push(session, far.seal(from, one).bytes);
    const passed: boolean[] = [];
    for (let count = near.ring.process(now); count > 0; count = near.ring.process(now)) {
      for (let back = count - 1; back >= 0; back--) {
        const { status, index, length } = near.ring.processed(back);
        passed.push(status === 0 && length > 0);
        near.ring.release(index);
      }
    }
    return passed.filter(Boolean).length;
  };
  return { open, counts: () => near.core.counts(session), session, core: near.core };
}

async function secure(
  limit: number | undefined,
  how: 'frames' | 'stream',
  cut?: (frame: Uint8Array) => Fragment[],
) {
  const near = await makeCore();
  near.core.broadcastLimit = limit;
  const session = near.session();
  const receive = bytes(32);
  near.core.setPath(session, 1452);
  near.core.installKeypair(session, 0, {
    send: bytes(32),
    receive: receive.slice(),
    local: LOCAL,
    remote: 9,
  });
  const theirs = new Transport(receive, LOCAL);
  let counter = 0n;
  const open = (now: number, ...frames: readonly Uint8Array[]) => {
    let passed = 0;
    for (const one of frames) {
      const parts = cut?.(one) ?? [one];
      for (const part of parts) near.ring.pushTransport(session, theirs.seal(counter++, payload(part)));
      const count = near.ring.process(now);
      if (how === 'stream') {
        passed += parseStream(near.core.writeStream(session, count, now)).frames.length;
      } else {
        const found = near.core.frames(session, count, now);
        passed += found;
        for (let i = 0; i < found; i++) {
          const { place } = near.core.frame(i);
          if (place < 0) near.core.releaseFrame(place);
        }
      }
      for (let back = count - 1; back >= 0; back--) near.ring.release(near.ring.processed(back).index);
    }
    return passed;
  };
  return { open, counts: () => near.core.counts(session), session, core: near.core };
}

let ids = 0;
const inTwo = (whole: Uint8Array): Fragment[] => {
  const id = ids++ & 0xffff;
  const at = 1 + below(whole.length - 1);
  return [whole.subarray(0, at), whole.subarray(at)].map((part, index) => ({
    id,
    index,
    count: 2,
    bytes: Buffer.from(part),
  }));
};

const key = bytes(44);
const ENDS: readonly (readonly [string, (limit: number | undefined) => ReturnType<typeof classic>])[] = [
  ['plain', (limit) => classic({ suite: 'plain' }, limit)],
  ['blowfish', (limit) => classic({ suite: 'blowfish', key }, limit)],
  ['chacha20', (limit) => classic({ suite: 'chacha20', key, block: 0 }, limit)],
  ['secure, as frames', (limit) => secure(limit, 'frames')],
  ['secure, as a stream', (limit) => secure(limit, 'stream')],
  ['secure, in fragments', (limit) => secure(limit, 'frames', inTwo)],
  ['secure, in fragments, as a stream', (limit) => secure(limit, 'stream', inTwo)],
];

describe.each(ENDS)('%s', (_name, make) => {
  test('so many a second pass, of all kinds together; the others are counted, and no frame to one address is', async () => {
    const { open, counts } = await make(LIMIT);
    const storm = Array.from({ length: 50 }, (_, i) => (KINDS[i % 3] as () => Uint8Array)());
    expect(open(1_000, ...storm)).toBe(LIMIT);
    expect(counts()).toMatchObject({ opened: BigInt(LIMIT), refused: { 'over the broadcast limit': 40n } });
    expect(open(1_000, ...Array.from({ length: 100 }, () => frame(false)))).toBe(100);
    expect(open(1_100, ...storm)).toBe(1); // a tenth of a second later
    expect(open(1_600, ...storm)).toBe(5);
    expect(open(60_000, ...storm)).toBe(LIMIT);
    expect(counts().refused).toEqual({ 'over the broadcast limit': 40n + 49n + 45n + 40n });
  });

  test('without a limit all pass', async () => {
    const { open, counts } = await make(undefined);
    expect(open(0, ...Array.from({ length: 200 }, () => frame(true)))).toBe(200);
    expect(counts().refused).toEqual({});
  });
});

test('each session has its own, also one that takes the place of another', async () => {
  const { core, ring, push } = await makeCore();
  core.broadcastLimit = LIMIT;
  const open = (session: number) => {
    for (let i = 0; i < 50; i++) push(session, Uint8Array.of(0x20, ...frame(true)));
    let passed = 0;
    for (let count = ring.process(5); count > 0; count = ring.process(5)) {
      for (let back = count - 1; back >= 0; back--) {
        if (ring.processed(back).status === 0) passed++;
        ring.release(ring.processed(back).index);
      }
    }
    return passed;
  };
  const make = () => {
    const session = core.openSession() as number;
    core.keySession(session, { suite: 'plain' });
    return session;
  };
  const [one, other] = [make(), make()];
  expect([open(one), open(one), open(other)]).toEqual([LIMIT, 0, LIMIT]);
  core.keySession(one, { suite: 'plain' }); // a client that logs in again has no more
  expect(open(one)).toBe(0);
  core.closeSession(one);
  expect(make()).toBe(one);
  expect(open(one)).toBe(LIMIT);
});
