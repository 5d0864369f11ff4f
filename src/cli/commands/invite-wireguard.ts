// `cryptcab invite NAME --wireguard`: makes a device that has a stock WireGuard alone a host on the network (secure.md §6), and
// prints the configuration of its WireGuard.

import { parseLeased, parseUsed } from '../../control/addresses.js';
import { ask } from '../../control/ask.js';
import { type RunningEnd, runningEnds, strange } from '../../control/ends.js';
import { parseChanged } from '../../control/message.js';
import { controlPlace, type Place } from '../../control/path.js';
import { isPrivate, ownAddresses } from '../../ends/own-addresses.js';
import type { NamedPlace } from '../../ends/peers/line-of.js';
import { CryptcabError } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { keyText, newPrivateKey } from '../../keys/key-text.js';
import { publicKeyOf } from '../../keys/public-key.js';
import { addressText } from '../../network/address.js';
import { gatewayFault, networkOf, prefixText } from '../../network/host.js';
import type { Prefix } from '../../protocol/host/terms.js';
import { remoteText } from '../../protocol/remote.js';
import { qrCode } from '../qr.js';
import { say } from '../say.js';
import { UsageError } from '../usage.js';
import { serverOf } from './invite.js';
import { gatewaysOf, pickAddresses, takenAddresses, wishedNetworks } from './invite-addresses.js';

export interface WireGuardWish {
  /** The server, as `status` calls it; undefined where one alone runs. */
  readonly end?: string | undefined;
  readonly name: string;
  readonly network?: string;
  readonly gateway?: string;
  readonly 'public-key'?: Uint8Array;
  readonly 'default-route'?: true;
  readonly at?: readonly NamedPlace[];
}

/** Groups of IPv4 and IPv6: what is sent to many. */
const GROUPS = ['224.0.0.0/4', 'ff00::/8'];
const EVERYTHING = ['0.0.0.0/0', '::/0'];
/** Headers of IP, UDP and WireGuard around a packet. */
const AROUND = 80;
/** What a WireGuard takes for its MTU by itself. */
const MTU_USUAL = 1_420;
/** s; a NAT forgets a quiet device after half a minute. */
const KEEPALIVE = 25;

/**
 * Lets a device connect. What the operator should know of it goes to standard error.
 * @returns the configuration of its WireGuard, as wg-quick and the apps read it; on a terminal a QR code as well
 * @throws CryptcabError when no server runs, or it refuses
 */
export async function inviteWireGuard(wish: WireGuardWish, place: Place = controlPlace()): Promise<string> {
  const { name, gateway, at = [], 'public-key': known } = wish;
  const { path } = await serverOf(wish.end, place);
  const server = (await runningEnds(place)).ends.find((end) => end.path === path);
  if (server === undefined) throw strange(path);
  const wished = wishedNetworks(wish.network, server.status);
  const gateways = gatewaysOf(gateway);
  const fixed = await pickAddresses(wished, takenAddresses(server.status, gateways), (all) =>
    inUse(path, all),
  );
  const fault = gatewayFault(gateways, fixed, wished.dhcp);
  if (fault !== undefined) throw new UsageError(`--gateway ${gateway}: ${fault}`);
  const words = [
    `ip=${[...(wished.dhcp ? ['dhcp'] : []), ...fixed.map(prefixText)].join()}`,
    ...(gateway === undefined ? [] : [`gateway=${gateway}`]),
  ];
  const host = words.join(' ');
  const privateKey = known === undefined ? newPrivateKey(drawSecret) : undefined;
  try {
    const publicKey = keyText(known ?? publicKeyOf(privateKey as Uint8Array));
    const leased = wished.dhcp ? [await lease(path, publicKey, name)] : [];
    const addresses = [...leased, ...fixed];
    const answer = await ask(path, { do: 'add', publicKey, name, host });
    const changed = answer === undefined ? undefined : parseChanged(answer);
    if (changed === undefined) throw strange(path);
    if (changed.untilEnd !== null)
      say(`${changed.peer} may connect until this server ends: ${changed.untilEnd}`);
    const text = configuration(wish, server, addresses, privateKey);
    for (const note of notes(wish, server, at)) say(note);
    for (const one of leased) say(leaseNote(name, one));
    return `${text}${process.stdout.isTTY && privateKey !== undefined ? await qrCode(text, say) : ''}`;
  } finally {
    privateKey?.fill(0);
  }
}

/** The addresses that stations of the network have. Where the server cannot ask, a line says so, and no address counts as used. */
async function inUse(path: string, addresses: readonly string[]): Promise<Set<string>> {
  let answer: string | undefined;
  try {
    answer = await ask(path, { do: 'probe', addresses });
  } catch (error) {
    if (!(error instanceof CryptcabError)) throw error;
    say(
      `the network could not be asked whether a station has the address of the device, so see that none does: ${error.message}`,
    );
    return new Set();
  }
  const used = answer === undefined ? undefined : parseUsed(answer);
  if (used === undefined) throw strange(path);
  return used;
}

async function lease(path: string, publicKey: string, name: string): Promise<Prefix> {
  const answer = await ask(path, { do: 'lease', publicKey, name });
  const leased = answer === undefined ? undefined : parseLeased(answer);
  if (leased === undefined) throw strange(path);
  return leased;
}

/** A configuration has its address in it: it does not change with the lease. */
function leaseNote(name: string, { address }: Prefix): string {
  return `${addressText(address)} is leased from the DHCP server of the network: reserve it there for ${name}, so that it stays; should the device get another one, the log of this server says so, and the device needs that as its Address`;
}

function configuration(
  wish: WireGuardWish,
  { status }: RunningEnd,
  addresses: readonly Prefix[],
  privateKey: Uint8Array | undefined,
): string {
  const networks = addresses.map((one) => prefixText(networkOf(one)));
  const mtu = (status.pathMtu ?? MTU_USUAL + AROUND) - AROUND;
  return [
    `# ${wish.name}`,
    '[Interface]',
    privateKey === undefined
      ? '# PrivateKey = as the device has made it'
      : `PrivateKey = ${keyText(privateKey)}`,
    `Address = ${addresses.map(prefixText).join(', ')}`,
    ...(mtu < MTU_USUAL ? [`MTU = ${mtu}`] : []),
    '',
    '[Peer]',
    `PublicKey = ${status.publicKey}`,
    `Endpoint = ${endpointOf(wish, status)}`,
    `AllowedIPs = ${(wish['default-route'] ? EVERYTHING : [...networks, ...GROUPS]).join(', ')}`,
    `PersistentKeepalive = ${KEEPALIVE}`,
    '',
  ].join('\n');
}

/** @throws CryptcabError where this machine has no address that others reach */
function endpointOf({ at = [] }: WireGuardWish, { address, port }: RunningEnd['status']): string {
  const [named] = at;
  const host = named?.host ?? ownAddresses(address)[0];
  if (host === undefined)
    throw new CryptcabError(
      'this machine has no address that others reach: say where the server is, by --at',
    );
  return remoteText({ address: host, port: named?.port ?? port });
}

function notes(
  { name, 'public-key': told }: WireGuardWish,
  { status }: RunningEnd,
  at: readonly NamedPlace[],
): string[] {
  const lines = [
    told === undefined
      ? `the configuration of ${name} holds its private key, which is kept nowhere else: give it to the WireGuard of that device, and to nobody`
      : `the configuration of ${name}, but for its private key`,
  ];
  const [own] = ownAddresses(status.address);
  if (at.length === 0 && own !== undefined && isPrivate(own))
    lines.push(`it leads to ${own}, for machines of this site: for others give --at HOST[:PORT]`);
  return lines;
}
