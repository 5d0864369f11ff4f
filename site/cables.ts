// The kinds of datagram, and what is done differently for each.
import { CryptcabError } from '../src/error.js';
import { KEY_FILE_BYTES } from '../src/protocol/classic/constants.js';
import { KEY_BYTES } from '../src/protocol/secure/constants.js';
import type { Primitives } from '../src/vectors/primitives.js';
import { equal } from './hex.js';
import { blowfishReading, blowfishSteps } from './steps/blowfish.js';
import { chacha20Reading, chacha20Steps } from './steps/chacha20.js';
import { type Part, part, type Step, wholeOf } from './steps/parts.js';
import { payloadReading, secureSteps } from './steps/secure.js';
import type { Kind, Sealed, Secret } from './workshop.js';

/** Bytes of key that each kind wants. */
export const KEY_LENGTHS: Record<Kind, number> = { ...KEY_FILE_BYTES, secure: KEY_BYTES };

/** Puts a secret together of what was typed. */
export function secretOf(kind: Kind, key: Uint8Array, block: 0 | 12, index: number): Secret {
  if (kind === 'blowfish') return { suite: kind, key };
  return kind === 'chacha20' ? { suite: kind, key, block } : { suite: kind, key, index };
}

/** @throws CryptcabError for frames that one datagram does not hold */
export function stepsOf(
  primitives: Primitives,
  secret: Secret,
  counter: bigint,
  frames: readonly Uint8Array[],
): Step[] {
  if (secret.suite === 'secure') return secureSteps(primitives, secret.key, secret.index, counter, frames);
  const [frame, ...more] = frames;
  if (frame === undefined || more.length > 0)
    throw new CryptcabError('a classic datagram holds one frame: leave one line');
  if (secret.suite === 'blowfish') return blowfishSteps(primitives, secret.key, counter, frame);
  return chacha20Steps(primitives, secret.key, secret.block, counter, frame);
}

/** The steps with the core's bytes in the last one; undefined when the steps do not come to these bytes. */
export function checked(steps: readonly Step[], sealed: Sealed): Step[] | undefined {
  const last = steps.at(-1);
  if (last?.parts === undefined || !equal(wholeOf(last.parts), sealed.datagram)) return undefined;
  let at = 0;
  const parts = last.parts.map(({ field, bytes }) => {
    const from = at;
    at += bytes.length;
    return part(field, sealed.datagram.subarray(from, at));
  });
  return [...steps.slice(0, -1), { ...last, parts }];
}

function blocksOf(cipher: Uint8Array): Part[] {
  return Array.from({ length: Math.ceil(cipher.length / 8) }, (_, i) =>
    part('cipher', cipher.subarray(8 * i, 8 * i + 8)),
  );
}

/** What can be said about a datagram without a key. */
export function outline(kind: Kind, datagram: Uint8Array): Part[] {
  const end = datagram.length;
  const pieces: Part[] =
    kind === 'blowfish'
      ? [part('type', datagram.subarray(0, 1)), ...blocksOf(datagram.subarray(1))]
      : kind === 'chacha20'
        ? [
            part('type', datagram.subarray(0, 1)),
            part('cipher', datagram.subarray(1, Math.max(1, end - 12))),
            part('crc', datagram.subarray(Math.max(1, end - 12), Math.max(1, end - 8))),
            part('counter', datagram.subarray(Math.max(1, end - 8))),
          ]
        : [
            part('type', datagram.subarray(0, 4)),
            part('index', datagram.subarray(4, 8)),
            part('counter', datagram.subarray(8, 16)),
            part('cipher', datagram.subarray(16, Math.max(16, end - 16))),
            part('tag', datagram.subarray(Math.max(16, end - 16))),
          ];
  return pieces.filter(({ bytes }) => bytes.length > 0);
}

/**
 * What the key makes of a datagram, good or not.
 * @param payload of the secure cable: what the core opened, if it did
 * @returns empty where nothing can be decrypted
 */
export function readingOf(
  primitives: Primitives,
  secret: Secret,
  datagram: Uint8Array,
  payload: Uint8Array,
): Part[] {
  if (secret.suite === 'blowfish') return blowfishReading(primitives, secret.key, datagram);
  if (secret.suite === 'chacha20') return chacha20Reading(primitives, secret.key, secret.block, datagram);
  return payloadReading(payload);
}
