// Bytes with a meaning: what the steps are made of, and what is coloured.
import { concatBytes } from '@noble/hashes/utils.js';
import { HEADER_BYTES } from '../frame.js';
import { xored } from '../hex.js';

/** What bytes can be, and what the legend says of them. */
export const FIELDS = {
  type: 'type of the datagram',
  destination: 'destination MAC address',
  source: 'source MAC address',
  ethertype: 'EtherType',
  payload: 'payload of the frame',
  counter: 'counter, little-endian',
  crc: 'CRC-32, little-endian',
  padding: 'padding (PKCS#7)',
  iv: 'IV of the key file',
  chained: 'ciphertext of the block before',
  mixed: 'plain and the one before, exclusive or',
  stream: 'key stream',
  cipher: 'ciphertext',
  kind: 'kind of the payload',
  length: 'length of a frame, big-endian',
  fragment: 'fragment: length, frame, index, count',
  index: "receiver's index, little-endian",
  zero: 'zero',
  tag: 'Poly1305 tag',
  'one-time': 'one-time key of the tag',
  unknown: 'cannot be told',
} as const;

export type Field = keyof typeof FIELDS;

export interface Part {
  readonly field: Field;
  readonly bytes: Uint8Array;
}

/** One line of a block: what it is, and its bytes. */
export interface Lane {
  readonly label: string;
  readonly parts: readonly Part[];
}

/** A block, or a line of key stream, on its way through the cipher. */
export interface Block {
  readonly title: string;
  readonly lanes: readonly Lane[];
}

export interface Step {
  readonly title: string;
  readonly text: string;
  readonly parts?: readonly Part[];
  readonly blocks?: readonly Block[];
}

export const part = (field: Field, bytes: Uint8Array): Part => ({ field, bytes });

export const wholeOf = (parts: readonly Part[]): Uint8Array =>
  concatBytes(...parts.map(({ bytes }) => bytes));

/** The bytes from one place to another, their meanings kept. */
export function cut(parts: readonly Part[], from: number, to: number): Part[] {
  const pieces: Part[] = [];
  let at = 0;
  for (const { field, bytes } of parts) {
    const piece = bytes.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (piece.length > 0) pieces.push({ field, bytes: piece });
    at += bytes.length;
  }
  return pieces;
}

export function frameParts(frame: Uint8Array): Part[] {
  return [
    part('destination', frame.subarray(0, 6)),
    part('source', frame.subarray(6, 12)),
    part('ethertype', frame.subarray(12, HEADER_BYTES)),
    part('payload', frame.subarray(HEADER_BYTES)),
  ].filter(({ bytes }) => bytes.length > 0);
}

/** Bytes of key stream that are shown in one line. */
const LINE = 16;
/** RFC 8439 §2.3. */
const STREAM_BLOCK = 64;

/**
 * Bytes, the key stream that they are mixed with (RFC 8439 §2.4), and what comes of it, line by line.
 * @param first number of the first block of the key stream
 */
export function streamLines(parts: readonly Part[], cipher: Uint8Array, first: number): Block[] {
  const whole = wholeOf(parts);
  const lines: Block[] = [];
  for (let at = 0; at < whole.length; at += LINE) {
    const to = Math.min(at + LINE, whole.length);
    const from = at % STREAM_BLOCK;
    lines.push({
      title: `block ${first + Math.floor(at / STREAM_BLOCK)}, bytes ${from} to ${from + to - at - 1}`,
      lanes: [
        { label: 'plain', parts: cut(parts, at, to) },
        {
          label: '⊕ stream',
          parts: [part('stream', xored(whole.subarray(at, to), cipher.subarray(at, to)))],
        },
        { label: '= cipher', parts: [part('cipher', cipher.subarray(at, to))] },
      ],
    });
  }
  return lines;
}
