import { describe, expect, it } from 'vitest';
import { WASM_BASE64 } from '../../../../src/core/wasm.generated.js';
import { instantiate } from '../../../../src/core/wasm.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';
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
      const results: { readonly status: string; readonly bytes: string }[] = [];
      const outputs: Uint8Array[] = [];
      for (let round = 1n; round <= 20n; round++) {
        for (const cable of cables) {
          const datagram = cable.data(bytes(14 + below(300)), round);
          for (const number of [...numbers, ...numbers]) push(number, datagram);
          for (const number of numbers) core.readStream(number, streamOf([bytes(below(300))]));
        }
        results.push(...drain().map((result) => ({ ...result, bytes: hex(result.bytes) })));
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
});
