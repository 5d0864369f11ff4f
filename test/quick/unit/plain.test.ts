// A server without encryption says so when it starts, and not only when somebody comes.
import { afterEach, expect, test } from 'vitest';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import { type RunningServer, startServer } from '../../../src/ends/server.js';
import { libraryText } from '../../../src/option-mark.js';
import { quiet } from '../../support/quiet.js';

let server: RunningServer | undefined;
afterEach(() => server?.close());

test.each([
  [
    'plain',
    { kind: 'plain' },
    [
      'not encrypted (plain): everybody on the way can read and change the frames; for controlled networks only',
    ],
  ],
  ['with a key', { kind: 'preshared', key: new Uint8Array(24).fill(1) }, []],
] as const)('%s', async (_, keys, says) => {
  const warned: string[] = [];
  server = await startServer({
    port: 0,
    io: 'portable',
    keys,
    plug: memoryPort(() => {}).open,
    log: { ...quiet, warn: (_fields, line) => warned.push(libraryText(line)) },
    openUdp: async (port) => ({
      local: { address: '::', port },
      send() {},
      connect: async (to) => to,
      close: async () => {},
    }),
  });
  expect(warned).toEqual(says);
  expect(server.report()).toMatchObject({ mode: 'classic', plain: says.length > 0 });
});
