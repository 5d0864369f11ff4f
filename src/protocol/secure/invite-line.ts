// An invite as one line of text (secure.md §8.1).
import { blake2s } from '@noble/hashes/blake2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { copyKey, secretRoom } from '../secret.js';
import { KEY_BYTES } from './constants.js';

/** Where a server may be. */
export interface Place {
  /** Name or address. */
  readonly host: string;
  /** UDP. */
  readonly port: number;
}

/** What an invite's line holds. */
export interface InviteLine {
  /** 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  /** The guest's, 32 bytes. */
  readonly privateKey: Uint8Array;
  /** The guest's, 32 bytes. */
  readonly presharedKey: Uint8Array;
  /** When it is over, s since 1970. */
  readonly until: number;
  readonly places: readonly Place[];
}

/**
 * Why a text is no invite: it does not begin as one; it is of a later version; it is torn, or a letter of it is another one; or
 * its checksum fits, and what it holds does not.
 */
export type LineFault = 'no invite' | 'version' | 'torn' | 'malformed';

const NAME = 'cryptcab:';
const START = `${NAME}1:`;
const CHECKSUM_BYTES = 4;
const FIXED_BYTES = 3 * KEY_BYTES + 4;
/** Characters of a line. */
const LINE_MAX = 2_048;
export const PLACES_MAX = 8;
const HOST = /^[A-Za-z0-9._:-]{1,253}$/;

/** Whether a line can hold this host. */
export function isHost(host: string): boolean {
  return HOST.test(host);
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function base64url(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let have = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    for (have += 8; have >= 6; have -= 6) text += DIGITS[(bits >> (have - 6)) & 63];
  }
  return have === 0 ? text : text + DIGITS[(bits << (6 - have)) & 63];
}

/** @returns undefined for what an encoder does not write */
function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = secretRoom((text.length * 6) >> 3);
  let bits = 0;
  let have = 0;
  let at = 0;
  for (const letter of text) {
    const value = DIGITS.indexOf(letter);
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    bytes[at++] = bits >> have;
  }
  return have < 6 && (bits & ((1 << have) - 1)) === 0 ? bytes : undefined;
}

function checksum(bytes: Uint8Array): Uint8Array {
  return blake2s(concatBytes(utf8ToBytes(START), bytes)).subarray(0, CHECKSUM_BYTES);
}

/** @throws RangeError for places that a line cannot hold */
export function writeInviteLine(invite: InviteLine): string {
  const { serverPublicKey, privateKey, presharedKey, until, places } = invite;
  if (places.length < 1 || places.length > PLACES_MAX)
    throw new RangeError(`an invite names 1 to ${PLACES_MAX} places`);
  const ends = places.map(({ host, port }) => {
    if (!isHost(host) || !(port > 0 && port <= 65_535)) throw new RangeError('a place is a host and a port');
    return Uint8Array.of(port >> 8, port, host.length, ...utf8ToBytes(host));
  });
  const time = new DataView(new ArrayBuffer(4));
  time.setUint32(0, until);
  const bytes = concatBytes(serverPublicKey, privateKey, presharedKey, new Uint8Array(time.buffer), ...ends);
  const whole = concatBytes(bytes, checksum(bytes));
  const line = START + base64url(whole);
  for (const one of [bytes, whole]) one.fill(0);
  if (line.length > LINE_MAX) throw new RangeError('the places are too long for an invite');
  return line;
}

/** Reads a line; white space in it does not matter. */
export function readInviteLine(text: string): InviteLine | LineFault {
  const line = text.replace(/\s+/g, '');
  if (!line.startsWith(NAME)) return 'no invite';
  if (!line.startsWith(START)) return /^cryptcab:\d{1,9}:/.test(line) ? 'version' : 'torn';
  const whole = line.length > LINE_MAX ? undefined : fromBase64url(line.slice(START.length));
  if (whole === undefined || whole.length < FIXED_BYTES + CHECKSUM_BYTES) return 'torn';
  try {
    const bytes = whole.subarray(0, -CHECKSUM_BYTES);
    const sum = checksum(bytes);
    if (sum.some((byte, i) => byte !== whole[bytes.length + i])) return 'torn';
    const places = readPlaces(bytes.subarray(FIXED_BYTES));
    if (places === undefined) return 'malformed';
    const key = (from: number) => copyKey(bytes.subarray(from, from + KEY_BYTES));
    return {
      serverPublicKey: key(0),
      privateKey: key(KEY_BYTES),
      presharedKey: key(2 * KEY_BYTES),
      until: new DataView(bytes.buffer).getUint32(3 * KEY_BYTES),
      places,
    };
  } finally {
    whole.fill(0);
  }
}

function readPlaces(bytes: Uint8Array): Place[] | undefined {
  const places: Place[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [high = 0, low = 0, length = 0] = bytes.subarray(at);
    const host = String.fromCharCode(...bytes.subarray(at + 3, at + 3 + length));
    const port = (high << 8) | low;
    if (host.length !== length || !isHost(host) || port === 0) return undefined;
    places.push({ host, port });
    at += 3 + length;
  }
  return places.length > 0 && places.length <= PLACES_MAX ? places : undefined;
}
