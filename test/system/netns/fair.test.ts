// One client that sends as much as it can, and the others: a real switch, and taps.
import { afterEach, expect, test } from 'vitest';
import { carriedByEach } from '../../../lab/checks.js';
import { floodFrames } from '../../../lab/flood.js';
import { type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const LARGE = 1386;
const BROADCAST = '10.88.0.255';
/** Broadcasts a second that are let through, and those that come: many in one datagram of the secure cable. */
const LIMIT = 20;
const STORM = 3_000;

const { bytes } = randomness();
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

interface Scene {
  readonly lab: Lab;
  readonly server: Host;
  readonly serving: Process;
  /** Each on a tap. */
  readonly clients: readonly Host[];
}

/** A server on a switch, and clients on taps, all up. */
async function scene(io: string, mode: string, clients: number, options: readonly string[]): Promise<Scene> {
  const made = new Lab(1 + clients, io);
  lab = made;
  const [server, ...others] = made.hosts as [Host, ...Host[]];
  const key = made.keyFile('key', bytes(44));
  const own = makeEnd(made, 'server', bytes);
  const ends = others.map((_, i) => makeEnd(made, `client${i}`, bytes));
  const peers = new Peers(
    made,
    ends.map(({ publicKey }) => publicKey),
  );
  await server.startSwitch();
  const serverKeys = ['--secure', '--no-classic', '--key', own.keyFile, '--peers', peers.path];
  const serving = server.cryptcab([...(mode === 'secure' ? serverKeys : ['-P', key]), '-v', ...options]);
  await serving.prints(/waiting for clients/);
  for (const [i, host] of others.entries()) {
    host.makeTap();
    const keys = ['--secure', '--key', ends[i]?.keyFile as string, '--peer', own.publicKey];
    const client = host.cryptcab([
      ...['-s', 'tap://tap0', ...(mode === 'secure' ? keys : ['-P', key]), '-c', host.link.hub4, '-v'],
      ...(mode === 'secure' ? [] : ['--cipher', 'chacha20']),
    ]);
    await client.prints(/the cable is up/);
    await host.reaches(server.inner);
  }
  return { lab: made, server, serving, clients: others };
}

/** How often a server has refused something of its clients for this reason: of the one that was refused the most, and of the others. */
async function refused({ serving, clients }: Scene, why: string): Promise<{ most: number; others: number }> {
  const each = await carriedByEach(serving, clients.length);
  const counts = each.map((one) => Number(one.refused[why as 'replayed'] ?? 0)).sort((a, b) => b - a);
  return { most: counts[0] ?? 0, others: counts.slice(1).reduce((sum, one) => sum + one, 0) };
}

test.each([
  ['native', 'secure', []],
  ['native', 'classic', ['--threads', '2']],
] as const)(
  'a client that sends more than the switch takes loses its own, and others reach it: %s, %s',
  async (io, mode, options) => {
    const all = await scene(io, mode, 2, options);
    const { server, clients } = all;
    const [victim, greedy] = clients as [Host, Host];
    // Both are heard, whatever thread they are on.
    const flood = floodFrames(greedy, server.inner, LARGE);
    const chatter = victim.start(['ping', '-n', '-q', '-i', '0.1', server.inner]);
    if (options.length === 0)
      await until(
        'datagrams of the flood are dropped',
        async () => (await refused(all, 'over its share')).most > 100,
      );
    for (let i = 0; i < 10; i++) await victim.reaches(server.inner);
    expect([flood.running, chatter.running]).toEqual([true, true]);
    await flood.stop('SIGKILL');
    await greedy.reaches(server.inner);
  },
);

test.each([
  ['native', 'secure', []],
  ['native', 'classic', ['--threads', '2']],
  ['portable', 'secure', []],
  ['portable', 'classic', []],
] as const)(
  'so many broadcasts a second of each client reach the others: %s, %s',
  async (io, mode, options) => {
    const all = await scene(io, mode, 2, ['--broadcast-limit', `${LIMIT}/s`, ...options]);
    const { server, clients } = all;
    const [bystander, noisy] = clients as [Host, Host];
    const [before, from] = [bystander.tapped('rx'), performance.now()];
    const storm = floodFrames(noisy, BROADCAST, 60, { rate: 1_000, count: STORM });
    await storm.exited;
    await until('most of the storm was refused', async () => {
      const { most } = await refused(all, 'over the broadcast limit');
      return most > STORM / 2;
    });
    const seconds = (performance.now() - from) / 1_000;
    const passed = bystander.tapped('rx') - before;
    expect(passed).toBeGreaterThanOrEqual(1);
    expect(passed).toBeLessThanOrEqual(LIMIT * (1 + seconds) + 20); // and what hosts say of themselves
    expect((await refused(all, 'over the broadcast limit')).others).toBe(0);
    // Frames to one host are none of that.
    await noisy.reaches(server.inner);
    await noisy.reaches(bystander.inner);
  },
);
