// The transport message of the secure cable (secure.md §2.1; WireGuard whitepaper §5.4.6).
import { concatBytes } from '@noble/hashes/utils.js';
import { CryptcabError } from '../../src/error.js';
import { MESSAGE } from '../../src/protocol/secure/constants.js';
import type { Primitives } from '../../src/vectors/primitives.js';
import { HEADER_BYTES } from '../frame.js';
import { littleEndian } from '../hex.js';
import { PATH } from '../workshop.js';
import { type Field, frameParts, type Part, part, type Step, streamLines, wholeOf } from './parts.js';

const HEADER = 16;
const TAG = 16;
const RECORDS = 0x01;
const FRAGMENT = 0x8000;

function payloadOf(frames: readonly Uint8Array[]): Part[] {
  const records = frames.flatMap((frame) => [
    part('length', Uint8Array.of(frame.length >> 8, frame.length & 0xff)),
    ...frameParts(frame),
  ]);
  return [part('kind', Uint8Array.of(RECORDS)), ...records];
}

const padded = (bytes: Uint8Array): Uint8Array => concatBytes(bytes, new Uint8Array(-bytes.length & 15));

/** @throws CryptcabError for frames that one datagram does not hold */
export function secureSteps(
  primitives: Primitives,
  key: Uint8Array,
  index: number,
  counter: bigint,
  frames: readonly Uint8Array[],
): Step[] {
  const payload = payloadOf(frames);
  const plain = wholeOf(payload);
  const length = HEADER + plain.length + TAG;
  if (length > PATH)
    throw new CryptcabError(
      `this makes ${length} bytes, and a datagram has ${PATH}: take fewer frames, or shorter ones; the cable itself cuts them`,
    );
  const header = [
    part('type', littleEndian(MESSAGE.TRANSPORT, 4)),
    part('index', littleEndian(index, 4)),
    part('counter', littleEndian(counter, 8)),
  ];
  const nonce = [part('zero', new Uint8Array(4)), part('counter', littleEndian(counter, 8))];
  const cipher = primitives.chacha20(key, wholeOf(nonce), 1, plain);
  const blocks = streamLines(payload, cipher, 1);
  const oneTime = primitives.chacha20(key, wholeOf(nonce), 0, new Uint8Array(32));
  // RFC 8439 §2.8: the ciphertext to a whole block, then the lengths of the additional data (none) and of it.
  const tag = primitives.poly1305(
    oneTime,
    concatBytes(padded(cipher), littleEndian(0, 8), littleEndian(cipher.length, 8)),
  );
  return [
    {
      title: frames.length === 1 ? 'Frame' : `${frames.length} frames`,
      text: 'As from the switch. A datagram takes as many frames as wait and fit.',
      parts: frames.flatMap(frameParts),
    },
    {
      title: 'Payload',
      text: 'A byte that says what follows, then each frame behind its length. An empty payload would be a keepalive.',
      parts: payload,
    },
    {
      title: 'Header',
      text: `Type 4, the index that the receiver knows these keys by, and the counter, ${counter}: each number once under one key.`,
      parts: header,
    },
    {
      title: 'Nonce',
      text: 'Four zero bytes and the counter.',
      parts: nonce,
    },
    {
      title: 'Key stream',
      text: 'The payload is mixed with ChaCha20’s key stream, from block 1 on.',
      blocks,
    },
    {
      title: 'Tag',
      text: 'Block 0 is the one-time key of Poly1305; the tag is over the whole ciphertext. Nobody without the key can make one: it is looked at before anything is decrypted.',
      parts: [part('one-time', oneTime), part('tag', tag)],
    },
    {
      title: 'Datagram',
      text: `Header, ciphertext, tag: ${length} bytes of UDP payload.`,
      parts: [...header, part('cipher', cipher), part('tag', tag)],
    },
  ];
}

/** The records of an authentic payload, as far as they can be told. */
export function payloadReading(payload: Uint8Array): Part[] {
  if (payload.length === 0) return [];
  if (payload[0] !== RECORDS) return [part('unknown', payload)];
  const parts: Part[] = [part('kind', payload.subarray(0, 1))];
  let at = 1;
  while (at < payload.length) {
    const word = ((payload[at] as number) << 8) | (payload[at + 1] ?? 0);
    const [field, head]: [Field, number] = word >= FRAGMENT ? ['fragment', 6] : ['length', 2];
    const end = at + head + (word & (FRAGMENT - 1));
    if (end > payload.length) {
      parts.push(part('unknown', payload.subarray(at)));
      break;
    }
    const body = payload.subarray(at + head, end);
    parts.push(part(field, payload.subarray(at, at + head)));
    if (word >= FRAGMENT || body.length < HEADER_BYTES) parts.push(part('payload', body));
    else parts.push(...frameParts(body));
    at = end;
  }
  return parts;
}
