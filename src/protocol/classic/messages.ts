import { CHALLENGE_BYTES, DENY_TEXT, ID_BYTES, RESPONSE_BYTES, TYPE } from './constants.js';

/** What a datagram claims to be, by its first byte and its exact length (classic.md §1.2). */
export const MESSAGES = [
  'login',
  'challenge',
  'response',
  'authOk',
  'deny',
  'keepalive',
  'data',
  'empty',
  'other',
] as const;
/** One of them. */
export type Message = (typeof MESSAGES)[number];

const DENY_BYTES = 1 + DENY_TEXT.length;

/** Tells what a datagram is; 'other' when its type is unknown or its length not that type's. */
export function classify(datagram: Uint8Array): Message {
  const length = datagram.length;
  if (length === 0) return 'empty';
  switch (datagram[0]) {
    case TYPE.DATA:
      return length > 1 ? 'data' : 'other';
    case TYPE.LOGIN:
      return loginId(datagram) === undefined ? 'other' : 'login';
    case TYPE.CHALLENGE:
      return length === 1 + CHALLENGE_BYTES ? 'challenge' : 'other';
    case TYPE.RESPONSE:
      return Object.values<number>(RESPONSE_BYTES).includes(length) ? 'response' : 'other';
    case TYPE.AUTH_OK:
      return length === 1 ? 'authOk' : 'other';
    case TYPE.DENY:
      // With its text, or bare: see deny().
      return length === DENY_BYTES || length === 1 ? 'deny' : 'other';
    case TYPE.KEEPALIVE:
      return length === 1 ? 'keepalive' : 'other';
    default:
      return 'other';
  }
}

/**
 * The session id of a LOGIN: 1 to 16 of `[A-Za-z0-9_]` (§1.3: it becomes part of a file's name), padded with NULs.
 * @returns undefined when the datagram is not a LOGIN with such an id
 */
export function loginId(datagram: Uint8Array): string | undefined {
  if (datagram[0] !== TYPE.LOGIN || datagram.length !== 1 + ID_BYTES) return undefined;
  return /^([A-Za-z0-9_]{1,16})\0*$/.exec(String.fromCharCode(...datagram.subarray(1)))?.[1];
}

/**
 * A LOGIN.
 * @param id 1 to 16 characters
 * @returns 17 bytes
 */
export function login(id: string): Uint8Array {
  const datagram = new Uint8Array(1 + ID_BYTES);
  datagram[0] = TYPE.LOGIN;
  for (let i = 0; i < id.length; i++) datagram[1 + i] = id.charCodeAt(i);
  return datagram;
}

/**
 * A CHALLENGE.
 * @param random its 128 bytes
 * @returns 129 bytes
 */
export function challenge(random: Uint8Array): Uint8Array {
  return Uint8Array.of(TYPE.CHALLENGE, ...random);
}

/** An AUTH_OK: one byte. */
export function authOk(): Uint8Array {
  return Uint8Array.of(TYPE.AUTH_OK);
}

/** A KEEPALIVE: one byte. */
export function keepalive(): Uint8Array {
  return Uint8Array.of(TYPE.KEEPALIVE);
}

/** Nothing that anybody knows: see client/cut-probes.ts. */
export function probe(): Uint8Array {
  return Uint8Array.of(0);
}

/**
 * The refusal of a datagram: never longer than what it answers (§5.2), so that the text is left out where
 * it would be. The C client looks at the first byte alone.
 * @param length of the datagram that is refused, at least 1
 */
export function deny(length: number): Uint8Array {
  if (length < DENY_BYTES) return Uint8Array.of(TYPE.DENY);
  return Uint8Array.from([TYPE.DENY, ...DENY_TEXT].map((c) => (typeof c === 'number' ? c : c.charCodeAt(0))));
}
