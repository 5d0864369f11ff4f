// The rules of nft for the devices of a bridge, with an nft that is slow, or refuses: whatever happens meanwhile, a device that is gone
// leaves no rules to the next one of its name.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Filter } from '../../../src/network/filter.js';
import type { Policy } from '../../../src/network/policy.js';

const ONE: Policy = { mac: ['02:00:00:00:00:01'] };
const OTHER: Policy = { mac: ['02:00:00:00:00:02'] };
const NOTHING: Policy = {};

/** What nft has: the rules of each chain of the one table, as text. */
class Nft {
  readonly chains = new Map<string, string[]>();
  scripts = 0;
  listed = 0;
  /** Called before each change; may wait, or refuse. */
  before: () => Promise<void> | void = () => {};

  readonly run = async (args: readonly string[], input = ''): Promise<string> => {
    if (args[1] === 'list') {
      this.listed++;
      const rules = [...this.chains].flatMap(([chain, its]) =>
        its.map(() => ({ rule: { chain, expr: [] } })),
      );
      return JSON.stringify({ nftables: args[2] === 'table' ? rules : [] });
    }
    this.scripts++;
    await this.before();
    for (const line of input.split('\n')) {
      const [verb, kind, , , chain = ''] = line.split(' ');
      if (verb === 'add' && kind === 'chain') this.chains.set(chain, this.chains.get(chain) ?? []);
      if (verb === 'flush' && kind === 'chain') this.chains.set(chain, []);
      if (verb === 'delete' && kind === 'chain') this.chains.delete(chain);
      if (verb === 'add' && kind === 'rule') this.chains.get(chain)?.push(line);
    }
    return '';
  };
}

let nft: Nft;
let said: string[];
let filter: Filter;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  nft = new Nft();
  said = [];
  filter = new Filter((line) => said.push(line), nft.run);
});

afterEach(async () => {
  await filter.close();
  vi.useRealTimers();
});

/** Has the filter look at what nft has, and waits until it has done what it does then. */
async function look(): Promise<void> {
  vi.advanceTimersByTime(10_000);
  await filter.keep('none', NOTHING);
}

const rulesOf = (device: string) => nft.chains.get(`from_${device}`);

/** Resolves it by hand. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

test('a policy that changes while its device goes is none of the next one’s', async () => {
  await filter.begin('p1');
  await filter.keep('p1', ONE);
  const slow = gate();
  nft.before = () => slow.passed;
  const changed = filter.keep('p1', OTHER);
  filter.forget('p1');
  const again = filter.begin('p1');
  slow.open();
  await Promise.all([changed, again]);
  await filter.keep('p1', NOTHING);
  expect(rulesOf('p1')).toBeUndefined();
  await look();
  expect(rulesOf('p1')).toBeUndefined();
  expect(said).toEqual([]);
});

test('what nft has refused to take away is taken away before another has the name', async () => {
  await filter.begin('p1');
  await filter.keep('p1', ONE);
  nft.before = () => Promise.reject(new Error('busy'));
  filter.forget('p1');
  await expect(filter.begin('p1')).rejects.toThrow('busy');
  nft.before = () => {};
  await filter.begin('p1');
  expect(rulesOf('p1')).toBeUndefined();
});

test('many that go at once take one run of nft', async () => {
  const devices = Array.from({ length: 50 }, (_, i) => `p${i}`);
  for (const device of devices) {
    await filter.begin(device);
    await filter.keep(device, ONE);
  }
  const before = nft.scripts;
  for (const device of devices) filter.forget(device);
  await filter.keep('none', NOTHING);
  expect([nft.scripts - before, nft.chains.size]).toEqual([1, 0]);
});

test('rules that somebody has taken away are made again together, and that is said once', async () => {
  for (const device of ['p1', 'p2', 'p3']) {
    await filter.begin(device);
    await filter.keep(device, device === 'p3' ? NOTHING : ONE);
  }
  nft.chains.clear();
  const before = nft.scripts;
  await look();
  await look();
  expect(nft.scripts - before).toBe(1);
  expect([rulesOf('p1')?.length, rulesOf('p2')?.length, rulesOf('p3')]).toEqual([1, 1, undefined]);
  expect(said).toEqual([expect.stringMatching(/those of 2 peers are there again$/)]);
});

test('rules that cannot be made again are named once, and tried again', async () => {
  await filter.begin('p1');
  await filter.keep('p1', ONE);
  nft.chains.clear();
  nft.before = () => Promise.reject(new Error('no nft'));
  for (let i = 0; i < 4; i++) await look();
  expect(said).toEqual([
    expect.stringMatching(/what 1 peer may do, and they cannot be made again: no nft; still trying$/),
  ]);
  nft.before = () => {};
  await look();
  expect(rulesOf('p1')).toHaveLength(1);
  expect(said.at(-1)).toMatch(/those of 1 peer are there again$/);
});

test('looks do not overlap, however long nft takes', async () => {
  await filter.begin('p1');
  await filter.keep('p1', ONE);
  nft.chains.clear();
  const slow = gate();
  nft.before = () => slow.passed;
  const before = nft.scripts;
  const listed = nft.listed;
  vi.advanceTimersByTime(60_000);
  slow.open();
  await filter.keep('none', NOTHING);
  expect([nft.scripts - before, nft.listed - listed]).toEqual([1, 1]);
  expect(said).toHaveLength(1);
});
