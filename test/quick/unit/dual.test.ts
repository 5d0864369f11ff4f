// One socket for both families, or one for each, where ports are taken or a system gives no more: on a system that is made up.
import { expect, test } from 'vitest';
import { openWith } from '../../../src/cable/udp/dual.js';
import type { Udp } from '../../../src/cable/udp/udp.js';

const FIRST = 40_000;

class System {
  /** Whether a socket for IPv6 gets no IPv4. */
  readonly split: boolean;
  /** What is taken, as `IPv4 40000`. */
  readonly taken = new Set<string>();
  /** How many sockets it gives. */
  left = Infinity;
  #next = FIRST;

  constructor(split: boolean, ...taken: string[]) {
    this.split = split;
    for (const one of taken) this.taken.add(one);
  }

  readonly open = openWith(async ({ host, port: asked }) => {
    if (this.left === 0) throw this.#fault('EMFILE');
    const port = asked || this.#next++;
    const ipv6 = host === '::';
    const families = ipv6 ? (this.split ? ['IPv6'] : ['IPv6', 'IPv4']) : ['IPv4'];
    const names = families.map((family) => `${family} ${port}`);
    if (names.some((name) => this.taken.has(name))) throw this.#fault('EADDRINUSE');
    this.left--;
    for (const name of names) this.taken.add(name);
    const close = async () => {
      this.left++;
      for (const name of names) this.taken.delete(name);
    };
    return { local: { address: host, port }, close } as Udp;
  });

  #fault(code: string): Error {
    return Object.assign(new Error(`bind ${code}`), { code });
  }
}

const EVENTS = { datagram: () => {}, unreachable: () => {}, failed: () => {} };

test.each([
  ['one for both families', false],
  ['one for each family', true],
])('%s has the port in both, and closed it leaves nothing', async (_, split) => {
  const system = new System(split);
  for (const port of [7667, 0]) {
    const udp = await system.open(port, EVENTS);
    const own = udp.local.port;
    expect([...system.taken].sort()).toEqual([`IPv4 ${own}`, `IPv6 ${own}`]);
    await udp.close();
    expect(system.taken.size).toBe(0);
  }
});

test('where any port will do, one is found that is free in both', async () => {
  const others = [0, 1, 2].map((i) => `IPv4 ${FIRST + i * 2}`); // the numbers between are tried to see how the system is
  const system = new System(true, ...others);
  const { local } = await system.open(0, EVENTS);
  expect(others).not.toContain(`IPv4 ${local.port}`);
  expect(system.taken).toEqual(new Set([...others, `IPv6 ${local.port}`, `IPv4 ${local.port}`]));
});

test('where none is, it says so, and keeps none', async () => {
  const others = Array.from({ length: 100 }, (_, i) => `IPv4 ${FIRST + i * 2}`);
  const system = new System(true, ...others);
  await expect(system.open(0, EVENTS)).rejects.toThrow('is in use');
  expect(system.taken).toEqual(new Set(others));
});

test.each([false, true])('what fails otherwise is said, and keeps none: split %s', async (split) => {
  const system = new System(split);
  system.left = 1;
  await expect(system.open(7667, EVENTS)).rejects.toThrow(/^cannot open UDP port 7667: .*EMFILE/);
  expect(system.taken.size).toBe(0);
});
