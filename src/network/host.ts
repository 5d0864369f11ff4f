// A peer that is a stock WireGuard device, and a host on the network (secure.md §6), as its line says.
import { isLinkLocal, isStation, within } from '../protocol/host/address.js';
import { type HostOptions, type Prefix, SERVICES, type Service } from '../protocol/host/terms.js';
import { addressBytes, addressText } from './address.js';
import { parsePolicyField } from './policy.js';

/** What a line says of a host. */
export interface HostFields
  extends Pick<HostOptions, 'addresses' | 'dhcp' | 'gateways' | 'mac' | 'multicast'> {}

/** Fields as they are written. */
export interface HostWords {
  readonly ip?: string | undefined;
  readonly gateway?: string | undefined;
  readonly mac?: readonly string[] | undefined;
  readonly multicast?: string | undefined;
}

/** What a line has of a host alone: `mac` is a policy's as well. */
export const HOST_WORDS = ['ip', 'gateway', 'multicast'] as const;
/** Addresses of one host. */
const ADDRESSES_MAX = 4;
const DHCP = 'dhcp';
/** What finds printers and televisions. */
const MULTICAST: readonly Service[] = ['mdns', 'ssdp'];
const NO_GATEWAY: readonly never[] = [];

const FORMS = {
  ip: `ip= is written ip=10.0.0.7/24,fd00::7/64, addresses of single machines and the networks that they are in, ${ADDRESSES_MAX} at most; or ip=${DHCP}`,
  gateway:
    'gateway= is written gateway=10.0.0.1,fd00::1, one address of each family at most, in a network of ip=',
  multicast: `multicast= is written multicast=all, multicast=none, or services: ${SERVICES.join(',')}`,
  mac: 'mac= of a host is one address: mac=02:00:00:00:00:01',
};

export function isHostWord(name: string): name is (typeof HOST_WORDS)[number] {
  return (HOST_WORDS as readonly string[]).includes(name);
}

/**
 * Reads what a line says of a host.
 * @returns undefined where it says that the peer is none; text, what is wrong
 */
export function parseHost(words: HostWords): HostFields | string | undefined {
  const { ip, gateway, mac, multicast } = words;
  if (ip === undefined)
    return gateway === undefined && multicast === undefined
      ? undefined
      : 'gateway= and multicast= are for stock WireGuard devices: give ip= as well';
  const list = ip.split(',');
  const dhcp = list.includes(DHCP);
  const addresses = list.filter((word) => word !== DHCP).map(parsePrefix);
  if (!addresses.every((one) => one !== undefined) || addresses.length > ADDRESSES_MAX) return FORMS.ip;
  if (new Set(list).size < list.length) return FORMS.ip;
  if (dhcp && addresses.some(({ address }) => address.length === 4))
    return `ip=${DHCP} leases the IPv4 address: leave the other one out`;
  const gateways = gateway?.split(',').map(addressBytes) ?? NO_GATEWAY;
  for (const [i, one] of gateways.entries()) {
    if (one === undefined || !isStation(one)) return FORMS.gateway;
    if (gateways.findIndex((other) => other?.length === one.length) !== i) return FORMS.gateway;
    const direct = isLinkLocal(one) || addresses.some((network) => within(one, network));
    if (!direct && !(dhcp && one.length === 4)) return FORMS.gateway;
  }
  if (mac !== undefined && mac.length > 1) return FORMS.mac;
  const services = multicast?.split(',') ?? MULTICAST;
  const whole = multicast === 'all' || multicast === 'none';
  if (!whole && !services.every((one) => (SERVICES as readonly string[]).includes(one)))
    return FORMS.multicast;
  const [own] = mac ?? [];
  return {
    addresses,
    dhcp,
    gateways: gateways as readonly Uint8Array[],
    mac: own === undefined ? undefined : Uint8Array.from(own.split(':'), (byte) => Number.parseInt(byte, 16)),
    multicast: whole ? multicast : (services as readonly Service[]),
  };
}

/**
 * Reads the same from a text, as a line has it: `ip=10.0.0.7/24 multicast=all`.
 * @returns text, what is wrong
 */
export function parseHostText(text: string): HostFields | string {
  const words: Record<string, string> = {};
  for (const word of text.trim().split(/\s+/)) {
    const [, name = '', value] = /^([a-z]+)=(.+)$/.exec(word) ?? [];
    if (value === undefined || !(isHostWord(name) || name === 'mac'))
      return 'a host is written ip=ADDRESS/PREFIX, and if need be gateway=, mac= and multicast= behind it';
    if (Object.hasOwn(words, name)) return `${name}= is there twice`;
    words[name] = value;
  }
  const { mac, ...rest } = words;
  const read = mac === undefined ? {} : parsePolicyField('mac', mac);
  if (typeof read === 'string') return FORMS.mac;
  return parseHost({ ...rest, mac: read.mac ?? undefined }) ?? FORMS.ip;
}

/** A network, or an address in it: what is beyond the prefix is left as it is. */
export function parseNetwork(text: string): Prefix | undefined {
  const [host = '', digits = ''] = text.split('/');
  const address = addressBytes(host);
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) : 0;
  return address !== undefined && bits >= 1 && bits <= 8 * address.length - 2 ? { address, bits } : undefined;
}

/** Addresses of a network that are tried. */
const TRIED_MAX = 65_536;

/** The first address of a network that may be a station's and is not taken; the first of all, often a router's, is left out. */
export function freeAddress(
  { address, bits }: Prefix,
  taken: (one: Uint8Array) => boolean,
): Uint8Array | undefined {
  const room = 8 * address.length - bits;
  const most = Math.min(2 ** room - (address.length === 4 ? 1 : 0), TRIED_MAX);
  for (let number = 2; number < most; number++) {
    const one = address.map((byte, i) => {
      const place = 8 * (address.length - 1 - i);
      const own = place < 32 ? (number >>> place) & 0xff : 0;
      return (byte & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * i)))) | own;
    });
    if (!taken(one)) return one;
  }
  return undefined;
}

/** An address of a single machine, and the network that it is in. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, host = '', digits] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = addressBytes(host);
  const bits = Number(digits);
  if (address === undefined || !(bits >= 1 && bits <= 8 * address.length)) return undefined;
  if (!isStation(address) || isLinkLocal(address)) return undefined;
  return { address, bits };
}

export function prefixText({ address, bits }: Prefix): string {
  return `${addressText(address)}/${bits}`;
}

/** A MAC address as text. */
export function macText(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
