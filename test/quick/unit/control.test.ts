// The control socket: its words, where it lies, and a real one.
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { enroll, sshClient, wishedPort } from '../../../src/cli/commands/enroll.js';
import { choose } from '../../../src/cli/commands/peers.js';
import { status } from '../../../src/cli/commands/status.js';
import { LogHistory } from '../../../src/cli/log/history.js';
import { commandText } from '../../../src/cli/names.js';
import { openEndControl } from '../../../src/cli/run/control.js';
import { ask } from '../../../src/control/ask.js';
import { userOf } from '../../../src/control/credentials.js';
import { parseCancelled, parseInvited } from '../../../src/control/invite.js';
import {
  answerLine,
  errorIn,
  PATIENCE_MS,
  parseChanged,
  parseEnrolled,
  parsePong,
  parseRequest,
  parseStatus,
  REQUEST_BYTES,
  requestLine,
} from '../../../src/control/message.js';
import { controlPaths, controlPlace, controlSockets, type Place } from '../../../src/control/path.js';
import {
  type Control,
  type ControlConfiguration,
  ControlTaken,
  openControl,
} from '../../../src/control/server.js';
import type { RunningServer } from '../../../src/ends/server.js';
import { CryptcabError } from '../../../src/error.js';
import { introductionLine } from '../../../src/keys/enrolment.js';
import { keyText } from '../../../src/keys/key-text.js';
import type { Log } from '../../../src/log.js';
import { optionName } from '../../../src/options/name.js';
import { endStatus, peerStatus } from '../../support/status.js';

const publicKey = new Uint8Array(32).fill(1);
const presharedKey = new Uint8Array(32).fill(2);
const serverKey = new Uint8Array(32).fill(3);
const me = process.geteuid?.() as number;

describe('words', () => {
  test('of a request that was read the preshared key is gone', () => {
    const line = requestLine({ do: 'enrol', publicKey, presharedKey });
    expect(Buffer.from(line).toString()).toContain(keyText(presharedKey));
    parseRequest(line);
    expect(Buffer.from(line).toString()).not.toContain(keyText(presharedKey).slice(0, 8));
  });

  test('a request comes back as it went', () => {
    const enrol = { do: 'enrol', publicKey, presharedKey } as const;
    expect(parseRequest(requestLine(enrol))).toEqual(enrol);
    const publicText = keyText(publicKey);
    for (const request of [
      { do: 'status' },
      { ...enrol, name: 'alice', by: { user: 'foo', address: '2001:db8::1' } },
      { do: 'invite', publicKey, presharedKey, name: 'a'.repeat(63), seconds: 60, uses: 1 },
      { do: 'cancel', name: 'a' },
      { do: 'ping', peer: publicText },
      { do: 'log', follow: true },
      { do: 'remove', peer: publicText },
      { do: 'kick', peer: '192.0.2.1:5' },
      { do: 'rename', peer: publicText, name: 'bob' },
      { do: 'limit', peer: publicText, policy: 'guard rate=' },
      { do: 'add', publicKey: publicText, name: 'bob', presharedKeyFile: '/etc/bob.psk' },
      { do: 'add', publicKey: publicText, name: 'phone', host: 'ip=10.0.0.7/24' },
      { do: 'add', publicKey: publicText, policy: 'guard rate=1mbit' },
    ] as const)
      expect(parseRequest(requestLine(request))).toEqual(request);
    expect(parseRequest(Buffer.from('{"do":"status"}'))).toEqual({ do: 'status' });
    expect(Buffer.from(requestLine(enrol)).toString()).toMatch(/^[^\n]+\n$/);
    expect(requestLine(enrol).length).toBeLessThan(REQUEST_BYTES);
  });

  test('an answer comes back as it went', () => {
    expect(parseEnrolled(answerLine({ publicKey, port: 7667 }))).toEqual({ publicKey, port: 7667 });
    const invited = { publicKey, port: 7667, until: 1_800_000_000, addresses: ['192.0.2.1'] };
    expect(parseInvited(answerLine(invited))).toEqual(invited);
    expect(parseCancelled(answerLine({ taken: 2 }))).toBe(2);
    const wireguard = { addresses: ['10.0.0.7/24', 'fd00::7/64'], mac: '02:00:00:00:00:07' };
    const told = endStatus({ peers: [peerStatus(), peerStatus({ wireguard })] });
    expect(parseStatus(answerLine(told))).toEqual(told);
    const changed = { peer: 'alice', untilEnd: null };
    expect(parseChanged(answerLine(changed))).toEqual(changed);
    expect(parseChanged(answerLine({ ...changed, policy: '' }))).toEqual({ ...changed, policy: '' });
    for (const roundTrip of [null, 1.5]) expect(parsePong(answerLine({ roundTrip }))).toEqual({ roundTrip });
    expect(errorIn(answerLine({ error: 'so' }))).toBe('so');
    expect(errorIn(answerLine({ publicKey, port: 7667 }))).toBeUndefined();
  });

  const key = keyText(publicKey);
  const invitation = (rest: string) => `{"do":"invite","publicKey":"${key}","presharedKey":"${key}",${rest}}`;
  test.each<readonly [string, RegExp]>([
    ['', /^this is not a request/],
    ['{', /^this is not a request/],
    ['null', /^this is not a request/],
    ['[]', /^this is not a request/],
    ['7', /^this is not a request/],
    [`"${key}"`, /^this is not a request/],
    ['{}', /^this is not a request/],
    ['{"do":"reboot"}', /^there is no such request/],
    ['{"do":["enrol"]}', /^this is not a request/],
    ['{"version":2,"do":"status"}', /^this end understands version 1 of requests/],
    ['{"do":"kick"}', /^peer is not a text/],
    ['{"do":"rename","peer":"a"}', /^name is missing/],
    ['{"do":"rename","peer":"a","name":"b c"}', /^name is not a valid name/],
    ['{"do":"rename","peer":"a","name":"../b"}', /^name is not a valid name/],
    ['{"do":"limit","policy":"guard"}', /^peer is not a text/],
    ['{"do":"limit","peer":"a","policy":["guard"]}', /^policy is not a text/],
    ['{"do":"add","publicKey":"a"}', /^publicKey is not/],
    [`{"do":"add","publicKey":"${key}","policy":7}`, /^policy is not a text/],
    ['{"do":"enrol"}', /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key.slice(1)}","presharedKey":"${key}"}`, /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key}"}`, /^presharedKey is not/],
    [`{"do":"enrol","publicKey":"${key}","presharedKey":["${key}"]}`, /^presharedKey is not/],
    [`{"do":"invite","publicKey":"${key}"}`, /^presharedKey is not/],
    ...['"name":7', '"name":"a b"', '"name":""', `"name":"${'a'.repeat(64)}"`].map(
      (name) => [invitation(name), /^name is (not a valid name|missing)/] as const,
    ),
    ...['"seconds":1', '"seconds":"60"', '"seconds":1e99'].map(
      (one) => [invitation(`"name":"a",${one}`), /^seconds/] as const,
    ),
    ...['"uses":0', '"uses":1.5', '"uses":1001'].map(
      (one) => [invitation(`"name":"a","seconds":60,${one}`), /^uses/] as const,
    ),
    ['{"do":"log"}', /^follow is neither true nor false/],
    ['{"do":"cancel"}', /^name is (not a valid name|missing)/],
  ])('no request: %s', (line, says) => {
    expect(parseRequest(Buffer.from(line))).toMatch(says);
    expect(parseRequest(Buffer.from(line))).not.toContain(key);
  });

  test.each([
    ['', '{"publicKey":1}', `{"publicKey":"${key}"}`, `{"publicKey":"${key}","port":0}`],
    [
      `{"publicKey":"${key}","port":65536}`,
      `{"publicKey":"${key}","port":1.5}`,
      `{"publicKey":"x","port":1}`,
    ],
  ])('no answer: %s %s %s %s', (...lines) => {
    for (const line of lines) if (line !== undefined) expect(parseEnrolled(line)).toBeUndefined();
  });

  test.each([
    '',
    '{"port":1}',
    JSON.stringify({ ...endStatus(), version: 2 }),
    JSON.stringify({ ...endStatus(), peers: [1] }),
    JSON.stringify({ ...endStatus(), peers: [{}] }),
    JSON.stringify({ ...endStatus(), handshakes: -1 }),
    JSON.stringify({ ...endStatus(), since: 'now' }),
    JSON.stringify({ ...endStatus(), plug: null }),
  ])('no status: %s, and no answer about invites', (line) => {
    expect(parseStatus(line)).toBeUndefined();
    expect([parseCancelled(line), parseInvited(line)]).toEqual([undefined, undefined]);
  });
});

let directory: string;
let place: Place;
const controls: Pick<Control, 'close'>[] = [];
const said: string[] = [];
const log = new Proxy({} as Log, {
  get: (_, level) => (fields: object, message: string) =>
    said.push(`${String(level)} ${message} ${JSON.stringify(fields)}`),
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-control-'));
  place = { user: me, roots: [directory] };
  said.length = 0;
});

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(controls.splice(0).map((control) => control.close()));
  rmSync(directory, { recursive: true });
});

/** Where the socket of a server on this UDP port should be. */
/** All places for a server's control socket, and why others will not do. */
function allPaths(name: string, where: Place): { paths: string[]; faults: string[] } {
  const all = [...controlPaths(name, where)];
  return {
    paths: all.flatMap((one) => ('path' in one ? [one.path] : [])),
    faults: all.flatMap((one) => ('fault' in one ? [one.fault] : [])),
  };
}

const pathOf = (port: number) => allPaths(String(port), place).paths[0] as string;

async function open(port: number, more: Partial<ControlConfiguration> = {}): Promise<string> {
  const path = pathOf(port);
  const control = await openControl({
    path,
    userOf: () => undefined,
    words: commandText,
    log,
    enrol: () => ({ publicKey: serverKey, port }),
    invite: () => ({ publicKey: serverKey, port, until: 1, addresses: [] }),
    cancelInvites: () => 0,
    status: () => endStatus({ name: String(port), port }),
    ping: () => expect.unreachable(),
    capture: () => expect.unreachable(),
    readLog: () => expect.unreachable(),
    addPeer: () => expect.unreachable(),
    removePeer: () => expect.unreachable(),
    renamePeer: () => expect.unreachable(),
    limitPeer: () => expect.unreachable(),
    kick: () => expect.unreachable(),
    drain: () => expect.unreachable(),
    ...more,
  });
  controls.push(control);
  return path;
}

const statusLine = answerLine(endStatus({ name: '7', port: 7 }));

/** Everything that comes back for some bytes, until the other end closes. */
function raw(path: string, bytes: string, half = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    if (half) socket.end(bytes);
    else socket.write(bytes);
  });
}

describe('where it lies', () => {
  test('in the runtime directory of the user, or in that of the system', () => {
    expect(controlPlace({ XDG_RUNTIME_DIR: '/x/y' }, 7)).toEqual({
      user: 7,
      roots: ['/x/y', '/run/cryptcab-7', '/run/user/7', '/run'],
    });
    expect(controlPlace({ XDG_RUNTIME_DIR: '/run/user/7' }, 7).roots).toEqual([
      '/run/user/7',
      '/run/cryptcab-7',
      '/run',
    ]);
    expect(controlPlace({}, 0).roots).toEqual(['/run/user/0', '/run']);
    expect(controlPlace({ XDG_RUNTIME_DIR: 'not/absolute' }, 0).roots).toEqual(['/run/user/0', '/run']);
  });

  test("not in another user's runtime directory, which is named", () => {
    const fault = `XDG_RUNTIME_DIR is ${directory}, which belongs to another user (${me})`;
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, me + 1)).toEqual({
      user: me + 1,
      roots: [`/run/cryptcab-${me + 1}`, `/run/user/${me + 1}`, '/run'],
      fault,
    });
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, me).fault).toBeUndefined();
    expect(controlPlace({ XDG_RUNTIME_DIR: directory }, undefined).fault).toBeUndefined();
  });

  test('in a directory that nobody else gets into', () => {
    mkdirSync(join(directory, 'cryptcab'), { mode: 0o777 });
    chmodSync(join(directory, 'cryptcab'), 0o777);
    expect(allPaths('7', place)).toEqual({ paths: [join(directory, 'cryptcab/7.sock')], faults: [] });
    expect(statSync(join(directory, 'cryptcab')).mode & 0o022).toBe(0);
  });

  test("not in another user's directory, behind a symbolic link, or nowhere", () => {
    const nowhere = { paths: [], faults: [] };
    expect(allPaths('7', { user: me + 1, roots: [directory] })).toEqual(nowhere);
    expect(allPaths('7', { user: me, roots: [join(directory, 'none')] })).toEqual(nowhere);
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'cryptcab'));
    expect(allPaths('7', place)).toEqual({
      paths: [],
      faults: [`${join(directory, 'cryptcab')} is not a directory of this user`],
    });
    expect(controlSockets(place)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['cryptcab', 'elsewhere']);
  });

  test('the next place is taken where one will not do', () => {
    const roots = [join(directory, 'none'), directory];
    expect(allPaths('7', { user: me, roots }).paths).toEqual([join(directory, 'cryptcab/7.sock')]);
  });

  test('who takes the first place leaves nothing at the others', () => {
    const roots = ['first', 'second'].map((name) => join(directory, name));
    for (const root of roots) mkdirSync(root);
    const [first] = controlPaths('7', { user: me, roots });
    expect(first).toEqual({ path: join(directory, 'first/cryptcab/7.sock') });
    expect(readdirSync(join(directory, 'second'))).toEqual([]);
  });

  test('not where its path would be longer than that of a socket may be', () => {
    const root = (bytes: number) => join(directory, 'x'.repeat(bytes - directory.length - 1));
    const end = '/cryptcab/7.sock'.length;
    const [fits, long] = [root(107 - end), root(108 - end)] as [string, string];
    for (const one of [fits, long]) mkdirSync(one);
    expect(allPaths('7', { user: me, roots: [long, fits] })).toEqual({
      paths: [join(fits, 'cryptcab/7.sock')],
      faults: [`${join(long, 'cryptcab/7.sock')} is longer than the 107 bytes that a socket's path may have`],
    });
  });

  test('a place that cannot be looked into is none', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);
    const roots = [file, loop, join(loop, 'x'), `/${'x'.repeat(5_000)}`];
    expect(allPaths('7', { user: me, roots })).toEqual({ paths: [], faults: [] });
    expect(controlSockets({ user: me, roots })).toEqual([]);
  });

  test('what is there is found', async () => {
    const path = await open(7);
    writeFileSync(join(directory, 'cryptcab/README'), '');
    expect(controlSockets({ user: me, roots: [join(directory, 'none'), directory] })).toEqual([
      { name: '7', path },
    ]);
    expect(controlSockets({ user: me + 1, roots: [directory] })).toEqual([]);
  });
});

describe('a real one', () => {
  test('hands a client over, and answers', async () => {
    const got: unknown[] = [];
    const path = await open(7667, {
      enrol(...keys) {
        got.push(...keys.map((key) => (key instanceof Uint8Array ? key.slice() : key)));
        return { publicKey: serverKey, port: 7667 };
      },
    });
    const by = { user: 'foo', address: '192.0.2.1' };
    const line = await ask(path, { do: 'enrol', publicKey, presharedKey, name: 'alice', by });
    expect(parseEnrolled(line as string)).toEqual({ publicKey: serverKey, port: 7667 });
    expect(got).toEqual([publicKey, presharedKey, 'alice', by]);
    expect(said).toEqual([]);
  });

  test('wipes the preshared key when it has handed it over', async () => {
    let kept: Uint8Array | undefined;
    const path = await open(7667, {
      enrol(_, key) {
        kept = key;
        return { publicKey: serverKey, port: 7667 };
      },
    });
    await ask(path, { do: 'enrol', publicKey, presharedKey });
    expect(kept).toEqual(new Uint8Array(32));
  });

  test('nobody else may use it', async () => {
    expect(statSync(await open(7)).mode & 0o777).toBe(0o600);
  });

  test('tells one user from another, where the kernel can be asked', async () => {
    const seen: unknown[] = [];
    const asksKernel = await userOf();
    const path = await open(7, {
      userOf(socket) {
        seen.push(asksKernel(socket));
        return undefined;
      },
    });
    const group = process.getegid?.() as number;
    // A root's numbers are all 0: another group shows that it is the user's that is told.
    if (me === 0) process.setegid?.(12_345);
    try {
      await ask(path, { do: 'status' });
    } finally {
      if (me === 0) process.setegid?.(group);
    }
    expect(seen).toEqual([me]);
  });

  test('turns another user away, and says nothing of the request', async () => {
    const path = await open(7, { userOf: () => me + 1, enrol: () => expect.unreachable() });
    await expect(ask(path, { do: 'enrol', publicKey, presharedKey })).rejects.toThrow(
      'this cable is of another user',
    );
    expect(said).toEqual(['warn refused a control request: this cable is of another user {"times":1}']);
  });

  test('says why a client cannot be a peer', async () => {
    const path = await open(7, {
      enrol() {
        throw new RangeError('this public key is there already');
      },
    });
    await expect(ask(path, { do: 'enrol', publicKey, presharedKey })).rejects.toThrow(
      'this public key is there already',
    );
  });

  const secret = keyText(presharedKey);
  test.each<[string, string]>([
    ['junk', 'junk\n'],
    ['no line', `{"do":"enrol","publicKey":"${secret}"`.padEnd(REQUEST_BYTES + 1)],
    ['a line too long', `${'x'.repeat(REQUEST_BYTES)}\n`],
    ['a key where none belongs', `${secret}\n`],
    ['bytes that are no text', '\xff\0\x01\n'],
    ['an empty line', '\n'],
  ])('%s gets one line, and the connection is closed', async (_, bytes) => {
    const path = await open(7, { enrol: () => expect.unreachable() });
    const answer = await raw(path, bytes);
    expect(answer).toMatch(/^\{"version":1,"error":"[^"\n]+(?:\\"[^"\n]*)*"\}\n$/);
    expect(said).toHaveLength(1);
    expect(answer + said).not.toContain(secret);
  });

  test('a look whether a server is here is no request', async () => {
    const path = await open(7);
    await expect(open(7)).rejects.toThrow(ControlTaken);
    expect(await raw(path, '', true)).toBe('');
    expect(said).toEqual([]);
  });

  test('a client that ends without a line is told', async () => {
    expect(await raw(await open(7), '{"do":"status"}', true)).toMatch(
      /^\{"version":1,"error":"a request is one line/,
    );
  });

  test('one request for each connection; what comes after it is passed over', async () => {
    const line = Buffer.from(requestLine({ do: 'status' })).toString();
    expect(await raw(await open(7), `${line}${line}${'x'.repeat(100_000)}`, true)).toBe(statusLine);
  });

  test('a request in pieces', async () => {
    const path = await open(7);
    const socket = connect(path);
    const [head, tail] = ['{"do":', '"status"}\n'];
    await new Promise<void>((resolve) => socket.write(head, () => resolve()));
    const answer = new Promise((resolve) => socket.on('data', (bytes) => resolve(bytes.toString())));
    socket.write(tail);
    expect(await answer).toBe(statusLine);
  });

  test('a client that says nothing is cut off in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const path = await open(7);
      const silent = connect(path);
      const closed = new Promise((resolve) => silent.on('close', resolve));
      silent.resume().on('error', () => {});
      // A second one that is answered: by then the first has been accepted.
      await raw(path, 'junk\n');
      vi.advanceTimersByTime(PATIENCE_MS);
      await closed;
    } finally {
      vi.useRealTimers();
    }
  });

  test('takes the place of one whose server was killed', async () => {
    const path = pathOf(7);
    // A socket whose owner has gone without taking it away.
    const killed = createServer();
    await new Promise<void>((resolve) => killed.listen(`${path}.x`, resolve));
    linkSync(`${path}.x`, path);
    await new Promise((resolve) => killed.close(resolve));
    expect(existsSync(path)).toBe(true);
    expect(await ask(path, { do: 'status' })).toBeUndefined();
    await open(7);
    expect(await ask(path, { do: 'status' })).toBe(statusLine.trim());
  });

  test('takes away what killed clients have left beside it, and nothing else', async () => {
    const beside = (name: string) => join(directory, 'cryptcab', name);
    await open(7);
    for (const name of ['client-1.sock', 'client-2.sock', '8.sock', 'client-3.sock.old'])
      writeFileSync(beside(name), '');
    const client = await open(9, { path: beside('client-4.sock') });
    await open(10);
    expect(readdirSync(join(directory, 'cryptcab')).sort()).toEqual([
      '10.sock',
      ...['7.sock', '8.sock', 'client-3.sock.old', 'client-4.sock'],
    ]);
    expect(await ask(beside('client-4.sock'), { do: 'status' })).toBeDefined();
    expect(client).toBeDefined();
  });

  test('leaves that of a living server alone', async () => {
    const path = await open(7);
    await expect(open(7)).rejects.toThrow(/^another end has the control socket \S+: end it, or choose/);
    expect(await ask(path, { do: 'status' })).toBe(statusLine.trim());
  });

  test('is gone when its server ends, though somebody holds a connection', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] }); // its patience does not run out
    const path = await open(7);
    const held = connect(path);
    await new Promise((resolve) => held.on('connect', resolve));
    const closed = new Promise((resolve) => held.on('close', resolve));
    held.on('error', () => {});
    await controls.pop()?.close();
    await closed;
    vi.useRealTimers();
    expect(existsSync(path)).toBe(false);
  });

  test('a directory that cannot be written is one line', async () => {
    const path = join(directory, 'none', '7.sock');
    await expect(open(7, { path })).rejects.toThrow(/^cannot make the control socket \S+: /);
  });
});

describe('the port that a client asks a forced command for', () => {
  test.each([
    ['cryptcab enroll --port 2100', 2100],
    ['cryptcab enrol --port=2100', 2100],
    ['sudo /opt/bin/cryptcab enroll --port 65535', 65_535],
    ['/home/me/my cryptcab/run enroll --port 1', 1],
    ['cryptcab enroll', undefined],
    ['cryptcab enroll --port 0', undefined],
    ['cryptcab enroll --port 65536', undefined],
    ['cryptcab enroll --port 2100; reboot', undefined],
    ['cryptcab enroll --port $(reboot)', undefined],
    ['cryptcab enroll --port 2100\n', undefined],
    ['cryptcab enroll --port -1', undefined],
    ['reboot', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j', (command, port) => expect(wishedPort(command)).toBe(port));
});

test('who enrols a client is whom sshd says', () => {
  expect(sshClient({ SSH_CONNECTION: '192.0.2.1 5 192.0.2.2 22', USER: 'foo' })).toEqual({
    user: 'foo',
    address: '192.0.2.1',
  });
  expect(sshClient({ LOGNAME: 'foo' })).toEqual({ user: 'foo' });
  expect(sshClient({})).toEqual({});
});

describe('enroll', () => {
  const input = (text: string) => {
    const stream = new PassThrough();
    stream.end(text);
    return stream;
  };
  const introduction = Buffer.from(introductionLine({ publicKey, presharedKey })).toString();

  test('gives the key and the port of the server that runs', async () => {
    await open(2100);
    expect(await enroll(input(introduction), undefined, {}, place)).toBe(`${keyText(serverKey)} 2100\n`);
    expect(await enroll(input(introduction), 2100, {}, place)).toBe(`${keyText(serverKey)} 2100\n`);
  });

  test('takes the line when it comes; the stream need not end', async () => {
    await open(7);
    const stream = new PassThrough();
    const answer = enroll(stream, 7, {}, place);
    stream.write(introduction.slice(0, 50));
    stream.write(introduction.slice(50));
    expect(await answer).toBe(`${keyText(serverKey)} 7\n`);
  });

  test('no server, the wrong port, and several', async () => {
    const none = /^no secure server is run by this user here/;
    await expect(enroll(input(introduction), undefined, {}, place)).rejects.toThrow(none);
    await open(7);
    await open(8);
    await expect(enroll(input(introduction), 9, {}, place)).rejects.toThrow(
      /^no secure server on UDP port 9 is/,
    );
    await expect(enroll(input(introduction), undefined, {}, place)).rejects.toThrow(
      /^several servers run here, on UDP ports (7, 8|8, 7): choose one with --port/,
    );
    expect(await enroll(input(introduction), 8, {}, place)).toBe(`${keyText(serverKey)} 8\n`);
  });

  test.each(['', '\n', keyText(publicKey), `${introduction.trim()} more\n`, 'x'.repeat(2_000), 'a b\n'])(
    'no introduction: %.60j',
    async (text) => {
      const refused = enroll(input(text), undefined, {}, place);
      await expect(refused).rejects.toThrow(/^enroll reads a line PUBLIC-KEY PRESHARED-KEY/);
      await expect(refused).rejects.not.toThrow(keyText(publicKey));
    },
  );
});

describe('status', () => {
  test('is a page of all ends, or of the one that is named', async () => {
    await open(7, {
      status: () => endStatus({ name: '7', port: 7, peers: [peerStatus({ port: 'tap0' })] }),
    });
    const refused = { 'policy: mac': 3, 'policy: broadcast': 70, replayed: 1 };
    await open(8);
    await open(9, {
      status: () => endStatus({ name: '9', peers: [peerStatus({ policy: 'macs=1 guard', refused })] }),
    });
    const { out, faults, status: all } = await status({}, place);
    expect(out).toMatch(/^ {2}policy {5}alice \(AQEBAQEB…\): macs=1 guard; refused 3 mac, 70 broadcast$/m);
    expect(out.match(/^ {2}policy/gm)).toHaveLength(1);
    expect(out).toMatch(/^7: server on UDP port 7, secure, up\n/);
    expect(out).toMatch(/\nalice \(AQEBAQEB…\) {2}up .* 192\.0\.2\.1:7667 {2}tap0 {2}1\.5 ms {2}0 % /);
    expect(out).toMatch(/\n8: server on UDP port 8, secure, up\n(?: .*\n)+ {2}no peers\n/);
    expect({ faults, all }).toEqual({ faults: [], all: 0 });
    expect((await status({ name: '8' }, place)).out).toMatch(/^8: /);
    const { out: json } = await status({ name: '8', json: true }, place);
    expect(JSON.parse(json)).toEqual(endStatus({ name: '8', port: 8 }));
  });

  test('is 3 where an end is down, does not answer, or does not run', async () => {
    await open(7, { status: () => endStatus({ name: '7', up: false, why: 'its switch is gone' }) });
    await open(8);
    expect((await status({ name: '8' }, place)).status).toBe(0);
    const { out, status: down } = await status({}, place);
    expect(out).toMatch(/^7: .*, down: its switch is gone\n/);
    expect(down).toBe(3);
    expect(await status({ name: 'x' }, place)).toEqual({
      out: '',
      faults: ['no end called x runs here: cryptcab status lists those that do'],
      status: 3,
    });
    expect((await status({}, { user: me, roots: [] })).faults).toEqual([
      'no cable is run by this user here: start one, or be the user who did',
    ]);
    await open(9, { status: () => ({ ...endStatus(), version: 2 as 1 }) });
    expect(await status({ name: '9' }, place)).toMatchObject({
      faults: [expect.stringMatching(/9\.sock does not answer as this program does: restart it$/)],
      status: 3,
    });
  });

  test('finds a client by its server, and an end by its process', async () => {
    const server = 'lab.example.org:7667';
    await open(7, { status: () => endStatus({ name: 'client-12', pid: 12, role: 'client', server }) });
    for (const name of [server, 'lab.example.org', '12', 'client-12'])
      expect((await status({ name }, place)).out, name).toMatch(/^client-12: client of lab/);
    expect((await status({ name: '7667' }, place)).status).toBe(3); // the port of its server
  });

  test('so do the commands about its peer, by IPv6 as well', async () => {
    const at = (server: string) => [
      { path: '', status: endStatus({ role: 'client', server, peers: [peerStatus()] }) },
    ];
    for (const name of ['[fd00::7]:7667', '[fd00::7]', 'fd00::7'])
      expect(choose(at('[fd00::7]:7667'), name).called, name).toBe(peerStatus().peer);
    for (const name of ['lab.example.org:7667', 'lab.example.org'])
      expect(choose(at('lab.example.org:7667'), name).called, name).toBe(peerStatus().peer);
    for (const name of ['fd00', '[fd00:', '7667'])
      expect(() => choose(at('[fd00::7]:7667'), name), name).toThrow(/^no peer is called/);
  });

  test('nothing that an end says drives the terminal', async () => {
    const peer = 'x\x1b[2J\n';
    await open(7, { status: () => endStatus({ io: peer, peers: [peerStatus({ peer, address: peer })] }) });
    expect((await status({}, place)).out).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe('a server', () => {
  const history = new LogHistory(() => '');
  const running = {
    local: { address: '::', port: 7 },
    io: 'native',
    enrol: () => ({ publicKey: serverKey, port: 7 }),
    report() {
      const { version: _1, name: _2, program: _3, pid: _4, ...report } = endStatus({ port: 7 });
      return report;
    },
  } as unknown as RunningServer;
  const start = async (at = place) => {
    const control = await openEndControl(running, log, history, at);
    if (control !== undefined) controls.push(control);
  };
  const without = (why: string) => [
    `warn no control socket, so clients cannot enrol by ssh, and cryptcab status does not show this end: ${why} {}`,
  ];

  test('has its control socket where one can be', async () => {
    // In the first of them a file is in the way that is no socket, and cannot be taken away.
    const blocked = join(directory, 'blocked');
    mkdirSync(join(blocked, 'cryptcab/7.sock/x'), { recursive: true });
    await start({ user: me, roots: [blocked, directory] });
    expect(said).toEqual([expect.stringMatching(/^info this end can be asked through this control socket/)]);
    expect((await status({ name: '7' }, place)).status).toBe(0);
  });

  test('has it again when its directory was removed', async () => {
    await start();
    rmSync(join(directory, 'cryptcab'), { recursive: true });
    await vi.waitFor(async () => expect((await status({ name: '7' }, place)).status).toBe(0), {
      timeout: 20_000,
    });
    expect(statSync(join(directory, 'cryptcab/7.sock')).mode & 0o777).toBe(0o600);
    await Promise.all(controls.splice(0).map((control) => control.close()));
    expect(readdirSync(join(directory, 'cryptcab'))).toEqual([]);
  });

  test('of a client is called by its process, and has no peers to change', async () => {
    const { enrol: _, ...client } = running;
    const control = await openEndControl(client as unknown as RunningServer, log, history, place);
    if (control !== undefined) controls.push(control);
    const path = join(directory, `cryptcab/client-${process.pid}.sock`);
    await expect(ask(path, { do: 'kick', peer: 'a' })).rejects.toThrow(
      /^this end is a client, whose one peer/,
    );
  });

  test('of a unit lies in its directory, and is called as that is', async () => {
    const unit = join(directory, 'cryptcab/lab');
    mkdirSync(unit, { recursive: true });
    const at = controlPlace({ RUNTIME_DIRECTORY: `${unit}:/else`, XDG_RUNTIME_DIR: directory }, me);
    expect(at.unit).toBe(unit);
    await start({ ...at, roots: [directory] });
    const path = join(unit, 'lab.sock');
    expect(await ask(path, { do: 'status' })).toMatch(/"name":"lab"/);
    expect(controlSockets({ user: me, roots: [directory] })).toEqual([{ name: 'lab', path }]);
  });

  test('calls options as the command line does', async () => {
    const trouble = `name another with ${optionName('plug')}`;
    const report = () => ({ ...running.report(), plug: { locator: 'x', open: false, trouble } });
    const kick = () => {
      throw new CryptcabError(`start it with ${optionName('secure.peers')}`);
    };
    const told = { ...running, report, peers: { kick } } as unknown as RunningServer;
    const control = await openEndControl(told, log, history, place);
    if (control !== undefined) controls.push(control);
    const path = pathOf(7);
    expect(parseStatus((await ask(path, { do: 'status' })) as string)?.plug.trouble).toBe(
      'name another with -s',
    );
    expect(await raw(path, '{"do":"kick","peer":"a"}\n')).toMatch(/"start it with --peers"/);
  });

  test('runs without where there is no place', async () => {
    await start({ user: me, roots: [join(directory, 'none')] });
    expect(said).toEqual(without('set XDG_RUNTIME_DIR to a directory of your own'));
  });

  test("says in one line that XDG_RUNTIME_DIR is another user's", async () => {
    const fault = 'XDG_RUNTIME_DIR is /run/user/7, which belongs to another user (7)';
    await start({ user: me, roots: [join(directory, 'none')], fault });
    expect(said.splice(0)).toEqual(without(`${fault}: set it to a directory of your own`));
    await start({ user: me, roots: [directory], fault });
    const path = join(directory, 'cryptcab/7.sock');
    expect(said.filter((line) => line.startsWith('warn'))).toEqual([
      `warn ${fault}: the control socket is ${path} {}`,
    ]);
    const { faults } = await status({}, { user: me, roots: [], fault });
    expect(faults).toEqual([expect.stringContaining(`who did (${fault})`)]);
  });

  test('runs without where it cannot be made', async () => {
    mkdirSync(join(directory, 'cryptcab/7.sock/x'), { recursive: true });
    await start();
    expect(said).toEqual([
      expect.stringMatching(/^warn no control socket, .*: cannot make the control socket \S+: /),
    ]);
  });

  test('runs without where another server has it, and takes no second place for it', async () => {
    const path = await open(7);
    const second = join(directory, 'second');
    mkdirSync(second);
    await start({ user: me, roots: [directory, second] });
    expect(said).toEqual(
      without(`another end has the control socket ${path}: end it, or choose another port with -p`),
    );
    expect(readdirSync(second)).toEqual([]);
  });
});
