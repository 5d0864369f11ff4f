import type { Cable } from '../../cable/cable.js';
import type { Link } from '../../cable/link.js';
import type { PeerIdentity } from '../../cable/plug/plug.js';
import {
  type EndReport,
  type Origin,
  type PeerStatus,
  type PendingPeer,
  rounded,
  type SeenMac,
  type WireGuardHost,
} from '../../control/status.js';
import type { SeenAddress, SessionCounts } from '../../core/terms.js';
import { CryptcabError } from '../../error.js';
import { keyText } from '../../keys/key-text.js';
import type { SeldomLog } from '../../log.js';
import { macText } from '../../network/host.js';
import { type Remote, remoteText } from '../../protocol/remote.js';

import type { SecureRefusal, Stranger } from '../../protocol/secure/terms.js';
import { PATH_HEADERS } from '../../protocol/sizes.js';
import type { HostFacts } from '../host-end.js';
import { type Attendance, addReasons, dropsOf, NO_DROPS } from './attendance.js';
import { flowOf, NOTHING, STILL } from './meter.js';

/** What an end knows of a peer, besides its attendance. */
export interface PeerFacts {
  readonly identity: PeerIdentity;
  readonly cable: 'secure' | 'classic';
  readonly address: Remote | undefined;
  /** For how long nothing authentic has come of it, ms; undefined where nothing has. */
  readonly quiet: number | undefined;
  readonly roundTrip?: number | undefined;
  readonly loss?: number | undefined;
  readonly link: Link | undefined;
  readonly counts: SessionCounts | undefined;
  readonly origin?: Origin | undefined;
  /** What it may do on the network, and how many of its frames that has refused. */
  readonly policy?: string;
  /** Of a stock WireGuard device. */
  readonly host?: HostFacts;
  readonly refusedByPolicy?: Readonly<Record<string, number>>;
}

/** What an end knows of itself, besides its attendance. */
export interface EndFacts {
  readonly role: EndReport['role'];
  readonly mode: EndReport['mode'];
  /** Whether the frames of classic peers are not encrypted. */
  readonly plain?: boolean;
  readonly cable: Cable;
  readonly attendance: Attendance;
  readonly seldom: SeldomLog;
  /** What its plugs plug into. */
  readonly locator: string | undefined;
  readonly publicKey?: Uint8Array | undefined;
  readonly server?: { readonly host: string; readonly port: number };
  /** Largest UDP payload that is sent, bytes; undefined on a classic cable. */
  readonly path?: number | undefined;
  readonly peers: readonly PeerFacts[];
  readonly refused?: ReadonlyMap<SecureRefusal, bigint> | undefined;
  readonly strangers?: readonly Stranger[];
  /** Now, by the clock that strangers were met by, ms. */
  readonly now?: number;
  /** Of a client: why it is not up, as far as that is known. */
  readonly trouble?: string | undefined;
}

const time = (ms: number) => new Date(ms).toISOString();
const round = (value: number | undefined, digits?: number) =>
  value === undefined ? null : rounded(value, digits);

/** A server as it was named. */
export function endpointText({ host, port }: { readonly host: string; readonly port: number }): string {
  return remoteText({ address: host, port });
}

/** Reasons of a policy, told from those of the cable. */
function ofPolicy(refused: Readonly<Record<string, number>> = {}): Record<string, number> {
  return Object.fromEntries(Object.entries(refused).map(([why, times]) => [`policy: ${why}`, times]));
}

/** And those of a stock WireGuard device's host. */
function ofHost(host: HostFacts | undefined): Record<string, bigint> {
  return Object.fromEntries([...(host?.dropped ?? [])].map(([why, times]) => [`wireguard: ${why}`, times]));
}

function wireguard({ addresses, mac, dhcp }: HostFacts): WireGuardHost {
  return { addresses, mac, dhcp };
}

function macs(seen: readonly SeenAddress[]): SeenMac[] {
  return seen
    .toSorted((one, other) => one.ago - other.ago)
    .map(({ address, ago }) => ({ mac: macText(address), seen: time(Date.now() - ago) }));
}

function peerStatus(attendance: Attendance, facts: PeerFacts): PeerStatus {
  const { identity, link, counts, origin, quiet, address } = facts;
  const presence = attendance.presence(identity);
  const known = origin?.at ?? time(attendance.began);
  return {
    peer: identity.peer,
    name: identity.name ?? null,
    publicKey: identity.publicKey ?? null,
    cable: facts.cable,
    cipher: presence?.cipher ?? null,
    origin: origin ?? null,
    address: address === undefined ? null : remoteText(address),
    up: presence?.up === true,
    since: presence === undefined ? known : time(presence.since),
    why: presence === undefined ? 'waiting' : (presence.why ?? null),
    heard: quiet === undefined ? null : time(Date.now() - quiet),
    roundTrip: round(facts.roundTrip),
    loss: round(facts.loss, 4),
    carried: counts === undefined ? NOTHING : flowOf(counts),
    rates: counts === undefined ? STILL : attendance.rates(identity, counts),
    refused: addReasons(
      addReasons(ofPolicy(facts.refusedByPolicy), ofHost(facts.host)),
      counts?.refused ?? {},
    ),
    policy: facts.policy ?? null,
    wireguard: facts.host === undefined ? null : wireguard(facts.host),
    macs: facts.host === undefined ? macs(link?.seen() ?? []) : [],
    dropped: counts === undefined ? NO_DROPS : dropsOf(counts),
    port: link?.port ?? null,
    portTrouble: presence?.portTrouble ?? null,
    pathMtu: link?.path === undefined ? null : link.path + PATH_HEADERS,
  };
}

function pending({ strangers = [], now = 0 }: EndFacts): PendingPeer[] {
  const clock = Date.now() - now;
  return strangers.map(({ publicKey, from, first, last, times }) => ({
    publicKey: keyText(publicKey),
    address: remoteText(from),
    first: time(clock + first),
    last: time(clock + last),
    times,
  }));
}

/** Whether an end has a port of the switch, or could have. */
function plugOf({ attendance, locator, peers }: EndFacts): EndReport['plug'] {
  const open = peers.some(({ link }) => link?.port !== undefined);
  return {
    locator: locator ?? null,
    open: open ? true : (attendance.plug?.open ?? null),
    trouble: open ? null : (attendance.plug?.trouble ?? null),
  };
}

const WORDS = {
  waiting: 'it has not been up yet',
  goodbye: 'the server said goodbye',
  silent: 'nothing comes from the server',
  unknown: 'the server did not know this client any more',
  disconnected: 'its session was ended',
  removed: 'it may not connect any more',
  moved: 'it has moved',
  'no port': 'its port of the switch is missing',
} as const;

/** @throws CryptcabError as there are no questions on a classic cable */
export function noPing(what: string): never {
  throw new CryptcabError(`${what} is classic: only ends of the secure cable answer pings`);
}

/** What an end says of itself now. */
export function endReport(facts: EndFacts): EndReport {
  const { role, attendance, cable } = facts;
  const plug = plugOf(facts);
  const peers = facts.peers.map((peer) => peerStatus(attendance, peer));
  const totals = attendance.totals();
  const [first] = peers;
  const up = role === 'server' ? plug.open !== false : first?.up === true;
  const why = plug.trouble ?? facts.trouble ?? (role === 'client' ? WORDS[first?.why ?? 'waiting'] : null);
  return {
    role,
    mode: facts.mode,
    plain: facts.plain === true,
    time: time(Date.now()),
    since: time(attendance.began),
    up,
    why: up ? null : why,
    address: cable.local.address,
    port: cable.local.port,
    publicKey: facts.publicKey === undefined ? null : keyText(facts.publicKey),
    server: facts.server === undefined ? null : endpointText(facts.server),
    plug,
    io: cable.io,
    threads: cable.threads,
    pathMtu: facts.path === undefined ? null : facts.path + PATH_HEADERS,
    carried: totals.flow,
    rates: attendance.totalRates(totals.flow),
    refused: {
      frames: totals.refused,
      handshakes: addReasons(
        Object.fromEntries(attendance.refused),
        facts.refused === undefined ? {} : Object.fromEntries(facts.refused),
      ),
    },
    dropped: totals.dropped,
    handshakes: attendance.handshakes,
    log: { suppressed: facts.seldom.suppressed },
    peers,
    pending: pending(facts),
  };
}
