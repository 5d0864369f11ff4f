// Wireshark's dissector reads what we send, with the keys given: WireGuard's handshake, and our payload inside.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../lab/process.js';
import { makePair } from '../../quick/protocol/secure-simulated.js';
import { Network } from '../../quick/protocol/simulated.js';
import { hex } from '../../quick/unit/core/harness.js';
import { payload } from '../../quick/unit/core/secure-twins.js';
import { randomness, seed } from '../../support/seed.js';

const { bytes } = randomness();
const base64 = (key: Uint8Array): string => Buffer.from(key).toString('base64');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-tshark-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A capture file of IPv4 packets; checksums are left zero. */
function capture(sent: Network['sent']): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(101, 20); // raw IP
  const packets = sent.map(({ at, from, to, datagram }) => {
    const packet = Buffer.alloc(16 + 28);
    const length = 28 + datagram.length;
    packet.writeUInt32LE(1_700_000_000 + Math.floor(at / 1000), 0);
    packet.writeUInt32LE(Math.floor(at % 1000) * 1000, 4);
    packet.writeUInt32LE(length, 8);
    packet.writeUInt32LE(length, 12);
    packet.set([0x45, 0, length >> 8, length & 255], 16);
    packet.set([64, 17], 24);
    packet.set(from.address.split('.').map(Number), 28);
    packet.set(to.address.split('.').map(Number), 32);
    packet.writeUInt16BE(from.port, 36);
    packet.writeUInt16BE(to.port, 38);
    packet.writeUInt16BE(8 + datagram.length, 40);
    return Buffer.concat([packet, datagram]);
  });
  return Buffer.concat([header, ...packets]);
}

const FIELDS = [
  'wg.type',
  'wg.handshake_ok',
  'wg.static',
  'wg.counter',
  'wg.keepalive',
  'wg.decryption_error',
];

/** Of each datagram its fields, and of all what was decrypted, as hex. */
function dissect(sent: Network['sent'], keys: string) {
  const [file, log] = [join(directory, 'capture.pcap'), join(directory, 'keys.log')];
  writeFileSync(file, capture(sent));
  writeFileSync(log, keys);
  const tshark = (...args: string[]) =>
    run('tshark', '-r', file, '-d', 'udp.port==7667,wg', '-o', `wg.keylog_file:${log}`, ...args);
  const datagrams = tshark('-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field]))
    .trimEnd()
    .split('\n')
    .map((line) => {
      const values = line.split('\t');
      return Object.fromEntries(
        FIELDS.map((field, i) => [field, values[i] ?? '']).filter(([, value]) => value !== ''),
      );
    });
  const packets = [...tshark('-x').matchAll(/^Decrypted Packet .*\n((?:[0-9a-f]{4} {2}.*\n)+)/gm)].map(
    ([, dump]) =>
      (dump as string)
        .split('\n')
        .map((line) => line.slice(6, 53).replaceAll(' ', ''))
        .join(''),
  );
  return { datagrams, packets };
}

test.each([true, false])('down to the payload (preshared key: %s)', async (withPsk) => {
  const network = new Network(seed);
  const drawn: Uint8Array[] = [];
  const draw = network.random.bytes;
  network.random.bytes = (length) => {
    const random = draw(length);
    if (length === 32) drawn.push(random.slice());
    return random;
  };
  const presharedKey = bytes(32);
  const { client, server } = await makePair(network, withPsk ? { presharedKey } : {});
  const secrets = drawn.length; // the two private keys
  const [one, two] = [bytes(60), bytes(1400)];
  client.send(one);
  network.run(100);
  server.send(two);
  network.run(100);
  const ephemeral = drawn[secrets] as Uint8Array;
  const keys = [
    `LOCAL_STATIC_PRIVATE_KEY = ${base64(client.secret)}`,
    `REMOTE_STATIC_PUBLIC_KEY = ${base64(server.publicKey)}`,
    `LOCAL_EPHEMERAL_PRIVATE_KEY = ${base64(ephemeral)}`,
    ...(withPsk ? [`PRESHARED_KEY = ${base64(presharedKey)}`] : []),
    '',
  ].join('\n');
  const { datagrams, packets } = dissect(network.sent, keys);
  expect(datagrams).toEqual([
    { 'wg.type': '1', 'wg.static': base64(client.publicKey) },
    { 'wg.type': '2', 'wg.handshake_ok': expect.stringMatching(/^(1|True)$/) },
    { 'wg.type': '4', 'wg.counter': '0' },
    { 'wg.type': '4', 'wg.counter': '1', 'wg.keepalive': expect.any(String) },
    { 'wg.type': '4', 'wg.counter': '0' },
  ]);
  expect(packets).toEqual([hex(payload(one)), hex(payload(two))]);
  // With another key it cannot.
  const wrong = keys.replace(base64(ephemeral), base64(bytes(32)));
  expect(dissect(network.sent, wrong).packets).toEqual([]);
});
