// How a terminal shows what ends say of themselves.
import type {
  EndStatus,
  Flow,
  Origin,
  PeerStatus,
  PendingPeer,
  Reasons,
  Traffic,
} from '../../control/status.js';
import { macsText, modeText, shortSpan, size, stateOf } from '../../control/words.js';
import { span } from '../../ends/hints.js';
import { oneLine } from '../../error.js';
import { table } from './table.js';

const amount = ({ frames, bytes }: Traffic) => `${size(bytes)} in ${frames} frame${frames === 1 ? '' : 's'}`;
const rate = ({ in: came, out: went }: Flow) => `${size(came.bytes)}/s in, ${size(went.bytes)}/s out`;
const since = (time: string, now: number) => shortSpan(now - Date.parse(time));

function reasons(all: Reasons): string[] {
  return Object.entries(all).map(([why, times]) => `${times} ${why}`);
}

/** What another end says goes to a terminal: nothing of it drives that. */
function clean<Row extends Readonly<Record<string, string>>>(row: Row): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, oneLine(cell)]));
}

function peerRow(peer: PeerStatus, now: number): Record<string, string> {
  const { carried, rates } = peer;
  return {
    peer: peer.peer,
    state: stateOf(peer),
    for: since(peer.since, now),
    address: peer.address ?? '',
    port: peer.port ?? (peer.portTrouble === null ? '' : 'missing'),
    rtt: peer.roundTrip === null ? '' : `${peer.roundTrip.toFixed(1)} ms`,
    loss: peer.loss === null ? '' : `${Math.round(100 * peer.loss)} %`,
    in: size(carried.in.bytes),
    out: size(carried.out.bytes),
    'in/s': size(rates.over5s.in.bytes),
    'out/s': size(rates.over5s.out.bytes),
    refused: String(Object.values(peer.refused).reduce((sum, one) => sum + one, 0)),
    dropped: String(peer.dropped.bySwitch + peer.dropped.unopened),
  };
}

const BY_POLICY = 'policy: ';

/** What a peer's policy has refused; empty where that is nothing. */
function refusedText({ refused }: PeerStatus): string {
  const counts = Object.entries(refused).filter(([why]) => why.startsWith(BY_POLICY));
  if (counts.length === 0) return '';
  return `; refused ${counts.map(([why, times]) => `${times} ${why.slice(BY_POLICY.length)}`).join(', ')}`;
}

/** What an end is and does, in some lines, and its peers as a table. */
export function statusText(end: EndStatus): string {
  const now = Date.parse(end.time);
  const { plug, pathMtu, threads, server } = end;
  const whose = end.role === 'client' ? `client of ${server}` : `server on UDP port ${end.port}`;
  const state = end.up ? 'up' : `down: ${end.why ?? 'not yet up'}`;
  const port = plug.open === null ? 'not tried yet' : plug.open ? 'open' : `no port (${plug.trouble ?? ''})`;
  const address = end.address.includes(':') ? `[${end.address}]:${end.port}` : `${end.address}:${end.port}`;
  const refused = [...reasons(end.refused.frames), ...reasons(end.refused.handshakes)];
  const { bySwitch, unopened } = end.dropped;
  const lines = [
    `${end.name}: ${whose}, ${modeText(end)}, ${state}`,
    `  running    for ${span(Math.max(1_000, now - Date.parse(end.since)))}, process ${end.pid}, version ${end.program}`,
    `  address    ${address}`,
    ...(end.publicKey === null ? [] : [`  key        ${end.publicKey}`]),
    `  switch     ${plug.locator ?? "the program's own"}: ${port}`,
    `  I/O        ${end.io}${threads > 1 ? '' : ', 1 thread'}${pathMtu === null ? '' : `, packets of up to ${pathMtu} bytes`}`,
    `  in         ${amount(end.carried.in)}`,
    `  out        ${amount(end.carried.out)}`,
    `  now        ${rate(end.rates.over5s)}; in the last minute ${rate(end.rates.over60s)}`,
    `  refused    ${refused.length === 0 ? 'nothing' : refused.join(', ')}`,
    ...(bySwitch + unopened === 0
      ? []
      : [`  dropped    ${bySwitch} by the switch, ${unopened} for lack of room`]),
    `  handshakes ${end.handshakes}; log lines not repeated: ${end.log.suppressed}`,
    ...end.peers.flatMap(({ peer, wireguard }) =>
      wireguard === null
        ? []
        : [`  wireguard  ${peer}: ${[...wireguard.addresses, wireguard.mac].join(', ')}`],
    ),
    ...end.peers.flatMap((peer) =>
      peer.policy === null ? [] : [`  policy     ${peer.peer}: ${peer.policy}${refusedText(peer)}`],
    ),
    ...end.peers.flatMap((peer) =>
      peer.macs.length === 0 ? [] : [`  MACs       ${peer.peer}: ${macsText(peer, end.time)}`],
    ),
    ...(end.pending.length === 0 ? [] : [`  pending    ${end.pending.length}: see cryptcab peers pending`]),
  ];
  const peers =
    end.peers.length === 0 ? '  no peers\n' : table(end.peers.map((peer) => clean(peerRow(peer, now))));
  return `${lines.map((line) => `${oneLine(line)}\n`).join('')}${peers}`;
}

const HOW = { file: 'list', ssh: 'ssh', invite: 'invite', program: 'program' } as const;

/** Who logged in, and from where, so far as that is known: `alice@192.0.2.7`. */
export function originText({ user, address }: Origin): string {
  return [user, address].filter(Boolean).join('@');
}

/** Who may connect, as a table. */
export function peersText(ends: readonly EndStatus[]): string {
  const rows = ends.flatMap((end) =>
    end.peers.map((peer) => {
      const now = Date.parse(end.time);
      const { origin } = peer;
      return clean({
        end: end.name,
        name: peer.name ?? '',
        'public key': peer.publicKey ?? '(classic)',
        state: stateOf(peer),
        for: since(peer.since, now),
        heard: peer.heard === null ? '' : `${since(peer.heard, now)} ago`,
        address: peer.address ?? '',
        by: origin === null ? '' : (HOW[origin.how] ?? ''),
        user: origin === null ? '' : originText(origin),
      });
    }),
  );
  return rows.length === 0 ? 'nobody may connect yet\n' : table(rows);
}

/** Who called and is not known, as a table. */
export function pendingText(ends: readonly EndStatus[]): string {
  const rows = ends.flatMap((end) =>
    end.pending.map((one: PendingPeer) =>
      clean({
        end: end.name,
        'public key': one.publicKey,
        address: one.address,
        calls: String(one.times),
        last: `${since(one.last, Date.parse(end.time))} ago`,
      }),
    ),
  );
  return rows.length === 0
    ? 'no caller with an unknown public key\n'
    : `${table(rows)}let one in with: cryptcab peers add PUBLIC-KEY --name NAME\n`;
}
