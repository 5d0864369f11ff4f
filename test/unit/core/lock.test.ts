import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { Core } from '../../../src/core/core.js';
import { Lock } from '../../../src/core/lock.js';
import { newMemory } from '../../../src/core/wasm.js';
import { layout } from './harness.js';

/** A place that nobody else uses here, as an index of 32-bit words. */
const AT = layout.STAGE_OUT >> 2;
const TIMES = 200_000;

function scene() {
  const memory = newMemory();
  const lock = new Lock({ memory, layout } as never);
  return { memory, lock, words: new Int32Array(memory.buffer) };
}

describe('the lock', () => {
  test('keeps two threads apart, and keeps neither out', async () => {
    const { memory, lock, words } = scene();
    lock.shared = true;
    const worker = new Worker(new URL('lock-worker.mjs', import.meta.url), {
      workerData: { memory, layout, at: AT, times: TIMES },
    });
    const ended = once(worker, 'exit');
    await once(worker, 'message');
    let mine = 0;
    while (Atomics.load(words, AT) - mine < TIMES) {
      lock.take();
      const before = words[AT] as number;
      for (let spin = 0; spin < 20; spin++) words[AT + 1] = spin;
      words[AT] = before + 1;
      mine++;
      lock.give();
    }
    await ended;
    expect(words[AT]).toBe(TIMES + mine);
    expect(mine).toBeGreaterThan(10);
  });

  test('is no lock while there is one thread', () => {
    const { lock } = scene();
    lock.take();
    lock.take();
    lock.give();
  });

  test('that nobody gives back is given up, with one line', () => {
    const { lock } = scene();
    lock.shared = true;
    lock.take();
    expect(() => lock.take()).toThrow(/^the I\/O thread hangs: start again/);
    lock.take(); // from now on there is nobody to wait for
  });

  test('is given back when the core throws', async () => {
    const core = await Core.load();
    core.shared = true;
    const session = core.openSession() as number;
    expect(() => core.keySession(session, { suite: 'blowfish', key: new Uint8Array(3) })).toThrow(RangeError);
    core.keySession(session, { suite: 'plain' });
    core.unkeySession(session);
  });
});
