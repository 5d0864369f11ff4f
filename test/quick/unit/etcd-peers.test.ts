// What servers say in etcd of whom they have met, and that it goes with the peer; etcd is a server of the test's, which answers as it does.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EtcdPeers } from '../../../src/ends/peers/etcd-peers.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (text: string) => Buffer.from(text, 'base64').toString();

let server: Server;
let peers: EtcdPeers;
const host = { all: vi.fn(), one: vi.fn(), seen: vi.fn() };
/** Who watches. */
let watching: ServerResponse | undefined;
/** Warnings. */
const said: string[] = [];
/** From which revision on somebody has begun to watch, each time. */
const watchedFrom: number[] = [];
/** Each with its value and revision. */
const pairs = new Map<string, readonly [string, number]>();
let revision = 0;
/** Keys that were deleted, whether or not they were there. */
const deleted: string[] = [];
/** Whether nothing can be written. */
let readOnly = false;

interface Operation {
  readonly request_put?: { key: string; value: string };
  readonly request_txn?: {
    compare: readonly { key: string; target: string; result: string; mod_revision: string }[];
    success: readonly { request_delete_range: { key: string } }[];
  };
}

function put(key: string, value: string): void {
  pairs.set(key, [value, ++revision]);
}

const pair = (key: string) => ({
  key: encode(key),
  value: encode(pairs.get(key)?.[0] ?? ''),
  mod_revision: String(pairs.get(key)?.[1]),
});

function transact({ request_put, request_txn }: Operation): void {
  if (request_put !== undefined) put(decode(request_put.key), decode(request_put.value));
  if (request_txn === undefined) return;
  const { compare, success } = request_txn;
  const holds = ({ key, target, result, mod_revision }: (typeof compare)[number]) =>
    target === 'MOD' && result === 'LESS' && (pairs.get(decode(key))?.[1] ?? 0) < Number(mod_revision);
  if (compare.every(holds))
    for (const { request_delete_range: one } of success) {
      pairs.delete(decode(one.key));
      deleted.push(decode(one.key));
    }
}

beforeEach(async () => {
  pairs.clear();
  deleted.length = 0;
  watching = undefined;
  watchedFrom.length = 0;
  said.length = 0;
  revision = 0;
  readOnly = false;
  vi.clearAllMocks();
  server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const asked = JSON.parse(text);
    if (request.url === '/v3/watch') {
      watching = response;
      watchedFrom.push(Number(asked.create_request.start_revision));
      response.write('{"result":{"created":true}}\n');
      return;
    }
    if (request.url === '/v3/kv/txn' && readOnly) {
      response.writeHead(403).end('{"message":"etcdserver: permission denied"}');
      return;
    }
    if (request.url === '/v3/kv/txn') for (const one of asked.success) transact(one);
    const kvs = asked.count_only ? [] : [...pairs.keys()].map(pair);
    response.end(JSON.stringify({ header: { revision: String(revision) }, kvs }));
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
});

afterEach(() => {
  peers.close();
  server.closeAllConnections();
  server.close();
});

async function open(): Promise<void> {
  const { port } = server.address() as AddressInfo;
  peers = new EtcdPeers({ hosts: [{ host: '127.0.0.1', port }], prefix: 'net', options: undefined }, host, {
    ...quiet,
    warn: (_: object, line: string) => void said.push(line),
  });
  await vi.waitFor(() => expect(watching).toBeDefined(), { timeout: 10_000 });
}

/** Enters two peers of these names, and opens. @returns their public keys */
async function openWith(...names: readonly [string, string]): Promise<readonly [string, string]> {
  const [one, other] = [key(), key()];
  put(`net/${names[0]}`, `${one} name=${names[0]}`);
  put(`net/${names[1]}`, `${other} name=${names[1]}`);
  await open();
  return [one, other];
}

function strike(key: string): void {
  pairs.delete(key);
  happen({ type: 'DELETE', kv: { key: encode(key), mod_revision: String(++revision) } });
}

/** Sends the watcher what happened in one revision. */
function happen(...events: readonly { readonly type?: string; readonly kv: object }[]): void {
  watching?.write(`${JSON.stringify({ result: { events } })}\n`);
}

const key = () => keyText(publicKeyOf(newPrivateKey(bytes)));
const seen = () => [...pairs.keys()].filter((one) => one.startsWith('net.seen/'));
const until = (right: () => void) => vi.waitFor(right, { timeout: 10_000 });

test('what was said of a peer goes when it is struck out', async () => {
  const [alice, bob] = await openWith('alice', 'bob');
  peers.tell(alice, bytes(12), 1);
  peers.tell(bob, bytes(12), 1);
  await until(() => expect(seen()).toHaveLength(2));
  strike('net/alice');
  await until(() => expect(seen()).toEqual([`net.seen/${bob}`]));
});

test('what a server says late of a peer that was struck out goes as well', async () => {
  const [alice, bob] = await openWith('alice', 'bob');
  peers.tell(bob, bytes(12), 1);
  await until(() => expect(seen()).toHaveLength(1));
  strike('net/alice');
  put(`net.seen/${alice}`, `${'00'.repeat(12)} 2`); // it was on its way
  happen({ kv: pair(`net.seen/${alice}`) });
  await until(() => expect(seen()).toEqual([`net.seen/${bob}`]));
});

test('a peer that has two keys is one until both are gone', async () => {
  const alice = key();
  put('net/alice', `${alice} name=alice`);
  put('net/alice2', `${alice} name=alice`);
  put('net/other', `${key()} name=other`);
  await open();
  peers.tell(alice, bytes(12), 1);
  await until(() => expect(seen()).toHaveLength(1));
  strike('net/alice2');
  strike('net/other'); // what it does is done after that
  peers.tell(alice, bytes(12), 2);
  await until(() => expect(pairs.get(`net.seen/${alice}`)?.[0]).toMatch(/ 2$/));
  strike('net/alice');
  await until(() => expect(seen()).toEqual([]));
});

test('who was struck out while no server ran is found at the next start', async () => {
  const [alice, bob] = [key(), key()];
  put('net/alice', `${alice} name=alice`);
  for (const one of [alice, bob]) put(`net.seen/${one}`, `${'00'.repeat(12)} 1`);
  await open();
  await until(() => expect(seen()).toEqual([`net.seen/${alice}`]));
});

test('what was said of a peer stays when its line gets another name, in one revision', async () => {
  const alice = key();
  put('net/alice', `${alice} name=alice`);
  put('net/other', `${key()} name=other`);
  await open();
  peers.tell(alice, bytes(12), 1);
  await until(() => expect(seen()).toHaveLength(1));
  const { value } = pair('net/alice');
  pairs.delete('net/alice');
  const kv = { key: encode('net/alice2'), value, mod_revision: String(++revision) };
  happen({ type: 'DELETE', kv: { key: encode('net/alice'), mod_revision: kv.mod_revision } }, { kv });
  strike('net/other'); // what it does is done after that
  peers.tell(alice, bytes(12), 2);
  await until(() => expect(pairs.get(`net.seen/${alice}`)?.[0]).toMatch(/ 2$/));
  expect(deleted).not.toContain(`net.seen/${alice}`);
});

test('what was said of a peer stays where this server cannot read its preshared key, or a line', async () => {
  const [alice, bob, carol, gone] = [key(), key(), key(), key()];
  for (const one of [alice, bob, gone]) put(`net.seen/${one}`, `${'00'.repeat(12)} 1`);
  put('net/alice', `${alice} name=alice psk=/nowhere/alice.psk`);
  put('net/bob', 'a line of a program to come');
  put('net/carol', `${carol} name=carol`);
  await open();
  peers.tell(carol, bytes(12), 1);
  await until(() => expect(seen()).toHaveLength(4));
  // Who is struck out while all lines can be read is forgotten.
  strike('net/bob');
  strike('net/carol');
  await until(() => expect(seen()).toHaveLength(3));
  expect(seen()).toContain(`net.seen/${alice}`);
});

/** The names of those that may connect, as it was said last. */
function names(): (string | undefined)[] {
  const [all] = host.all.mock.lastCall as [ReadonlyMap<string, { name?: string }>];
  return [...all.values()].map(({ name }) => name);
}

test('a watch from a revision that etcd has forgotten begins anew, with all that is there', async () => {
  put('net/alice', `${key()} name=alice`);
  await open();
  put('net/bob', `${key()} name=bob`);
  const canceled = { canceled: true, compact_revision: String(revision + 5) };
  watching?.write(`${JSON.stringify({ result: canceled })}\n`);
  await until(() => expect(watchedFrom).toEqual([2, 3]));
  expect(names()).toEqual(['alice', 'bob']);
});

test('etcd that comes back with other data, as of a backup, is believed', async () => {
  put('net/alice', `${key()} name=alice`);
  put('net/bob', `${key()} name=bob`);
  await open();
  expect(names()).toEqual(['alice', 'bob']);
  pairs.clear();
  revision = 0;
  put('net/carol', `${key()} name=carol`);
  watching?.destroy();
  await until(() => expect(watchedFrom.at(-1)).toBe(2));
  expect(names()).toEqual(['carol']);
});

test('what is no JSON, or stops in the middle, is no answer: those who may connect stay', async () => {
  put('net/alice', `${key()} name=alice`);
  await open();
  watching?.end('<html>502</html>\n');
  await until(() => expect(watchedFrom).toHaveLength(2));
  watching?.write('{"result":{"events":[{"type":"DEL');
  watching?.destroy();
  await until(() => expect(watchedFrom).toHaveLength(3));
  expect(host.one).not.toHaveBeenCalled();
  expect(names()).toEqual(['alice']);
});

test('a server that has our number is named once', async () => {
  const [alice, bob] = await openWith('alice', 'bob');
  const meets = (publicKey: string, byte: number, server: number) => {
    put(`net.seen/${publicKey}`, `${byte.toString(16).padStart(2, '0').repeat(12)} ${server}`);
    happen({ kv: pair(`net.seen/${publicKey}`) });
  };
  const twins = () => said.filter((line) => /another server has the number 1 as well/.test(line));
  peers.tell(alice, new Uint8Array(12).fill(5), 1);
  await until(() => expect(seen()).toHaveLength(1));
  happen({ kv: pair(`net.seen/${alice}`) }); // what it has said itself
  meets(alice, 4, 1);
  meets(alice, 9, 2);
  meets(bob, 9, 1); // as this one's predecessor may have
  await until(() => expect(host.seen).toHaveBeenCalledTimes(4));
  expect(twins()).toEqual([]);
  meets(alice, 10, 1);
  meets(alice, 11, 1);
  await until(() => expect(host.seen).toHaveBeenCalledTimes(6));
  expect(twins()).toHaveLength(1);
});

test('whom this server has met is forgotten with who was struck out while etcd was away', async () => {
  const [alice, bob] = [key(), key()];
  put('net/alice', `${alice} name=alice`);
  put('net/bob', `${bob} name=bob`);
  put(`net.seen/${alice}`, `${'00'.repeat(12)} 1`);
  put(`net.seen/${bob}`, `${'00'.repeat(12)} 1`);
  await open();
  peers.tell(alice, new Uint8Array(12).fill(5), 1);
  await until(() => expect(pairs.get(`net.seen/${alice}`)?.[0]).toMatch(/^05/));
  readOnly = true;
  peers.tell(bob, new Uint8Array(12).fill(5), 1);
  await until(() => expect(said).toEqual([expect.stringMatching(/^cannot tell the other servers/)]));
  for (const one of ['net/alice', 'net/bob']) pairs.delete(one);
  revision++;
  readOnly = false;
  watching?.destroy();
  await until(() => expect(watchedFrom).toHaveLength(2));
  await until(() => expect(seen()).toEqual([])); // what was stored about bob is removed
  // The server that has our number now has met her, whom we have not.
  put(`net.seen/${alice}`, `${'09'.repeat(12)} 1`);
  const before = host.seen.mock.calls.length;
  happen({ kv: pair(`net.seen/${alice}`) });
  await until(() => expect(host.seen).toHaveBeenCalledTimes(before + 1));
  expect(said.filter((line) => /another server has the number/.test(line))).toEqual([]);
});
