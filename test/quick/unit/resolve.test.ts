// A name that has no address yet: it is asked for again, and that is said once.
import { describe, expect, test } from 'vitest';
import { type Ask, Resolver } from '../../../src/ends/resolve.js';
import { keepTrying, type Pause } from '../../../src/ends/try-again.js';
import type { Interfaces } from '../../../src/ends/usable-address.js';
import { TemporaryError } from '../../../src/error.js';
import type { Log } from '../../../src/log.js';
import { libraryText } from '../../../src/option-mark.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const never = new AbortController().signal;

function failing(code: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} far.example`), { code });
}

/** Interfaces of a machine, by name: what each has as scope of its link-local address. */
function machine(scopes: Readonly<Record<string, number>>): Interfaces {
  const rest = { netmask: 'ffff::', mac: '02:00:00:00:00:01', internal: false, cidr: null } as const;
  const addresses = (scopeid: number) => [{ address: 'fe80::9', family: 'IPv6' as const, scopeid, ...rest }];
  return () => Object.fromEntries(Object.entries(scopes).map(([name, id]) => [name, addresses(id)]));
}

/** A resolver whose system gives these answers in turn; what it said, and how long it waited between them. */
function bench(
  answers: readonly (string[] | Error)[],
  own = '::',
  host = 'far.example',
  interfaces = machine({ eth0: 2 }),
) {
  const said: string[] = [];
  const waits: number[] = [];
  const left = [...answers];
  const log: Log = { ...quiet, warn: (_fields, message) => said.push(libraryText(message)) };
  const ask: Ask = async () => {
    const answer = left.shift() ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const wait: Pause = async (ms) => {
    waits.push(ms);
  };
  return { said, waits, resolver: new Resolver(host, own, log, ask, wait, interfaces) };
}

describe('a name', () => {
  test('that has an address gives it, without a word', async () => {
    const { said, waits, resolver } = bench([['192.0.2.1', '2001:db8::1']]);
    expect(await resolver.wait(never)).toEqual(['192.0.2.1', '2001:db8::1']);
    expect([said, waits]).toEqual([[], []]);
  });

  test('that has none is asked for again after 5 s, then every 15 s; each reason is said once, and the end', async () => {
    const away = failing('EAI_AGAIN');
    const { said, waits, resolver } = bench([away, away, failing('ENOTFOUND'), away, [], ['192.0.2.1']]);
    expect(await resolver.wait(never)).toEqual(['192.0.2.1']);
    expect(waits).toEqual([5_000, 15_000, 15_000, 15_000, 15_000]);
    expect(said).toEqual([
      'cannot resolve far.example yet (the name server does not answer), trying again',
      'cannot resolve far.example yet (no such host), trying again',
      'far.example has an address now, 192.0.2.1: going on',
    ]);
  });

  test.each([
    ['EAI_AGAIN', 'the name server does not answer'],
    ['EAI_FAIL', 'the name server does not answer'],
    ['DNS_ETIMEOUT', 'the name server does not answer'], // Bun's own resolver
    ['ENOTFOUND', 'no such host'],
    ['DNS_ENOTFOUND', 'no such host'],
    ['EIO', 'getaddrinfo EIO far.example'],
  ])('%s: %s', async (code, why) => {
    const { resolver } = bench([failing(code)]);
    const look = resolver.look(never);
    await expect(look).rejects.toThrow(TemporaryError);
    await expect(look).rejects.toThrow(`cannot resolve far.example (${why})`);
  });

  test.each([
    ['192.0.2.9', '192.0.2.1'],
    ['0.0.0.0', '192.0.2.1'],
    ['2001:db8::9', '2001:db8::1'],
    ['fe80::9%eth0', '2001:db8::1'],
  ])('gives a socket at %s what that can reach', async (own, address) => {
    const { resolver } = bench([['2001:db8::1', '192.0.2.1']], own);
    expect(await resolver.look(never)).toEqual([address]);
  });

  test('is waited for where it has addresses of the other family only', async () => {
    const { said, resolver } = bench([['2001:db8::1'], ['2001:db8::1', '192.0.2.1']], '192.0.2.9');
    expect(await resolver.wait(never)).toEqual(['192.0.2.1']);
    expect(said[0]).toMatch(
      /^cannot resolve far\.example yet \(it has no IPv4 address, .*: see what bind says/,
    );
    expect(said[1]).toBe('far.example has an address now, 192.0.2.1: going on');
  });

  test('that is an address of the other family is not waited for', async () => {
    const { said, resolver } = bench([['2001:db8::1']], '192.0.2.9', '2001:db8::1');
    await expect(resolver.wait(never)).rejects.toThrow(
      /^2001:db8::1 has no IPv4 address, .*: see what bind says/,
    );
    expect(said).toEqual([]);
  });

  test.each(['fe80::1%eth0', 'fe80::1%2'])('gives %s by the name of its interface', async (address) => {
    const { said, resolver } = bench([[address]], '::', address);
    expect(await resolver.look(never)).toEqual(['fe80::1%eth0']);
    expect(said).toEqual([]);
  });

  test.each(['eth1', '3', '0'])('on interface %s is waited for until that is up', async (zone) => {
    const interfaces: Record<string, number> = { eth0: 2 };
    const address = `fe80::1%${zone}`;
    const { said, resolver } = bench([[address], [address]], '::', address, () => machine(interfaces)());
    await expect(resolver.look(never)).rejects.toThrow(TemporaryError);
    expect(said).toEqual([
      `cannot resolve ${address} yet (there is no interface ${zone} here, or it is down), trying again`,
    ]);
    if (zone === '0') return; // of none
    interfaces.eth1 = 3;
    expect(await resolver.look(never)).toEqual(['fe80::1%eth1']);
    expect(said[1]).toMatch(/has an address now, fe80::1%eth1: going on$/);
  });

  test('that is link-local without its interface is refused, and of several addresses left out', async () => {
    const alone = bench([['fe80::1']], '::', 'fe80::1').resolver.wait(never);
    await expect(alone).rejects.not.toBeInstanceOf(TemporaryError);
    await expect(alone).rejects.toThrow('fe80::1 is link-local: name its interface, as in fe80::1%eth0');
    const { said, resolver } = bench([['fe80::1'], ['fe80::1', '192.0.2.1']]);
    expect(await resolver.wait(never)).toEqual(['192.0.2.1']);
    expect(said[0]).toBe(
      'cannot resolve far.example yet (fe80::1 is link-local: name its interface, as in fe80::1%eth0), trying again',
    );
  });

  test('is said again when it is lost a second time', async () => {
    const lost = failing('ENOTFOUND');
    const { said, resolver } = bench([lost, ['192.0.2.1'], lost, ['192.0.2.2']]);
    await resolver.wait(never);
    await resolver.wait(never);
    expect(said.map((line) => line.split(' ')[0])).toEqual([
      'cannot',
      'far.example',
      'cannot',
      'far.example',
    ]);
  });

  test('leaves the reason to the error when nobody looks again', async () => {
    const { said, resolver } = bench([failing('ENOTFOUND'), ['192.0.2.1']]);
    await expect(resolver.look(never, true)).rejects.toThrow('cannot resolve far.example (no such host)');
    expect(await resolver.look(never)).toEqual(['192.0.2.1']);
    expect(said).toEqual([]);
  });

  test('is not waited for any more when that is over, also while the system does not answer', async () => {
    const abort = new AbortController();
    const asked = new Resolver('far.example', '::', quiet, () => new Promise(() => {})).wait(abort.signal);
    abort.abort(new Error('over'));
    await expect(asked).rejects.toThrow('over');
    const paused = bench([failing('ENOTFOUND')]).resolver.wait(abort.signal);
    await expect(paused).rejects.toThrow('over');
  });
});

describe('what may pass', () => {
  /** Fails so often; what it waited between, ms. */
  async function waits(fails: number, random: () => number): Promise<{ waits: number[]; said: string[] }> {
    const waits: number[] = [];
    const said: string[] = [];
    let left = fails;
    const result = await keepTrying(
      async () => {
        if (left-- > 0) throw new TemporaryError('refused');
        return 'done';
      },
      {
        signal: never,
        random,
        failed: ({ message }) => said.push(message),
        goesOn: () => said.push('goes on'),
        pause: async (ms) => {
          waits.push(ms);
        },
      },
    );
    expect(result).toBe('done');
    return { waits, said };
  }

  test('is tried again after 1, 2, 4, 8 and 10 s, the half of it at least and half as much again at most', async () => {
    expect((await waits(0, () => 0.5)).said).toEqual([]);
    const even = await waits(6, () => 0.5);
    expect(even.waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(even.said).toEqual([...Array<string>(6).fill('refused'), 'goes on']);
    expect((await waits(5, () => 0)).waits).toEqual([500, 1_000, 2_000, 4_000, 5_000]);
    expect(Math.max(...(await waits(100, () => 1)).waits)).toBe(15_000);
  });

  test('does not come back together where many failed together', async () => {
    const { next } = randomness();
    const times = await Promise.all(Array.from({ length: 24 }, () => waits(3, next)));
    const spread = times.map(({ waits }) => waits.reduce((sum, one) => sum + one));
    expect(new Set(spread).size).toBe(24);
    expect(Math.max(...spread) - Math.min(...spread)).toBeGreaterThan(1_000);
  });

  test('anything else is not tried again', async () => {
    let times = 0;
    const attempt = async () => {
      times++;
      throw new Error('no');
    };
    const rest = { signal: never, random: Math.random, failed() {}, goesOn() {} };
    await expect(keepTrying(attempt, rest)).rejects.toThrow('no');
    expect(times).toBe(1);
  });

  test('nothing is tried after the end', async () => {
    const abort = new AbortController();
    const trying = keepTrying(
      async () => {
        throw new TemporaryError('refused');
      },
      { signal: abort.signal, random: () => 1, failed: () => abort.abort(), goesOn() {} },
    );
    await expect(trying).rejects.toThrow(/abort/);
  });
});
