// Several servers that ask somebody else who may connect: etcd, a command, a URL (docs/fleet.md).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Fleet, type Member, Pings } from '../../../lab/fleet.js';
import { cryptcab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

/** An initiation with the header of UDP. */
const CALL_BYTES = 148 + 8;

const random = randomness();
let fleet: Fleet;

afterEach(() => fleet.close());

function open(servers: number, clients: number): void {
  fleet = new Fleet({ servers, clients, random: (length) => random.bytes(length) });
  fleet.balance();
}

const client = (i: number) => fleet.clients[i] as Member;

/** Runs a command about a server's peers there. @returns its exit status, and what it prints */
async function peers(number: number, ...words: string[]): Promise<readonly [number | null, string]> {
  const command = fleet.servers.get(number)?.start([...cryptcab, 'peers', ...words]) as Process;
  return [await command.exited, command.output];
}

test('etcd: who is entered may connect at once, and who is struck out is cut off at once; while it is away nobody falls', async () => {
  open(2, 3);
  const etcd = await fleet.startEtcd();
  await Promise.all([fleet.enter(client(0)), fleet.enter(client(1))]);
  const servers: Process[] = [];
  for (const number of [1, 2]) {
    const server = await fleet.serve(number, fleet.etcdSource(number));
    await server.prints(/"peers":2[^\n]*read the peers in etcd/);
    servers.push(server);
  }
  await Promise.all([fleet.connect(client(0)), fleet.connect(client(1))]);
  const pings = new Pings(client(0).host, client(1).host.inner);
  await pings.flow();
  const limited = /: rate=2mbit, until that line changes or the server ends: this server only reads its line/;
  expect(await peers(1, 'set', 'client0', 'rate=2mbit')).toEqual([0, expect.stringMatching(limited)]);
  for (const words of [['remove'], ['rename', 'robert']] as const) {
    const said = await peers(1, words[0], 'client0', ...words.slice(1));
    expect(said).toEqual([
      1,
      expect.stringMatching(/only reads its line, from the key net\/host\d+ of etcd/),
    ]);
  }
  const struck = fleet.call(client(2));
  await Promise.any(servers.map((server) => server.prints(/somebody calls whose public key is not known/)));
  await fleet.enter(client(2));
  await struck.prints(/the cable is up/);
  const from = performance.now();
  const cutOff = servers.map((server) => server.prints(/"peer":"client2 [^\n]*"msg":"peer is cut off"/));
  await fleet.strike(client(2));
  await Promise.any(cutOff);
  console.log(`fleet: struck out of etcd, and cut off after ${Math.round(performance.now() - from)} ms`);
  expect(performance.now() - from).toBeLessThan(5_000);
  for (const waiting of cutOff) waiting.catch(() => {});
  const met = fleet.metInEtcd.bind(fleet);
  await until('nothing is kept of it', () => !met().includes(client(2).end.publicKey), 10_000);
  expect(met()).toContain(client(0).end.publicKey);
  // It goes away, and comes back.
  await etcd.stop('SIGKILL');
  await Promise.all(servers.map((server) => server.prints(/etcd does not answer: /)));
  await pings.flow();
  const marks = servers.map((server) => server.printed);
  await fleet.startEtcd();
  await Promise.all(servers.map((one, i) => one.prints(/etcd is there again/, 30_000, marks[i] as number)));
  await pings.flow();
  const { gap, lost } = await pings.end();
  expect(lost).toBe(0);
  expect(gap).toBeLessThan(1);
});

test('a client that another server has met is let go, and a captured call of it does nothing there', async () => {
  open(2, 1);
  await fleet.startEtcd();
  await fleet.enter(client(0));
  const servers = new Map<number, Process>();
  for (const number of [1, 2]) servers.set(number, await fleet.serve(number, fleet.etcdSource(number)));
  fleet.balance([1]);
  const first = await fleet.connect(client(0));
  await servers.get(1)?.prints(/peer is up, secure/);
  fleet.balance([2]);
  await first.stop('SIGKILL'); // no goodbye
  await fleet.connect(client(0));
  await servers.get(2)?.prints(/peer is up, secure/);
  await servers.get(1)?.prints(/peer is gone: it is at another server now/);
});

test('etcd with a user, by TLS', async () => {
  open(1, 1);
  const { balancer, lab } = fleet;
  const [cert, key] = [join(lab.directory, 'etcd.crt'), join(lab.directory, 'etcd.key')];
  const name = fleet.servers.get(1)?.link.hub4 as string;
  balancer.run(
    'openssl',
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=etcd', '-addext', `subjectAltName=IP:${name}`, '-keyout', key, '-out', cert],
  );
  await fleet.startEtcd('--cert-file', cert, '--key-file', key);
  await fleet.enter(client(0));
  await fleet.etcd('user', 'add', 'root:of the lab');
  await fleet.etcd('auth', 'enable');
  const options = join(lab.directory, 'etcd.conf');
  const write = (password: string) =>
    writeFileSync(options, `# etcd\nETCDCTL_CACERT=${cert}\nETCDCTL_USER="root:${password}"\n`, {
      mode: 0o600,
    });
  write('of another');
  const server = await fleet.serve(1, fleet.etcdSource(1, `?options=${options}`));
  await server.prints(/etcd does not answer: [^\n]*invalid user ID or password/);
  write('of the lab');
  server.signal('SIGHUP');
  await server.prints(/"peers":1[^\n]*read the peers in etcd/);
  await fleet.connect(client(0));
  expect(server.output).not.toContain('of the lab');
});

test('a command is asked about who calls, and a URL; the first call is answered when they have', async () => {
  open(2, 2);
  const lines = join(fleet.lab.directory, 'lines');
  writeFileSync(lines, fleet.lines());
  const program = `
    const { readFileSync } = require('node:fs');
    const find = (key) => readFileSync(process.argv[1], 'utf8').split('\\n').find((line) => line.startsWith(key + ' '));
    require('node:http').createServer((request, response) => {
      const line = find(new URL(request.url, 'http://x').searchParams.get('publicKey'));
      response.writeHead(line === undefined ? 404 : 200).end(line);
    }).listen(8080, '127.0.0.1', () => console.log('asks me'));`;
  const url = fleet.servers.get(2)?.start([process.execPath, '-e', program, lines]) as Process;
  await url.prints(/asks me/);
  const sources = [`exec:grep -F -- "$CRYPTCAB_PUBLIC_KEY " ${lines} || true`, 'http://127.0.0.1:8080/'];
  for (const [i, source] of sources.entries()) {
    const server = await fleet.serve(i + 1, source);
    fleet.balance([i + 1]);
    const { host } = client(i);
    const [chain, rule] = ['out { type filter hook output priority 0; }', `udp length ${CALL_BYTES} counter`];
    host.run('nft', `add table inet calls; add chain inet calls ${chain}; add rule inet calls out ${rule}`);
    await fleet.connect(client(i));
    expect(host.run('nft', 'list', 'chain', 'inet', 'calls', 'out')).toMatch(/counter packets 1 /);
    await server.prints(/--peers lets a peer in/);
    await server.prints(/"msg":"peer is up, secure"/);
    const refused =
      /stays: this server only reads its line, from (the command of --peers|http:\/\/127\.0\.0\.1:8080): /;
    expect(await peers(i + 1, 'remove', `client${i}`)).toEqual([1, expect.stringMatching(refused)]);
  }
});
