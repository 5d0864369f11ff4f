import { expect, test } from 'vitest';
import { nobodyListens } from '../../../src/cable/udp/knock.js';
import { ownUdp } from '../../../src/cable/udp/own.js';

/** Deno tells nobody that nobody listens. */
const TELLS = !('Deno' in globalThis);
const open = ownUdp();
const silent = { datagram() {}, unreachable() {}, failed() {} };
const never = new AbortController().signal;

test.each(['127.0.0.1', '::1'])(
  'tells a closed port at %s from one where somebody listens',
  async (address) => {
    const came: number[] = [];
    const somebody = await open(0, { ...silent, datagram: (bytes) => came.push(bytes.length) });
    const at = { address, port: somebody.local.port };
    expect(await nobodyListens(open, at, new Uint8Array(148), never)).toBe(false);
    expect(came).toEqual([148]);
    await somebody.close();
    expect(await nobodyListens(open, at, new Uint8Array(148), never)).toBe(TELLS);
  },
);

test('ends when it is told to', async () => {
  const somebody = await open(0, silent);
  const abort = new AbortController();
  const asked = nobodyListens(
    open,
    { address: '::1', port: somebody.local.port },
    new Uint8Array(1),
    abort.signal,
  );
  abort.abort();
  expect(await asked).toBe(false);
  await somebody.close();
});
