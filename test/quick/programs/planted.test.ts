// Whether programs find a fault: the core as it is built, except for one of its bounds.
import { expect, test } from 'vitest';
import { wasmBytes } from '../../../src/core/wasm.js';
import { randomnessOf } from '../../support/randomness.js';
import { seed } from '../../support/seed.js';
import { at } from './map.js';
import { makeMaterial } from './material.js';
import { runPrograms } from './run.js';

/** A number as it is in WebAssembly: `i32.const`, and LEB128. */
function constant(value: number): Buffer {
  const bytes = [0x41];
  for (let rest = value; ; rest >>= 7) {
    bytes.push(rest < 64 ? rest : (rest & 127) | 128);
    if (rest < 64) return Buffer.from(bytes);
  }
}

/** The core, each time with one of its comparisons with a bound raised by so many bytes. */
function* raised(bound: number, by: number): Generator<Uint8Array<ArrayBuffer>> {
  const built = Buffer.from(wasmBytes());
  const right = constant(bound);
  for (let at = built.indexOf(right); at >= 0; at = built.indexOf(right, at + 1)) {
    if (built[at + right.length] === END) continue; // it is the value of a constant that is exported
    const faulty = Uint8Array.from(built);
    faulty.set(constant(bound + by), at);
    yield faulty;
  }
}

/** The end of an expression. */
const END = 0x0b;

/**
 * Of the places in which the core compares with FRAME_MAX or DATAGRAM_MAX, those where nothing else holds what the bound
 * would: the frame of a plug (in one piece, in several, and when it is sealed), of fragments, of either cipher and of none, a
 * datagram of a piece.
 */
const ALONE = 7;

test('a bound of the core that is raised by 84 bytes is found', async () => {
  const built = await WebAssembly.compile(wasmBytes());
  const faults: string[] = [];
  let left = ['FRAME_MAX', 'DATAGRAM_MAX'].map(at).flatMap((bound) => [...raised(bound, 84)]);
  // Most are found by a few programs: those that nothing finds are what takes time. Each time they are made of something else,
  // as what one seed gives may not have what a fault takes.
  for (const [i, programs] of [100, 500, 1_500, 1_500].entries()) {
    const from = seed + i;
    const material = await makeMaterial(randomnessOf(from), built);
    const unseen: typeof left = [];
    for (const faulty of left) {
      if (faults.length >= ALONE) break;
      const failure = await runPrograms(from, programs, material, await WebAssembly.compile(faulty));
      if (failure === undefined) unseen.push(faulty);
      else faults.push(failure.fault);
    }
    left = unseen;
  }
  expect(faults.length, faults.join('\n')).toBeGreaterThanOrEqual(ALONE);
});
