// Invites between ends in this process, on loopback: who joins, who is refused, what both ends say, what is kept.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { until } from '../../lab/process.js';
import { memoryPort } from '../../src/cable/plug/memory-plug.js';
import { JoinRefused, joinByInvite } from '../../src/ends/join.js';
import type { Running } from '../../src/ends/running.js';
import { type SecureKeys, startSecureClient } from '../../src/ends/secure-client.js';
import { type RunningServer, startServer } from '../../src/ends/server.js';
import { keyText, newPresharedKey, newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import * as library from '../../src/library/index.js';
import { libraryText } from '../../src/option-mark.js';
import { type InviteLine, readInviteLine, writeInviteLine } from '../../src/protocol/secure/invite-line.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const PATH = 1452;
type Io = 'portable' | 'native';
const { bytes } = randomness();
const running: Running[] = [];
let directory: string;
/** What servers have said, warnings first letter and all. */
let said: string[];
/** Frames that came to a server's switch. */
let frames: Uint8Array[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-invite-'));
  said = [];
  frames = [];
});

afterEach(async () => {
  vi.useRealTimers();
  for (const end of running.splice(0).reverse()) await end.close();
  rmSync(directory, { recursive: true, force: true });
});

const log = {
  ...quiet,
  info: (_: object, line: string) => said.push(`info ${libraryText(line)}`),
  warn: (_: object, line: string) => said.push(`warn ${libraryText(line)}`),
};

async function serve(privateKey: Uint8Array, more: { io?: Io; port?: number; state?: string } = {}) {
  const { io = 'portable', port = 0, state = join(directory, 'state') } = more;
  const server = await startServer({
    io,
    port,
    keys: undefined,
    secure: { privateKey: Uint8Array.from(privateKey), path: PATH, ...(state !== '' && { state }) },
    plug(events) {
      const own = memoryPort((frame) => {
        frames.push(Uint8Array.from(frame));
        own.send(frame);
      });
      return own.open(events);
    },
    log,
  });
  running.push(server);
  return server;
}

async function stop(server: Running): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.close();
}

/** Makes an invite; its line goes through its text. */
function invite(
  server: RunningServer,
  more: { host?: string; uses?: number; name?: string; seconds?: number } = {},
): InviteLine {
  const { host = '127.0.0.1', uses = 1, name = 'alice', seconds = 3_600 } = more;
  const privateKey = newPrivateKey(bytes);
  const presharedKey = newPresharedKey(bytes);
  const { publicKey, port, until } = server.invite({
    ...{ publicKey: publicKeyOf(privateKey), presharedKey: Uint8Array.from(presharedKey) },
    ...{ name, seconds, uses },
  });
  const places = [{ host, port }];
  const text = writeInviteLine({ serverPublicKey: publicKey, privateKey, presharedKey, until, places });
  return readInviteLine(text) as InviteLine;
}

interface Own {
  readonly privateKey: Uint8Array;
  readonly presharedKey: Uint8Array;
}

const newOwn = (): Own => ({ privateKey: newPrivateKey(bytes), presharedKey: newPresharedKey(bytes) });

function enrol(line: InviteLine, own = newOwn(), patience = 30_000, io: Io = 'portable') {
  const { privateKey, presharedKey } = own;
  const introduction = { publicKey: publicKeyOf(privateKey), presharedKey, name: 'laptop' };
  const { signal } = new AbortController();
  return joinByInvite({ invite: line, introduction, io, patience, signal });
}

/** Starts a client, and waits until it is up. */
async function connect(keys: SecureKeys, host: string, port: number, io: Io = 'portable') {
  const arrived: Uint8Array[] = [];
  const own = memoryPort((frame) => arrived.push(Uint8Array.from(frame)));
  const client = await startSecureClient({
    ...{
      io,
      port: 0,
      server: { host, port },
      keys,
      keepalive: false,
      path: PATH,
      plug: own.open,
      log: quiet,
    },
  });
  running.push(client);
  await client.up;
  return { client, port: own, arrived };
}

const keysOf = (line: InviteLine, { privateKey, presharedKey }: Own): SecureKeys => ({
  privateKey: Uint8Array.from(privateKey),
  presharedKey: Uint8Array.from(presharedKey),
  serverPublicKey: line.serverPublicKey,
});

/** Who may connect. */
const peersOf = (server: RunningServer) => [...server.statistics(), ...server.away()].map(({ peer }) => peer);

describe.each(['portable', 'native'] as const)('%s', (io) => {
  test.each(['127.0.0.1', '::1', 'localhost'])(
    'at %s one joins, whatever is restarted before and after, and its frames pass',
    async (host) => {
      const key = newPrivateKey(bytes);
      let server = await serve(key, { io });
      const { port } = server.local;
      const line = invite(server, { host });
      await stop(server);
      server = await serve(key, { io, port });
      const own = newOwn();
      expect(await enrol(line, own, 30_000, io)).toEqual({ host, port });
      expect(said).toContain('info a peer has joined by the invite alice, and calls itself laptop');
      expect(peersOf(server)).toEqual([expect.stringMatching(/^alice /)]);
      await stop(server);
      server = await serve(key, { io, port });
      const { port: plug, arrived } = await connect(keysOf(line, own), host, port, io);
      const frame = bytes(600);
      await until('a frame comes back', () => {
        plug.send(frame);
        return arrived.length > 0;
      });
      expect(arrived[0]).toEqual(frame);
    },
  );

  test('of a guest no frame passes, and it has no port', async () => {
    const server = await serve(newPrivateKey(bytes), { io });
    const line = invite(server);
    const { client, port: plug } = await connect(
      {
        ...line,
        privateKey: Uint8Array.from(line.privateKey),
        presharedKey: Uint8Array.from(line.presharedKey),
      },
      '127.0.0.1',
      server.local.port,
      io,
    );
    const sealed = () => Number(client.statistics()[0]?.sealed ?? 0n);
    await until('frames were sent', () => {
      plug.send(bytes(100));
      return sealed() >= 20;
    });
    expect(frames).toEqual([]);
    expect([server.statistics(), server.away()]).toEqual([[], []]);
    // It is the line of an open invite still.
    await stop(client);
    await enrol(line);
    expect(frames).toEqual([]);
  });
});

test('a thief is first: the rightful one is told, and the operator learns of both', async () => {
  const server = await serve(newPrivateKey(bytes));
  const line = invite(server);
  const thief = newOwn();
  await enrol(line, thief);
  expect(said.filter((one) => one.startsWith('warn'))).toEqual([]);
  const refused = await enrol(line).catch((error) => error);
  expect(refused).toBeInstanceOf(JoinRefused);
  expect(refused.message).toMatch(
    /^this invite was used at 20\d\d-\d\d-\d\d \d\d:\d\d UTC: ask .* for another one; if it was not you/,
  );
  const key = keyText(publicKeyOf(thief.privateKey));
  const warned = said.filter((one) => one.startsWith('warn'));
  expect(warned).toEqual([
    expect.stringMatching(
      /^warn somebody at 127\.0\.0\.1:\d+ came with the invite alice, which was used at .* from 127\.0\.0\.1:\d+: /,
    ),
  ]);
  expect(warned[0]).toContain(key);
  expect(server.removePeer(key)).toBe(true);
  expect(peersOf(server)).toEqual([]);
  // What was removed does not come back by the same line.
  await expect(enrol(line, thief)).rejects.toThrow('this invite was used at');
});

test('who has not heard the answer asks again with the same keys, and is the same peer', async () => {
  const server = await serve(newPrivateKey(bytes));
  const line = invite(server);
  const own = newOwn();
  await enrol(line, own);
  await enrol(line, own);
  expect(peersOf(server)).toHaveLength(1);
});

test('after its time it is over, and so it is when it was taken back; both ends say so', async () => {
  const server = await serve(newPrivateKey(bytes));
  const [late, taken] = [invite(server), invite(server, { name: 'bob' })];
  expect([server.cancelInvites('bob'), server.cancelInvites('bob')]).toEqual([1, 0]);
  await expect(enrol(taken)).rejects.toThrow(/^this invite was over at .* for another one$/);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 });
  await expect(enrol(late)).rejects.toThrow(/^this invite was over at /);
  const came = (name: string, how: string) =>
    expect(said).toContainEqual(
      expect.stringMatching(
        new RegExp(`^warn somebody at 127\\.0\\.0\\.1:\\d+ came with the invite ${name}, which was ${how}`),
      ),
    );
  came('alice', 'over at .*: make another one for them');
  came('bob', 'cancelled at [-\\d]+ [:\\d]+ UTC$');
  expect(peersOf(server)).toEqual([]);
});

test('against another server, or one that plays it, there is no answer; that server counts and says it', async () => {
  const first = await serve(newPrivateKey(bytes), { state: join(directory, 'one') });
  const line = invite(first);
  const { port } = first.local;
  await stop(first);
  const other = await serve(newPrivateKey(bytes), { port, state: join(directory, 'two') });
  await expect(enrol(line, newOwn(), 3_000)).rejects.toThrow(
    /^no answer from 127\.0\.0\.1:\d+: see that the server runs there and has the key that it had when it made this line/,
  );
  expect(other.refusals().get('bad mac1')).toBeGreaterThan(0n);
  const warnings = said.filter((one) =>
    /^warn dropped: bad mac1, of somebody who calls another server: /.test(one),
  );
  expect(warnings).toHaveLength(1);
  expect(peersOf(other)).toEqual([]);
});

test('changed on purpose: with another preshared key, and with another private key', async () => {
  const server = await serve(newPrivateKey(bytes));
  const line = invite(server);
  await expect(enrol({ ...line, presharedKey: bytes(32) }, newOwn(), 3_000)).rejects.toThrow(
    /^what answers at 127\.0\.0\.1:\d+ does not know this line: it was changed on the way/,
  );
  await expect(enrol({ ...line, privateKey: newPrivateKey(bytes) }, newOwn(), 3_000)).rejects.toThrow(
    /^no answer from /,
  );
  expect(said.join('\n')).toContain('warn somebody calls whose public key is not known here');
  await expect(enrol({ ...line, serverPublicKey: new Uint8Array(32) })).rejects.toThrow(
    /^the server's key in this line is none/,
  );
  expect(peersOf(server)).toEqual([]);
  await enrol(line); // it is as good as before
});

test('one for several: each has a name, at the same time too, and one more is refused', async () => {
  const server = await serve(newPrivateKey(bytes));
  const line = invite(server, { uses: 3, name: 'lab' });
  await Promise.all([enrol(line), enrol(line), enrol(line)]);
  await expect(enrol(line)).rejects.toThrow(/^this invite was used/);
  expect(peersOf(server).map((one) => one.split(' ')[0])).toEqual([
    'lab-laptop',
    'lab-laptop-2',
    'lab-laptop-3',
  ]);
});

test('a key that is a peer already is refused, and the invite stays', async () => {
  const server = await serve(newPrivateKey(bytes));
  const own = newOwn();
  await enrol(invite(server), own);
  const line = invite(server, { name: 'bob' });
  await expect(enrol(line, own)).rejects.toThrow('the server knows a peer with this key already');
  expect(said.join('\n')).toContain(
    'warn refused who came with the invite bob: this public key is there already',
  );
  await enrol(line);
});

test('what cannot be kept is not promised; when it can be again, the same line does', async () => {
  const state = join(directory, 'state');
  const server = await serve(newPrivateKey(bytes), { state });
  const line = invite(server);
  rmSync(join(state, 'peers.json'));
  mkdirSync(join(state, 'peers.json')); // nothing can be put in its place
  await expect(enrol(line)).rejects.toThrow(/^the server cannot keep a new peer now/);
  expect(said.join('\n')).toContain(
    'warn refused who came with the invite alice, as the new peer cannot be kept',
  );
  expect(peersOf(server)).toEqual([]);
  expect(() => invite(server, { name: 'bob' })).toThrow(/cannot write its state/);
  rmSync(join(state, 'peers.json'), { recursive: true });
  await enrol(line);
  expect(peersOf(server)).toHaveLength(1);
});

test('a server that keeps nothing makes none; one that has a peer of that name does not make another', async () => {
  const without = await serve(newPrivateKey(bytes), { state: '' });
  expect(() => invite(without)).toThrow(/keeps nothing over a restart.*secure\.state/);
  const server = await serve(newPrivateKey(bytes));
  await enrol(invite(server));
  expect(() => invite(server)).toThrow('there is a peer alice already: give who joins another name');
});

test('two servers with one directory: the second keeps nothing there and says so, the first loses nothing', async () => {
  const key = newPrivateKey(bytes);
  const first = await serve(key);
  const line = invite(first);
  const second = await serve(key);
  const shared = `warn keeps nothing over a restart: the server that runs as process ${process.pid} has its directory; give each its own with secure.state`;
  expect(said.filter((one) => one.includes('restart'))).toEqual([shared]);
  expect(() => invite(second)).toThrow(/keeps nothing over a restart/);
  second.enrol(publicKeyOf(newPrivateKey(bytes)), newPresharedKey(bytes), 'bob');
  await stop(first);
  await stop(second);
  const third = await serve(key, { port: first.local.port });
  expect(said.filter((one) => one === shared)).toHaveLength(1);
  expect(peersOf(third)).toEqual([]);
  await enrol(line);
  expect(peersOf(third)).toHaveLength(1);
});

test('in the file there is no key, and a guest cannot be made a peer by moving lines about', async () => {
  const key = newPrivateKey(bytes);
  let server = await serve(key);
  const { port } = server.local;
  const line = invite(server);
  await stop(server);
  const file = join(directory, 'state/peers.json');
  const text = readFileSync(file, 'utf8');
  for (const secret of [line.privateKey, line.presharedKey])
    for (const form of ['base64', 'base64url', 'hex'] as const)
      expect(text).not.toContain(Buffer.from(secret).toString(form).slice(0, 30));
  const content = JSON.parse(text);
  const { publicKey, psk } = content.invites[0];
  writeFileSync(
    file,
    JSON.stringify({ ...content, invites: [], peers: [{ publicKey, psk, name: 'eve', heard: Date.now() }] }),
  );
  server = await serve(key, { port });
  expect(peersOf(server)).toEqual([]);
  await stop(server);
  // Lines that are none do not touch the others.
  const broken = [{}, { ...content.invites[0], psk: 'AAAA' }, { ...content.invites[0], uses: 'x' }, null];
  writeFileSync(file, JSON.stringify({ ...content, invites: [...broken, content.invites[0]] }));
  await serve(key, { port });
  await enrol(line);
});

test('in the library: a line is made, and joined by keys of the caller, which connect then', async () => {
  const state = join(directory, 'state');
  const key = newPrivateKey(bytes);
  const echo = () => {
    const own = memoryPort((frame) => own.send(frame));
    return own;
  };
  await using server = await library.serve({
    ...{ port: 0, bind: '127.0.0.1', plug: (events) => echo().open(events) },
    ...{ classic: false, secure: { privateKey: key, state } },
  });
  const line = server.invite({ name: 'alice' });
  const keys = newOwn();
  const joined = await library.join(line, { ...keys, name: 'laptop' });
  expect(joined).toEqual({
    ...{ host: '127.0.0.1', port: joined.port },
    serverPublicKey: publicKeyOf(key),
  });
  const { host, port, serverPublicKey } = joined;
  const arrived: Uint8Array[] = [];
  const plug = memoryPort((frame) => arrived.push(Uint8Array.from(frame)));
  await using _cable = await library.connect({
    host,
    port,
    plug: plug.open,
    secure: { ...keys, serverPublicKey },
  });
  await until('a frame comes back', () => {
    plug.send(bytes(100));
    return arrived.length > 0;
  });
  await expect(library.join(line, newOwn())).rejects.toThrow(/^this invite was used at/);
  await expect(library.join(line.slice(0, -4), keys)).rejects.toThrow(/^join: this invite is torn/);
  await expect(
    library.join(line, { ...keys, signal: AbortSignal.abort(new Error('enough')) }),
  ).rejects.toThrow('enough');
  expect(() => server.invite({ name: 'a b' })).toThrow(/^invite: name has to be a name: at most 64/);
  expect(() => server.invite({ name: 'bob', at: [{ host: 'a b' }] })).toThrow(/^cannot make an invite: /);
  expect(() => server.invite({ name: 'bob', uses: 0 })).toThrow(/^invite: uses has to be/);
  expect(server.cancelInvites('carol')).toBe(0);
});
