// The page of a running end: how it is, who is up, what was refused. It is whole without its script, which only keeps it new.
import type { EndReport, PeerStatus, Reasons } from '../../control/status.js';
import { macsText, modeText, shortSpan, size, stateOf } from '../../control/words.js';
import { html, Markup, NONE } from './html.js';

const since = (time: string, now: string) => shortSpan(Date.parse(now) - Date.parse(time));
const milliseconds = (time: number | null) => (time === null ? '' : `${time.toFixed(1)} ms`);
const percent = (part: number | null) => (part === null ? '' : `${Math.round(100 * part)} %`);
const sum = (reasons: Reasons) => Object.values(reasons).reduce((all, one) => all + one, 0);
const state = (up: boolean, text: string) => html`<span class="${up ? 'up' : 'down'}">${text}</span>`;

/** What an end is, for people. */
export function titleOf({ role, port, server }: EndReport): string {
  return role === 'client' ? `client of ${server ?? ''}` : `server on UDP port ${port}`;
}

/** How a peer is named in an address of the page. */
function idOf({ publicKey, peer }: PeerStatus): string {
  return publicKey ?? peer;
}

/** The peer that an address names. */
export function peerNamed({ peers }: EndReport, id: string): PeerStatus | undefined {
  return peers.find((peer) => idOf(peer) === id);
}

/** A table whose cells say on a small screen what they are. */
function table(
  caption: Markup | string,
  heads: readonly string[],
  rows: readonly (readonly (Markup | string)[])[],
) {
  const cells = (row: readonly (Markup | string)[]) =>
    row.map((cell, i) =>
      i === 0 ? html`<th scope="row">${cell}</th>` : html`<td data-head="${heads[i] as string}">${cell}</td>`,
    );
  return html`<table>
<caption>${caption}</caption>
<thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody>
</table>`;
}

function facts(all: readonly (readonly [string, Markup | string])[]): Markup {
  return html`<dl>${all.map(([name, what]) => html`<div><dt>${name}</dt><dd>${what}</dd></div>`)}</dl>`;
}

function refused(caption: string, reasons: Reasons): Markup {
  const all = Object.entries(reasons).filter(([, times]) => times > 0);
  return all.length === 0
    ? html`<p>${caption}: nothing.</p>`
    : table(
        caption,
        ['why', 'how often'],
        all.map(([why, times]) => [why, String(times)]),
      );
}

function peersTable({ peers, time }: EndReport): Markup {
  if (peers.length === 0)
    return html`<h2>Peers</h2>
<p>There are none.</p>`;
  const heads = ['peer', 'state', 'for', 'address', 'round trip', 'loss', 'in', 'out', 'refused'];
  return table(
    html`<h2>Peers</h2>`,
    heads,
    peers.map((peer) => [
      html`<a href="?peer=${encodeURIComponent(idOf(peer))}">${peer.peer}</a>`,
      state(peer.up, stateOf(peer)),
      since(peer.since, time),
      peer.address ?? '',
      milliseconds(peer.roundTrip),
      percent(peer.loss),
      `${size(peer.rates.over5s.in.bytes)}/s`,
      `${size(peer.rates.over5s.out.bytes)}/s`,
      String(sum(peer.refused)),
    ]),
  );
}

/** The end as a whole. @param plot of its rates */
export function endPage(end: EndReport, plot: Markup): Markup {
  const { plug, carried, pending, time } = end;
  const up = end.peers.filter((peer) => peer.up).length;
  const { bySwitch, unopened } = end.dropped;
  return html`<main>
<h1>${titleOf(end)}</h1>
${facts([
  ['state', state(end.up, end.up ? 'up' : `down: ${end.why ?? 'not yet up'}`)],
  ['peers up', `${up} of ${end.peers.length}`],
  ['cable', modeText(end)],
  ['running for', since(end.since, time)],
  [
    'switch',
    `${plug.locator ?? "the program's own"}${plug.open === false ? `: no port (${plug.trouble ?? ''})` : ''}`,
  ],
  ['carried', `${size(carried.in.bytes)} in, ${size(carried.out.bytes)} out`],
  ['dropped', `${bySwitch} by the switch, ${unopened} for lack of room`],
])}
<h2>Carried</h2>
${plot}
${peersTable(end)}
<h2>Refused</h2>
${refused('Datagrams and frames', end.refused.frames)}
${refused('Handshakes and logins', end.refused.handshakes)}
${
  pending.length === 0
    ? NONE
    : table(
        html`<h2>Not known here</h2>`,
        ['public key', 'address', 'calls', 'last'],
        pending.map((one) => [one.publicKey, one.address, String(one.times), `${since(one.last, time)} ago`]),
      )
}
</main>`;
}

/** One peer of it. */
export function peerPage(end: EndReport, peer: PeerStatus): Markup {
  const { time } = end;
  const { carried, rates, dropped } = peer;
  const all: readonly (readonly [string, Markup | string | null])[] = [
    ['state', state(peer.up, `${stateOf(peer)}, for ${since(peer.since, time)}`)],
    ['public key', peer.publicKey],
    ['address', peer.address],
    ['last heard', peer.heard && `${since(peer.heard, time)} ago`],
    ['round trip', peer.roundTrip === null ? null : milliseconds(peer.roundTrip)],
    ['loss', peer.loss === null ? null : percent(peer.loss)],
    ['cipher', peer.cipher],
    ['path MTU', peer.pathMtu === null ? null : `${peer.pathMtu} bytes`],
    ['port', peer.portTrouble === null ? peer.port : `missing: ${peer.portTrouble}`],
    ['MAC addresses', macsText(peer, time)],
    ['may do', peer.policy],
    ['carried', `${size(carried.in.bytes)} in, ${size(carried.out.bytes)} out`],
    ['now', `${size(rates.over5s.in.bytes)}/s in, ${size(rates.over5s.out.bytes)}/s out`],
    ['last minute', `${size(rates.over60s.in.bytes)}/s in, ${size(rates.over60s.out.bytes)}/s out`],
    ['dropped', `${dropped.bySwitch} by the switch, ${dropped.unopened} for lack of room`],
  ];
  return html`<main>
<p><a href=".">${titleOf(end)}</a></p>
<h1>${peer.peer}</h1>
${facts(all.filter((one): one is [string, Markup | string] => one[1] !== null && one[1] !== ''))}
<h2>Refused</h2>
${refused('Datagrams and frames', peer.refused)}
</main>`;
}

/** There is no such peer any more, or never was. */
export function nobodyPage(end: EndReport): Markup {
  return html`<main>
<p><a href=".">${titleOf(end)}</a></p>
<h1>No such peer</h1>
<p>Nobody is called so, or may connect, any more.</p>
</main>`;
}

/** The whole document. */
export function documentOf(title: string, main: Markup, program: string): string {
  return html`${new Markup('<!doctype html>')}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${`cryptcab: ${title}`}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script src="live.js" defer></script>
</head>
<body>
<p id="lost" role="status" hidden>The end does not answer. This is how it was when it did last.</p>
${main}
<footer><p>cryptcab ${program}</p></footer>
</body>
</html>
`.text;
}
