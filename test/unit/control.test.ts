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
import { enroll } from '../../src/cli/enroll.js';
import { status } from '../../src/cli/status.js';
import { ask } from '../../src/control/ask.js';
import { userOf } from '../../src/control/credentials.js';
import {
  answerLine,
  errorIn,
  PATIENCE_MS,
  parseEnrolled,
  parseRequest,
  parseStatus,
  REQUEST_BYTES,
  requestLine,
} from '../../src/control/message.js';
import { controlPath, controlPlace, controlSockets, type Place } from '../../src/control/path.js';
import { type Control, type ControlConfiguration, openControl } from '../../src/control/server.js';
import { introductionLine } from '../../src/keys/enrolment.js';
import { keyText } from '../../src/keys/key-text.js';
import type { Log } from '../../src/log.js';

const publicKey = new Uint8Array(32).fill(1);
const presharedKey = new Uint8Array(32).fill(2);
const serverKey = new Uint8Array(32).fill(3);
const me = process.geteuid?.() as number;

describe('words', () => {
  test('a request comes back as it went', () => {
    const enrol = { do: 'enrol', publicKey, presharedKey } as const;
    expect(parseRequest(requestLine(enrol))).toEqual(enrol);
    expect(parseRequest(requestLine({ do: 'status' }))).toEqual({ do: 'status' });
    expect(requestLine(enrol)).toMatch(/^[^\n]+\n$/);
    expect(requestLine(enrol).length).toBeLessThan(REQUEST_BYTES);
  });

  test('an answer comes back as it went', () => {
    expect(parseEnrolled(answerLine({ publicKey, port: 7667 }))).toEqual({ publicKey, port: 7667 });
    const told = { port: 7, peers: [{ peer: 'a', sealed: '12' }] };
    expect(parseStatus(answerLine(told))).toEqual(told);
    expect(errorIn(answerLine({ error: 'so' }))).toBe('so');
    expect(errorIn(answerLine({ publicKey, port: 7667 }))).toBeUndefined();
  });

  const key = keyText(publicKey);
  test.each([
    ['', /^this is not a request/],
    ['{', /^this is not a request/],
    ['null', /^this is not a request/],
    ['[]', /^this is not a request/],
    ['7', /^this is not a request/],
    [`"${key}"`, /^this is not a request/],
    ['{}', /^this is not a request/],
    ['{"do":"reboot"}', /^there is no such request/],
    ['{"do":["enrol"]}', /^there is no such request/],
    ['{"do":"enrol"}', /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key.slice(1)}","presharedKey":"${key}"}`, /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key}"}`, /^presharedKey is not/],
    [`{"do":"enrol","publicKey":"${key}","presharedKey":["${key}"]}`, /^presharedKey is not/],
  ])('no request: %s', (line, says) => {
    expect(parseRequest(line)).toMatch(says);
    expect(parseRequest(line)).not.toContain(key);
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
    '{"port":1,"peers":[1]}',
    '{"port":1,"peers":[{}]}',
    '{"port":1,"peers":[{"peer":1}]}',
  ])('no status: %s', (line) => expect(parseStatus(line)).toBeUndefined());
});

let directory: string;
let place: Place;
const controls: Control[] = [];
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

async function open(port: number, more: Partial<ControlConfiguration> = {}): Promise<string> {
  const path = controlPath(port, place) as string;
  const control = await openControl({
    path,
    userOf: () => undefined,
    log,
    enrol: () => ({ publicKey: serverKey, port }),
    status: () => ({ port, peers: [] }),
    ...more,
  });
  controls.push(control);
  return path;
}

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
      roots: ['/x/y', '/run/user/7', '/run'],
    });
    expect(controlPlace({ XDG_RUNTIME_DIR: '/run/user/7' }, 7).roots).toEqual(['/run/user/7', '/run']);
    expect(controlPlace({}, 0).roots).toEqual(['/run/user/0', '/run']);
    expect(controlPlace({ XDG_RUNTIME_DIR: 'not/absolute' }, 0).roots).toEqual(['/run/user/0', '/run']);
  });

  test('in a directory that nobody else gets into', () => {
    mkdirSync(join(directory, 'cryptcab'), { mode: 0o777 });
    chmodSync(join(directory, 'cryptcab'), 0o777);
    expect(controlPath(7, place)).toBe(join(directory, 'cryptcab/7.sock'));
    expect(statSync(join(directory, 'cryptcab')).mode & 0o777).toBe(0o700);
  });

  test("not in another user's directory, behind a symbolic link, or nowhere", () => {
    expect(controlPath(7, { user: me + 1, roots: [directory] })).toBeUndefined();
    expect(controlPath(7, { user: me, roots: [join(directory, 'none')] })).toBeUndefined();
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'cryptcab'));
    expect(controlPath(7, place)).toBeUndefined();
    expect(controlSockets(place)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['cryptcab', 'elsewhere']);
  });

  test('the next place is taken where one will not do', () => {
    const roots = [join(directory, 'none'), directory];
    expect(controlPath(7, { user: me, roots })).toBe(join(directory, 'cryptcab/7.sock'));
  });

  test('what is there is found', async () => {
    const path = await open(7);
    writeFileSync(join(directory, 'cryptcab/README'), '');
    expect(controlSockets({ user: me, roots: [join(directory, 'none'), directory] })).toEqual([
      { port: 7, path },
    ]);
    expect(controlSockets({ user: me + 1, roots: [directory] })).toEqual([]);
  });
});

describe('a real one', () => {
  test('hands a client over, and answers', async () => {
    const got: unknown[] = [];
    const path = await open(7667, {
      enrol(...keys) {
        got.push(...keys.map((key) => key.slice()));
        return { publicKey: serverKey, port: 7667 };
      },
    });
    const line = await ask(path, { do: 'enrol', publicKey, presharedKey });
    expect(parseEnrolled(line as string)).toEqual({ publicKey: serverKey, port: 7667 });
    expect(got).toEqual([publicKey, presharedKey]);
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
      'the server refused: not your server',
    );
    expect(said).toEqual(['warn refused a control request: not your server {"times":1}']);
  });

  test('says why a client cannot be a peer', async () => {
    const path = await open(7, {
      enrol() {
        throw new RangeError('this public key is there already');
      },
    });
    await expect(ask(path, { do: 'enrol', publicKey, presharedKey })).rejects.toThrow(
      'the server refused: this public key is there already',
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
    expect(answer).toMatch(/^\{"error":"[^"\n]+(?:\\"[^"\n]*)*"\}\n$/);
    expect(said).toHaveLength(1);
    expect(answer + said).not.toContain(secret);
  });

  test('a client that ends without a line is told', async () => {
    expect(await raw(await open(7), '{"do":"status"}', true)).toMatch(/^\{"error":"a request is one line/);
  });

  test('one request for each connection; what comes after it is passed over', async () => {
    const line = requestLine({ do: 'status' });
    expect(await raw(await open(7), `${line}${line}${'x'.repeat(100_000)}`, true)).toBe(
      '{"port":7,"peers":[]}\n',
    );
  });

  test('a request in pieces', async () => {
    const path = await open(7);
    const socket = connect(path);
    const [head, tail] = ['{"do":', '"status"}\n'];
    await new Promise<void>((resolve) => socket.write(head, () => resolve()));
    const answer = new Promise((resolve) => socket.on('data', (bytes) => resolve(bytes.toString())));
    socket.write(tail);
    expect(await answer).toBe('{"port":7,"peers":[]}\n');
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
    const path = controlPath(7, place) as string;
    // A socket whose owner has gone without taking it away.
    const killed = createServer();
    await new Promise<void>((resolve) => killed.listen(`${path}.x`, resolve));
    linkSync(`${path}.x`, path);
    await new Promise((resolve) => killed.close(resolve));
    expect(existsSync(path)).toBe(true);
    expect(await ask(path, { do: 'status' })).toBeUndefined();
    await open(7);
    expect(await ask(path, { do: 'status' })).toBe('{"port":7,"peers":[]}');
  });

  test('leaves that of a living server alone', async () => {
    const path = await open(7);
    await expect(open(7)).rejects.toThrow(/^another server has the control socket \S+: end it, or choose/);
    expect(await ask(path, { do: 'status' })).toBe('{"port":7,"peers":[]}');
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

describe('enroll', () => {
  const input = (text: string) => {
    const stream = new PassThrough();
    stream.end(text);
    return stream;
  };
  const introduction = introductionLine({ publicKey, presharedKey });

  test('gives the key and the port of the server that runs', async () => {
    await open(2100);
    expect(await enroll(input(introduction), undefined, place)).toBe(`${keyText(serverKey)} 2100\n`);
    expect(await enroll(input(introduction), 2100, place)).toBe(`${keyText(serverKey)} 2100\n`);
  });

  test('takes the line when it comes; the stream need not end', async () => {
    await open(7);
    const stream = new PassThrough();
    const answer = enroll(stream, 7, place);
    stream.write(introduction.slice(0, 50));
    stream.write(introduction.slice(50));
    expect(await answer).toBe(`${keyText(serverKey)} 7\n`);
  });

  test('no server, the wrong port, and several', async () => {
    const none = /^no server with --secure is run by this user here/;
    await expect(enroll(input(introduction), undefined, place)).rejects.toThrow(none);
    await open(7);
    await open(8);
    await expect(enroll(input(introduction), 9, place)).rejects.toThrow(
      /^no server with --secure on UDP port 9 is/,
    );
    await expect(enroll(input(introduction), undefined, place)).rejects.toThrow(
      /^several servers run here, on UDP ports (7, 8|8, 7): choose one with --port/,
    );
    expect(await enroll(input(introduction), 8, place)).toBe(`${keyText(serverKey)} 8\n`);
  });

  test.each(['', '\n', keyText(publicKey), `${introduction.trim()} more\n`, 'x'.repeat(2_000), 'a b\n'])(
    'no introduction: %.60j',
    async (text) => {
      const refused = enroll(input(text), undefined, place);
      await expect(refused).rejects.toThrow(/^enroll reads a line PUBLIC-KEY PRESHARED-KEY/);
      await expect(refused).rejects.not.toThrow(keyText(publicKey));
    },
  );
});

describe('status', () => {
  test('is a table of all servers', async () => {
    await open(7, {
      status: () => ({
        port: 7,
        peers: [
          { peer: 'alice', sealed: '5' },
          { peer: 'b', sealed: '1234567' },
        ],
      }),
    });
    await open(8);
    expect(await status(undefined, place)).toBe(
      'server  peer   sealed\n     7  alice        5\n     7  b      1234567\n',
    );
    expect(await status(8, place)).toBe('no peers on UDP port 8\n');
  });
});
