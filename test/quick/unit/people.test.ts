// Servers whose peers are listed elsewhere: in etcd, or as a command or a URL answers. What people can change there, and what one of
// several servers does not do.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import type { OpenPlug } from '../../../src/cable/plug/plug.js';
import type { ServerKeys } from '../../../src/ends/classic-side.js';
import type { PeersDirectory } from '../../../src/ends/peers/peers-option.js';
import { type RunningServer, startServer } from '../../../src/ends/server.js';
import { type Client, CryptcabError, connect } from '../../../src/index.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import type { Log } from '../../../src/log.js';
import type { TapNetwork } from '../../../src/network/tap-network.js';
import { libraryText } from '../../../src/option-mark.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const common = { io: 'portable', bind: '127.0.0.1', port: 0 } as const;
const network = { tells() {}, refused: () => new Map(), govern: async () => {} } as unknown as TapNetwork;
const plug: OpenPlug = Object.assign<OpenPlug, object>((events) => memoryPort(() => {}).open(events), {
  network,
});

const keys = { server: newPrivateKey(bytes), bob: newPrivateKey(bytes), carol: newPrivateKey(bytes) };
const [serverKey, bob, carol] = [keys.server, keys.bob, keys.carol].map((key) => keyText(publicKeyOf(key)));
const encode = (text: string) => Buffer.from(text).toString('base64');

let source: Server;
let server: RunningServer;
let client: Client | undefined;
let watching: ServerResponse | undefined;
let said: string[];
/** What the URL answers, or how etcd's keys are called and what they say. */
let line: string;
let etcd: Record<string, string>;

beforeEach(async () => {
  said = [];
  line = `${bob} name=bob`;
  etcd = { 'net/bob': `${bob} name=bob` };
  watching = undefined;
  client = undefined;
  source = createServer((request, response) => {
    if (request.url?.startsWith('/who')) return void response.end(line);
    if (request.url === '/v3/watch') {
      watching = response;
      return void response.write('{"result":{"created":true}}\n');
    }
    const kvs = Object.entries(etcd).map(([key, value]) => ({ key: encode(key), value: encode(value) }));
    response.end(JSON.stringify({ header: { revision: '1' }, kvs }));
  }).listen(0, '127.0.0.1');
  await new Promise((done) => source.once('listening', done));
});

afterEach(async () => {
  await client?.close();
  await server.close();
  source.closeAllConnections();
  source.close();
});

const port = () => (source.address() as AddressInfo).port;
const until = (right: () => void) => vi.waitFor(right, { timeout: 10_000 });

async function open(directory?: PeersDirectory, serverId?: number, classic?: ServerKeys): Promise<void> {
  const secure = { privateKey: keys.server, path: 1_452, directory, serverId };
  const tell = (_: object, text: string) => void said.push(libraryText(text));
  const log: Log = { ...quiet, warn: tell, info: tell };
  server = await startServer({ ...common, plug, keys: classic, log, secure });
}

async function call(privateKey: Uint8Array): Promise<void> {
  client = await connect({
    ...common,
    ...{ host: '127.0.0.1', port: server.local.port, plug: (events) => memoryPort(() => {}).open(events) },
    secure: { privateKey, serverPublicKey: serverKey as string },
  });
}

const openEtcd = async (serverId?: number) => {
  await open({ kind: 'etcd', hosts: [{ host: '127.0.0.1', port: port() }], prefix: 'net' }, serverId);
  await until(() => expect(watching).toBeDefined());
};

/** Why a change is refused. */
function refusal(change: () => unknown): string {
  try {
    change();
  } catch (error) {
    if (error instanceof CryptcabError) return error.message;
    throw error;
  }
  return 'it was not refused';
}

const names = () => server.report().peers.map(({ peer }) => peer);
const called = (name: string, key = bob) => `${name} (${key?.slice(0, 8)}…)`;

test('etcd: a peer is neither removed nor renamed, and what it may do is so until its line changes', async () => {
  await openEtcd();
  const only = 'this server only reads its line, from the key net/bob of etcd';
  expect(refusal(() => server.peers.remove(bob as string))).toBe(
    `${called('bob')} stays: ${only}: take it out there`,
  );
  expect(refusal(() => server.peers.rename(bob as string, 'robert'))).toBe(
    `${called('bob')} keeps its name: ${only}: change name= there`,
  );
  expect(refusal(() => server.removePeer(bob as string))).toMatch(
    /its line comes from the key net\/bob of etcd; remove it there$/,
  );
  expect(await server.peers.limit(bob as string, 'rate=2mbit')).toEqual({
    ...{ peer: called('bob'), policy: 'rate=2mbit', untilEnd: `${only}: change it there` },
    until: 'that line changes or the server ends',
  });
  expect(names()).toEqual([called('bob')]);
  const before = watching;
  server.reload?.(); // as by a SIGHUP
  await until(() => expect(watching).not.toBe(before));
});

test('etcd: the answer to an addition says where the line goes, and that line replaces the added peer', async () => {
  await openEtcd();
  const added = { publicKey: carol as string, name: 'carol', policy: 'isolated' };
  expect(await server.peers.add(added)).toEqual({
    ...{ peer: called('carol', carol), policy: 'isolated' },
    untilEnd: `this server only reads its list of peers; put this line under a key below net/ in etcd: ${carol} name=carol isolated`,
  });
  const tell = (kv: object, type = 'PUT') =>
    watching?.write(`${JSON.stringify({ result: { events: [{ type, kv }] } })}\n`);
  tell({ key: encode('net/carol'), value: encode(`${carol} name=caroline`) });
  await until(() => expect(names()).toContain(called('caroline', carol)));
  tell({ key: encode('net/carol') }, 'DELETE');
  await until(() => expect(names()).toEqual([called('bob')]));
});

test('etcd: the line about an unknown caller names the prefix', async () => {
  await openEtcd();
  const refused = call(keys.carol).catch(() => {});
  await until(() =>
    expect(said).toContain(
      `somebody calls whose public key is not known here: to let them in, put this line under a key below net/ in etcd: ${carol}`,
    ),
  );
  await server.peers.add({ publicKey: carol as string });
  await refused;
});

test.each(['exec', 'https'] as const)(
  '%s: a peer that it answers for stays until it says no',
  async (kind) => {
    const url = `http://127.0.0.1:${port()}/who?secret=hush`;
    await open(kind === 'exec' ? { kind, command: `echo '${line}'` } : { kind, url });
    await call(keys.bob);
    const from = kind === 'exec' ? 'the command of secure.peers' : `http://127.0.0.1:${port()}`;
    const only = `this server only reads its line, from ${from}`;
    const text = (change: () => unknown) => libraryText(refusal(change));
    expect(text(() => server.peers.remove(bob as string))).toBe(
      `${called('bob')} stays: ${only}: take it out there`,
    );
    expect(text(() => server.peers.rename(bob as string, 'robert'))).toBe(
      `${called('bob')} keeps its name: ${only}: change name= there`,
    );
    const { untilEnd, until: end = '' } = await server.peers.limit(bob as string, 'rate=2mbit');
    expect([libraryText(untilEnd as string), libraryText(end)]).toEqual([
      `${only}: change it there`,
      'secure.peers answers again',
    ]);
    const { untilEnd: why } = await server.peers.add({ publicKey: carol as string });
    expect(libraryText(why as string)).toBe(
      `this server only reads its list of peers; have ${from} answer with this line: ${carol}`,
    );
  },
);

test.each([
  ['etcd', "put the peer's line under a key below net/ in etcd"],
  ['no directory', "add the peer's line to the list of secure.peers at each of them"],
] as const)('one of several servers, with %s, neither invites nor enrols', async (list, todo) => {
  await (list === 'etcd' ? openEtcd(1) : open(undefined, 1));
  const why = `this is one of several servers (secure.serverId), and the others would not know this peer: ${todo}`;
  const presharedKey = bytes(32);
  const guest = { publicKey: publicKeyOf(keys.carol), presharedKey, name: 'carol', seconds: 60, uses: 1 };
  expect(libraryText(refusal(() => server.invite(guest)))).toBe(why);
  expect(libraryText(refusal(() => server.enrol(guest.publicKey, presharedKey)))).toBe(
    `cannot enrol: ${why}`,
  );
  expect(names()).toEqual(list === 'etcd' ? [called('bob')] : []);
});

test.each([1, undefined])(
  'with the number %s a server warns of classic clients behind a balancer, or not',
  async (number) => {
    await open(undefined, number, { kind: 'plain' });
    const warned = said.filter((text) =>
      text.startsWith('a balancer passes no datagram of the classic cable: '),
    );
    expect(warned).toHaveLength(number === undefined ? 0 : 1);
  },
);

test('a command answers with the line of a stock WireGuard device as well', async () => {
  await open({ kind: 'exec', command: `echo '${line} ip=10.0.0.7/24'` });
  await call(keys.bob);
  expect(server.report().peers).toMatchObject([{ wireguard: { addresses: ['10.0.0.7/24'] } }]);
});
