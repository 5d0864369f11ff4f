// The classic DATA of the ChaCha generation (classic.md §3.3): type ‖ ChaCha20(frame) ‖ crc ‖ counter.
import { concatBytes } from '@noble/hashes/utils.js';
import { TYPE } from '../../src/protocol/classic/constants.js';
import type { Primitives } from '../../src/vectors/primitives.js';
import { HEADER_BYTES } from '../frame.js';
import { littleEndian } from '../hex.js';
import { frameParts, type Part, part, type Step, streamLines } from './parts.js';

/** Of a key file, what is used. */
const KEY = 32;
/** CRC and counter, which are the nonce, too. */
const TAIL = 12;

export function chacha20Steps(
  primitives: Primitives,
  key: Uint8Array,
  block: number,
  counter: bigint,
  frame: Uint8Array,
): Step[] {
  const crc = part('crc', littleEndian(primitives.crc32(frame), 4));
  const counted = part('counter', littleEndian(counter, 8));
  const nonce = concatBytes(crc.bytes, counted.bytes);
  const cipher = primitives.chacha20(key.subarray(0, KEY), nonce, block, frame);
  return [
    {
      title: 'Frame',
      text: `${frame.length} bytes, as they come from the switch.`,
      parts: frameParts(frame),
    },
    {
      title: 'CRC',
      text: 'CRC-32 of the frame alone. It finds accidents, and is no proof of who sent it.',
      parts: [crc],
    },
    {
      title: 'Counter',
      text: `${counter}, in 8 bytes, little-endian. It rises by one with each datagram; a receiver takes each once.`,
      parts: [counted],
    },
    {
      title: 'Nonce',
      text: 'CRC and counter are the 12 bytes of the nonce. They travel in clear at the end: whoever listens learns the CRC of the frame.',
      parts: [crc, counted],
    },
    {
      title: 'Key stream',
      text: `ChaCha20 makes blocks of 64 bytes of key and nonce, here from block ${block} on, as the C program's build with ${block === 0 ? 'mbedTLS' : 'wolfSSL'} does. The frame is mixed with them, byte by byte.`,
      blocks: streamLines(frameParts(frame), cipher, block),
    },
    {
      title: 'Datagram',
      text: `The type byte, the ciphertext, CRC and counter: ${1 + frame.length + TAIL} bytes of UDP payload.`,
      parts: [part('type', Uint8Array.of(TYPE.DATA)), part('cipher', cipher), crc, counted],
    },
  ];
}

/** What the key makes of a datagram, whether it is a good one or not. */
export function chacha20Reading(
  primitives: Primitives,
  key: Uint8Array,
  block: number,
  datagram: Uint8Array,
): Part[] {
  const end = datagram.length - TAIL;
  if (end < 1 + HEADER_BYTES) return [];
  const tail = datagram.subarray(end);
  const body = datagram.subarray(1, end);
  const frame = primitives.chacha20(key.subarray(0, KEY), tail, block, body);
  return [...frameParts(frame), part('crc', tail.subarray(0, 4)), part('counter', tail.subarray(4))];
}
