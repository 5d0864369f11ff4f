import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { Core } from '../../../../src/core/core.js';
import { Lock } from '../../../../src/core/lock.js';
import { newMemory } from '../../../../src/core/wasm.js';
import { layout } from './harness.js';

/** A place that nobody else uses here, as an index of 32-bit words. */
const AT = layout.STAGE_OUT >> 2;
/** As often as each thread is to have had it. */
const TIMES = 20_000;

const workers: Worker[] = [];

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

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
      workerData: { memory, layout, at: AT },
    });
    workers.push(worker);
    let mine = 0;
    let disturbed = 0;
    while (mine < TIMES || Atomics.load(words, AT + 3) < TIMES) {
      lock.take();
      const before = words[AT] as number;
      Atomics.store(words, AT + 1, 1);
      for (let spin = 0; spin < 300; spin++) if (Atomics.load(words, AT + 1) !== 1) disturbed++;
      words[AT] = before + 1;
      mine++;
      lock.give();
      if (mine % 1_000 === 0) await new Promise(setImmediate); // so that the other thread can start
    }
    Atomics.store(words, AT + 2, 1);
    await once(worker, 'exit');
    expect([disturbed, words[AT + 4]]).toEqual([0, 0]);
    expect(words[AT]).toBe(mine + (words[AT + 3] as number));
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
