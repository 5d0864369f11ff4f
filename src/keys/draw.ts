import { randomFillSync } from 'node:crypto';
import { secretRoom } from '../protocol/secret.js';

/** Random bytes of the system's generator, that do not move: wiping them leaves nothing. */
export function drawSecret(bytes: number): Uint8Array {
  return randomFillSync(secretRoom(bytes));
}
