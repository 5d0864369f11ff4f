// Two secure ends on a simulated network, and numbered frames for them.
import type { SecureRefusal } from '../../../src/protocol/secure/terms.js';
import { randomness, seed } from '../../support/seed.js';
import { makePair, type SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes } = randomness();

/** A frame that tells its number. */
export function frameOf(number: number, length = 60): Uint8Array {
  const frame = bytes(length);
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

export const numbersOf = (frames: readonly Uint8Array[]): number[] =>
  frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0));

export const refusals = (node: SecureNode): Partial<Record<SecureRefusal, bigint>> =>
  Object.fromEntries(node.machine.refused);

export async function pair(options: { presharedKey?: Uint8Array } = {}) {
  const network = new Network(seed);
  return { network, ...(await makePair(network, options)) };
}
