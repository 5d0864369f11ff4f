// What connect() and serve() make of options that do not do: one clear line, before anything is opened.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { keyText } from '../../../src/keys/key-text.js';
import { connect } from '../../../src/library/connect.js';
import type { ConnectOptions, ServeOptions } from '../../../src/library/options.js';
import { serve } from '../../../src/library/serve.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const directory = mkdtempSync(join(tmpdir(), 'cryptcab-options-'));
afterAll(() => rmSync(directory, { recursive: true }));

const KEY = random.bytes(44);
const PRIVATE = random.bytes(32);
const PUBLIC = random.bytes(32);
const plug = () => {
  throw new Error('nothing is to be opened');
};

async function fault(started: Promise<unknown>): Promise<string> {
  const error = await started.then(
    () => new Error('taken for good'),
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(CryptcabError);
  expect(error.message).not.toMatch(/\n/);
  return error.message;
}

describe('connect()', () => {
  const refused = (options: unknown) => fault(connect(options as ConnectOptions));

  test.each<[string, object, string]>([
    [
      'a user in the host',
      { host: 'user:hunter2@host' },
      'connect: host is a name or address alone: give the',
    ],
    ['a password', { ssh: { user: 'user:hunter2' } }, 'connect: ssh: user is a name, and no password'],
    ['no host', { host: undefined }, 'connect: host is missing'],
    ['no plug', { plug: undefined }, 'connect: plug is missing'],
    ['a name misspelt', { keepAlive: true }, 'connect has no option keepAlive; it has plug, key,'],
    [
      'a host that ssh would take for an option',
      { host: '-oProxyCommand=x' },
      "connect: host has to be the server's name or address",
    ],
    ['a port that is text', { port: '7667' }, "connect: port has to be the server's UDP port, 1 to 65535"],
    ['port 0', { port: 0 }, "connect: port has to be the server's UDP port, 1 to 65535"],
    [
      'a local port that is none',
      { localPort: 65_536 },
      'connect: localPort has to be a UDP port, 0 to 65535',
    ],
    [
      'a plug that is none',
      { plug: 5 },
      "connect: plug has to be a switch's directory, another locator of a network, or a plug",
    ],
    ['a cipher that is none', { cipher: 'aes' }, 'connect: cipher has to be auto or blowfish or chacha20'],
    ['a path that is none', { io: 'fast' }, 'connect: io has to be auto or portable or native'],
    [
      'a short key',
      { key: KEY.subarray(0, 23) },
      'connect: key has to be a key for blowfish, of 24 bytes or twice as many hexadecimal digits, or the path of its file',
    ],
    [
      'a short key for ChaCha20',
      { key: KEY.subarray(0, 43), cipher: 'chacha20' },
      'connect: key has to be a key for chacha20, of 44 bytes',
    ],
    [
      'a key file that is not there',
      { key: join(directory, 'none') },
      `there is no key file ${join(directory, 'none')}`,
    ],
    ['a key, and no encryption', { key: KEY, plain: true }, 'connect: key and plain exclude each other'],
    [
      'a cipher, and no encryption',
      { cipher: 'chacha20', plain: true },
      'connect: cipher and plain exclude each other',
    ],
    ['plain that is text', { plain: 'yes' }, 'connect: plain has to be true or false'],
    [
      'a log that is none',
      { log: {} },
      'connect: log has to be an object with the methods trace, debug, info, warn, error',
    ],
    ['a signal that is none', { signal: {} }, 'connect: signal has to be an AbortSignal'],
    ['ssh, and no use for it', { key: KEY, ssh: { user: 'a' } }, 'connect: key and ssh exclude each other'],
    [
      'an ssh user that is an option',
      { ssh: { user: '-l' } },
      'connect: ssh: user has to be the name of a user',
    ],
    [
      'ssh options in one text',
      { ssh: { options: '-p 22' } },
      'connect: ssh: options has to be an array of strings',
    ],
    [
      'a command of the far side, classic',
      { ssh: { command: 'x' } },
      'connect: ssh.command is for the secure cable',
    ],
    [
      'a classic key for the secure cable',
      { secure: {}, key: KEY },
      'connect: secure and key exclude each other',
    ],
    ['secure that is no object', { secure: true }, 'connect: secure takes an object with some of privateKey'],
    [
      'a private key alone',
      { secure: { privateKey: PRIVATE } },
      'connect: secure.privateKey needs secure.serverPublicKey: ',
    ],
    [
      'a public key alone',
      { secure: { serverPublicKey: PUBLIC } },
      'connect: secure.serverPublicKey needs secure.privateKey: ',
    ],
    [
      'a preshared key alone',
      { secure: { presharedKey: PUBLIC } },
      'connect: secure.presharedKey needs secure.privateKey: ',
    ],
    [
      'a public key that is none',
      { secure: { privateKey: PRIVATE, serverPublicKey: 'AAAA' } },
      'connect: secure: serverPublicKey has to be a public key',
    ],
    [
      'a private key of 31 bytes',
      { secure: { privateKey: PRIVATE.subarray(1), serverPublicKey: PUBLIC } },
      'connect: secure: privateKey has to be 32 bytes',
    ],
    [
      'keys, and a way to get some',
      { secure: { privateKey: PRIVATE, serverPublicKey: PUBLIC, enrol: plug } },
      'connect: secure.enrol and secure.privateKey exclude each other',
    ],
    [
      'keys, and ssh',
      { ssh: {}, secure: { privateKey: PRIVATE, serverPublicKey: PUBLIC } },
      'connect: ssh and secure.privateKey exclude each other',
    ],
    [
      'ways to get keys',
      { ssh: {}, secure: { enrol: plug } },
      'connect: ssh and secure.enrol exclude each other',
    ],
    [
      'an MTU that is none',
      { secure: { pathMtu: 575 } },
      'connect: secure: pathMtu has to be a number of bytes, 576 to 9299',
    ],
  ])('%s', async (_what, options, says) => {
    expect(await refused({ host: '127.0.0.1', plug, ...options })).toContain(says);
  });

  test('nothing at all', async () => {
    expect(await refused(undefined)).toContain('connect takes an object with some of plug, key,');
  });

  const secret = keyText(PRIVATE);
  const hex = Buffer.from(KEY).toString('hex');
  const keys = { privateKey: PRIVATE, serverPublicKey: PUBLIC };
  test.each<[string, string, object]>([
    ['a public key that is too long', secret, { secure: { ...keys, serverPublicKey: `${secret}x` } }],
    [
      'a private key in hexadecimal digits',
      hex.slice(0, 64),
      { secure: { ...keys, privateKey: hex.slice(0, 64) } },
    ],
    [
      'a preshared key without its end',
      secret.slice(0, 43),
      { secure: { ...keys, presharedKey: secret.slice(0, 43) } },
    ],
    ['a key of the secure cable as a classic one', secret, { key: secret }],
    ['a short key for ChaCha20', hex.slice(0, 48), { key: hex.slice(0, 48), cipher: 'chacha20' }],
    ['a path with a key in it', secret, { key: `${directory}/${secret}` }],
    ['a key as host', secret, { host: secret, key: KEY }],
    ['a key as bind', secret, { bind: secret, key: KEY }],
    ['a key as plug', hex, { plug: hex, key: KEY }],
    ['a key as user', secret, { ssh: { user: secret } }],
    ['a key as an option', secret, { [secret]: true }],
    ['a key as cipher', secret, { cipher: secret }],
  ])('what a key was is not repeated: %s', async (_what, key, options) => {
    const says = await refused({ host: 'h', plug, ...options });
    for (let at = 0; at + 12 <= key.length; at++) expect(says).not.toContain(key.slice(at, at + 12));
  });

  test('a signal that is aborted already', async () => {
    const reason = new Error('not any more');
    const started = connect({ host: '127.0.0.1', plug, key: KEY, signal: AbortSignal.abort(reason) });
    await expect(started).rejects.toBe(reason);
  });
});

describe('serve()', () => {
  const refused = (options: unknown) => fault(serve(options as ServeOptions));
  const bad = join(directory, 'bad');
  writeFileSync(bad, 'no key', { mode: 0o600 });

  test.each<[string, object, string]>([
    ['no plug', { plug: undefined }, 'serve: plug is missing'],
    ['an option of clients', { host: 'h' }, 'serve has no option host'],
    ['nobody to serve', { classic: false }, 'serve: classic: false is for the secure cable'],
    [
      'a key of those who are not served',
      { classic: false, secure: {}, key: KEY },
      'serve: classic: false and key exclude each other',
    ],
    ['a key, and no encryption', { key: KEY, plain: true }, 'serve: key and plain exclude each other'],
    [
      'a private key file that is none',
      { secure: { privateKey: bad } },
      `the key file ${bad} does not hold a key`,
    ],
    [
      'a number of peers that is none',
      { secure: { enrolledMax: -1 } },
      'serve: secure: enrolledMax has to be a number of peers, 0 to 60000',
    ],
    ['peers that are none', { secure: { peers: {} } }, 'serve: secure: peers has to be an array of peers'],
    [
      'a peer that is none',
      { secure: { peers: ['x'] } },
      'serve: secure: a peer takes an object with some of publicKey',
    ],
    [
      'a peer without a key',
      { secure: { peers: [{ name: 'a' }] } },
      'serve: secure: a peer: publicKey is missing',
    ],
    [
      'an endpoint without a port',
      { secure: { peers: [{ publicKey: PUBLIC, endpoint: { host: 'h' } }] } },
      'serve: secure: a peer: endpoint: port is missing',
    ],
  ])('%s', async (_what, options, says) => {
    expect(await refused({ port: 0, plug, ...options })).toContain(says);
  });
});
