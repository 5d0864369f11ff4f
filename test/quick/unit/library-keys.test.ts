// The library takes a key as text wherever it takes a key: on both sides, in both modes, and where somebody enrols.
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { until } from '../../../lab/process.js';
import { codeOf, messageOf } from '../../../src/error.js';
import {
  connect,
  keyText,
  memoryPort,
  newPresharedKey,
  newPrivateKey,
  type OpenPlug,
  parseKey,
  publicKeyOf,
  serve,
} from '../../../src/index.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const common = { io: 'portable', bind: '127.0.0.1' } as const;
const nowhere: OpenPlug = (events) => memoryPort(() => {}).open(events);

test('what a program of another realm gives is taken as well: of a window, or of a test runner', async () => {
  const other = <T>(code: string) => runInNewContext(code, { AbortController }) as T;
  const key = () => other<Uint8Array>('new Uint8Array(32).fill(3)');
  expect(keyText(publicKeyOf(key()))).toBe(keyText(publicKeyOf(new Uint8Array(32).fill(3))));
  const port = memoryPort(() => {});
  expect(port.send(other('new Uint8Array(60)'))).toBe(false); // nobody is plugged in
  await using _server = await serve({
    ...common,
    port: 0,
    plug: nowhere,
    secure: { privateKey: key(), peers: [{ publicKey: publicKeyOf(new Uint8Array(32).fill(4)) }] },
  });
  const error = other("Object.assign(new Error('nothing there'), { code: 'ENOENT' })");
  expect([codeOf(error), messageOf(error)]).toEqual(['ENOENT', 'ENOENT: nothing there']);
});

test('what is no key, and no function, is said so', () => {
  for (const wrong of [undefined, 7, 'x', {}, [], new DataView(new ArrayBuffer(32))]) {
    expect(parseKey(wrong as string)).toBe(undefined);
    expect(() => publicKeyOf(wrong as Uint8Array)).toThrow('a private key is a Uint8Array of 32 bytes');
    expect(() => memoryPort(wrong as () => void)).toThrow(
      'a memory port is given a function, which gets frames',
    );
    expect(() => memoryPort(() => {}).send(wrong as Uint8Array)).toThrow(RangeError);
  }
});

test.each(['Blowfish', 'ChaCha20'])('a classic key as hexadecimal digits: %s', async (name) => {
  const bytes = random.bytes(name === 'Blowfish' ? 24 : 44);
  const key = Buffer.from(bytes).toString('hex');
  const cipher = name === 'Blowfish' ? 'blowfish' : 'chacha20';
  await using server = await serve({ ...common, plug: nowhere, port: 0, key });
  for (const same of [key.toUpperCase(), bytes]) {
    await using _client = await connect({
      ...common,
      plug: nowhere,
      host: '127.0.0.1',
      port: server.local.port,
      key: same,
      cipher,
    });
  }
});

test('keys of the secure cable as characters: of both ends, preshared, and of who enrols', async () => {
  const [serverKey, one, other] = [newPrivateKey(), newPrivateKey(), newPrivateKey()];
  const presharedKey = keyText(newPresharedKey());
  const serverPublicKey = keyText(publicKeyOf(serverKey));
  const peers = [{ publicKey: keyText(publicKeyOf(one)), presharedKey }];
  const secure = { privateKey: keyText(serverKey), peers };
  await using server = await serve({ ...common, plug: nowhere, port: 0, classic: false, secure });
  const at = { ...common, plug: nowhere, host: '127.0.0.1', port: server.local.port };
  await using _one = await connect({
    ...at,
    secure: { privateKey: keyText(one), serverPublicKey, presharedKey },
  });
  await using _other = await connect({
    ...at,
    secure: {
      async enrol() {
        const enrolled = server.enrol(keyText(publicKeyOf(other)), presharedKey);
        return {
          privateKey: keyText(other),
          presharedKey,
          serverPublicKey: keyText(enrolled.publicKey),
          serverPort: enrolled.port,
        };
      },
    },
  });
  await until('both are up at the server, too', () => server.stats().peers.length === 2);
});

test('what an enrolment gives that is no key is refused, and not repeated', async () => {
  const secret = keyText(newPrivateKey());
  const started = connect({
    ...common,
    plug: nowhere,
    host: '127.0.0.1',
    secure: { enrol: async () => ({ privateKey: secret.slice(1), serverPublicKey: secret }) },
  });
  const { message } = await started.then(
    () => new Error('taken for good'),
    (error: Error) => error,
  );
  expect(message).not.toContain(secret.slice(4, 16));
  expect(message).toMatch(/key file|has to be/);
});
