// Joins a server by an invite (secure.md §8): enrols as the guest that the line is of, and is done.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CableEvents } from '../cable/cable.js';
import { openCable } from '../cable/open-cable.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import { openCore } from '../core/open-core.js';
import { CryptcabError, messageOf } from '../error.js';
import { SeldomLog, SILENT } from '../log.js';
import type { Io } from '../options/io-path.js';
import { type Remote, remoteKey } from '../protocol/remote.js';
import type { EnrolAnswer, Introduction } from '../protocol/secure/control.js';
import type { InviteLine, Place } from '../protocol/secure/invite-line.js';
import type { Peer } from '../protocol/secure/peer.js';
import { datagramMax, PATH_MTU } from '../protocol/sizes.js';
import { Resolver } from './resolve.js';
import { SecureSide } from './secure-side.js';
import { timeText } from './time-text.js';

/** Names of places are looked up this long before the first call, ms: those found later are called later. */
const NAMES_MS = 500;
/** After this long without an answer that is said, and after this long it is over, ms (secure.md §8.3). */
const WAIT_MS = { said: 6_000, over: 60_000 } as const;

export interface JoinConfiguration {
  readonly invite: InviteLine;
  /** What the server is to know this end by from now on. */
  readonly introduction: Introduction;
  /** Our only address; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  readonly io?: Io | undefined;
  readonly openUdp?: OpenUdp | undefined;
  readonly tap?: WireTap | undefined;
  readonly signal: AbortSignal;
  /** For how long it is tried, ms; default: a minute (secure.md §8.3). */
  readonly patience?: number;
  /** Told once, when it takes long. */
  readonly waits?: (line: string) => void;
}

/** The server refused; trying again with the same line is of no use, unless `later`. */
export class JoinRefused extends CryptcabError {
  /** Whether the same line may do later. */
  readonly later: boolean;

  /** @param later whether the same line may do later */
  constructor(message: string, later = false) {
    super(message);
    this.later = later;
  }
}

/** As people write it. */
export function placeText({ host, port }: Place): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const ASK = "ask the server's operator";

function refusal({ result, time }: EnrolAnswer): JoinRefused | undefined {
  const at = timeText(1_000 * time);
  switch (result) {
    case 'enrolled':
      return undefined;
    case 'used':
      return new JoinRefused(
        `this invite was used at ${at}: ${ASK} for another one; if it was not you who used it, say so, as somebody else has joined in your place`,
      );
    case 'over':
      return new JoinRefused(`this invite was over at ${at}: ${ASK} for another one`);
    case 'not kept':
      return new JoinRefused(
        `the server cannot keep a new peer now, as its log says: tell its operator, and use the same invite again when that is mended`,
        true,
      );
    case 'no key':
      return new JoinRefused('the server knows a peer with this key already: join with new keys');
    case 'unknown':
      return new JoinRefused(
        'the server refused for a reason that this version does not know: use the version that the server has',
      );
  }
}

/** What a person may look at where nobody answers. */
function noAnswer({ places, until }: InviteLine, side: SecureSide): string {
  const where = places.map(placeText).join(', ');
  if ((side.refused.get('decrypt failed') ?? 0n) > 0n)
    return `what answers at ${where} does not know this line: it was changed on the way; ${ASK} for another one`;
  const late = Date.now() >= 1_000 * until ? `; the invite was over at ${timeText(1_000 * until)}` : '';
  return `no answer from ${where}: see that the server runs there and has the key that it had when it made this line, and that UDP port ${places[0]?.port} is open on the way${late}`;
}

/** Nothing but datagrams is of interest. */
const QUIET: Omit<CableEvents, 'control'> = {
  heard() {},
  sent() {},
  refused() {},
  large() {},
  tooLong() {},
  worn() {},
  plugLost() {},
  plugged() {},
  unreachable() {},
  sendFailed() {},
  failed() {},
};

/** What a promise gives, unless a signal is aborted before. */
function unless<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/**
 * Has the server of an invite know this end.
 * @returns the place where it answered
 * @throws JoinRefused where it refuses; CryptcabError where it does not answer; the signal's reason
 */
export async function joinByInvite(configuration: JoinConfiguration): Promise<Place> {
  const { invite, introduction, signal, waits } = configuration;
  const core = await openCore();
  let receive = (_datagram: Uint8Array, _from: Remote) => {};
  let told: (answer: EnrolAnswer) => void = () => {};
  const answered = new Promise<EnrolAnswer>((resolve) => {
    told = resolve;
  });
  const cable = await openCable({
    core,
    io: configuration.io,
    openUdp: configuration.openUdp,
    port: 0,
    bind: configuration.bind,
    tap: configuration.tap,
    events: { ...QUIET, control: (datagram, from) => receive(datagram, from) },
  });
  const side = new SecureSide({
    cable,
    privateKey: invite.privateKey,
    path: datagramMax(PATH_MTU.usual),
    log: SILENT,
    seldom: new SeldomLog(),
    handlers: { up() {}, down() {}, verdict: (_server, answer) => told(answer) },
  });
  receive = (datagram, from) => side.receive(datagram, from);
  const late = AbortSignal.timeout(configuration.patience ?? WAIT_MS.over);
  const done = new AbortController();
  const ends = AbortSignal.any([signal, late, done.signal]);
  const slow = setTimeout(() => waits?.(`${noAnswer(invite, side)}; still trying`), WAIT_MS.said);
  try {
    const places = new Map<string, Place>();
    const server = addServer(side, invite, introduction);
    call(side, server, invite, places, cable.local.address, ends);
    const answer = await unless(answered, ends);
    const refused = refusal(answer);
    if (refused !== undefined) throw refused;
    const { address: host, port } = server.endpoint as Remote;
    return places.get(remoteKey({ address: host, port })) ?? { host, port };
  } catch (error) {
    if (error instanceof CryptcabError || signal.aborted) throw error;
    throw new CryptcabError(noAnswer(invite, side));
  } finally {
    clearTimeout(slow);
    done.abort();
    await side.close(); // says goodbye
    await cable.close();
  }
}

function addServer(side: SecureSide, invite: InviteLine, introduction: Introduction): Peer {
  const { serverPublicKey: publicKey, presharedKey } = invite;
  try {
    return side.add({ publicKey, presharedKey, introduction, eager: true });
  } catch (error) {
    throw new JoinRefused(
      `the server's key in this line is none (${messageOf(error)}): ${ASK} for another line`,
    );
  }
}

/** Calls a server at all places of its line, as far as they have addresses. @param found gets the place of each address */
async function call(
  side: SecureSide,
  server: Peer,
  { places }: InviteLine,
  found: Map<string, Place>,
  own: string,
  signal: AbortSignal,
): Promise<void> {
  const remotes: Remote[] = [];
  let began = false;
  const look = async (place: Place) => {
    for (const address of await new Resolver(place.host, own, SILENT).wait(signal)) {
      const remote = { address, port: place.port };
      found.set(remoteKey(remote), place);
      remotes.push(remote);
    }
    if (began) side.callAt(server, remotes);
  };
  const all = Promise.allSettled(places.map(look));
  await Promise.race([all, sleep(NAMES_MS, undefined, { ref: false })]);
  if (signal.aborted) return;
  began = true;
  if (remotes.length > 0) side.callAt(server, remotes);
}
