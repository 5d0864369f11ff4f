// A peer that is a stock WireGuard device, and a host on the network (secure.md §6), as its line says.
import { sameBytes } from '../protocol/bytes.js';
import { isBroadcast, isLinkLocal, isMapped, isStation, within } from '../protocol/host/address.js';
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
export const ADDRESSES_MAX = 4;
export const DHCP = 'dhcp';
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
  for (const one of addresses) {
    const fault = addressFault(one);
    if (fault !== undefined) return `ip=${prefixText(one)}: ${fault}`;
  }
  const gateways = gateway?.split(',').map(addressBytes) ?? NO_GATEWAY;
  if (!gateways.every((one) => one !== undefined)) return FORMS.gateway;
  const fault = gatewayFault(gateways, addresses, dhcp);
  if (fault !== undefined) return `gateway=${gateway}: ${fault}`;
  if (mac !== undefined && mac.length > 1) return FORMS.mac;
  const services = multicast?.split(',') ?? MULTICAST;
  const whole = multicast === 'all' || multicast === 'none';
  if (!whole && !services.every((one) => (SERVICES as readonly string[]).includes(one)))
    return FORMS.multicast;
  const [own] = mac ?? [];
  return {
    addresses,
    dhcp,
    gateways,
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
  const first = networkOf({ address, bits }).address;
  const room = 8 * address.length - bits;
  const most = Math.min(2 ** room - (address.length === 4 ? 1 : 0), TRIED_MAX);
  for (let number = 2; number < most; number++) {
    const one = first.map((byte, i) => {
      const place = 8 * (address.length - 1 - i);
      return byte | (place < 32 ? (number >>> place) & 0xff : 0);
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
  return { address, bits };
}

/** Why a device cannot have an address; undefined where it can. */
export function addressFault(prefix: Prefix): string | undefined {
  const { address, bits } = prefix;
  if (isMapped(address)) return 'this is an IPv4 address in the form of IPv6: write it as 10.0.0.7/24';
  if (!isStation(address)) return 'no single machine can have this address';
  if (isLinkLocal(address)) return 'a device has the link-local address of its MAC address, and no other';
  if (isBroadcast(address, [prefix])) return 'this is the broadcast address of its network';
  const isNetwork = 8 * address.length - bits >= 2 && sameBytes(address, networkOf(prefix).address);
  return isNetwork ? 'this is a network: name an address in it' : undefined;
}

/** Why a device cannot have these gateways; undefined where it can. @param dhcp whether it leases an IPv4 address */
export function gatewayFault(
  gateways: readonly Uint8Array[],
  addresses: readonly Prefix[],
  dhcp: boolean,
): string | undefined {
  for (const [i, one] of gateways.entries()) {
    const text = addressText(one);
    if (gateways.findIndex((other) => other.length === one.length) !== i)
      return 'one gateway of each family at most';
    if (addresses.some(({ address }) => sameBytes(address, one)))
      return `${text} is the device's own address`;
    const network = addresses.find((prefix) => within(one, prefix));
    if (network === undefined) {
      if (!isStation(one)) return `no single machine can have the address ${text}`;
      if (isLinkLocal(one) || (dhcp && one.length === 4)) continue;
      return `${text} is in no network of the device's addresses`;
    }
    const fault = addressFault({ address: one, bits: network.bits });
    if (fault !== undefined) return `${text}: ${fault}`;
  }
  return undefined;
}

/** The network that an address is in. */
export function networkOf({ address, bits }: Prefix): Prefix {
  const first = address.map((byte, i) => byte & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * i))));
  return { address: first, bits };
}

export function prefixText({ address, bits }: Prefix): string {
  return `${addressText(address)}/${bits}`;
}

/** A MAC address as text. */
export function macText(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
