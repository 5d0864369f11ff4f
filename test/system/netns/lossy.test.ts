// A network that is not kind: it loses, reorders, duplicates, delays and corrupts, each alone and all together.
// Files get through whole all the same, and no frame is delivered twice by an end of ours.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carried, datagrams, transfer } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type Faults, type Relay, startRelay } from '../../../lab/rough.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

const SERVER_PORT = 7667;
const ORIGINAL_PORT = 7668;
const RELAY_PORT = 9000;
/** Some 6000 datagrams each way: hundreds of each fault. */
const BYTES = 8_000_000;
/** One TCP stream alone would take minutes where a datagram in twenty is lost. */
const STREAMS = 64;
const DATAGRAMS = 2_000;
const RATE = 500;
/** For a cable to come up, and for a ping to get through. */
const UP_MS = 60_000;
const TRANSFER_MS = 240_000;
const TEST_MS = 400_000;

const LOSS: Partial<Faults> = { loss: 0.05 };
const REORDERING: Partial<Faults> = { reordering: 0.25 };
const DUPLICATION: Partial<Faults> = { duplication: 0.05 };
const DELAY: Partial<Faults> = { delay: 100, jitter: 20 };
const CORRUPTION: Partial<Faults> = { corruption: 0.01 };
const ALL: Partial<Faults> = { ...LOSS, ...REORDERING, ...DUPLICATION, ...DELAY, ...CORRUPTION };

const random = randomness();
let lab: Lab;
let hub: Host;
let keyFile: string;

/** A first host with a switch, and as many others. */
async function build(others: number): Promise<void> {
  lab = new Lab(1 + others);
  hub = lab.host(0);
  keyFile = lab.keyFile('key', random.bytes(24));
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
}

/** A relay for one client alone. */
function relayFor(client: Host, faults: Partial<Faults>, serverPort = SERVER_PORT): Promise<Relay> {
  const index = client.index;
  return startRelay(hub, RELAY_PORT + index, serverPort, seed + 1000 * index, faults);
}

const target = (client: Host) => `${client.link.hub4}:${RELAY_PORT + client.index}`;

async function startOurs(client: Host): Promise<Process> {
  const process = client.cryptcab(['-c', target(client), '-P', keyFile, '-v']);
  await process.prints(/the cable is up/, UP_MS);
  return process;
}

async function startServer(port = SERVER_PORT): Promise<Process> {
  const process = hub.cryptcab(['-p', String(port), '-P', keyFile, '-v']);
  await process.prints(/waiting for clients/);
  return process;
}

async function moves(what: string, from: Host, to: Host): Promise<void> {
  const { sent, received } = await transfer(from, to, { bytes: BYTES }, seed, TRANSFER_MS, STREAMS);
  expect(received.bytes).toBe(BYTES);
  expect(received.sha256).toBe(sent.sha256);
  console.log(`${what}: ${BYTES / 1e6} MB in ${received.seconds.toFixed(1)} s`);
}

/** Numbered datagrams towards an end of ours: it delivers none twice. */
async function deliversOnce(from: Host, to: Host): Promise<void> {
  const { different, duplicates } = await datagrams(from, to, DATAGRAMS, RATE);
  expect(duplicates).toBe(0);
  // How many the switches drop besides is a matter of how busy the machine is.
  expect(different).toBeGreaterThan(DATAGRAMS / 10);
}

/**
 * How corruption shows with the classic protocol, what is likeliest first. The counter is looked at before the rest: a
 * corrupted one may be that of another datagram, or of a time long past.
 */
const CORRUPTED = ['bad checksum', 'bad padding', 'bad length', 'replayed', 'too old'];

/** The relay has done what it was to do, and an end of ours has seen through it. */
async function wasRough(
  relay: Relay,
  faults: Partial<Faults>,
  end: Process,
  corrupted: readonly string[] = CORRUPTED,
): Promise<void> {
  const { up, down } = await relay.counts();
  for (const { lost, reordered, duplicated, corrupted: changed } of [up, down]) {
    expect(lost > 0).toBe(faults.loss !== undefined);
    expect(reordered > 0).toBe(faults.reordering !== undefined);
    expect(duplicated > 0).toBe(faults.duplication !== undefined);
    expect(changed > 0).toBe(faults.corruption !== undefined);
  }
  // Duplicates and corrupted ones it refuses, and no others: not what comes late.
  const { refused } = await carried(end);
  const whys = new Set(Object.keys(refused));
  if (faults.duplication !== undefined) expect([...whys]).toContain('replayed');
  if (faults.corruption !== undefined) expect([...whys]).toContain(corrupted[0]);
  for (const [fault, known] of [
    ['duplication', ['replayed']],
    ['corruption', corrupted],
  ] as const) {
    if (faults[fault] !== undefined) for (const why of known) whys.delete(why);
  }
  whys.delete('no key'); // frames of its switch before it was up
  expect([...whys]).toEqual([]);
}

const CASES: readonly (readonly [string, Partial<Faults>])[] = [
  ['loss of 5 %', LOSS],
  ['reordering of 25 %', REORDERING],
  ['duplication of 5 %', DUPLICATION],
  ['delay of 100 ± 20 ms', DELAY],
  ['corruption of 1 %', CORRUPTION],
  ['all together', ALL],
];

describe('ours and ours', () => {
  beforeAll(async () => {
    await build(CASES.length);
    await startServer();
  });
  afterAll(() => lab.close());

  for (const [i, [name, faults]] of CASES.entries()) {
    test.concurrent(
      name,
      async () => {
        const host = lab.host(1 + i);
        const relay = await relayFor(host, faults);
        const client = await startOurs(host);
        await host.reaches(hub.inner, UP_MS);
        await Promise.all([deliversOnce(host, hub), deliversOnce(hub, host)]);
        await moves(name, host, hub);
        await wasRough(relay, faults, client);
      },
      TEST_MS,
    );
  }
});

// The C program checks no CRC: what was corrupted on the way to it, it delivers. So the files go from it to
// us, and what comes to it is TCP's to sort out. It also delivers twice what it gets twice.
describe('our clients and a C server', () => {
  beforeAll(async () => {
    await build(CASES.length);
    const server = hub.original(['-p', String(ORIGINAL_PORT), '-P', keyFile, '-vvvv']);
    await server.prints(/Verbosity: 4/);
  });
  afterAll(() => lab.close());

  for (const [i, [name, faults]] of CASES.entries()) {
    // One after the other: all go through one process, which is slow, and whoever loses datagrams would get nothing.
    test(
      name,
      async () => {
        const host = lab.host(1 + i);
        hub.knowsNeighbour(host);
        const relay = await relayFor(host, faults, ORIGINAL_PORT);
        const client = await startOurs(host);
        await host.reaches(hub.inner, UP_MS);
        await deliversOnce(hub, host);
        await moves(`C server to our client, ${name}`, hub, host);
        await wasRough(relay, faults, client);
      },
      TEST_MS,
    );
  }
});

describe('C clients and servers of ours', () => {
  beforeAll(() => build(CASES.length));
  afterAll(() => lab.close());

  // All at once: each has a server of its own, and who loses datagrams mostly waits.
  for (const [i, [name, faults]] of CASES.entries()) {
    test.concurrent(
      name,
      async () => {
        const host = lab.host(1 + i);
        host.knowsNeighbour(hub);
        const server = await startServer(SERVER_PORT + 100 + i);
        // It waits for ever when a RESPONSE or AUTH_OK is lost (classic.md §7.3): so the faults begin when it is up.
        const relay = await relayFor(host, {}, SERVER_PORT + 100 + i);
        const client = host.original(['-c', target(host), '-P', keyFile, '-k', '-vvvv']);
        await client.prints(/Successfully authenticated/, UP_MS);
        await relay.set(faults);
        try {
          await host.reaches(hub.inner, UP_MS);
          await deliversOnce(host, hub);
          await moves(`C client to our server, ${name}`, host, hub);
          await wasRough(relay, faults, server);
        } catch (error) {
          // A failure here is rare, and of busy machines: what both ends said shows the reason.
          for (const { name, output } of [client, server]) console.log(`${name}:\n${output.slice(-4_000)}`);
          throw error;
        }
      },
      TEST_MS,
    );
  }
});

describe('the secure cable', () => {
  const cases: readonly (readonly [string, Partial<Faults>])[] = [
    ['loss of 5 %', LOSS],
    ['reordering of 25 %', REORDERING],
    ['duplication of 5 %', DUPLICATION],
    ['all together', ALL],
  ];
  const bytes = (length: number) => random.bytes(length);

  beforeAll(() => build(cases.length));
  afterAll(() => lab.close());

  test(
    'loss, reordering, duplication, and all together',
    async () => {
      const server = makeEnd(lab, 'server', bytes);
      const clients = cases.map((_, i) => makeEnd(lab, `client${i}`, bytes));
      await startSecureServer(
        hub,
        server,
        new Peers(
          lab,
          clients.map(({ publicKey }) => publicKey),
        ),
      );
      const one = async ([name, faults]: readonly [string, Partial<Faults>], i: number) => {
        const host = lab.host(1 + i);
        const relay = await relayFor(host, faults);
        const client = await startSecureClient(host, clients[i] as End, server, target(host), [], UP_MS);
        await host.reaches(hub.inner, UP_MS);
        await Promise.all([deliversOnce(host, hub), deliversOnce(hub, host)]);
        await moves(`secure, ${name}`, host, hub);
        await wasRough(relay, faults, client, ['decrypt failed', 'too old']);
      };
      await Promise.all(cases.map(one));
    },
    TEST_MS,
  );
});
