// What a client may do on a bridge holds for as long as its port is there, and no longer: whatever others do with nft's tables, and
// however a server ends.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureClient, startSecureServer } from '../../../lab/secure-keys.js';
import { Wire } from '../../../lab/wire.js';
import { kinds, marked, sees } from '../../support/marked.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STRANGE = '02:00:00:00:aa:07';

let lab: Lab;
let hub: Host;
let clients: [Host, Host];
let own: End;
let ends: [End, End];
let peers: Peers;

beforeEach(() => {
  lab = new Lab(3, 'native');
  const [first, ...others] = lab.hosts as [Host, Host, Host];
  hub = first;
  clients = others;
  hub.run('nft', 'add table netdev others');
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  own = makeEnd(lab, 'server', random.bytes);
  ends = clients.map((client, i) => {
    client.makeTap();
    return makeEnd(lab, `client${i}`, random.bytes);
  }) as [End, End];
  peers = new Peers(lab, []);
});

afterEach(() => lab.close());

/** The clients' lines in the peers file. */
function lines(...policies: [string, string]): void {
  peers.write(policies.map((policy, i) => `${ends[i]?.publicKey} name=client${i} ${policy}`));
}

const serve = () => startSecureServer(hub, own, peers, ['--no-classic', '-s', 'bridge://br0']);

/** @param port of the server, where it is another one */
const connect = (i: 0 | 1, port?: number) =>
  startSecureClient(
    clients[i],
    ends[i],
    own,
    port === undefined ? clients[i].link.hub4 : `${clients[i].link.hub4}:${port}`,
    ['-s', 'tap://tap0'],
  );

const up = (server: Process, i: number, from = 0) =>
  server.prints(new RegExp(`"peer":"client${i} [^\\n]*"port":"br0p0"[^\\n]*peer is up`), 30_000, from);

/** What nft has, but for what others have. */
const tables = () =>
  hub
    .run('nft', 'list', 'tables')
    .split('\n')
    .filter((line) => line !== '' && line !== 'table netdev others');

const ofItself = (i: 0 | 1) => kinds(clients[i].mac, BROADCAST);

test('who gets the port of another gets none of its limits', async () => {
  lines(`mac=${STRANGE}`, '');
  const server = await serve();
  const first = await connect(0);
  await up(server, 0);
  const uplink = await Wire.open(hub, 'br0');
  await sees(await Wire.open(clients[0]), uplink, [marked(STRANGE, BROADCAST)], ofItself(0));
  await first.stop();
  await until('its port is gone', () => !hub.run('ls', '/sys/class/net').includes('br0p0'));
  await connect(1);
  await up(server, 1);
  await sees(await Wire.open(clients[1]), uplink, ofItself(1), []);
  expect(hub.run('nft', 'list', 'ruleset', 'netdev')).not.toContain('br0p0');
});

test('rules that somebody takes away are made again, and that is said', async () => {
  lines(`mac=${clients[0].mac} broadcast=1000`, '');
  const server = await serve();
  await connect(0);
  await up(server, 0);
  const [wire, uplink] = [await Wire.open(clients[0]), await Wire.open(hub, 'br0')];
  await sees(wire, uplink, ofItself(0), kinds(STRANGE, BROADCAST));
  for (const flush of [
    ['flush', 'ruleset'],
    ['delete', 'table', 'netdev', tables()[0]?.split(' ').at(-1) as string],
    ['flush', 'table', 'netdev', tables()[0]?.split(' ').at(-1) as string],
  ]) {
    const from = server.printed;
    hub.run('nft', ...flush);
    await server.prints(/somebody has taken away rules of nft [^\n]* are there again/, 30_000, from);
    await sees(wire, uplink, ofItself(0), kinds(STRANGE, BROADCAST));
  }
  expect(await server.stop()).toBe(0);
  expect(tables()).toEqual([]);
});

test('what a killed server has left limits nobody, and is taken away', async () => {
  lines(`mac=${STRANGE}`, '');
  const killed = await serve();
  const first = await connect(0);
  await up(killed, 0);
  await killed.stop('SIGKILL');
  await first.stop();
  lines('', '');
  const server = await serve();
  await connect(1);
  await up(server, 1);
  await sees(await Wire.open(clients[1]), await Wire.open(hub, 'br0'), ofItself(1), []);
  expect(tables()).toEqual([]);
});

test('servers in containers, which have one process number, leave each other’s rules alone', async () => {
  lines(`mac=${clients[0].mac}`, `mac=${clients[1].mac}`);
  const contained = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child=SIGTERM'];
  const words = ['serve', '--on', 'bridge://br0', '--key', own.keyFile, '--peers', peers.path, '-v'];
  const servers: Process[] = [];
  for (const port of ['7667', '7777']) {
    const server = hub.start([...contained, ...cryptcab, ...words, '-p', port]);
    await server.prints(/waiting for clients/);
    servers.push(server);
  }
  await connect(0);
  await connect(1, 7777);
  await servers[1]?.prints(/"peer":"client1 [^\n]*peer is up/);
  const [wire, uplink] = [await Wire.open(clients[0]), await Wire.open(hub, 'br0')];
  await sees(wire, uplink, ofItself(0), kinds(STRANGE, BROADCAST));
  await servers[1]?.stop();
  await until('the other one has ended', () => !hub.listens(7777));
  await sees(wire, uplink, ofItself(0), kinds(STRANGE, BROADCAST));
});
