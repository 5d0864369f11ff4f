// `cryptcab balancer`: the nft file of the machine before several servers with one key.
import { spawnSync } from 'node:child_process';
import { isIP, isIPv6 } from 'node:net';
import { CryptcabError, messageOf } from '../../error.js';
import { addressBytes, addressText } from '../../network/address.js';
import { type BalancedServer, type Balancer, balancerText } from '../../network/balancer.js';
import { isLinkLocal, isLoopback } from '../../protocol/address-scope.js';
import { DEFAULT_PORT } from '../../protocol/classic/constants.js';
import { isMapped } from '../../protocol/host/address.js';
import { SERVER_ID } from '../../protocol/secure/fleet.js';
import type { Said } from '../said.js';
import { UsageError } from '../usage.js';

export interface BalancerWish {
  readonly server?: readonly string[] | undefined;
  readonly address?: readonly string[] | undefined;
  readonly leaving?: readonly number[] | undefined;
  readonly port?: number | undefined;
  readonly check?: boolean | undefined;
}

const CHECK_MS = 10_000;

function serverOf(text: string): BalancedServer {
  const [, digits, address = ''] = /^(\d{1,3})=(.*)$/s.exec(text) ?? [];
  const id = Number(digits);
  if (!(id >= SERVER_ID.min && id <= SERVER_ID.max) || isIP(address) === 0 || address.includes('%'))
    throw new UsageError(
      `--server '${text}' is not N=ADDRESS: give the number of a server (${SERVER_ID.min} to ${SERVER_ID.max}) and its IP address, as 1=10.0.1.1`,
    );
  return { id, address: usable(address, `--server ${text}`) };
}

/** What an address is that no datagram from elsewhere is forwarded to; undefined for any other. */
function specialKind(bytes: Uint8Array): string | undefined {
  const [first = 0] = bytes;
  const text = addressText(bytes);
  if (bytes.every((byte) => byte === 0)) return 'no address of a machine';
  if (isLoopback(text)) return 'a loopback address';
  if (bytes.every((byte) => byte === 0xff)) return 'the broadcast address';
  if (bytes.length === 4) return first >> 4 === 0xe ? 'a multicast address' : undefined;
  if (first === 0xff) return 'a multicast address';
  if (isLinkLocal(text)) return 'a link-local address';
  return isMapped(bytes) ? 'an IPv4 address written as IPv6' : undefined;
}

/** @returns the address as it is always written @throws UsageError for one that no datagram from elsewhere is forwarded to */
function usable(address: string, given: string): string {
  const bytes = addressBytes(address) as Uint8Array;
  const kind = specialKind(bytes);
  if (kind === undefined) return addressText(bytes);
  throw new UsageError(`${given}: this is ${kind}: give one of the machine's own that others reach`);
}

const versionOf = (address: string) => (isIPv6(address) ? 6 : 4);

/** @throws UsageError for what is no balancer */
export function balancerOf(wish: BalancerWish): Balancer {
  const { leaving = [], port = DEFAULT_PORT } = wish;
  const servers = (wish.server ?? []).map(serverOf);
  if (servers.length === 0)
    throw new UsageError('name the servers, each with --server N=ADDRESS, as --server 1=10.0.1.1');
  const addresses = (wish.address ?? []).map((address) => {
    if (isIP(address) === 0 || address.includes('%'))
      throw new UsageError(`--address '${address}' is not an IP address`);
    return usable(address, `--address ${address}`);
  });
  if (addresses.length === 0)
    throw new UsageError('name the address that clients call with --address ADDRESS');
  if (port === 0) throw new UsageError("port 0 is not a UDP port: give the servers' UDP port");
  for (const version of [4, 6])
    if (addresses.filter((one) => versionOf(one) === version).length > 1)
      throw new UsageError(`there are two of --address of IPv${version}: give one of each version at most`);
  for (const [i, { id, address }] of servers.entries()) {
    const twice = (other: BalancedServer) =>
      other.address === address || (other.id === id && versionOf(other.address) === versionOf(address));
    if (servers.slice(0, i).some(twice))
      throw new UsageError(`--server ${id}=${address}: this number or this address is there already`);
    if (!addresses.some((one) => versionOf(one) === versionOf(address)))
      throw new UsageError(
        `--server ${id}=${address}: clients reach it by an --address of IPv${versionOf(address)}, and there is none`,
      );
  }
  for (const address of addresses)
    if (!servers.some((one) => versionOf(one.address) === versionOf(address)))
      throw new UsageError(
        `--address ${address}: there is no --server with an address of IPv${versionOf(address)}`,
      );
  for (const id of leaving)
    if (!servers.some((one) => one.id === id))
      throw new UsageError(`--leaving ${id}: there is no --server with this number`);
  return { addresses, servers, leaving, port };
}

/** Loads a file into a network namespace of its own, which ends with nft. @throws CryptcabError */
function check(text: string): void {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const { error, status, stderr } = spawnSync('unshare', ['--net', ...user, 'nft', '-f', '-'], {
    input: text,
    encoding: 'utf8',
    timeout: CHECK_MS,
    killSignal: 'SIGKILL',
  });
  if (error !== undefined)
    throw new CryptcabError(`cannot try the file: unshare (util-linux): ${messageOf(error)}`);
  if (status !== 0)
    throw new CryptcabError(
      `nft does not take the file: ${stderr.trim().split('\n')[0] || `status ${status}`} (as root; Debian: nftables, util-linux)`,
    );
}

/** @throws UsageError for what is no balancer, CryptcabError where nft does not take it */
export function balancer(wish: BalancerWish): Said {
  const text = balancerText(balancerOf(wish));
  if (!wish.check) return { out: text, faults: [] };
  check(text);
  return { out: 'nft takes the file\n', faults: [] };
}
