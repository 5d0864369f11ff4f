// Messages of neighbour discovery (RFC 4861 §4).
import { isLinkLocal, isMulticast, isUnspecified } from './address.js';
import { isGroupMac } from './ethernet.js';
import { ICMPV6, icmpv6Of, isIntact } from './icmpv6.js';
import type { Packet } from './ip.js';
import type { Prefix } from './terms.js';

/** Such messages have it: no router let them through. */
const HOPS = 255;
const OPTION = { SOURCE: 1, TARGET: 2, PREFIX: 3 } as const;
const [ROUTER, SOLICITED, OVERRIDE] = [0x80, 0x40, 0x20];

export interface Solicitation {
  readonly what: 'solicitation';
  readonly target: Uint8Array;
  readonly mac: Uint8Array | undefined;
}

export interface Advertisement {
  readonly what: 'advertisement';
  readonly target: Uint8Array;
  readonly mac: Uint8Array | undefined;
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
}

export interface RouterAdvertisement {
  readonly what: 'router advertisement';
  /** How long the router is one, s; 0 if it is none any more. */
  readonly seconds: number;
  /** -1, 0 or 1 (RFC 4191 §2.1). */
  readonly preference: number;
  readonly mac: Uint8Array | undefined;
  /** Networks on the link, each for so many seconds; 0 takes one back. */
  readonly networks: readonly { readonly network: Prefix; readonly seconds: number }[];
}

export type Discovery = Solicitation | Advertisement | RouterAdvertisement;

interface Option {
  readonly type: number;
  readonly body: Uint8Array;
}

/** @returns undefined where one is cut off */
function optionsIn(bytes: Uint8Array): Option[] | undefined {
  const options: Option[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 8 * (bytes[at + 1] ?? 0);
    if (length === 0 || at + length > bytes.length) return undefined;
    options.push({ type: bytes[at] as number, body: bytes.subarray(at + 2, at + length) });
    at += length;
  }
  return options;
}

function macIn(options: readonly Option[], wanted: number): Uint8Array | undefined {
  const mac = options.find(({ type }) => type === wanted)?.body.subarray(0, 6);
  return mac === undefined || isGroupMac(mac) ? undefined : mac;
}

/**
 * Reads a message that the machine uses, and separates others and wrong ones (RFC 4861 §6.1, §7.1).
 * @returns undefined for a wrong one
 */
export function readDiscovery(packet: Packet): Discovery | 'other' | undefined {
  const { payload, hops, part, source, destination } = packet;
  const [type, code] = payload;
  // One that was cut is passed over (RFC 6980 §5).
  if (hops !== HOPS || code !== 0 || part !== 'whole' || !isIntact(packet)) return undefined;
  if (type === ICMPV6.ROUTER_ADVERTISEMENT) return readRouter(payload, source);
  if (type !== ICMPV6.SOLICITATION && type !== ICMPV6.ADVERTISEMENT) return 'other';
  const target = payload.subarray(8, 24);
  const options = payload.length < 24 ? undefined : optionsIn(payload.subarray(24));
  if (options === undefined || isMulticast(target)) return undefined;
  if (type === ICMPV6.SOLICITATION) {
    const mac = macIn(options, OPTION.SOURCE);
    const detects = isUnspecified(source);
    if (detects && (mac !== undefined || !isMulticast(destination))) return undefined;
    return { what: 'solicitation', target, mac };
  }
  const flags = payload[4] as number;
  const solicited = (flags & SOLICITED) !== 0;
  if (solicited && isMulticast(destination)) return undefined;
  return {
    what: 'advertisement',
    target,
    mac: macIn(options, OPTION.TARGET),
    router: (flags & ROUTER) !== 0,
    solicited,
    override: (flags & OVERRIDE) !== 0,
  };
}

function readRouter(payload: Uint8Array, source: Uint8Array): RouterAdvertisement | undefined {
  const options = payload.length < 16 ? undefined : optionsIn(payload.subarray(16));
  if (options === undefined || !isLinkLocal(source)) return undefined;
  const preference = ((payload[5] as number) >> 3) & 3;
  return {
    what: 'router advertisement',
    seconds: ((payload[6] as number) << 8) | (payload[7] as number),
    preference: preference === 1 ? 1 : preference === 3 ? -1 : 0,
    mac: macIn(options, OPTION.SOURCE),
    networks: options.flatMap(({ type, body }) => (type === OPTION.PREFIX ? networkIn(body) : [])),
  };
}

/** The network that an option of a prefix says is on the link. */
function networkIn(body: Uint8Array): { network: Prefix; seconds: number }[] {
  const [bits = 0, flags = 0] = body;
  if (body.length !== 30 || bits > 128 || (flags & 0x80) === 0) return [];
  const address = body.slice(14, 30);
  if (isLinkLocal(address) || isMulticast(address)) return [];
  const seconds = new DataView(body.buffer, body.byteOffset).getUint32(2);
  return [{ network: { address, bits }, seconds: seconds === 0xffffffff ? Infinity : seconds }];
}

const macOption = (type: number, mac: Uint8Array) => [type, 1, ...mac];

/** @param mac the sender's; undefined where the source is the unspecified address */
export function solicitation(
  source: Uint8Array,
  destination: Uint8Array,
  target: Uint8Array,
  mac: Uint8Array | undefined,
): Uint8Array {
  const option = mac === undefined ? [] : macOption(OPTION.SOURCE, mac);
  const message = Uint8Array.of(ICMPV6.SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...target, ...option);
  return icmpv6Of(source, destination, message, { hops: HOPS });
}

/** Says who has an address: it overrides what others know. */
export function advertisement(
  target: Uint8Array,
  destination: Uint8Array,
  mac: Uint8Array,
  solicited: boolean,
): Uint8Array {
  const flags = OVERRIDE | (solicited ? SOLICITED : 0);
  const option = macOption(OPTION.TARGET, mac);
  const message = Uint8Array.of(ICMPV6.ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0, ...target, ...option);
  return icmpv6Of(target, destination, message, { hops: HOPS });
}

export function routerSolicitation(source: Uint8Array, destination: Uint8Array, mac: Uint8Array): Uint8Array {
  const option = macOption(OPTION.SOURCE, mac);
  const message = Uint8Array.of(ICMPV6.ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...option);
  return icmpv6Of(source, destination, message, { hops: HOPS });
}
