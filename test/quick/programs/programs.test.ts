// Programs of operations against the core: whatever peers, plugs, taps and the host's own order of things have it do, it
// writes nowhere but in its places, and loses no buffer.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { wasmBytes } from '../../../src/core/wasm.js';
import { randomnessOf } from '../../support/randomness.js';
import { anySeed, property } from '../fuzz/property.js';
import { makeMaterial } from './material.js';
import { runPrograms } from './run.js';
import { SEEN } from './watch.js';

/** Programs of one seed, and so many times as many where they have not shown all that they are there for. */
const PROGRAMS = 500;
const MOST = 10;
const SHOWN = [
  ...['ok', 'no key', 'bad length', 'bad padding', 'bad checksum', 'replayed', 'decrypt failed'],
  ...['unknown receiver index', 'frame too short', 'frame too long'],
  ...[
    'a control payload',
    'a frame of fragments',
    'frames joined',
    'a super-frame that waits',
    'a full ring',
    'a packet of a host',
    'a packet kept',
    'not its address',
    'not for this host',
  ],
];
const core = await WebAssembly.compile(wasmBytes());
const materialOf = (from: number) => makeMaterial(randomnessOf(from), core);

describe('programs of operations', () => {
  property(
    'write nothing where nothing belongs, and each buffer is of one owner',
    1,
    fc.asyncProperty(anySeed, async (from) => {
      for (let i = 0; i === 0 || (i < MOST && SHOWN.some((what) => !SEEN.has(what))); i++) {
        const failure = await runPrograms(from + i * PROGRAMS, PROGRAMS, await materialOf(from), core);
        if (failure !== undefined) throw new Error(`${await failure.shortened()}`);
      }
    }),
    () => {
      for (const what of SHOWN) expect(SEEN).toContain(what);
    },
    PROGRAMS,
  );
});
