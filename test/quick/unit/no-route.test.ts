// A secure client without a route to its server says so, waits for one, and gives no wrong diagnosis.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import type { Sent, UdpEvents } from '../../../src/cable/udp/udp.js';
import { NoRoute } from '../../../src/ends/no-route.js';
import type { RunningClient } from '../../../src/ends/running.js';
import { startSecureClient } from '../../../src/ends/secure-client.js';
import { newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { libraryText } from '../../../src/option-mark.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();

describe('what is known of the routes', () => {
  const [one, other] = [
    { address: '192.0.2.1', port: 7667 },
    { address: '2001:db8::1', port: 7667 },
  ] as const;

  test.each(['ENETUNREACH', 'send ENETUNREACH', 'send EHOSTUNREACH'])('%s is no route, once', (refused) => {
    const said: string[] = [];
    const route = new NoRoute({ ...quiet, warn: (_, line) => said.push(line) }, 'hub:7667');
    expect(route.called(one, [one], refused)).toBe(true);
    expect(route.trouble).toMatch(/^cannot reach hub:7667: there is no route to it \(E[A-Z]+UNREACH\)$/);
    expect(route.explains(refused)).toBe(true);
    expect(route.explains('EPERM')).toBe(false);
    expect(route.called(one, [one], refused)).toBe(false);
    expect(said).toEqual([]);
    expect(route.called(one, [one], undefined)).toBe(false);
    expect(route.trouble).toBeUndefined();
    expect(route.explains(refused)).toBe(false);
    expect(said).toEqual(['hub:7667 can be reached now: going on']);
  });

  test('another refusal is none', () => {
    const route = new NoRoute(quiet, 'hub:7667');
    for (const refused of ['EPERM', 'send ENOBUFS', 'EADDRNOTAVAIL'])
      expect(route.called(one, [one], refused)).toBe(false);
    expect(route.trouble).toBeUndefined();
  });

  test('while one of several addresses has a route, nothing is wrong', () => {
    const route = new NoRoute(quiet, 'hub:7667');
    expect(route.called(one, [one, other], 'ENETUNREACH')).toBe(false);
    expect(route.called(other, [one, other], undefined)).toBe(false);
    expect(route.called(one, [one, other], 'ENETUNREACH')).toBe(false);
    expect(route.trouble).toBeUndefined();
    expect(route.called(other, [one, other], 'ENETUNREACH')).toBe(true);
  });
});

describe('a client', () => {
  let client: RunningClient | undefined;
  afterEach(async () => {
    await client?.close();
    client = undefined;
    vi.useRealTimers();
  });

  /** Starts one whose system says this of each datagram. */
  async function start(refused: () => string | undefined, patience: 'network' | 'nothing' = 'network') {
    const warned: string[] = [];
    const calls: Sent[] = [];
    let calling = () => {};
    const called = new Promise<void>((resolve) => {
      calling = resolve;
    });
    client = await startSecureClient({
      port: 0,
      io: 'portable',
      server: { host: '192.0.2.1', port: 7667 },
      keys: { privateKey: newPrivateKey(bytes), serverPublicKey: publicKeyOf(newPrivateKey(bytes)) },
      keepalive: false,
      path: 1452,
      patience,
      plug: memoryPort(() => {}).open,
      log: { ...quiet, warn: (_, line) => warned.push(libraryText(line)) },
      openUdp: async (port: number, _events: UdpEvents) => ({
        local: { address: '::', port },
        send(_bytes, _start, _length, _to, done) {
          calls.push(done);
          done(refused());
          calling();
        },
        connect: async (to) => to,
        close: async () => {},
      }),
    });
    return { client, warned, calls, called };
  }

  test('says at the first refusal that there is no route, and in its report', async () => {
    const { client, warned, called } = await start(() => 'ENETUNREACH');
    await called;
    const why = 'cannot reach 192.0.2.1:7667: there is no route to it (ENETUNREACH)';
    expect(warned).toEqual([`${why}, waiting for one`]);
    expect(client.trouble()).toBe(why);
    expect(client.report().why).toBe(why);
  });

  test('without patience ends at the first refusal, with that line', async () => {
    const { client, warned, called } = await start(() => 'ENETUNREACH', 'nothing');
    await called;
    await expect(client.ended).rejects.toThrow(
      /^cannot reach 192\.0\.2\.1:7667: there is no route to it \(ENETUNREACH\)$/,
    );
    expect(warned).toEqual([]);
  });

  test('says neither that nobody answers nor that it cannot send, and goes on when there is a route', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      let refused: string | undefined = 'ENETUNREACH';
      const { client, warned, calls, called } = await start(() => refused);
      await called;
      const calledTimes = async (times: number) => {
        while (calls.length < times) {
          now += 250;
          await vi.advanceTimersByTimeAsync(250);
        }
      };
      await calledTimes(4);
      expect(warned).toHaveLength(1);
      refused = undefined;
      await calledTimes(5);
      expect(warned.slice(1)).toEqual(['192.0.2.1:7667 can be reached now: going on']);
      expect(client.trouble()).toBeUndefined();
    } finally {
      clock.mockRestore();
    }
  });

  test("a firewall's refusal is another thing", async () => {
    const { client, warned, called } = await start(() => 'EPERM');
    await called;
    expect(warned).toEqual([]);
    expect(client.trouble()).toBeUndefined();
  });
});
