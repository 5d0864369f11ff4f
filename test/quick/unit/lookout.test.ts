// A server looks at its network through a port of its own before a device gets an address there.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Cable } from '../../../src/cable/cable.js';
import type { SecureEvents, SecureLink } from '../../../src/cable/link.js';
import type { OpenPlug } from '../../../src/cable/plug/plug.js';
import { Lookout } from '../../../src/ends/lookout.js';
import { addressBytes, addressText } from '../../../src/network/address.js';
import { ALL_NODES } from '../../../src/protocol/host/address.js';
import { arpOf, readArp } from '../../../src/protocol/host/arp.js';
import { ETHERTYPE, frameOf, readFrame } from '../../../src/protocol/host/ethernet.js';
import { readPacket } from '../../../src/protocol/host/ip.js';
import { multicastMac } from '../../../src/protocol/host/mac.js';
import { advertisement, readDiscovery } from '../../../src/protocol/host/nd.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const STATION = Uint8Array.of(2, 0, 0, 0, 0, 9);
const HAS = ['10.0.0.2', 'fd00::3'];
const bytesOf = (text: string) => addressBytes(text) as Uint8Array;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a station says to a frame. */
function answer(frame: Uint8Array): Uint8Array | undefined {
  const { type, from, payload } = readFrame(frame) as NonNullable<ReturnType<typeof readFrame>>;
  const arp = type === ETHERTYPE.ARP ? readArp(payload) : undefined;
  if (arp?.what === 'request' && HAS.includes(addressText(arp.target))) {
    const reply = { what: 'reply', senderMac: STATION, sender: arp.target } as const;
    const to = { targetMac: arp.senderMac, target: arp.sender };
    return frameOf(from, STATION, ETHERTYPE.ARP, arpOf({ ...reply, ...to }));
  }
  const packet = type === ETHERTYPE.IPV6 ? readPacket(payload) : undefined;
  const asked = packet && readDiscovery(packet);
  if (asked === undefined || asked === 'other' || asked.what !== 'solicitation') return undefined;
  if (!HAS.includes(addressText(asked.target))) return undefined;
  const told = advertisement(asked.target, ALL_NODES, STATION, false);
  return frameOf(multicastMac(ALL_NODES), STATION, ETHERTYPE.IPV6, told);
}

/** @param settled what the plug says of its port */
function scene(settled: Promise<void> = Promise.resolve(), more: Partial<OpenPlug> = {}) {
  const sent: Uint8Array[] = [];
  let open = 0;
  const cable = {
    join(_: unknown, path: number, { kept }: SecureEvents) {
      open++;
      return {
        path,
        beHost() {},
        plug: () => settled,
        inject(frame: Uint8Array) {
          sent.push(frame);
          const said = answer(frame);
          if (said !== undefined) queueMicrotask(() => kept?.('switch', said));
        },
        async close() {
          open--;
        },
      } as unknown as SecureLink;
    },
  } as unknown as Cable;
  const pulled = vi.fn();
  const plug = Object.assign(() => expect.unreachable(), more) as unknown as OpenPlug;
  return { lookout: new Lookout({ cable, plug, path: 1452, pulled }), sent, pulled, open: () => open };
}

test('the addresses that stations have are found, and it never says that one is its own', async () => {
  const { lookout, sent, pulled, open } = scene();
  const looking = lookout.used(['10.0.0.2', '10.0.0.3', 'fd00::2', 'fd00::3'].map(bytesOf));
  await vi.advanceTimersByTimeAsync(1_000);
  expect((await looking).map(addressText)).toEqual(HAS);
  expect([open(), pulled.mock.calls.length]).toEqual([0, 1]);
  const arps = sent.flatMap((frame) => readArp(frame.subarray(14)) ?? []);
  expect(arps.length).toBeGreaterThan(2);
  expect(new Set(arps.map(({ what, sender }) => `${what} ${addressText(sender)}`))).toEqual(
    new Set(['request 0.0.0.0']),
  );
});

test('a port that does not open, or is for one client alone: it says why, and leaves nothing', async () => {
  const never = scene(new Promise(() => {}));
  const looking = expect(never.lookout.used([bytesOf('10.0.0.2')])).rejects.toThrow(/port .* does not open/);
  await vi.advanceTimersByTimeAsync(5_000);
  await looking;
  expect(never.open()).toBe(0);
  const refused = scene(Promise.reject(new Error('no switch')));
  await expect(refused.lookout.used([bytesOf('10.0.0.2')])).rejects.toThrow('no switch');
  expect(refused.open()).toBe(0);
  const alone = scene(undefined, { alone: 'this card is for one client' });
  await expect(alone.lookout.used([bytesOf('10.0.0.2')])).rejects.toThrow('this card is for one client');
  expect(alone.open()).toBe(0);
});

test('where no DHCP server answers, an error says so within the time that a request has', async () => {
  const { lookout, sent, open } = scene();
  const leasing = expect(lookout.lease(bytes(32), 'phone')).rejects.toThrow(
    /^no DHCP server gives an address/,
  );
  await vi.advanceTimersByTimeAsync(4_900);
  await leasing;
  expect(sent.length).toBeGreaterThan(0);
  expect(open()).toBe(0);
});

test('what is under way ends when the server does', async () => {
  const { lookout, open } = scene();
  const looking = lookout.used([bytesOf('10.0.0.2')]);
  await vi.advanceTimersByTimeAsync(100);
  expect(open()).toBe(1);
  await lookout.close();
  expect((await looking).map(addressText)).toEqual(['10.0.0.2']);
  expect(open()).toBe(0);
});
