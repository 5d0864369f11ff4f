// A client that waits for nothing (--now) ends with its one line, and does not say that it tries again.
import { expect, test } from 'vitest';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import type { OpenUdp } from '../../../src/cable/udp/udp.js';
import { startClient } from '../../../src/ends/classic-client.js';
import type { EndConfiguration } from '../../../src/ends/end.js';
import { startSecureClient } from '../../../src/ends/secure-client.js';
import { TemporaryError } from '../../../src/error.js';
import type { Log } from '../../../src/log.js';
import { quiet } from '../../support/quiet.js';
import { numbered } from '../protocol/examples.js';

/** A socket that has a route to nobody. */
const openUdp: OpenUdp = async (port) => ({
  local: { address: '::', port },
  send: (_bytes, _start, _length, _to, done) => done('ENETUNREACH'),
  connect: async () => {
    throw new TemporaryError('no route to it: ENETUNREACH');
  },
  close: async () => {},
});

function end(): EndConfiguration & { readonly said: string[] } {
  const said: string[] = [];
  const log: Log = { ...quiet, warn: (_fields, message) => void said.push(message) };
  const { open: plug } = memoryPort(() => {});
  return { port: 0, plug, log, openUdp, patience: 'nothing', said };
}

const MISSING = 'fe80::1%no-such-card';
const NEVER = async () => {};

async function classic(host: string): Promise<string[]> {
  const { said, ...configuration } = end();
  const mode = { kind: 'preshared', key: numbered(24) } as const;
  const client = await startClient({
    ...{ ...configuration, mode, keepalive: false, carryKey: NEVER },
    server: { host, port: 7667 },
  });
  const why = await client.ended.then(
    () => 'no fault',
    (error: Error) => error.message,
  );
  await client.close();
  return [...said, why];
}

async function secure(host: string): Promise<string[]> {
  const { said, ...configuration } = end();
  const keys = { privateKey: numbered(32), serverPublicKey: numbered(32).fill(9) };
  const why = await startSecureClient({
    ...{ ...configuration, keys, path: 1452, keepalive: false },
    server: { host, port: 7667 },
  }).then(
    () => 'no fault',
    (error: Error) => error.message,
  );
  return [...said, why];
}

test.each([
  ['classic', classic],
  ['secure', secure],
])('%s: an address whose interface is missing', async (_, start) => {
  expect(await start(MISSING)).toEqual([expect.stringMatching(/^cannot resolve fe80::1%no-such-card \(/)]);
});

test('classic: an address that there is no route to', async () => {
  expect(await classic('192.0.2.1')).toEqual(['no route to it: ENETUNREACH']);
});
