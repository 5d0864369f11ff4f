// A real control socket.
import { existsSync, linkSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ask } from '../../../src/control/ask.js';
import { userOf } from '../../../src/control/credentials.js';
import { PATIENCE_MS, parseEnrolled, REQUEST_BYTES, requestLine } from '../../../src/control/message.js';
import { ControlTaken } from '../../../src/control/server.js';
import { keyText } from '../../../src/keys/key-text.js';
import {
  controls,
  directory,
  me,
  open,
  pathOf,
  presharedKey,
  publicKey,
  raw,
  said,
  serverKey,
  statusLine,
  useControls,
} from './control-fixture.js';

useControls();

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

  test('answers 40 requests in turn, though it takes 16 at a time', async () => {
    const path = await open(7);
    const line = Buffer.from(requestLine({ do: 'status' })).toString();
    for (let i = 0; i < 40; i++) expect(await raw(path, line, true)).toBe(statusLine);
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
