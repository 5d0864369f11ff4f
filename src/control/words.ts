// How people read what an end says of itself.
import type { EndReport, PeerStatus, Why } from './status.js';

/** Why a peer is down, short. */
const WHY: Readonly<Record<Why, string>> = {
  waiting: 'not yet up',
  goodbye: 'said goodbye',
  silent: 'silent',
  unknown: 'forgotten',
  disconnected: 'ended here',
  removed: 'removed',
  moved: 'moved',
  'no port': 'no port',
};

const MINUTE = 60_000;
const UNITS = [
  ['d', 24 * 60 * MINUTE],
  ['h', 60 * MINUTE],
  ['min', MINUTE],
] as const;

/** A time span, short: `3 s`, `2 h`. */
export function shortSpan(ms: number): string {
  const [unit, length] = UNITS.find(([, one]) => ms >= one) ?? (['s', 1_000] as const);
  return `${Math.max(0, Math.floor(ms / length))} ${unit}`;
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Bytes, short: `1.2 MB`. */
export function size(bytes: number): string {
  const power = Math.min(SIZES.length - 1, bytes < 1_000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${SIZES[power]}`;
}

/** What a peer is: up, or why not. */
export function stateOf({ up, why }: PeerStatus): string {
  return up ? 'up' : (WHY[why ?? 'waiting'] ?? 'down');
}

/** Where frames of a peer came from, and how long ago. @param time of the report */
export function macsText({ macs }: PeerStatus, time: string): string {
  const ago = (seen: string) => shortSpan(Date.parse(time) - Date.parse(seen));
  return macs.map(({ mac, seen }) => `${mac} (${ago(seen)} ago)`).join(', ');
}

const MODES = { secure: 'secure', classic: 'classic', both: 'secure and classic' } as const;

/** Which cables an end makes. */
export function modeText({ mode, plain }: Pick<EndReport, 'mode' | 'plain'>): string {
  if (!plain) return MODES[mode];
  return mode === 'both' ? 'secure, and classic without encryption' : `${MODES[mode]}, not encrypted`;
}

/** A report for people: what it says of options is in these words. */
export function inWords(report: EndReport, words: (marked: string) => string): EndReport {
  const { why, plug, peers } = report;
  const said = (text: string | null) => (text === null ? null : words(text));
  return {
    ...report,
    why: said(why),
    plug: { ...plug, trouble: said(plug.trouble) },
    peers: peers.map((peer) => ({ ...peer, portTrouble: said(peer.portTrouble) })),
  };
}
