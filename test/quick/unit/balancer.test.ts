// The nft file of a balancer: what is no balancer, and who gets which calls. test/system/netns/fleet.test.ts has nft read it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balancerOf } from '../../../src/cli/commands/balancer.js';
import { balancerText, slotsOf } from '../../../src/network/balancer.js';
import { seed } from '../../support/seed.js';

const ADDRESS = ['192.0.2.1'];
const server = (id: number) => ({ id, address: `10.0.0.${id}` });
const many = (count: number) => Array.from({ length: count }, (_, i) => server(i + 1));

describe('what is no balancer', () => {
  test.each([
    [{}, /^name the servers/],
    [{ server: ['1=10.0.0.1'] }, /^name the address that clients call/],
    [{ server: ['0=10.0.0.1'], address: ADDRESS }, /is not N=ADDRESS/],
    [{ server: ['256=10.0.0.1'], address: ADDRESS }, /is not N=ADDRESS/],
    [{ server: ['1=host'], address: ADDRESS }, /is not N=ADDRESS/],
    [{ server: ['1=10.0.0.1; drop'], address: ADDRESS }, /is not N=ADDRESS/],
    [{ server: ['1=fe80::1%eth0'], address: ADDRESS }, /is not N=ADDRESS/],
    [{ server: ['1=10.0.0.1'], address: ['a'] }, /is not an IP address/],
    [{ server: ['1=10.0.0.1'], address: ['192.0.2.1', '192.0.2.2'] }, /two of --address of IPv4/],
    [{ server: ['1=10.0.0.1', '1=10.0.0.2'], address: ADDRESS }, /is there already/],
    [{ server: ['1=10.0.0.1', '2=10.0.0.1'], address: ADDRESS }, /is there already/],
    [{ server: ['1=10.0.0.1', '1=fd00::1'], address: ADDRESS }, /--address of IPv6, and there is none/],
    [{ server: ['1=10.0.0.1'], address: [...ADDRESS, '2001:db8::1'] }, /no --server with an address of IPv6/],
    [{ server: ['1=10.0.0.1'], address: ADDRESS, leaving: [2] }, /no --server with this number/],
    [{ server: ['1=10.0.0.1'], address: ADDRESS, port: 0 }, /port 0/],
    [
      { server: ['1=0.0.0.0'], address: ADDRESS },
      /^--server 1=0\.0\.0\.0: this is no address of a machine: give/,
    ],
    [{ server: ['1=127.0.0.1'], address: ADDRESS }, /: this is a loopback address: /],
    [{ server: ['1=224.0.0.1'], address: ADDRESS }, /: this is a multicast address: /],
    [{ server: ['1=255.255.255.255'], address: ADDRESS }, /: this is the broadcast address: /],
    [{ server: ['1=::'], address: ['2001:db8::1'] }, /: this is no address of a machine: /],
    [{ server: ['1=::1'], address: ['2001:db8::1'] }, /: this is a loopback address: /],
    [{ server: ['1=ff02::1'], address: ['2001:db8::1'] }, /: this is a multicast address: /],
    [{ server: ['1=fe80::1'], address: ['2001:db8::1'] }, /: this is a link-local address: /],
    [
      { server: ['1=::ffff:10.0.0.1'], address: ['2001:db8::1'] },
      /: this is an IPv4 address written as IPv6: /,
    ],
    [
      { server: ['1=10.0.0.1'], address: ['0.0.0.0'] },
      /^--address 0\.0\.0\.0: this is no address of a machine: /,
    ],
    [{ server: ['1=fd00::1', '2=fd00:0::1'], address: ['2001:db8::1'] }, /is there already/],
    [{ server: ['1=FD00::1', '2=fd00:0:0:0:0:0:0:1'], address: ['2001:db8::1'] }, /is there already/],
  ])('%j', (wish, why) => {
    expect(() => balancerOf(wish)).toThrow(why);
  });
});

test('a server on the balancer itself, and addresses in any form', () => {
  const wish = {
    server: ['1=192.0.2.1', '2=10.0.0.2', '3=FD00:0::3'],
    address: [...ADDRESS, '2001:DB8:0::1'],
  };
  const { servers, addresses } = balancerOf(wish);
  expect(servers.map(({ address }) => address)).toEqual(['192.0.2.1', '10.0.0.2', 'fd00::3']);
  expect(addresses).toEqual(['192.0.2.1', '2001:db8::1']);
});

/** Servers of any numbers, in any order. */
const fleets = fc
  .uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 64 })
  .map((ids) => ids.map(server));

test('each server has as many slots as the others, but for one', () => {
  fc.assert(
    fc.property(fleets, (servers) => {
      const slots = slotsOf(servers);
      const shares = servers.map((one) => slots.filter(({ id }) => id === one.id).length);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(16);
    }),
    { seed, numRuns: 50 },
  );
  expect(new Set(slotsOf(many(255))).size).toBe(255);
});

test('balancers agree that name the servers in another order', () => {
  fc.assert(
    fc.property(fleets, (servers) => {
      const ids = (list: typeof servers) => slotsOf(list).map(({ id }) => id);
      expect(ids(servers.toReversed())).toEqual(ids(servers));
    }),
    { seed, numRuns: 20 },
  );
});

/** Which part of all calls goes to another one of the servers that stay, when one leaves; when it comes, the same ones come back. */
function moved(servers: readonly ReturnType<typeof server>[], gone: number): number {
  const before = slotsOf(servers);
  const after = slotsOf(servers.filter(({ id }) => id !== gone));
  // A hash is scaled to the number of slots: each of few slots is several of many.
  const one = before.length / after.length;
  const elsewhere = before.filter(({ id }, slot) => id !== gone && id !== after[Math.floor(slot / one)]?.id);
  return elsewhere.length / before.length;
}

test('where a server comes or goes, few calls of the others go elsewhere', () => {
  fc.assert(
    fc.property(
      fleets.filter(({ length }) => length > 1),
      (servers) => {
        expect(moved(servers, servers[0]?.id as number)).toBeLessThan(0.1);
      },
    ),
    { seed, numRuns: 50 },
  );
  // As servers are numbered; 17, 33: each part is cut into more slots than with one server less.
  for (const [count, most] of [
    [2, 0],
    [3, 0.02],
    [5, 0.06],
    [17, 0.08],
    [33, 0.08],
  ] as const)
    for (const { id } of many(count)) expect(moved(many(count), id)).toBeLessThanOrEqual(most);
});

test('a server that leaves keeps its transport messages and gets no calls', () => {
  const servers = many(2);
  const balancer = { addresses: ADDRESS, servers, port: 7667 };
  const rules = (leaving: number[]) => balancerText({ ...balancer, leaving }).replace(/^#.*\n/gm, '');
  const [transport, call] = [/@th,64,8 4 .*10\.0\.0\.2/, /@th,64,8 1 [^}]*10\.0\.0\.2/];
  expect([transport.test(rules([])), call.test(rules([]))]).toEqual([true, true]);
  expect([transport.test(rules([2])), call.test(rules([2]))]).toEqual([true, false]);
  expect(rules([1, 2])).not.toMatch(/@th,64,8 1 /);
});
