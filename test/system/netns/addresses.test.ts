// A server with several addresses answers from the one that was asked: a client behind a firewall that keeps state hears
// nothing else. And ends with --bind have one address alone.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
/** The server's second addresses; the system prefers the first ones. */
const SECOND = { IPv4: '10.77.1.100', IPv6: 'fd77:1::100', 'link-local': 'fe80::77:100%v0' } as const;
const FAMILIES = Object.keys(SECOND) as (keyof typeof SECOND)[];
const LATER = '10.77.1.101';

let lab: Lab;
let hub: Host;
let host: Host;
let server: End;
let client: End;
let key: string;
let serverOptions: readonly string[];
let serving: Process;
const clients: Process[] = [];

const target = (address: string) => (address.includes(':') ? `[${address}]` : address);
/** An address, seen from the host that has it. */
const bare = (address: string) => address.split('%')[0] as string;

function address(end: Host, verb: 'add' | 'delete', text: string): void {
  const nodad = text.includes(':') && verb === 'add' ? ['nodad'] : [];
  const device = end === hub ? host.gatewayDevice : host.device;
  end.run('ip', 'address', verb, `${text}/${text.includes(':') ? 64 : 24}`, 'dev', device, ...nodad);
}

/** Of UDP only what answers gets in; the rest is counted. */
function guard(): void {
  const rules = [
    'add table inet guard',
    'add chain inet guard in { type filter hook input priority filter; }',
    `add rule inet guard in iifname ${host.device} meta l4proto udp ct state new counter drop`,
  ];
  host.run('nft', rules.join('; '));
}

const unguard = () => host.run('nft', 'delete', 'table', 'inet', 'guard');

/** How many datagrams came from elsewhere than where the client had sent to. */
function strangers(): number {
  return Number(/counter packets (\d+)/.exec(host.run('nft', 'list', 'table', 'inet', 'guard'))?.[1]);
}

async function serve(args: readonly string[]): Promise<Process> {
  const process = hub.cryptcab([...serverOptions, '-v', ...args]);
  await process.prints(/waiting for clients/);
  return process;
}

type Mode = 'classic' | 'secure';

async function connect(mode: Mode, to: string, args: readonly string[] = []): Promise<Process> {
  if (mode === 'secure') {
    const process = await startSecureClient(host, client, server, to, args);
    clients.push(process);
    return process;
  }
  const process = host.cryptcab(['-P', key, '-c', to, '-v', ...args]);
  clients.push(process);
  await process.prints(/the cable is up/);
  return process;
}

async function lay(io: string, args: readonly string[]): Promise<void> {
  lab = new Lab(2, io);
  [hub, host] = lab.hosts as [Host, Host];
  key = lab.keyFile('key', bytes(44));
  [server, client] = ['server', 'client'].map((name) => makeEnd(lab, name, bytes)) as [End, End];
  const peers = new Peers(lab, [client.publicKey]);
  serverOptions = ['-P', key, '--secure', '--key', server.keyFile, '--peers', peers.path];
  for (const text of Object.values(SECOND)) address(hub, 'add', bare(text));
  address(host, 'add', 'fe80::77:2');
  await Promise.all(lab.hosts.map((one) => one.startSwitch()));
  serving = await serve(args);
}

afterEach(() => Promise.all(clients.splice(0).map((one) => one.stop())));

describe.each([
  ['native', 'native', ['--threads', '1']],
  ['native, several threads', 'native', ['--threads', '2']],
  ['portable', 'portable', []],
] as const)('%s', (_, io, args) => {
  beforeAll(() => lay(io, args));
  afterAll(() => lab?.close());

  describe('behind a firewall that keeps state', () => {
    beforeAll(guard);
    afterAll(unguard);
    afterEach(() => expect(strangers()).toBe(0));

    test.each(FAMILIES.flatMap((family) => [['classic', family] as const, ['secure', family] as const]))(
      '%s, %s: the address that was asked answers, and the next one that is',
      async (mode, family) => {
        await connect(mode, target(SECOND[family]));
        await host.reaches(hub.inner);
        await clients.pop()?.stop();
        if (family === 'link-local') return;
        // From the same port: to the server it is the same peer.
        await connect(mode, target(family === 'IPv4' ? host.link.hub4 : host.link.hub6));
        await host.reaches(hub.inner);
      },
    );

    test('the C client', async () => {
      clients.push(host.original(['-P', key, '-c', SECOND.IPv4, '-vvvv', '-k']));
      await clients[0]?.prints(/Successfully authenticated/);
      await host.reaches(hub.inner);
    });

    test.each(['classic', 'secure'] as const)('%s: an address that the server gets later', async (mode) => {
      address(hub, 'add', LATER);
      try {
        await connect(mode, LATER);
        await host.reaches(hub.inner);
      } finally {
        address(hub, 'delete', LATER);
      }
    });

    test('a secure client whose server calls it answers from the address that was called', async () => {
      // The other way round: behind the firewall is who calls. The client's first datagram is a call as well, and is lost.
      const peers = new Peers(lab, [`${server.publicKey} endpoint=${SECOND.IPv4}:7700`], 'called');
      const called = hub.cryptcab([
        ...['-p', '7700', '--secure', '--no-classic', '--key', server.keyFile],
        ...['--peers', new Peers(lab, [client.publicKey], 'caller').path, '-v'],
      ]);
      clients.push(called);
      await called.prints(/waiting for clients/);
      const calling = host.cryptcab([
        ...['-p', '7700', '--secure', '--no-classic', '--key', client.keyFile],
        ...['--peers', peers.path, '-v'],
      ]);
      clients.push(calling);
      await calling.prints(/peer is up/);
      await host.reaches(hub.inner);
    });
  });

  test('an address that goes away: what the server sends goes on from another', async () => {
    await connect('secure', SECOND.IPv4);
    await host.reaches(hub.inner);
    address(hub, 'delete', SECOND.IPv4);
    try {
      await hub.reaches(host.inner);
      await host.reaches(hub.inner);
    } finally {
      address(hub, 'add', SECOND.IPv4);
    }
  });

  if (io === 'native' && args[1] === '2') return; // what follows is the same with any number of threads

  describe('--bind', () => {
    const OWN = { IPv4: '10.77.1.2', IPv6: 'fd77:1::2', 'link-local': 'fe80::77:2%v0' } as const;

    test.each(FAMILIES)('%s: a server has that address alone', async (family) => {
      const at = family === 'link-local' ? `${bare(SECOND[family])}%${host.gatewayDevice}` : SECOND[family];
      const bound = await serve(['-p', '7701', '--bind', at, ...args]);
      clients.push(bound);
      const other = family === 'IPv4' ? host.link.hub4 : host.link.hub6;
      const deaf = host.cryptcab(['-P', key, '-p', '0', '-c', `${target(other)}:7701`, '-v']);
      clients.push(deaf);
      await deaf.prints(/nobody listens at/);
      await connect('classic', `${target(SECOND[family])}:7701`);
      await host.reaches(hub.inner);
    });

    test.each(FAMILIES)('%s: a client comes from that address', async (family) => {
      for (const mode of ['classic', 'secure'] as const) {
        const from = serving.printed;
        await connect(mode, target(SECOND[family]), ['-p', '0', '--bind', OWN[family]]);
        await host.reaches(hub.inner);
        serving.signal('SIGUSR2'); // to the server a secure client that comes again has only moved
        const own = bare(OWN[family]).replaceAll('.', '\\.');
        await serving.prints(new RegExp(`"(?:peer|address)":"\\[?${own}\\b.*"carried"`), 15_000, from);
        await clients.pop()?.stop();
      }
    });

    test.each([
      ['10.77.1.77', 'this machine has no address 10.77.1.77'],
      ['fd77:1::77', 'this machine has no address fd77:1::77'],
      ['fe80::77:2%nope', 'this machine has no address fe80::77:2%nope'],
    ])('%s, which is not there: one line, status 1', async (at, line) => {
      const refused = host.cryptcab(['-P', key, '-c', host.link.hub4, '--bind', at, '--now']);
      expect(await refused.exited).toBe(1);
      expect(refused.output).toContain(line);
      expect(refused.output.trim().split('\n')).toHaveLength(1);
    });
  });
});
