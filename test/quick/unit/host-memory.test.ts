// What a stock WireGuard device costs a server beyond what every peer costs: 4 KiB of memory at most.
import { memoryUsage, versions } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { SecureLink } from '../../../src/cable/link.js';
import { HostEnd, type HostSide } from '../../../src/ends/host-end.js';
import { type HostFields, parseHostText } from '../../../src/network/host.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { randomnessOf } from '../../support/randomness.js';

const { bytes } = randomnessOf(1);
const DEVICES = 1_000; // fewer do not outweigh what the collector leaves of other tests
const TIMES = 3; // the median counts: the collector may leave more of other tests once, or free some
/** Made before, until V8 knows the code: what all share is there then. */
const FIRST = 100;
const MOST = 4_096;
/** Until addresses are in use, and announced. */
const SETTLED_MS = 10_000;

const link = {
  path: 1452,
  ...{ beHost() {}, say() {}, inject() {}, neighbour() {}, listen() {}, gateway() {} },
} as unknown as SecureLink;

// V8's figures, and its collector.
test.runIf(versions.bun === undefined && versions.deno === undefined).each([
  ['addresses of both families', (i: number) => `ip=10.0.${i >> 8}.${i & 255}/16,fd00::${i.toString(16)}/64`],
  ['a lease', (i: number) => `ip=dhcp,fd00::${i.toString(16)}/64`],
])('a device with %s', (_, line) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let now = 0;
  const nothing = () => {};
  const side: HostSide = {
    log: { info: nothing, warn: nothing } as never,
    ...{ path: 1452, now: () => now, wanted: nothing, close: nothing },
  };
  const peers = Array.from({ length: FIRST + TIMES * DEVICES }, (_, i) => {
    return { publicKey: bytes(32), name: `device ${i}`, sealing: 0 } as unknown as Peer;
  });
  const make = (i: number) => {
    const fields = parseHostText(line(i + 1)) as HostFields; // 0 would be the network itself
    const end = new HostEnd(peers[i] as Peer, fields, side);
    end.begin(link);
    end.up();
    for (const until = now + SETTLED_MS; now < until; now += 250) end.tick();
    return [fields, end];
  };
  const used = () => {
    collect();
    collect(); // what the first one has finalized
    const { heapUsed, external } = memoryUsage();
    return heapUsed + external;
  };
  const all: unknown[] = [];
  for (let i = 0; i < FIRST; i++) all.push(make(i));
  const figures = Array.from({ length: TIMES }, () => {
    const before = used();
    for (let i = 0; i < DEVICES; i++) all.push(make(all.length));
    return (used() - before) / DEVICES;
  });
  expect(all).toHaveLength(peers.length);
  const each = figures.sort((a, b) => a - b)[TIMES >> 1];
  expect(each).toBeLessThan(MOST);
  expect(each).toBeGreaterThan(MOST / 8); // it was measured
});
