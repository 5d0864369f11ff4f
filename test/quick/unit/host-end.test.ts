// What carries out a device's machine: packets that wait for a key, sleep, and what the core and people are told.
import { expect, test } from 'vitest';
import type { SecureLink } from '../../../src/cable/link.js';
import { HostEnd } from '../../../src/ends/host-end.js';
import { type HostFields, parseHostText } from '../../../src/network/host.js';
import { arpOf, readArp } from '../../../src/protocol/host/arp.js';
import { BROADCAST_MAC, macOf } from '../../../src/protocol/host/mac.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const HOUR = 3_600_000;
const STATION = { mac: Uint8Array.of(2, 0, 0, 0, 0, 9), address: Uint8Array.of(10, 0, 0, 9) };
const OWN = Uint8Array.of(10, 0, 0, 7);

function scene(words: string, addresses = words) {
  const fields = parseHostText(addresses) as HostFields;
  const publicKey = bytes(32);
  const peer = { publicKey, name: 'phone', sealing: 0 as number | undefined };
  const said: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  const told: unknown[] = [];
  const log: string[] = [];
  let now = 0;
  let wanted = 0;
  let closed = 0;
  const note = (_: object, text: string) => log.push(text);
  const end = new HostEnd(peer as unknown as Peer, fields, {
    log: { info: note, warn: note } as never,
    path: 1452,
    now: () => now,
    wanted: () => wanted++,
    close: () => closed++,
  });
  end.begin({
    path: 1452,
    say: (packet: Uint8Array) => said.push(packet),
    inject: (frame: Uint8Array) => frames.push(frame),
    beHost: (_: Uint8Array, what: object) => told.push(what),
    neighbour: (address: Uint8Array, mac: Uint8Array | undefined) => told.push({ address, mac }),
    listen: (address: Uint8Array, on: boolean) => told.push({ address, on }),
    gateway: () => {},
  } as unknown as SecureLink);
  const pass = (ms: number) => {
    for (const until = now + ms; now < until; now = Math.min(until, now + 250)) end.tick();
  };
  return {
    ...{ end, peer, said, frames, told, log, pass, mac: macOf(publicKey) },
    counts: () => ({ wanted, closed }),
  };
}

/** A packet of IPv4 without a payload. */
const packet = (from: Uint8Array, to: Uint8Array) =>
  Uint8Array.of(0x45, 0, 0, 20, 0, 0, 0, 0, 64, 99, 0, 0, ...from, ...to);
const frame = (to: Uint8Array, type: number, payload: Uint8Array) =>
  Uint8Array.of(...to, ...STATION.mac, type >> 8, type & 255, ...payload);
const asks = (of: Uint8Array) =>
  frame(
    BROADCAST_MAC,
    0x0806,
    arpOf({
      what: 'request',
      senderMac: STATION.mac,
      sender: STATION.address,
      targetMac: new Uint8Array(6),
      target: of,
    }),
  );
const answers = (frames: readonly Uint8Array[]) =>
  frames.flatMap((one) => readArp(one.subarray(14)) ?? []).filter(({ what }) => what === 'reply');

test('a device that is up is found, and the core is told who its neighbours are', () => {
  const { end, frames, told, pass, said, mac } = scene('ip=10.0.0.7/24');
  end.up();
  pass(10_000);
  frames.length = 0;
  end.kept('switch', asks(OWN));
  expect(answers(frames)).toMatchObject([{ senderMac: mac, sender: OWN }]);
  end.kept('host', packet(OWN, STATION.address));
  expect(told).toContainEqual({ address: STATION.address, on: true });
  expect(told).toContainEqual({ address: STATION.address, mac: STATION.mac });
  end.kept('switch', frame(mac, 0x0800, packet(STATION.address, OWN)));
  expect(said).toEqual([packet(STATION.address, OWN)]);
  expect(end.facts).toMatchObject({ addresses: ['10.0.0.7/24'] });
});

test('packets for a device without a key wait for it, 64 at most, and wake it', () => {
  const { end, peer, said, counts, pass, mac } = scene('ip=10.0.0.7/24');
  end.up();
  pass(10_000);
  peer.sealing = undefined;
  for (let i = 0; i < 70; i++)
    end.kept('switch', frame(mac, 0x0800, packet(Uint8Array.of(10, 0, 0, i), OWN)));
  expect(said).toEqual([]);
  expect(counts().wanted).toBe(70);
  peer.sealing = 1;
  end.keyed();
  expect(said).toHaveLength(64);
  expect(said[0]?.[15]).toBe(6);
  end.keyed();
  expect(said).toHaveLength(64);
  peer.sealing = undefined;
  end.kept('switch', frame(mac, 0x0800, packet(STATION.address, OWN)));
  end.discard();
  end.keyed();
  expect(said).toHaveLength(64);
});

test('a device that sleeps is answered for an hour, then its port is given back', () => {
  const { end, frames, counts, pass } = scene('ip=10.0.0.7/24');
  end.up();
  pass(10_000);
  end.asleep();
  pass(HOUR - 20_000);
  frames.length = 0;
  end.kept('switch', asks(OWN));
  expect(answers(frames)).toHaveLength(1);
  expect(counts().closed).toBe(0);
  pass(40_000);
  expect(counts().closed).toBe(1);
  frames.length = 0;
  end.kept('switch', asks(OWN));
  expect(frames).toEqual([]);
});

test('people are told of another station with its address', () => {
  const { end, log, pass } = scene('ip=10.0.0.7/24');
  end.up();
  const other = {
    what: 'reply',
    senderMac: STATION.mac,
    sender: OWN,
    targetMac: new Uint8Array(6),
    target: OWN,
  } as const;
  end.kept('switch', frame(BROADCAST_MAC, 0x0806, arpOf(other)));
  pass(1_000);
  expect(log).toEqual([
    expect.stringMatching(/^another station has the address 10\.0\.0\.7 of a device: it does not use it/),
  ]);
});
