// The examples run as they are, and do what they say.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { Blowfish } from 'egoroof-blowfish';
import { expect, test } from 'vitest';
import { Process } from '../../lab/process.js';
import { memoryPort } from '../../src/cable/plug/memory-plug.js';
import { keyText, newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { connect } from '../../src/library/connect.js';
import { randomness } from '../support/seed.js';

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
const run = (name: string) => execFileSync(process.execPath, [example(name)], { encoding: 'utf8' });

test('encrypt: the datagram that it prints is one that another Blowfish opens', () => {
  const datagram = Buffer.from(run('encrypt').trim(), 'hex');
  expect(datagram[0]).toBe(0x20); // DATA
  const key = Uint8Array.from({ length: 24 }, (_, i) => i);
  const cipher = new Blowfish(key.subarray(0, 16), Blowfish.MODE.CBC, Blowfish.PADDING.PKCS5);
  cipher.setIv(key.subarray(16));
  const opened = Buffer.from(cipher.decode(datagram.subarray(1), Blowfish.TYPE.UINT8_ARRAY));
  // Frame, counter and CRC (classic.md §3.2).
  expect(opened.subarray(14, -12).toString()).toBe('a frame in a cable');
  expect(opened.readUInt32LE(opened.length - 4)).toBe(crc32(opened.subarray(0, -4)));
});

test('handshake: four messages, the same each time', () => {
  const lines = run('handshake').trim().split('\n');
  const messages = lines.map((line) =>
    /(\w+ → \w+) {2}(\w+), (\d+) bytes: ([0-9a-f]+)$/.exec(line)?.slice(1),
  );
  expect(messages.filter((one) => one !== undefined).map((one) => one.slice(0, 3))).toEqual([
    ['client → server', 'login', '17'],
    ['server → client', 'challenge', '129'],
    ['client → server', 'response', '137'],
    ['server → client', 'authOk', '1'],
  ]);
  for (const [, , bytes, hex] of messages.filter((one) => one !== undefined))
    expect((hex as string).length).toBe(2 * Number(bytes));
  expect(lines.at(-1)).toBe('the client is up');
  expect(run('handshake').trim().split('\n')).toEqual(lines);
});

test('server: a secure client comes up, its frames come back, and its key can be taken back', async () => {
  const random = randomness();
  const directory = mkdtempSync(join(tmpdir(), 'cryptcab-example-'));
  const [key, peers] = [join(directory, 'key'), join(directory, 'peers')];
  const keys = { server: newPrivateKey(random.bytes), client: newPrivateKey(random.bytes) };
  writeFileSync(key, `${keyText(keys.server)}\n`, { mode: 0o600 });
  writeFileSync(peers, `${keyText(publicKeyOf(keys.client))} name=alice\n`, { mode: 0o600 });
  const server = new Process([process.execPath, example('server'), key, peers, '0']);
  try {
    const [, port] = await server.prints(/UDP port (\d+)/);
    let arrived: (frame: Uint8Array) => void = () => {};
    const back = new Promise<Uint8Array>((resolve) => {
      arrived = resolve;
    });
    const near = memoryPort((frame) => arrived(frame.slice()));
    await using client = await connect({
      host: '127.0.0.1',
      port: Number(port),
      plug: near.open,
      io: 'portable',
      secure: { privateKey: keys.client, serverPublicKey: publicKeyOf(keys.server) },
    });
    await server.prints(new RegExp(`alice .* is up at 127.0.0.1:${client.local.port}`));
    const frame = random.bytes(100);
    near.send(frame);
    expect(Buffer.from(await back).equals(frame)).toBe(true);
    writeFileSync(peers, '# nobody\n');
    await server.prints(/alice .* is gone: removed/);
    process.kill(server.pid, 'SIGINT');
    expect(await server.exited).toBe(0);
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
});

test('own-network: the handshake passes over it, and a frame comes back', () => {
  const lines = run('own-network').trim().split('\n');
  const [client, server] = ['192.0.2.2:40000', '192.0.2.1:7667'];
  // Initiation and response (WireGuard whitepaper §5.4), then transport messages both ways.
  expect(lines.slice(0, 2)).toEqual([`${client} → ${server}, 148 bytes`, `${server} → ${client}, 92 bytes`]);
  const came = lines.indexOf('came back: a frame in a cable');
  expect(came).toBeGreaterThan(3);
  const passed = lines.slice(2, came);
  for (const way of [`${client} → ${server}`, `${server} → ${client}`])
    expect(passed.filter((line) => line.startsWith(way)).length).toBeGreaterThan(0);
});
