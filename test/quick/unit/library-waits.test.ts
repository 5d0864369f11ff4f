// connect() waits for what may come yet: it goes on until it is told to stop.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import { TemporaryError } from '../../../src/error.js';
import { type ConnectOptions, connect } from '../../../src/library/index.js';
import { quiet } from '../../support/quiet.js';
import { numbered } from '../protocol/examples.js';

const KEY = numbered(24);
const SECURE = { privateKey: numbered(32), serverPublicKey: numbered(32).fill(9) };

/** Starts one, waits for a warning, and ends it; what it rejects with is the signal's reason. */
async function warned(options: Partial<ConnectOptions>, says: RegExp): Promise<string> {
  const abort = new AbortController();
  const line = await new Promise<string>((resolve, reject) => {
    const log = {
      ...quiet,
      warn: (_fields: object, message: string) => says.test(message) && resolve(message),
    };
    const started = connect({
      host: 'nowhere.invalid',
      plug: memoryPort(() => {}).open,
      io: 'portable',
      signal: abort.signal,
      log,
      ...options,
    });
    started.catch(reject); // before it is told to stop
    ended = started;
  });
  abort.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  return line;
}
let ended: Promise<unknown>;

test.each<[string, Partial<ConnectOptions>]>([
  ['classic', { key: KEY }],
  ['secure', { secure: SECURE }],
])('for a name that has no address: %s', async (_, options) => {
  const line = await warned(options, /cannot resolve/);
  expect(line).toMatch(/^cannot resolve nowhere\.invalid yet \(.*\), trying again$/);
});

test.each<[string, Partial<ConnectOptions>]>([
  ['classic', { key: KEY }],
  ['secure', { secure: SECURE }],
])('not for an address of the other family: %s', async (_, options) => {
  const plug = memoryPort(() => {}).open;
  const started = connect({ host: '::1', bind: '127.0.0.1', plug, io: 'portable', ...options });
  await expect(started).rejects.toThrow(
    /^::1 has no IPv4 address, and this end has no other: see what bind says/,
  );
});

describe('for a way to bring the keys', () => {
  const refuse = async () => {
    throw new TemporaryError('the messenger is away');
  };
  test.each<[string, Partial<ConnectOptions>]>([
    ['classic', { host: '127.0.0.1', port: 9, carryKey: refuse }],
    ['secure', { host: '127.0.0.1', port: 9, secure: { enrol: refuse } }],
  ])('%s', async (_, options) => {
    expect(await warned(options, /messenger/)).toBe('the messenger is away; trying again');
  });
});

describe('ssh knows the name', () => {
  const path = process.env.PATH;
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cryptcab-waits-'));
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  test.each<[string, Partial<ConnectOptions>, RegExp]>([
    ['classic', { ssh: { user: 'me' } }, /^cannot resolve nowhere\.invalid yet/],
    ['secure', { ssh: { user: 'me' }, secure: {} }, /^cannot resolve nowhere\.invalid yet/],
    [
      'classic, elsewhere',
      { endpoint: { host: 'elsewhere.invalid', port: 9 } },
      /^cannot resolve elsewhere\.invalid yet/,
    ],
    [
      'secure, elsewhere',
      { endpoint: { host: 'elsewhere.invalid', port: 9 }, secure: {} },
      /^cannot resolve elsewhere\.invalid yet/,
    ],
  ])('%s', async (_, options, says) => {
    const key = Buffer.from(SECURE.serverPublicKey).toString('base64');
    const script = `#!/bin/sh\nif [ "$1" = -G ]; then echo 'hostname nowhere.invalid'; else echo '${key} 9'; fi\n`;
    for (const name of ['ssh', 'scp']) writeFileSync(join(directory, name), script, { mode: 0o755 });
    process.env.PATH = `${directory}:${path}`;
    await warned({ host: 'lab', ...options }, says);
  });

  test.each<[string, Partial<ConnectOptions>]>([
    ['key', { key: KEY }],
    ['carryKey', { carryKey: async () => {} }],
    ['secure keys', { secure: SECURE }],
    ['enrol', { secure: { enrol: async () => ({ ...SECURE, serverPort: 1 }) } }],
  ])('endpoint is refused with %s: ssh brings nothing', async (_, options) => {
    const endpoint = { host: '127.0.0.1', port: 9 };
    const started = connect({ host: 'h', plug: memoryPort(() => {}).open, endpoint, ...options });
    await expect(started).rejects.toThrow(
      /^connect: endpoint and [\w.]+ exclude each other: it is for keys that go by ssh/,
    );
  });
});
