// Who is behind a plug, and how that is announced (secure.md §7.5).
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { announcement, announcements } from '../../../src/protocol/secure/announce.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { batch, End, join, settle } from '../../support/secure-ends.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
let left: End;
let right: End;

beforeEach(async () => {
  [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
  await join(left, right);
});
afterEach(() => Promise.all([left.side.close(), right.side.close()]));

const address = (last: number) => Uint8Array.of(2, 0, 0, 0, 1, last);
const link = () => left.side.linkOf(left.side.find(keyText(publicKeyOf(right.privateKey))) as Peer);
const sources = () =>
  link()
    ?.sources()
    .map((one) => one[5]);

async function sends(...last: number[]): Promise<void> {
  for (const one of last) {
    const frame = bytes(60);
    frame.set(address(one), 6);
    left.port.send(frame);
  }
  await batch();
  await settle(left, right);
}

test('the last eight addresses are known, the newest first', async () => {
  expect(sources()).toEqual([]);
  await sends(1, 1, 2, 1, 3);
  expect(sources()).toEqual([3, 1, 2]);
  await sends(4, 5, 6, 7, 8, 9, 2);
  expect(sources()).toEqual([2, 9, 8, 7, 6, 5, 4, 3]);
  const group = bytes(60);
  group.set([3, 0, 0, 0, 1, 99], 6);
  left.port.send(group);
  await settle(left, right);
  expect(sources()).toEqual([2, 9, 8, 7, 6, 5, 4, 3]);
});

test('an announcement is a broadcast of the address, by RARP', () => {
  const frame = announcement(address(7));
  expect(frame).toHaveLength(60);
  expect([...frame.subarray(0, 14)]).toEqual([255, 255, 255, 255, 255, 255, ...address(7), 0x80, 0x35]);
  expect([...frame.subarray(22, 28), ...frame.subarray(32, 38)]).toEqual([...address(7), ...address(7)]);
});

test('announcements arrive as frames do', async () => {
  const all = Array.from({ length: 8 }, (_, i) => address(i + 1));
  const before = right.frames.length;
  for (const payload of announcements(all)) {
    expect(payload.length).toBeLessThanOrEqual(256);
    link()?.say(payload);
  }
  await settle(left, right);
  expect(right.frames.slice(before)).toEqual(all.map(announcement));
  expect(announcements([])).toEqual([]);
});
