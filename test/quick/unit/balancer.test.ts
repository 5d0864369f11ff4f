// The nft file of a balancer: what is no balancer, and who gets which calls. test/system/netns/fleet.test.ts has nft read it.
import { describe, expect, test } from 'vitest';
import { balancerOf } from '../../../src/cli/commands/balancer.js';
import { balancerText, slotsOf } from '../../../src/network/balancer.js';

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
  ])('%j', (wish, why) => {
    expect(() => balancerOf(wish)).toThrow(why);
  });
});

test('each server has about as many slots as the others', () => {
  for (const count of [1, 2, 3, 8, 20, 255]) {
    const slots = slotsOf(many(count));
    const shares = many(count).map(({ id }) => slots.filter((one) => one.id === id).length);
    expect(slots.length).toBeGreaterThanOrEqual(64);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(Math.max(...shares)).toBeLessThan((3 * slots.length) / count + 1);
  }
});

test('where a server leaves, the calls of the others stay where they are', () => {
  const before = slotsOf(many(4));
  const after = slotsOf(many(4).filter(({ id }) => id !== 2));
  expect(before.some(({ id }) => id === 2)).toBe(true);
  for (const [slot, { id }] of before.entries()) if (id !== 2) expect(after[slot]?.id).toBe(id);
});

test('a server that leaves keeps its transport messages and gets no calls', () => {
  const servers = many(2);
  const balancer = { addresses: ADDRESS, servers, port: 7667 };
  const rules = (leaving: number[]) => balancerText({ ...balancer, leaving }).replace(/^#.*\n/gm, '');
  const [transport, call] = [/@th,64,8 4 .*10\.0\.0\.2/, /@th,64,8 1 .*10\.0\.0\.2/];
  expect([transport.test(rules([])), call.test(rules([]))]).toEqual([true, true]);
  expect([transport.test(rules([2])), call.test(rules([2]))]).toEqual([true, false]);
  expect(rules([1, 2])).not.toMatch(/@th,64,8 1 /);
});
