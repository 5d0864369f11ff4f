import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { newMemory } from '../../../../src/core/wasm.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, type Result } from './harness.js';
import { Cable } from './twins.js';

it('the core works on a ring that another thread fills', { timeout: 15_000 }, async () => {
  const { bytes, below } = randomness();
  const { memory, ring, session, batch, setNextCounter } = await makeCore(newMemory());
  const cable = new Cable(bytes(24));
  const [sender, receiver] = [session(cable.key), session(cable.key)];
  setNextCounter(1n);
  const expected: string[] = [];
  let sent = 0n;
  let received = 0n;
  const jobs = Array.from({ length: 700 }, () => {
    const frame = bytes(14 + below(1500));
    const sealing = below(2) === 0;
    const datagram = cable.data(frame, sealing ? ++sent : ++received);
    expected.push(hex(sealing ? datagram : frame));
    return sealing
      ? { session: sender, op: layout.OP_SEAL, payload: frame }
      : { session: receiver, op: layout.OP_OPEN, payload: new Uint8Array(datagram) };
  });

  const results: Result[] = [];
  const worker = new Worker(new URL('./io-worker.mjs', import.meta.url), {
    workerData: { memory, layout, jobs },
  });
  worker.on('message', () => {
    for (let next = batch(); next.length > 0; next = batch()) {
      results.push(...next);
      for (const { index } of next) ring.release(index);
      worker.postMessage('released');
    }
  });
  expect(await once(worker, 'exit')).toEqual([0]);
  expect(results.map((result) => `${result.status} ${hex(result.bytes)}`)).toEqual(
    expected.map((output) => `ok ${output}`),
  );
});
