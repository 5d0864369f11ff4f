// What a balancer of several servers with one key does, as nft reads it (secure.md §4.4). Nothing is kept about any client: each datagram is
// steered by what is in it, so that a balancer can be started again, or be two.
import { isIPv6 } from 'node:net';
import { MESSAGE } from '../protocol/secure/constants.js';

/** A server behind a balancer. */
export interface BalancedServer {
  /** Its `--server-id`. */
  readonly id: number;
  /** Where it is reached from the balancer. */
  readonly address: string;
}

/** What a balancer is to do. */
export interface Balancer {
  /** Where clients reach it: one address of IPv4, one of IPv6, or both. */
  readonly addresses: readonly string[];
  readonly servers: readonly BalancedServer[];
  /** Numbers of servers that get no calls any more. */
  readonly leaving: readonly number[];
  /** UDP, of the balancer and of the servers. */
  readonly port: number;
}

/** The balancer's table. */
export const TABLE = 'cryptcab_balancer';
/** Calls are spread over so many parts. Each server prefers some of them, whatever other servers there are. */
const PARTS = 256;
/** With more servers each part is cut into slots, so that each server has so many at the least: their shares differ by one slot. */
const SLOTS_EACH = 16;
/** So many entries of a map are in one line of the file. */
const ENTRIES = 8;

/** A number that looks random, of two others (the finalizer of MurmurHash3). */
function mixed(one: number, other: number): number {
  let h = Math.imul(one + 1, 0x9e3779b1) ^ Math.imul(other + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Which server has each slot. The shares of two servers differ by one slot at most. A slot is with the server that prefers it most, of those that have not yet all
 * of theirs: so most slots stay where they are when a server comes or goes.
 */
export function slotsOf(servers: readonly BalancedServer[]): BalancedServer[] {
  let each = 1;
  while (PARTS * each < SLOTS_EACH * servers.length) each *= 2;
  const slots = PARTS * each;
  const open = servers
    .toSorted((one, other) => one.id - other.id) // in whatever order they are named
    .map((server, i) => ({ server, room: Math.floor((slots + servers.length - 1 - i) / servers.length) }));
  return Array.from({ length: slots }, (_, slot) => {
    const part = Math.floor(slot / each);
    const best = open
      .filter(({ room }) => room > 0)
      .reduce((best, one) => (mixed(part, one.server.id) > mixed(part, best.server.id) ? one : best));
    best.room--;
    return best.server;
  });
}

/** `0-3 : 10.0.1.1,`, `4 : 10.0.1.2`. */
function entries(slots: readonly BalancedServer[]): string[] {
  const parts: string[] = [];
  for (let from = 0; from < slots.length; ) {
    let to = from;
    while (slots[to + 1] === slots[from]) to++;
    parts.push(`${from === to ? from : `${from}-${to}`} : ${slots[from]?.address}`);
    from = to + 1;
  }
  return parts;
}

/** Calls go by a hash of their source. */
function callRule(ip: 'ip' | 'ip6', servers: readonly BalancedServer[]): string[] {
  const slots = slotsOf(servers);
  const hash = `jhash ${ip} saddr . udp sport mod ${slots.length} seed 1`;
  const all = entries(slots);
  const rows = Array.from({ length: Math.ceil(all.length / ENTRIES) }, (_, i) =>
    all.slice(i * ENTRIES, (i + 1) * ENTRIES).join(', '),
  );
  return [
    `@th,64,8 ${MESSAGE.INITIATION} ${ip} daddr set ${hash} map {`,
    ...rows.map((row, i) => `\t${row}${i < rows.length - 1 ? ',' : ''}`),
    '} accept',
  ];
}

/** The rules of one family: where datagrams of clients go, and as whose the servers' leave. */
function family(ip: 'ip' | 'ip6', { addresses, servers, leaving, port }: Balancer) {
  const six = ip === 'ip6';
  const address = addresses.find((one) => isIPv6(one) === six);
  const own = servers.filter((one) => isIPv6(one.address) === six);
  if (address === undefined || own.length === 0) return undefined;
  const called = own.filter(({ id }) => !leaving.includes(id));
  const byNumber = own.map((one) => `${one.id} : ${one.address}`).join(', ');
  const all = `{ ${own.map((one) => one.address).join(', ')} }`;
  return {
    steer: [
      `${ip} daddr ${address} udp dport ${port} goto clients_${ip}`,
      `${ip} saddr ${all} udp sport ${port} notrack`,
    ],
    chain: [
      `chain clients_${ip} {`,
      '\tnotrack',
      `\t@th,64,8 ${MESSAGE.TRANSPORT} ${ip} daddr set @th,120,8 map { ${byNumber} } accept`,
      ...(called.length > 0 ? callRule(ip, called).map((line) => `\t${line}`) : []),
      '\tdrop',
      '}',
    ],
    reply: `${ip} saddr ${all} udp sport ${port} ${ip} saddr set ${address}`,
  };
}

/** The file that nft reads. It takes the place of the one before in one step. */
export function balancerText(balancer: Balancer): string {
  const families = (['ip', 'ip6'] as const).flatMap((ip) => family(ip, balancer) ?? []);
  const said = [
    ...balancer.addresses.map((one) => `--address ${one}`),
    ...balancer.servers.map(({ id, address }) => `--server ${id}=${address}`),
    ...balancer.leaving.map((id) => `--leaving ${id}`),
    `--port ${balancer.port}`,
  ].join(' ');
  const lines = [
    'chain clients {',
    '\ttype filter hook prerouting priority raw; policy accept;',
    ...families.flatMap(({ steer }) => steer.map((rule) => `\t${rule}`)),
    '}',
    ...families.flatMap(({ chain }) => ['', ...chain]),
    '',
    'chain servers {',
    '\ttype filter hook postrouting priority raw; policy accept;',
    ...families.map(({ reply }) => `\t${reply}`),
    '}',
  ];
  return `#!/usr/sbin/nft -f
# cryptcab balancer ${said}
#
# Load it with nft -f FILE, as often as it changes: it takes the place of what was there in one step, and no datagram is lost.
# This machine forwards (sysctl net.ipv4.ip_forward=1, net.ipv6.conf.all.forwarding=1), and the servers' datagrams to clients come
# back through it.
#
# A transport message goes to the server whose number is the top byte of its receiver index, wherever it comes from; a call goes by a
# hash of its source. No datagram is tracked: there is no table that could be full, nothing to time out, and, when a server is taken out, no
# conntrack entry to be dropped.
#
# To take server N out: print this file with --leaving N besides and load it; use cryptcab drain on the server; print the file without
# the server and load that. To add a server: start it, print the file with it, and load that. When a server has died: print the file
# without it and load that.

table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
${lines.map((line) => (line === '' ? '' : `\t${line}`)).join('\n')}
}
`;
}
