// Messages of DHCP (RFC 2131 §2, RFC 2132).

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { sameBytes } from '../bytes.js';
import { isStation, NOBODY_4 } from './address.js';

export const DHCP_PORT = { SERVER: 67, CLIENT: 68 } as const;
export const DHCP = { DISCOVER: 1, OFFER: 2, REQUEST: 3, DECLINE: 4, ACK: 5, NAK: 6, RELEASE: 7 } as const;

const OPTION = {
  MASK: 1,
  ROUTER: 3,
  HOST_NAME: 12,
  REQUESTED: 50,
  SECONDS: 51,
  OVERLOAD: 52,
  TYPE: 53,
  SERVER: 54,
  WANTED: 55,
  RENEWAL: 58,
  REBINDING: 59,
  CLIENT: 61,
} as const;
const [PAD, END] = [0, 255];
const COOKIE = Uint8Array.of(99, 130, 83, 99);
const OPTIONS_AT = 240;
/** The shortest message that all relays carry (RFC 1542 §2.1). */
const SHORTEST = 300;

/** Who a client is. */
export interface DhcpClient {
  readonly mac: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly name: string | undefined;
}

/** What a client says. */
export interface DhcpQuestion {
  readonly type: number;
  /** 4 bytes. */
  readonly transaction: Uint8Array;
  /** Since when it has been asking, s. */
  readonly seconds: number;
  /** Its address, where it has one. */
  readonly own?: Uint8Array;
  readonly requested?: Uint8Array | undefined;
  readonly server?: Uint8Array;
}

/** What a server says. Times are in seconds, Infinity for ever. */
export interface DhcpAnswer {
  readonly type: number;
  readonly transaction: Uint8Array;
  readonly address: Uint8Array;
  readonly server: Uint8Array;
  readonly bits: number;
  readonly router: Uint8Array | undefined;
  readonly seconds: number | undefined;
  readonly renewal: number | undefined;
  readonly rebinding: number | undefined;
}

/** A name as hosts have them, RFC 952 and RFC 1123; undefined where nothing of it is left. */
function hostName(name: string | undefined): string | undefined {
  const label = (name ?? '')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
  return label === '' ? undefined : label;
}

export function dhcpQuestion(client: DhcpClient, question: DhcpQuestion): Uint8Array {
  const { type, transaction, seconds, own = NOBODY_4, requested, server } = question;
  const options: number[] = [];
  const put = (option: number, bytes: ArrayLike<number> | undefined) => {
    if (bytes !== undefined) options.push(option, bytes.length, ...Array.from(bytes));
  };
  put(OPTION.TYPE, [type]);
  // Type 0: an identifier that is no hardware address (RFC 2132 §9.14).
  put(OPTION.CLIENT, [0, ...client.publicKey]);
  put(OPTION.REQUESTED, requested);
  put(OPTION.SERVER, server);
  if (type === DHCP.DISCOVER || type === DHCP.REQUEST) {
    const name = hostName(client.name);
    put(OPTION.HOST_NAME, name === undefined ? undefined : utf8ToBytes(name));
    put(OPTION.WANTED, [OPTION.MASK, OPTION.ROUTER, OPTION.SECONDS, OPTION.RENEWAL, OPTION.REBINDING]);
  }
  options.push(END);
  const message = new Uint8Array(Math.max(SHORTEST, OPTIONS_AT + options.length));
  message.set([1, 1, 6, 0]);
  message.set(transaction, 4);
  const past = Math.min(seconds, 0xffff);
  message.set([past >> 8, past & 0xff], 8);
  message.set(own, 12);
  message.set(client.mac, 28);
  message.set(COOKIE, OPTIONS_AT - 4);
  message.set(options, OPTIONS_AT);
  return message;
}

/** Adds the options of one field. @returns whether they are whole */
function collect(field: Uint8Array, into: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < field.length && field[at] !== END; ) {
    if (field[at] === PAD) {
      at++;
      continue;
    }
    const end = at + 2 + (field[at + 1] ?? Infinity);
    if (end > field.length) return false;
    const option = field[at] as number;
    if (!into.has(option)) into.set(option, field.subarray(at + 2, end));
    at = end;
  }
  return true;
}

/** @returns undefined for what is no answer to a client of this MAC address, or is not whole */
export function readDhcpAnswer(message: Uint8Array, mac: Uint8Array): DhcpAnswer | undefined {
  if (message.length < OPTIONS_AT || message[0] !== 2 || message[1] !== 1 || message[2] !== 6)
    return undefined;
  if (!sameBytes(message.subarray(28, 34), mac)) return undefined;
  if (!sameBytes(message.subarray(OPTIONS_AT - 4, OPTIONS_AT), COOKIE)) return undefined;
  const options = new Map<number, Uint8Array>();
  if (!collect(message.subarray(OPTIONS_AT), options)) return undefined;
  const overload = options.get(OPTION.OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0 && !collect(message.subarray(108, 236), options)) return undefined;
  if ((overload & 2) !== 0 && !collect(message.subarray(44, 108), options)) return undefined;
  const address = (option: number) => {
    const bytes = options.get(option)?.slice(0, 4);
    return bytes !== undefined && bytes.length === 4 && isStation(bytes) ? bytes : undefined;
  };
  const type = options.get(OPTION.TYPE)?.[0];
  const server = address(OPTION.SERVER);
  if (type === undefined || server === undefined) return undefined;
  return {
    type,
    transaction: message.slice(4, 8),
    address: message.slice(16, 20),
    server,
    bits: bitsOf(options.get(OPTION.MASK)),
    router: address(OPTION.ROUTER),
    seconds: secondsIn(options.get(OPTION.SECONDS)),
    renewal: secondsIn(options.get(OPTION.RENEWAL)),
    rebinding: secondsIn(options.get(OPTION.REBINDING)),
  };
}

function secondsIn(option: Uint8Array | undefined): number | undefined {
  if (option?.length !== 4) return undefined;
  const seconds = new DataView(option.buffer, option.byteOffset).getUint32(0);
  return seconds === 0xffffffff ? Infinity : seconds;
}

/** The bits of a mask; 24 where there is none, or one with holes. */
function bitsOf(mask: Uint8Array | undefined): number {
  if (mask?.length !== 4) return 24;
  const word = new DataView(mask.buffer, mask.byteOffset).getUint32(0);
  const bits = Math.clz32(~word >>> 0);
  return word === (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0) ? bits : 24;
}
