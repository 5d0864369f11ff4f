// `cryptcab invite`: has the running server let somebody in who has the line that this prints (secure.md §8).
import { ask } from '../../control/ask.js';
import { oneServer, type RunningEnd, severalServers, strange } from '../../control/ends.js';
import { parseCancelled, parseInvited } from '../../control/invite.js';
import { type Place as ControlPlace, controlPlace } from '../../control/path.js';
import { isPrivate } from '../../ends/own-addresses.js';
import { lineOf, type NamedPlace, placesOf } from '../../ends/peers/line-of.js';
import { timeText } from '../../ends/time-text.js';
import { CryptcabError } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { newPresharedKey, newPrivateKey } from '../../keys/key-text.js';
import { isName, NAME_RULE } from '../../keys/peers-file.js';
import { publicKeyOf } from '../../keys/public-key.js';
import { INVITE_SECONDS } from '../../protocol/secure/constants.js';
import type { Place } from '../../protocol/secure/invite-line.js';
import { qrCode } from '../qr.js';
import { say } from '../say.js';
import { UsageError } from '../usage.js';

/** What is invited, as the command line says it. */
export interface InviteWish {
  /** The server, as `status` calls it; undefined where one alone runs. */
  readonly end?: string | undefined;
  /** What who joins is called. */
  readonly name: string;
  /** For how long, s. */
  readonly for?: number;
  readonly uses?: number;
  /** Where the server is for those who join, with its own port where none is said; at its own addresses where no place is. */
  readonly at?: readonly NamedPlace[];
}

/** The name that follows `invite`. @throws UsageError for anything else */
export function nameOf([name]: readonly string[]): string {
  if (isName(name)) return name;
  throw new UsageError(`invite is followed by a name for who joins: ${NAME_RULE}`);
}

/** The server of an invite. @throws CryptcabError when there is none, or there are several */
export function serverOf(called: string | undefined, place: ControlPlace): Promise<RunningEnd> {
  return oneServer({ called }, place, (servers) => severalServers(servers, 'choose one with --end'));
}

/** Options of `invite` that go with `--wireguard` alone, and without it alone. */
const WITH_WIREGUARD = ['network', 'gateway', 'public-key', 'default-route'];
const WITHOUT = ['for', 'uses', 'cancel'];

/** Whether a device with a stock WireGuard is invited. @throws UsageError for options that do not go together */
export function inviteKind(options: Readonly<Record<string, unknown>>): 'wireguard' | 'line' {
  const given = (names: readonly string[]) => names.find((name) => options[name] !== undefined);
  const wireguard = options.wireguard === true;
  const wrong = given(wireguard ? WITHOUT : WITH_WIREGUARD);
  if (wrong === undefined) return wireguard ? 'wireguard' : 'line';
  throw new UsageError(
    wireguard
      ? `leave --${wrong} out: with --wireguard there is no line that is open for a time`
      : `--${wrong} goes with --wireguard alone: give that as well, or leave it out`,
  );
}

/**
 * Makes an invite. What the operator should know of it goes to standard error.
 * @returns its line; on a terminal a QR code as well
 * @throws CryptcabError when no server runs, or it refuses
 */
export async function invite(wish: InviteWish, place: ControlPlace = controlPlace()): Promise<string> {
  const { name, for: seconds = INVITE_SECONDS.usual, uses = 1, at = [] } = wish;
  const { path } = await serverOf(wish.end, place);
  const privateKey = newPrivateKey(drawSecret);
  const presharedKey = newPresharedKey(drawSecret);
  try {
    const publicKey = publicKeyOf(privateKey);
    const answer = await ask(path, { do: 'invite', publicKey, presharedKey, name, seconds, uses });
    const invited = answer === undefined ? undefined : parseInvited(answer);
    if (invited === undefined) throw strange(path);
    const places = placesOf(invited, at);
    let line: string;
    try {
      line = lineOf(invited, { privateKey, presharedKey }, places);
    } catch (error) {
      await ask(path, { do: 'cancel', name, publicKey }); // nobody has its line
      throw error;
    }
    for (const note of notes(name, uses, invited.until, places, at.length > 0)) say(note);
    return `${line}\n${process.stdout.isTTY ? await qrCode(line, say) : ''}`;
  } finally {
    privateKey.fill(0);
    presharedKey.fill(0);
  }
}

function notes(name: string, uses: number, until: number, places: readonly Place[], told: boolean): string[] {
  const who = uses === 1 ? 'who has this line first' : `${uses} machines that have this line`;
  const lines = [
    `${who} can join as ${name} until ${timeText(1_000 * until)}, with: cryptcab join LINE. Send it as you would a password`,
  ];
  if (!told && places.every(({ host }) => isPrivate(host)))
    lines.push(
      `it leads to ${places.map(({ host }) => host).join(', ')}, for machines of this site: for others give --at HOST[:PORT]`,
    );
  return lines;
}

/** Takes back the open invites of a name. @throws CryptcabError when there are none */
export async function cancel(
  end: string | undefined,
  name: string,
  place: ControlPlace = controlPlace(),
): Promise<string> {
  const { path } = await serverOf(end, place);
  const answer = await ask(path, { do: 'cancel', name });
  const taken = answer === undefined ? undefined : parseCancelled(answer);
  if (taken === undefined) throw strange(path);
  if (taken === 0) throw new CryptcabError(`there is no open invite ${name}`);
  return `revoked the invite ${name}${taken === 1 ? '' : `, ${taken} times`}\n`;
}
