// Somebody sends handshakes to a secure server, 50 000 a second, from forged addresses: of who does not know its public
// key, and of who does. It gives cookies to the latter, and works on none; its cable carries on.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import type { ForgedAddress, Payload } from '../../../lab/flood.js';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { besiege, damageText } from '../../../lab/siege.js';
import { parseKey } from '../../../src/keys/key-text.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { randomness, seed } from '../../support/seed.js';

const PORT = 7667;
const CLIENT_PORT = 7668;
/** 300 000 datagrams, with those of the margin. */
const SECONDS = 4;
/** Where floods `from many` say that they come from. */
const FORGED_NETWORK = '10.99.0.0/16';
const INITIATION = { bytes: 148, type: Uint8Array.of(1, 0, 0, 0) };
const STRANGERS = 50;

const random = randomness();
const bytes = (length: number) => random.bytes(length);
let lab: Lab;
let hub: Host;
let host: Host;
let server: Process;
let client: Process;
/** What the server had refused when it was asked last. */
let told: Record<string, number> = {};
let keys: { readonly server: End; readonly client: End };

const carried = async (seconds: number) => (await transfer(host, hub, { seconds }, seed)).received.mbit;

async function lay(io: string): Promise<void> {
  lab = new Lab(2, io);
  told = {};
  [hub, host] = lab.hosts as [Host, Host];
  await Promise.all(lab.hosts.map((each) => each.startSwitch()));
  for (const each of lab.hosts)
    each.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
  // What it answers goes out, and is counted there.
  hub.run('ip', 'route', 'add', FORGED_NETWORK, 'via', host.link.own4);
  const rules = [
    'add table inet told',
    'add chain inet told out { type filter hook output priority 0; }',
    `add rule inet told out udp sport ${PORT} udp length ${8 + 64} @th,64,32 0x03000000 counter`,
    `add rule inet told out udp sport ${PORT} udp length ${8 + 92} @th,64,32 0x02000000 counter`,
  ];
  hub.run('nft', rules.join('; '));
  keys = { server: makeEnd(lab, 'server', bytes), client: makeEnd(lab, 'client', bytes) };
  const peers = new Peers(lab, [`${keys.client.publicKey} name=alice`]);
  server = await startSecureServer(hub, keys.server, peers);
  client = await connect();
  await host.reaches(hub.inner);
  await carried(3); // both have seen load before they are measured
}

function connect(): Promise<Process> {
  return startSecureClient(host, keys.client, keys.server, host.link.hub4, ['-p', String(CLIENT_PORT)]);
}

/** Cookie replies and responses that the server has sent. */
function answers(): { cookies: number; responses: number } {
  const said = hub.run('nft', 'list', 'chain', 'inet', 'told', 'out');
  const [cookies, responses] = [...said.matchAll(/packets (\d+)/g)].map(([, count]) => Number(count));
  return { cookies: cookies as number, responses: responses as number };
}

/** Handshakes that the server has refused, by reason. */
async function refused(): Promise<Record<string, number>> {
  const from = server.printed;
  server.signal('SIGUSR2');
  const [line] = await server.prints(/^\{.*"msg":"refused"\}$/m, 15_000, from);
  const { level, time, msg, ...counts } = JSON.parse(line);
  return Object.fromEntries(Object.entries(counts).map(([why, times]) => [why, Number(times)]));
}

/** Random, except for the type: its mac1 is wrong. */
const unaware = (): Payload[] => [{ bytes: INITIATION.type, random: INITIATION.bytes - 4 }];

/** Of strangers who know the server's public key: everything in them is right, but nobody knows them. */
function aware(): Payload[] {
  return Array.from({ length: STRANGERS }, () => {
    const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 1e12 });
    const endpoint = { address: '192.0.2.1', port: 1 };
    machine.wanted(
      0,
      machine.addPeer(0, { publicKey: parseKey(keys.server.publicKey) as Uint8Array, endpoint }),
    );
    const [effect] = machine.take();
    if (effect?.do !== 'send') throw new Error('no initiation');
    return { bytes: effect.datagram };
  });
}

const FLOODS = [
  { name: 'wrong mac1', from: 'many', payloads: unaware, good: false },
  { name: 'right mac1', from: 'many', payloads: aware, good: true },
  { name: 'right mac1', from: 'the client', payloads: aware, good: true },
] as const;

describe.each(['portable', 'native'])('%s', (io) => {
  beforeAll(() => lay(io));
  afterAll(() => lab.close());

  // Again if it fails: what else the machine does in these seconds counts as well.
  test.each(FLOODS)('$name, from $from', { retry: 3 }, async ({ name, from, payloads, good }) => {
    const forged: ForgedAddress = from === 'many' ? 'many' : { address: host.link.own4, port: CLIENT_PORT };
    const before = answers();
    const damage = await besiege({
      ...{ lab, attacker: host, victim: hub, end: server, carried, from: forged, seconds: SECONDS },
      ...{ to: { address: host.link.hub4, port: PORT }, payloads: payloads() },
    });
    const after = { ...answers(), refused: await refused() };
    const earlier = told;
    told = after.refused;
    const cookies = after.cookies - before.cookies;
    const times = (why: string) => (after.refused[why] ?? 0) - (earlier[why] ?? 0);
    console.log(
      `${io}: ${name}, from ${from}: ${damageText(damage)}; ${cookies} cookies; refused ${JSON.stringify(after.refused)}`,
    );
    // That frames still pass at all; how many is printed, as it says little on a machine that others share.
    expect(damage.mbit).toBeGreaterThan(0);
    expect(damage.grown).toBeLessThan(16);
    expect(damage.logLines).toBeLessThan(100);
    // Load, and a cookie for who knows the public key; nothing for who does not; keys for nobody.
    if (good) {
      expect(cookies).toBeGreaterThan(100);
      expect(times('no cookie')).toBeGreaterThanOrEqual(cookies);
    } else {
      expect(cookies).toBe(0);
      expect(times('bad mac1')).toBeGreaterThan(1_000);
    }
    expect(after.responses).toBe(before.responses);
    expect(server.output).not.toMatch(/peer is gone|the peer has moved/);
  });

  test('when it is over, a new client comes up', async () => {
    await client.stop();
    client = await connect();
    await host.reaches(hub.inner);
  });
});
