import type { OpenPlug } from '../../cable/plug/plug.js';
import type { Patience } from '../../cable/start-patience.js';
import { deferred } from '../../deferred.js';
import type { ServerKeys } from '../../ends/classic-side.js';
import type { Endpoint } from '../../ends/endpoint.js';
import { askCommand } from '../../ends/peers/asks.js';
import { endpointText } from '../../ends/report/report.js';
import type { Running, RunningClient, Watcher } from '../../ends/running.js';
import { messageOf } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { newPrivateKey } from '../../keys/key-text.js';
import type { Log } from '../../log.js';
import type { ClientMode } from '../../protocol/classic/client-terms.js';
import type { LogHistory } from '../log/history.js';
import { wireTap } from '../log/wire-log.js';
import type { SecureSettings, Settings } from '../options.js';
import type { Target } from '../values.js';
import { openEndControl } from './control.js';
import { tellParent } from './daemon.js';
import type { Carried } from './hand-over.js';
import type { KeyFiles } from './key-files.js';
import type { KeyLog } from './key-log.js';

/** How long -d waits for the cable to come up before it goes on in the background. */
const PATIENCE_MS = 10_000;

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** What one kind of end alone needs. Who becomes another user loads all before, as that one may not be able to read them. */
export const parts = {
  bySsh: once(() => import('./keys-by-ssh.js')),
  client: once(() => import('../../ends/classic-client.js')),
  keptKey: once(() => import('../../keys/kept-key.js')),
  secureClient: once(() => import('../../ends/secure-client.js')),
  server: once(() => import('../../ends/server.js')),
};

function patienceOf({ now }: Settings): Patience {
  return now ? 'nothing' : 'all';
}

/** What a cable is plugged into, and who hears of its peers. */
interface Inside {
  readonly plug: OpenPlug;
  readonly watcher: Watcher;
}

export interface Started extends Running {
  /** Resolves when frames can pass: a server has its port of the switch, a client its server as well. */
  readonly up: Promise<void>;
  /** When -d may return. */
  settled(): Promise<unknown>;
  /** Reads the list of peers again; undefined where there is none. */
  readonly reload?: (() => void) | undefined;
}

/** How a server knows its classic clients; undefined when it serves none. */
function classicKeys(settings: Settings, files: KeyFiles): ServerKeys | undefined {
  if (!settings.classic) return undefined;
  if (files.classic !== undefined) return { kind: 'preshared', key: files.classic };
  return settings.plain ? { kind: 'plain' } : { kind: 'scp', directory: settings.keyDirectory };
}

/** Without a key file a server makes its key itself: clients that enrol get the public one. */
async function ownKey(state: string | undefined, log: Log): Promise<Uint8Array> {
  const make = () => newPrivateKey(drawSecret);
  if (state === undefined) return make();
  const { keptPrivateKey } = await parts.keptKey();
  try {
    return keptPrivateKey(state, make, log);
  } catch (error) {
    log.warn(
      {},
      `takes a key for this time alone, all clients enrol again after a restart: ${messageOf(error)}`,
    );
    return make();
  }
}

async function secureServer(
  { peersFile, directory, enrolledMax, forgetAfter, serverId, path, verify: command }: SecureSettings,
  files: KeyFiles,
  state: string | undefined,
  keyLog: KeyLog | undefined,
  log: Log,
) {
  const privateKey = files.privateKey ?? (await ownKey(state, log));
  const verify = command === undefined ? undefined : askCommand(command);
  const peers = peersFile !== undefined && { peersFile };
  return { privateKey, ...peers, directory, enrolledMax, forgetAfter, serverId, state, path, keyLog, verify };
}

export async function startAsServer(
  settings: Settings,
  inside: Inside,
  files: KeyFiles,
  state: string | undefined,
  keyLog: KeyLog | undefined,
  log: Log,
  history: LogHistory,
): Promise<Started> {
  const { startServer } = await parts.server();
  const secure = settings.secure && (await secureServer(settings.secure, files, state, keyLog, log));
  const running = await startServer({
    port: settings.port,
    bind: settings.bind,
    keys: classicKeys(settings, files),
    ...(secure && { secure }),
    ...inside,
    io: settings.io,
    patience: patienceOf(settings),
    ...(settings.threads !== undefined && { threads: settings.threads }),
    broadcastLimit: settings.broadcastLimit,
    peerDefaults: settings.peerDefaults,
    log,
    ...wireTap(settings.verbosity, log),
  });
  secure?.privateKey.fill(0); // the machine has a copy
  const control = await openEndControl(running, log, history, undefined, settings.name);
  log.info({ port: running.local.port, switch: settings.socket }, 'waiting for clients');
  return {
    ...running,
    settled: () => running.ready.then(sayWaits),
    up: running.serves,
    async close() {
      running.captures.close();
      await control?.close();
      await running.close();
    },
  };
}

async function startSecurely(
  settings: Settings,
  inside: Inside,
  { peer, path }: SecureSettings,
  target: Target,
  server: Endpoint,
  carried: Carried | undefined,
  files: KeyFiles,
  keyLog: KeyLog | undefined,
  log: Log,
): Promise<RunningClient> {
  const { startSecureClient } = await parts.secureClient();
  const keys =
    files.privateKey === undefined
      ? (await parts.bySsh()).enrolment(target, carried?.secure)
      : {
          privateKey: files.privateKey,
          ...(files.presharedKey !== undefined && { presharedKey: files.presharedKey }),
          serverPublicKey: peer as Uint8Array,
        };
  return startSecureClient({
    port: settings.port,
    bind: settings.bind,
    server,
    portForwarded: settings.endpoint !== undefined,
    keys,
    keepalive: settings.keepalive,
    path,
    keyLog,
    ...inside,
    io: settings.io,
    patience: patienceOf(settings),
    log,
    ...wireTap(settings.verbosity, log),
  });
}

async function startClassically(
  settings: Settings,
  inside: Inside,
  target: Target,
  server: Endpoint,
  carried: Carried | undefined,
  files: KeyFiles,
  log: Log,
): Promise<RunningClient> {
  const [{ startClient }, { carrier }] = [await parts.client(), await parts.bySsh()];
  const mode: ClientMode =
    files.classic !== undefined
      ? { kind: 'preshared', key: files.classic }
      : settings.plain
        ? { kind: 'plain' }
        : { kind: 'random', ...(carried?.classic && { carried: carried.classic }) };
  return startClient({
    port: settings.port,
    bind: settings.bind,
    server,
    mode,
    cipher: settings.cipher,
    keepalive: settings.keepalive,
    carryKey: carrier(target, settings),
    ...inside,
    io: settings.io,
    patience: patienceOf(settings),
    log,
    ...wireTap(settings.verbosity, log),
  });
}

/** A server as a person names it. */
function targetText({ user, host, port }: Target): string {
  return `${user === undefined ? '' : `${user}@`}${endpointText({ host, port })}`;
}

export async function startAsClient(
  settings: Settings,
  inside: Inside,
  target: Target,
  carried: Carried | undefined,
  files: KeyFiles,
  keyLog: KeyLog | undefined,
  log: Log,
  history: LogHistory,
  signal: AbortSignal,
): Promise<Started> {
  const keyed = settings.keyFile !== undefined || settings.secure?.keyFile !== undefined;
  const endpoint = keyed
    ? (settings.endpoint ?? target)
    : await (await parts.bySsh()).endpointOf(settings, target, signal);
  const running =
    settings.secure === undefined
      ? await startClassically(settings, inside, target, endpoint, carried, files, log)
      : await startSecurely(settings, inside, settings.secure, target, endpoint, carried, files, keyLog, log);
  const control = await openEndControl(running, log, history, undefined, settings.name, targetText(target));
  return {
    ...running,
    async close() {
      running.captures.close();
      await control?.close();
      await running.close();
    },
    async settled() {
      let over = false;
      const waitsOrUp = running.ready.then((waits) => {
        if (!over && !sayWaits(waits)) return running.up;
      });
      const patience = deferred();
      const timer = setTimeout(() => {
        const trouble = running.trouble();
        const why = trouble === undefined ? `no answer from ${target.host} yet:` : `${trouble};`;
        tellParent(`${why} still trying in the background`);
        over = true;
        patience.resolve();
      }, PATIENCE_MS);
      // A client that cannot enrol yet has no port to wait for.
      await Promise.race([waitsOrUp, running.ended, patience.promise]).finally(() => clearTimeout(timer));
    },
  };
}

/** Says to the person who started -d what it goes on without. */
export function sayWaits(waits: string | undefined): boolean {
  if (waits !== undefined) tellParent(`${waits}; still trying in the background`);
  return waits !== undefined;
}
