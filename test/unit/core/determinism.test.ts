import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { WASM_BASE64 } from '../../../src/core/wasm.generated.js';
import { instantiate, newMemory } from '../../../src/core/wasm.js';
import { randomness } from '../../seed.js';
import { hex, layout, makeCore, type Result } from './harness.js';
import { Cable, streamOf } from './twins.js';

describe('the module', () => {
  it('imports its memory and nothing else: no clock, no randomness, no I/O', () => {
    const module = new WebAssembly.Module(Buffer.from(WASM_BASE64, 'base64'));
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
  });

  it('runs in a shared memory, and in no other', async () => {
    const { memory } = await instantiate();
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    const initial = memory.buffer.byteLength / 2 ** 16;
    await expect(instantiate(new WebAssembly.Memory({ initial, maximum: 2 ** 14 }))).rejects.toThrow(
      WebAssembly.LinkError,
    );
  });
});

describe('the core', () => {
  it('makes the same bytes of the same bytes, in its whole memory', async () => {
    const run = async () => {
      const { bytes, below } = randomness();
      const { core, session, push, drain, snapshot } = await makeCore();
      const cables = Array.from({ length: 3 }, () => new Cable(bytes(24)));
      const numbers = [...cables.map(({ key }) => session(key)), session('plain'), session()];
      const results: Result[] = [];
      const outputs: Uint8Array[] = [];
      for (let round = 1n; round <= 20n; round++) {
        for (const cable of cables) {
          const datagram = cable.data(bytes(14 + below(300)), round);
          for (const number of [...numbers, ...numbers]) push(number, datagram);
          for (const number of numbers) core.readStream(number, streamOf([bytes(below(300))]));
        }
        results.push(...drain());
        for (const number of numbers) outputs.push(core.writeStream(number, layout.RING_BATCH).slice());
        for (const { key } of cables) outputs.push(core.sealResponse({ suite: 'blowfish', key }, bytes(128)));
      }
      return { results, output: Buffer.concat(outputs), memory: snapshot() };
    };
    const [first, second] = [await run(), await run()];
    expect(second.results).toEqual(first.results);
    expect(second.output.equals(first.output)).toBe(true);
    expect(second.memory.equals(first.memory)).toBe(true);
    // It did something: frames came through, repetitions and strangers did not.
    expect(first.output.length).toBeGreaterThan(20_000);
    for (const status of ['ok', 'replayed', 'bad padding', 'no key']) {
      expect(first.results.some((result) => result.status === status)).toBe(true);
    }
  });

  it('works on a ring that another thread fills', { timeout: 15_000 }, async () => {
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
});
