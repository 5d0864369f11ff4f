// What a hint of the machine's says to people.
import { optionName } from '../options/name.js';
import type { SecureHint } from '../protocol/secure/terms.js';
import { peerText } from './peers/peer-text.js';

const MINUTE = 60_000;
const UNITS = [
  ['year', 365.25 * 24 * 60 * MINUTE],
  ['day', 24 * 60 * MINUTE],
  ['hour', 60 * MINUTE],
  ['minute', MINUTE],
  ['second', 1_000],
] as const;
/** Two clocks that differ by less are the same, for people. */
const AGREES = 5 * MINUTE;
/** 2026-01-01: a clock that is before this program was written is wrong. */
const WRITTEN = Date.UTC(2026, 0);

/** A time span in the largest unit that it fills: "2 hours". @param ms more than 0 */
export function span(ms: number): string {
  // What lacks a little is rounded up: 59.9 minutes are an hour.
  const [unit, length] = UNITS.find(([, one]) => ms >= 0.95 * one) ?? (['second', 1_000] as const);
  const count = Math.max(1, Math.round(ms / length));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Its clock is as ours now, so it was the earlier time that was wrong. */
const wasAhead = ({ fromOurs }: { readonly fromOurs: number }) => Math.abs(fromOurs) < AGREES;

/** What is said once in a while, apart from all else that is said of a peer. */
export function hintKind(hint: SecureHint): string {
  return hint.what === 'clock' && wasAhead(hint) ? 'clock ahead' : hint.what;
}

/** What should be said of a peer. */
export function hintText(hint: Exclude<SecureHint, { what: 'stranger' }>): string {
  const who = peerText(hint.peer);
  switch (hint.what) {
    case 'clock': {
      const forged = 'Or somebody sends its old handshakes again';
      const by = span(hint.behind);
      if (wasAhead(hint))
        return `the clock of ${who} was ahead by about ${by} when it connected last, so that its handshakes are refused as replayed until that time has come: restart this end, which then forgets it. ${forged}`;
      return `the clock of ${who} is behind by about ${by}, so that its handshakes are refused as replayed: set it (NTP), or restart this end. ${forged}`;
    }
    case 'preshared key':
      return `${who} answers with another preshared key: give both ends the same one, with psk= in the peers file and ${optionName('secure.presharedKey')} at the client, or neither`;
    case 'unfinished':
      if (hint.peer.guest)
        return `somebody calls by the ${hint.peer.name} and does not finish the handshake: its line was changed on the way, or our answers do not reach them in time`;
      return `${who} does not finish the handshake: its preshared key is another one (psk= in the peers file, ${optionName('secure.presharedKey')} at the client), or our answers do not reach it in time`;
    case 'dead':
      return `${who} no longer answers: calling it again`;
    case 'hole':
      return `large datagrams of ${who} do not arrive, small ones do (${hint.frames} frames are incomplete): something on the way drops them silently; start that end with ${optionName('secure.pathMtu')} 1280`;
  }
}

/** What a client says of its own clock when it gets no answer. @param now ms since 1970 */
export function ownClock(now: number): string {
  return now < WRITTEN
    ? `; the clock of this machine says ${new Date(now).toISOString().slice(0, 10)}: set it (NTP)`
    : '; if the clock of this machine was set back since it was connected last, set it right (NTP)';
}
