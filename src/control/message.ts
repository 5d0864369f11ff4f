// What is said at the control socket: one line of JSON each way. The words of both ends, without I/O; docs/control.md
// explains them.
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Enrolled, Invited, InviteRequest } from '../keys/enrolment.js';
import { decodeKey, keyText, keyTextBytes, parseKey } from '../keys/key-text.js';
import { isName, NAME_RULE } from '../keys/peers-file.js';
import { DRAIN_SECONDS } from '../protocol/secure/fleet.js';
import { type Leased, readProbe, type Used } from './addresses.js';
import type { CaptureWish } from './capture-terms.js';
import { isStatus } from './check.js';
import { readInvite } from './invite.js';
import { type EndStatus, STATUS_VERSION } from './status.js';

/** Bytes of a request, its end of line included; longer ones are junk. */
export const REQUEST_BYTES = 2_048;
/** Bytes of an answer: room for all peers that a server can have. */
export const ANSWER_BYTES = 128 << 20;
/** How long one end waits for the other's line, ms. */
export const PATIENCE_MS = 5_000;

/** Who enrols a client. */
export interface By {
  /** Who has logged in by ssh. */
  readonly user?: string;
  /** From where. */
  readonly address?: string;
}

/** A peer that should be added. */
export interface AddedPeer {
  /** 44 characters. */
  readonly publicKey: string;
  readonly name?: string;
  readonly presharedKeyFile?: string;
  /** Of a stock WireGuard device: which host it is, as its line says it. */
  readonly host?: string;
  /** What it may do on the network, as its line says it. */
  readonly policy?: string;
}

export type Request =
  | {
      readonly do: 'enrol';
      readonly publicKey: Uint8Array;
      readonly presharedKey: Uint8Array;
      readonly name?: string;
      readonly by?: By;
    }
  | ({ readonly do: 'invite' } & InviteRequest)
  | { readonly do: 'cancel'; readonly name: string; readonly publicKey?: Uint8Array }
  | { readonly do: 'status' }
  | ({ readonly do: 'capture' } & CaptureWish)
  | { readonly do: 'log'; readonly follow: boolean }
  | { readonly do: 'ping' | 'remove' | 'kick'; readonly peer: string }
  | { readonly do: 'drain'; readonly seconds: number }
  | { readonly do: 'rename'; readonly peer: string; readonly name: string }
  | { readonly do: 'limit'; readonly peer: string; readonly policy: string }
  | ({ readonly do: 'add' } & AddedPeer)
  | { readonly do: 'probe'; readonly addresses: readonly string[] }
  | { readonly do: 'lease'; readonly publicKey: string; readonly name?: string };

/** What became of a change of the peers. */
export interface Changed {
  /** Whom it was about, for people. */
  readonly peer: string;
  /** Why the change ends with this end; null where it lasts. */
  readonly untilEnd: string | null;
  /** When it ends, where that may be before the end of this end. */
  readonly until?: string;
  /** After `limit`, and `add` with a policy: what it may do on the network now; empty where nothing is limited. */
  readonly policy?: string;
}

/** The answer to `ping`: ms, or null where none came in time. */
export interface Pong {
  readonly roundTrip: number | null;
}

/** The answer to `cancel`: how many invites were taken back. */
export interface Taken {
  readonly taken: number;
}

/** The answer to `drain`: how many peers are told to go elsewhere. */
export interface Told {
  readonly told: number;
}

export type Answer =
  | Enrolled
  | Invited
  | Taken
  | Told
  | EndStatus
  | Changed
  | Pong
  | Used
  | Leased
  | { readonly error: string };

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

/** Printed in tables, and kept in a file: no more than that, and nothing that drives a terminal. */
const PLAIN = /^[\w.:@%+-]{1,80}$/;
const plainIn = (value: unknown) => (typeof value === 'string' && PLAIN.test(value) ? value : undefined);

function byIn(value: unknown): By {
  const { user, address } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const [who, where] = [plainIn(user), plainIn(address)];
  return { ...(who !== undefined && { user: who }), ...(where !== undefined && { address: where }) };
}

const NOT_A_KEY = 'publicKey is not a key, 44 characters of base64';
const NOT_A_POLICY = 'policy is not a text';
const NOT_A_PEER = 'peer is not a text: a public key, or the address of a classic client';

/**
 * The request of a line, or what is wrong with it; nothing of the line is repeated.
 * @param line in which the preshared key is wiped, before a string is made of the rest
 */
export function parseRequest(line: Uint8Array): Request | string {
  const secret = secretIn(line);
  const presharedKey = secret && decodeKey(secret);
  secret?.set(utf8ToBytes(BLANK));
  const request = parseObject(new TextDecoder().decode(line));
  if (request === undefined || typeof request.do !== 'string')
    return 'this is not a request: one line of JSON, {"do":"status"} or another (docs/control.md)';
  const { version = STATUS_VERSION, do: what, name, peer } = request;
  if (version !== STATUS_VERSION)
    return `this end understands version ${STATUS_VERSION} of requests: use the cryptcab that it was started with`;
  if (name !== undefined && !isName(name)) return `name is not a valid name: ${NAME_RULE}`;
  switch (what) {
    case 'enrol':
    case 'invite': {
      const publicKey = keyIn(request.publicKey);
      if (publicKey === undefined) return NOT_A_KEY;
      if (presharedKey === undefined || request.presharedKey !== BLANK)
        return 'presharedKey is not a key, 44 characters of base64';
      if (what === 'invite') {
        const invite = readInvite(request);
        return typeof invite === 'string' ? invite : { do: 'invite', publicKey, presharedKey, ...invite };
      }
      const by = byIn(request.by);
      return {
        do: 'enrol',
        publicKey,
        presharedKey,
        ...(name !== undefined && { name }),
        ...(Object.keys(by).length > 0 && { by }),
      };
    }
    case 'cancel': {
      if (name === undefined) return `name is missing: ${NAME_RULE}`;
      if (request.publicKey === undefined) return { do: 'cancel', name };
      const publicKey = keyIn(request.publicKey);
      return publicKey === undefined ? NOT_A_KEY : { do: 'cancel', name, publicKey };
    }
    case 'status':
      return { do: 'status' };
    case 'capture': {
      const { wire } = request;
      if (typeof wire !== 'boolean') return 'wire is neither true nor false';
      if (peer !== undefined && typeof peer !== 'string') return NOT_A_PEER;
      return { do: 'capture', wire, ...(peer !== undefined && { peer }) };
    }
    case 'log': {
      const { follow } = request;
      return typeof follow === 'boolean' ? { do: 'log', follow } : 'follow is neither true nor false';
    }
    case 'ping':
    case 'remove':
    case 'kick':
      return typeof peer === 'string' ? { do: what, peer } : NOT_A_PEER;
    case 'drain': {
      const { seconds } = request;
      const { min, max } = DRAIN_SECONDS;
      if (!Number.isInteger(seconds) || (seconds as number) < min || (seconds as number) > max)
        return `seconds is no whole number from ${min} to ${max}`;
      return { do: 'drain', seconds: seconds as number };
    }
    case 'rename':
      if (typeof peer !== 'string') return NOT_A_PEER;
      return name === undefined ? `name is missing: ${NAME_RULE}` : { do: 'rename', peer, name };
    case 'limit': {
      const { policy } = request;
      if (typeof peer !== 'string') return NOT_A_PEER;
      return typeof policy === 'string' ? { do: 'limit', peer, policy } : NOT_A_POLICY;
    }
    case 'add': {
      const publicKey = keyIn(request.publicKey);
      const { presharedKeyFile, host, policy } = request;
      if (publicKey === undefined) return NOT_A_KEY;
      if (presharedKeyFile !== undefined && typeof presharedKeyFile !== 'string')
        return 'presharedKeyFile is not the path of a file';
      if (host !== undefined && typeof host !== 'string') return 'host is not a text';
      if (policy !== undefined && typeof policy !== 'string') return NOT_A_POLICY;
      return {
        do: 'add',
        publicKey: keyText(publicKey),
        ...(name !== undefined && { name }),
        ...(presharedKeyFile !== undefined && { presharedKeyFile }),
        ...(host !== undefined && { host }),
        ...(policy !== undefined && { policy }),
      };
    }
    case 'probe': {
      const addresses = readProbe(request.addresses);
      return typeof addresses === 'string' ? addresses : { do: 'probe', addresses };
    }
    case 'lease': {
      const publicKey = keyIn(request.publicKey);
      if (publicKey === undefined) return NOT_A_KEY;
      return { do: 'lease', publicKey: keyText(publicKey), ...(name !== undefined && { name }) };
    }
    default:
      return 'there is no such request: docs/control.md has them all';
  }
}

/** A request as a line, to be wiped. */
export function requestLine(request: Request): Uint8Array {
  const { do: what, ...rest } = request;
  const written = {
    ...rest,
    ...('publicKey' in request &&
      request.publicKey instanceof Uint8Array && { publicKey: keyText(request.publicKey) }),
    ...('presharedKey' in request && { presharedKey: BLANK }),
  };
  const line = utf8ToBytes(`${JSON.stringify({ version: STATUS_VERSION, do: what, ...written })}\n`);
  if ('presharedKey' in request) {
    const text = keyTextBytes(request.presharedKey);
    secretIn(line)?.set(text);
    text.fill(0);
  }
  return line;
}

/** An answer as a line. */
export function answerLine(answer: Answer): string {
  const written =
    'publicKey' in answer && answer.publicKey instanceof Uint8Array
      ? { ...answer, publicKey: keyText(answer.publicKey) }
      : answer;
  return `${JSON.stringify({ version: STATUS_VERSION, ...written })}\n`;
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

/** The answer to `status`; undefined if the line is none, or of another version. */
export function parseStatus(line: string): EndStatus | undefined {
  const answer = parseObject(line);
  return isStatus(answer) ? answer : undefined;
}

/** The answer to a change of the peers; undefined if the line is none. */
export function parseChanged(line: string): Changed | undefined {
  const { peer, untilEnd, until, policy } = parseObject(line) ?? {};
  if (typeof peer !== 'string' || (untilEnd !== null && typeof untilEnd !== 'string')) return undefined;
  return {
    ...{ peer, untilEnd },
    ...(typeof until === 'string' && { until }),
    ...(typeof policy === 'string' && { policy }),
  };
}

/** The answer to `ping`; undefined if the line is none. */
export function parsePong(line: string): Pong | undefined {
  const { roundTrip } = parseObject(line) ?? {};
  return roundTrip === null || (typeof roundTrip === 'number' && roundTrip >= 0) ? { roundTrip } : undefined;
}

/** The answer to `drain`; undefined if the line is none. */
export function parseTold(line: string): Told | undefined {
  const { told } = parseObject(line) ?? {};
  return Number.isSafeInteger(told) && (told as number) >= 0 ? { told: told as number } : undefined;
}
