// The classic DATA of the Blowfish generation (classic.md §3.2): type ‖ CBC(frame ‖ counter ‖ crc ‖ padding).
import { concatBytes } from '@noble/hashes/utils.js';
import { TYPE } from '../../src/protocol/classic/constants.js';
import type { Primitives } from '../../src/vectors/primitives.js';
import { HEADER_BYTES } from '../frame.js';
import { hexByte, littleEndian, xored } from '../hex.js';
import { type Block, cut, frameParts, type Part, part, type Step, wholeOf } from './parts.js';

const KEY = 16;
const BLOCK = 8;
/** Counter and CRC. */
const TAIL = 12;

export function blowfishSteps(
  primitives: Primitives,
  key: Uint8Array,
  counter: bigint,
  frame: Uint8Array,
): Step[] {
  const iv = key.subarray(KEY, KEY + BLOCK);
  const counted = part('counter', littleEndian(counter, 8));
  const crc = part('crc', littleEndian(primitives.crc32(concatBytes(frame, counted.bytes)), 4));
  const missing = BLOCK - ((frame.length + TAIL) % BLOCK);
  const padding = part('padding', new Uint8Array(missing).fill(missing));
  const plain = [...frameParts(frame), counted, crc, padding];

  const whole = wholeOf(plain);
  const blocks: Block[] = [];
  const sealed: Uint8Array[] = [];
  let before = part('iv', iv);
  for (let at = 0; at < whole.length; at += BLOCK) {
    const mixed = xored(whole.subarray(at, at + BLOCK), before.bytes);
    const cipher = primitives.blowfish(key.subarray(0, KEY), mixed, 'encrypt');
    const number = at / BLOCK + 1;
    blocks.push({
      title: `block ${number}`,
      lanes: [
        { label: 'plain', parts: cut(plain, at, at + BLOCK) },
        { label: number === 1 ? '⊕ IV' : `⊕ block ${number - 1}`, parts: [before] },
        { label: '=', parts: [part('mixed', mixed)] },
        { label: '→ cipher', parts: [part('cipher', cipher)] },
      ],
    });
    before = part('chained', cipher);
    sealed.push(cipher);
  }

  return [
    {
      title: 'Frame',
      text: `${frame.length} bytes, as they come from the switch.`,
      parts: frameParts(frame),
    },
    {
      title: 'Counter',
      text: `${counter}, in 8 bytes, little-endian. It rises by one with each datagram; a receiver takes each once.`,
      parts: [counted],
    },
    {
      title: 'CRC',
      text: 'CRC-32 of frame and counter. It finds accidents. Whoever has the key can make one: it is no proof of who sent it.',
      parts: [crc],
    },
    {
      title: 'Padding',
      text: `Up to whole blocks of 8, and always at least one byte: here ${missing} of value ${hexByte(missing)}.`,
      parts: [padding],
    },
    {
      title: 'Blocks, chained',
      text: 'Each block of 8 bytes is mixed with the ciphertext of the one before, the first with the IV, then encrypted by Blowfish. The IV is the same for every datagram: equal beginnings look equal.',
      blocks,
    },
    {
      title: 'Datagram',
      text: `The type byte, then the ciphertext: ${1 + whole.length} bytes of UDP payload.`,
      parts: [part('type', Uint8Array.of(TYPE.DATA)), part('cipher', concatBytes(...sealed))],
    },
  ];
}

/** What the key makes of a datagram, whether it is a good one or not. */
export function blowfishReading(primitives: Primitives, key: Uint8Array, datagram: Uint8Array): Part[] {
  const body = datagram.subarray(1);
  if (body.length === 0 || body.length % BLOCK !== 0) return [];
  const chain = concatBytes(key.subarray(KEY, KEY + BLOCK), body.subarray(0, -BLOCK));
  const plain = xored(primitives.blowfish(key.subarray(0, KEY), body, 'decrypt'), chain);
  const padding = plain.at(-1) as number;
  const end = plain.length - padding;
  const padded = padding >= 1 && padding <= BLOCK && plain.subarray(end).every((byte) => byte === padding);
  if (!padded || end - TAIL < HEADER_BYTES) return [part('unknown', plain)];
  return [
    ...frameParts(plain.subarray(0, end - TAIL)),
    part('counter', plain.subarray(end - TAIL, end - 4)),
    part('crc', plain.subarray(end - 4, end)),
    part('padding', plain.subarray(end)),
  ];
}
