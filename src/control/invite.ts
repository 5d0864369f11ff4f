// What is said at the control socket of invites:
//
//     {"do":"invite","publicKey":"…","presharedKey":"…","name":"alice","seconds":3600,"uses":1}
//         →  {"publicKey":"…","port":7667,"until":1800000000,"addresses":["192.0.2.1"]}
//     {"do":"cancel","name":"alice"}  →  {"taken":1}
import type { Invited, InviteRequest } from '../keys/enrolment.js';
import { parseKey } from '../keys/key-text.js';
import { isName, NAME_RULE } from '../keys/peers-file.js';
import { INVITE_SECONDS as SECONDS, INVITE_USES_MAX as USES_MAX } from '../protocol/secure/constants.js';

type Fields = Readonly<Record<string, unknown>>;

const isCount = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

/** What is wrong with a request, or the request without the guest's keys. */
export function readInvite({
  name,
  seconds,
  uses,
}: Fields): Pick<InviteRequest, 'name' | 'seconds' | 'uses'> | string {
  if (!isName(name)) return `name is not a valid name: ${NAME_RULE}`;
  if (!isCount(seconds, SECONDS.min, SECONDS.max)) return 'seconds is not for how long it is open';
  if (!isCount(uses, 1, USES_MAX)) return 'uses is not how often it may be used';
  return { name, seconds, uses };
}

/** The answer to `invite`; undefined if it is none. */
export function parseInvited(line: string): Invited | undefined {
  const answer = objectOf(line);
  const publicKey = typeof answer?.publicKey === 'string' ? parseKey(answer.publicKey) : undefined;
  const { port, until, addresses } = answer ?? {};
  if (publicKey === undefined || !isCount(port, 1, 65_535) || !isCount(until, 0, 2 ** 32 - 1))
    return undefined;
  if (!Array.isArray(addresses) || !addresses.every((one) => typeof one === 'string')) return undefined;
  return { publicKey, port, until, addresses };
}

/** The answer to `cancel`; undefined if it is none. */
export function parseCancelled(line: string): number | undefined {
  const taken = objectOf(line)?.taken;
  return isCount(taken, 0, Number.MAX_SAFE_INTEGER) ? taken : undefined;
}

/** The object that an answer is; undefined if it is none. */
export function objectOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}
