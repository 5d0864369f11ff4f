// What is said at the control socket: one line of JSON each way. The words of both ends, without I/O.
//
//     {"do":"enrol","publicKey":"…","presharedKey":"…"}  →  {"publicKey":"…","port":7667}
//     {"do":"status"}                                    →  {"port":7667,"peers":[{"peer":"…",…},…]}
//     anything else                                      →  {"error":"…"}
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Enrolled } from '../keys/enrolment.js';
import { decodeKey, keyText, keyTextBytes, parseKey } from '../keys/key-text.js';

/** Bytes of a request, its end of line included; longer ones are junk. */
export const REQUEST_BYTES = 1_024;
/** Bytes of an answer: room for the counts of some thousand peers. */
export const ANSWER_BYTES = 1 << 20;
/** How long one end waits for the other's line, ms. */
export const PATIENCE_MS = 5_000;

export type Request =
  | { readonly do: 'enrol'; readonly publicKey: Uint8Array; readonly presharedKey: Uint8Array }
  | { readonly do: 'status' };

/** A peer and what it has carried; counts are decimal text, as JSON has no integers of 64 bits. */
export type PeerStatus = { readonly peer: string } & Readonly<Record<string, string>>;

export interface Status {
  readonly port: number;
  readonly peers: readonly PeerStatus[];
}

/** The object that a line holds. The parser's own words repeat what it read, which may be a key: never handed on. */
function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function keyIn(value: unknown): Uint8Array | undefined {
  return typeof value === 'string' ? parseKey(value) : undefined;
}

function portIn(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= 65_535
    ? (value as number)
    : undefined;
}

const SECRET = utf8ToBytes('"presharedKey":"');
const SECRET_BYTES = 44;
/** Stands in a line where its preshared key does, or did. */
const BLANK = 'x'.repeat(SECRET_BYTES);

/** Where the preshared key of a line is; undefined where it has none, as both ends here write it. */
function secretIn(line: Uint8Array): Uint8Array | undefined {
  for (let from = 0; from + SECRET.length + SECRET_BYTES <= line.length; from++) {
    if (SECRET.every((byte, i) => line[from + i] === byte))
      return line.subarray(from + SECRET.length, from + SECRET.length + SECRET_BYTES);
  }
  return undefined;
}

/**
 * The request of a line, or what is wrong with it; nothing of the line is repeated.
 * @param line in which the preshared key is wiped, before a string is made of the rest
 */
export function parseRequest(line: Uint8Array): Request | string {
  const secret = secretIn(line);
  const presharedKey = secret && decodeKey(secret);
  secret?.set(utf8ToBytes(BLANK));
  const request = parseObject(new TextDecoder().decode(line));
  switch (request?.do) {
    case 'enrol': {
      const publicKey = keyIn(request.publicKey);
      if (publicKey === undefined) return 'publicKey is not a key, 44 characters of base64';
      if (presharedKey === undefined || request.presharedKey !== BLANK)
        return 'presharedKey is not a key, 44 characters of base64';
      return { do: 'enrol', publicKey, presharedKey };
    }
    case 'status':
      return { do: 'status' };
    case undefined:
      return 'this is not a request: one line of JSON, {"do":"enrol",…} or {"do":"status"}';
    default:
      return 'there is no such request: there are enrol and status';
  }
}

/** A request as a line, to be wiped. */
export function requestLine(request: Request): Uint8Array {
  const keys = request.do === 'enrol' ? { publicKey: keyText(request.publicKey), presharedKey: BLANK } : {};
  const line = utf8ToBytes(`${JSON.stringify({ do: request.do, ...keys })}\n`);
  if (request.do === 'enrol') {
    const text = keyTextBytes(request.presharedKey);
    secretIn(line)?.set(text);
    text.fill(0);
  }
  return line;
}

/** An answer as a line. */
export function answerLine(answer: Enrolled | Status | { readonly error: string }): string {
  return `${JSON.stringify(
    'publicKey' in answer ? { publicKey: keyText(answer.publicKey), port: answer.port } : answer,
  )}\n`;
}

/** What a server refused a request for; undefined when it did not. */
export function errorIn(line: string): string | undefined {
  const error = parseObject(line)?.error;
  return typeof error === 'string' ? error : undefined;
}

/** The answer to `enrol`; undefined if the line is none. */
export function parseEnrolled(line: string): Enrolled | undefined {
  const answer = parseObject(line);
  const publicKey = keyIn(answer?.publicKey);
  const port = portIn(answer?.port);
  return publicKey === undefined || port === undefined ? undefined : { publicKey, port };
}

/** The answer to `status`; undefined if the line is none. */
export function parseStatus(line: string): Status | undefined {
  const answer = parseObject(line);
  const port = portIn(answer?.port);
  const peers = answer?.peers;
  return port === undefined || !Array.isArray(peers) || !peers.every(isPeerStatus)
    ? undefined
    : { port, peers };
}

function isPeerStatus(value: unknown): value is PeerStatus {
  return (
    typeof value === 'object' &&
    value !== null &&
    'peer' in value &&
    Object.values(value).every((one) => typeof one === 'string')
  );
}
