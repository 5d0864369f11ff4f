// The addresses that an invited device gets (docs/phones.md).
import { PROBE_MAX } from '../../control/addresses.js';
import type { EndStatus } from '../../control/status.js';
import { ownAddresses } from '../../ends/own-addresses.js';
import { CryptcabError } from '../../error.js';
import { addressBytes, addressText } from '../../network/address.js';
import {
  ADDRESSES_MAX,
  addressFault,
  DHCP,
  freeAddress,
  networkOf,
  parseNetwork,
  prefixText,
} from '../../network/host.js';
import { sameBytes } from '../../protocol/bytes.js';
import { isMapped, within } from '../../protocol/host/address.js';
import type { Prefix } from '../../protocol/host/terms.js';
import { UsageError } from '../usage.js';

/** Where a device's addresses come from. */
export interface WishedNetworks {
  /** Whether a DHCP server gives the IPv4 address. */
  readonly dhcp: boolean;
  readonly networks: readonly Prefix[];
}

/** How many times more addresses are asked about: a network without a free one by then has many stations, or a DHCP server. */
const ROUNDS = 16;
const FORM = `the networks of the switch, as 10.0.0.0/24,fd00::/64, addresses in them, as 10.0.0.77/24, or ${DHCP}`;

/**
 * The networks that were named, or those that the last device was invited to.
 * @throws UsageError for a network that no device can be in
 */
export function wishedNetworks(
  text: string | undefined,
  { peers }: Pick<EndStatus, 'peers'>,
): WishedNetworks {
  if (text === undefined) return lastNetworks(peers);
  const words = text.split(',');
  const dhcp = words.includes(DHCP);
  const networks = words.filter((word) => word !== DHCP).map(parseNetwork);
  if (!networks.every((one) => one !== undefined)) throw new UsageError(`--network is followed by ${FORM}`);
  if (words.length - networks.length > 1) throw new UsageError(`--network names ${DHCP} twice`);
  if (words.length > ADDRESSES_MAX)
    throw new UsageError(`--network is followed by ${ADDRESSES_MAX} networks at most`);
  for (const [i, network] of networks.entries()) {
    const named = prefixText(network);
    const fault = addressFault(isExact(network) ? network : oneOf(network));
    if (fault !== undefined)
      throw new UsageError(
        isExact(network) || isMapped(network.address)
          ? `--network ${named}: ${fault}`
          : `--network ${named}: a device can have no address of this network; name ${FORM}`,
      );
    const other = networks.slice(0, i).find((one) => overlap(one, network));
    if (other !== undefined)
      throw new UsageError(
        `--network ${named} is the same network as ${prefixText(other)}, or a part of it: name each network once`,
      );
    if (dhcp && network.address.length === 4)
      throw new UsageError(`--network ${DHCP} leases the IPv4 address: leave ${named} out`);
  }
  return { dhcp, networks };
}

function lastNetworks(peers: EndStatus['peers']): WishedNetworks {
  const { addresses = [], dhcp = false } =
    peers.findLast(({ wireguard }) => wireguard !== null)?.wireguard ?? {};
  const networks: Prefix[] = [];
  for (const one of addresses.map(parseNetwork)) {
    if (one === undefined || (dhcp && one.address.length === 4)) continue;
    if (!networks.some((other) => overlap(one, other))) networks.push(networkOf(one));
  }
  if (dhcp || networks.length > 0) return { dhcp, networks };
  throw new UsageError(`give --network with ${FORM}: no device has been invited yet`);
}

/** Whether a network is written as an address in it, which the device then gets. */
function isExact(network: Prefix): boolean {
  return !sameBytes(networkOf(network).address, network.address);
}

/** An address of a network. */
function oneOf(network: Prefix): Prefix {
  return { ...network, address: freeAddress(network, () => false) ?? network.address };
}

function overlap(one: Prefix, other: Prefix): boolean {
  return within(one.address, other) || within(other.address, one);
}

/** @throws UsageError for what is no address */
export function gatewaysOf(text: string | undefined): Uint8Array[] {
  const gateways = text?.split(',').map(addressBytes) ?? [];
  if (gateways.every((one) => one !== undefined)) return gateways;
  throw new UsageError('--gateway is followed by the addresses of routers, as 10.0.0.1,fd00::1');
}

/** Addresses that are known to be in use, as text, and by whom. */
export function takenAddresses(
  { peers }: Pick<EndStatus, 'peers'>,
  gateways: readonly Uint8Array[],
  own: readonly string[] = ownAddresses('::'),
): Map<string, string> {
  const ofPeers = peers.flatMap(({ peer, wireguard }) =>
    (wireguard?.addresses ?? []).map((one) => [one.replace(/\/.*/, ''), peer] as const),
  );
  return new Map([
    ...own.map((one) => [one, 'this machine'] as const),
    ...gateways.map((one) => [addressText(one), 'the gateway'] as const),
    ...ofPeers,
  ]);
}

/** Asks the network which of some addresses a station has. */
type InUse = (addresses: readonly string[]) => Promise<ReadonlySet<string>>;

/**
 * An address of each network that nobody has.
 * @throws CryptcabError where there is none, or the one that is wished is in use
 */
export async function pickAddresses(
  { networks }: WishedNetworks,
  taken: ReadonlyMap<string, string>,
  inUse: InUse,
): Promise<Prefix[]> {
  const picked: Prefix[] = [];
  for (const network of networks) {
    if (isExact(network)) await refuseUsed(addressText(network.address), taken, inUse);
    const address = isExact(network) ? network.address : await pick(network, taken, inUse);
    picked.push({ address, bits: network.bits });
  }
  return picked;
}

async function refuseUsed(text: string, taken: ReadonlyMap<string, string>, inUse: InUse): Promise<void> {
  const by = taken.get(text) ?? ((await inUse([text])).has(text) ? 'a station of the network' : undefined);
  if (by !== undefined)
    throw new CryptcabError(`${text} is in use, by ${by}: name another address with --network`);
}

async function pick(network: Prefix, taken: ReadonlyMap<string, string>, inUse: InUse): Promise<Uint8Array> {
  const tried = new Set(taken.keys());
  for (let round = 0; ; round++) {
    const some: Uint8Array[] = [];
    while (some.length < PROBE_MAX) {
      const one = freeAddress(network, (address) => tried.has(addressText(address)));
      if (one === undefined) break;
      some.push(one);
      tried.add(addressText(one));
    }
    if (some.length === 0) throw new CryptcabError(`no address of ${prefixText(network)} is free`);
    if (round === ROUNDS)
      throw new CryptcabError(
        `the first ${ROUNDS * PROBE_MAX} addresses of ${prefixText(network)} are in use: name one with --network, as 10.0.0.77/24`,
      );
    const used = await inUse(some.map(addressText));
    const free = some.find((one) => !used.has(addressText(one)));
    if (free !== undefined) return free;
  }
}
