// `cryptcab peers` and `cryptcab ping`: who may connect, and who is there.
import { resolve } from 'node:path';
import { ask } from '../../control/ask.js';
import { isServerOf, type RunningEnd, runningEnds, severalServers, strange } from '../../control/ends.js';
import { type Changed, parseChanged, parsePong, type Request } from '../../control/message.js';
import { controlPlace, type Place } from '../../control/path.js';
import { type PeerStatus, rounded } from '../../control/status.js';
import { stateOf } from '../../control/words.js';
import { CryptcabError, oneLine } from '../../error.js';
import { parseKey } from '../../keys/key-text.js';
import { isName, NAME_RULE } from '../../keys/peers-file.js';
import { parsePolicy, parsePolicyChange } from '../../network/policy.js';
import type { Said } from '../said.js';
import { print } from '../say.js';
import { UsageError } from '../usage.js';
import { DOWN, nobodyRuns } from './status.js';
import { originText, peersText, pendingText } from './status-text.js';

/** Of a public key, so that its beginning stands for it. */
const LEAST_OF_KEY = 4;

interface Wish {
  readonly end?: string | undefined;
  readonly json?: boolean | undefined;
}

const said = (out: string, status = 0): Said => ({ out, faults: [], status });
const lines = (all: readonly object[]) => all.map((one) => `${JSON.stringify(one)}\n`).join('');

/** @throws CryptcabError where none runs */
export async function endsOf({ end }: Wish, place: Place): Promise<readonly RunningEnd[]> {
  const { ends, faults } = await runningEnds(place, { called: end });
  if (ends.length > 0) return ends;
  throw new CryptcabError(faults[0] ?? nobodyRuns(end, place));
}

/** `peers list` and `peers pending`. */
export async function listPeers(
  what: 'peers' | 'pending',
  wish: Wish,
  place: Place = controlPlace(),
): Promise<Said> {
  const statuses = (await endsOf(wish, place)).map(({ status }) => status);
  if (wish.json)
    return said(
      lines(statuses.flatMap(({ name, ...end }) => end[what].map((one) => ({ end: name, ...one })))),
    );
  return said(what === 'peers' ? peersText(statuses) : pendingText(statuses));
}

/** One peer of one end. */
interface Chosen {
  readonly end: RunningEnd;
  /** What the end knows it by. */
  readonly peer: string;
  readonly status: PeerStatus;
}

/** Whether a person who says this means that peer. */
function means(text: string, { name, publicKey, address, peer, origin }: PeerStatus): boolean {
  if (text === name || text === publicKey || text === peer || text === address) return true;
  if (origin?.how === 'ssh' && text !== '' && text === originText(origin)) return true;
  return publicKey !== null && text.length >= LEAST_OF_KEY && publicKey.startsWith(text);
}

/** @throws CryptcabError where there is none, or several are meant */
export function choose(ends: readonly RunningEnd[], text: string): Chosen {
  const found = ends.flatMap((end) => {
    const isServer = isServerOf(end.status, text);
    return end.status.peers
      .filter((peer) => isServer || means(text, peer))
      .map((status) => ({ end, peer: status.publicKey ?? status.peer, status }));
  });
  const [first, ...others] = found;
  if (first === undefined) throw new CryptcabError(`no peer is called ${text}: see cryptcab peers`);
  if (others.length === 0) return first;
  const all = found.map(({ end, status }) => `${status.peer} of ${end.status.name}`).join(', ');
  throw new CryptcabError(
    `several peers are called ${text} (${all}): name one by more of its public key, or choose an end with --end`,
  );
}

async function change(end: RunningEnd, request: Request): Promise<Changed> {
  const line = await ask(end.path, request);
  if (line === undefined) throw new CryptcabError(`${end.status.name} has just ended`);
  const changed = parseChanged(line);
  if (changed === undefined) throw strange(end.path);
  return changed;
}

function changedText(what: string, { peer, untilEnd, until = 'the server ends' }: Changed): string {
  return `${peer}: ${what}${untilEnd === null ? '' : `, until ${until}: ${untilEnd}`}\n`;
}

/** `peers add`. */
export async function addPeer(
  key: string,
  fields: readonly string[],
  { name, psk, ...wish }: Wish & { readonly name?: string | undefined; readonly psk?: string | undefined },
  place: Place = controlPlace(),
): Promise<Said> {
  if (name !== undefined) refuseName(name);
  const policy = fields.join(' ');
  const read = parsePolicy(policy);
  if (typeof read === 'string') throw new UsageError(read);
  const servers = (await endsOf(wish, place)).filter(
    ({ status }) => status.role === 'server' && status.mode !== 'classic',
  );
  const pending = servers.flatMap((end) =>
    end.status.pending
      .filter(({ publicKey }) => key.length >= LEAST_OF_KEY && publicKey.startsWith(key))
      .map(({ publicKey }) => ({ end, publicKey })),
  );
  const [known] = pending;
  const publicKey = parseKey(key) === undefined ? known?.publicKey : key;
  if (publicKey === undefined || pending.some((one) => one.publicKey !== publicKey))
    throw new UsageError(
      `this is no public key: give all 44 characters of it, from cryptcab pubkey there, or the first ones of one that is pending (see cryptcab peers pending)`,
    );
  const [first, ...others] = pending.length > 0 ? [...new Set(pending.map(({ end }) => end))] : servers;
  if (first === undefined)
    throw new CryptcabError('no server of the secure cable runs here: start one with cryptcab serve');
  if (others.length > 0) throw severalServers([first, ...others], 'choose one with --end');
  const changed = await change(first, {
    do: 'add',
    publicKey,
    ...(name !== undefined && { name }),
    ...(psk !== undefined && { presharedKeyFile: resolve(psk) }),
    ...(policy !== '' && { policy }),
  });
  return said(changedText(changed.policy ? `may connect, with ${changed.policy}` : 'may connect', changed));
}

function refuseName(name: string): void {
  if (!isName(name)) throw new UsageError(`'${name}' is not a valid name: ${NAME_RULE}`);
}

const DONE = { remove: 'removed', kick: 'its session is ended, and it may connect again' } as const;

/** `peers remove` and `peers kick`. */
export async function cutOff(
  what: 'remove' | 'kick',
  text: string,
  wish: Wish,
  place: Place = controlPlace(),
): Promise<Said> {
  const {
    end,
    peer,
    status: { origin },
  } = choose(await endsOf(wish, place), text);
  const done = changedText(DONE[what], await change(end, { do: what, peer }));
  const back =
    what === 'remove' && origin?.how === 'ssh'
      ? `${oneLine(originText(origin)) || 'its user'} enrols anew, with another key, while that login is good: take it out of authorized_keys as well\n`
      : '';
  return said(done + back);
}

/** `peers rename`. */
export async function renamePeer(
  text: string,
  name: string,
  wish: Wish,
  place: Place = controlPlace(),
): Promise<Said> {
  refuseName(name);
  const { end, peer } = choose(await endsOf(wish, place), text);
  return said(changedText('renamed', await change(end, { do: 'rename', peer, name })));
}

/** `peers set`. */
export async function limitPeer(
  text: string,
  fields: readonly string[],
  wish: Wish,
  place: Place = controlPlace(),
): Promise<Said> {
  const policy = fields.join(' ');
  const read = parsePolicyChange(policy);
  if (typeof read === 'string') throw new UsageError(read);
  const { end, peer } = choose(await endsOf(wish, place), text);
  const changed = await change(end, { do: 'limit', peer, policy });
  return said(changedText(changed.policy || 'nothing is limited', changed));
}

/** Whether a peer cannot answer. A peer without a port of the switch can: pings do not go there. */
function isAway({ up, why, cable }: PeerStatus): boolean {
  return !up && why !== 'no port' && cable === 'secure';
}

/** Between two questions, ms. */
const PING_MS = 1_000;

/** What a series of pings came to. */
class Series {
  sent = 0;
  readonly took: number[] = [];

  get loss(): number {
    return this.sent === 0 ? 0 : rounded(1 - this.took.length / this.sent, 4);
  }

  get roundTrip(): { min: number; mean: number; max: number } | null {
    const { took } = this;
    if (took.length === 0) return null;
    const mean = took.reduce((sum, one) => sum + one, 0) / took.length;
    return { min: Math.min(...took), mean: rounded(mean), max: Math.max(...took) };
  }

  text(called: string): string {
    const head = `--- ${called}: ${this.sent} sent, ${this.took.length} answered, ${Math.round(100 * this.loss)} % lost`;
    const { roundTrip } = this;
    if (roundTrip === null) return `${head}\n`;
    const [min, mean, max] = [roundTrip.min, roundTrip.mean, roundTrip.max].map((one) => one.toFixed(2));
    return `${head}; ${min} / ${mean} / ${max} ms at least, on average, at most\n`;
  }
}

/** `ping`: until it is ended, or for so many times. */
export async function ping(
  text: string,
  { count = Infinity, json, ...wish }: Wish & { readonly count?: number | undefined },
  place: Place = controlPlace(),
): Promise<Said> {
  const { end, peer, status } = choose(await endsOf(wish, place), text);
  const called = status.peer;
  if (isAway(status))
    return { out: '', faults: [`no answer from ${called}, which is down: ${stateOf(status)}`], status: DOWN };
  const series = new Series();
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  process.once('SIGINT', stop);
  let over = false;
  stopped.then(() => {
    over = true;
  });
  while (!over && series.sent < count) {
    const due = new Promise((resolve) => setTimeout(resolve, PING_MS));
    const answer = await Promise.race([ask(end.path, { do: 'ping', peer }), stopped]);
    if (over) break;
    if (answer === undefined) throw new CryptcabError(`${end.status.name} has just ended`);
    const pong = parsePong(answer as string);
    if (pong === undefined) throw strange(end.path);
    const { roundTrip } = pong;
    series.sent++;
    if (roundTrip !== null) series.took.push(roundTrip);
    const line = json
      ? `${JSON.stringify({ peer: called, number: series.sent, roundTrip })}\n`
      : `${called}: ${roundTrip === null ? 'no answer' : `number ${series.sent}, ${roundTrip.toFixed(2)} ms`}\n`;
    if (!(await print(line))) break;
    if (series.sent < count) await Promise.race([due, stopped]);
  }
  process.off('SIGINT', stop);
  const { sent, took, loss, roundTrip } = series;
  const out = json
    ? `${JSON.stringify({ peer: called, sent, answered: took.length, loss, roundTrip })}\n`
    : series.text(called);
  return said(out, took.length > 0 ? 0 : DOWN);
}
