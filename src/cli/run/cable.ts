// The cable of a command line: runs it, in the foreground or as a daemon, until it is told to end. What one kind of end alone needs is
// loaded where such an end starts, so that each is up sooner.

import { endThread } from '../../cable/native/thread/start-thread.js';
import type { Patience } from '../../cable/patience.js';
import { plugOf } from '../../cable/plug/kinds.js';
import type { OpenPlug } from '../../cable/plug/plug.js';
import { deferred } from '../../deferred.js';
import type { ServerKeys } from '../../ends/classic-side.js';
import type { Endpoint } from '../../ends/endpoint.js';
import { Hooks } from '../../ends/hooks.js';
import { askCommand } from '../../ends/peers/asks.js';
import type { Running, RunningClient, Watcher } from '../../ends/running.js';
import { keepTrying } from '../../ends/try-again.js';
import { CryptcabError, messageOf } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { newPrivateKey } from '../../keys/key-text.js';
import type { Log } from '../../log.js';
import type { Served } from '../../metrics/http.js';
import type { ClientMode } from '../../protocol/classic/client-terms.js';
import { ignoreDebugSignal, onHangup } from '../early.js';
import { compileEarlySoon, keepSmall } from '../engine.js';
import type { LogHistory } from '../log/history.js';
import { type LogTarget, openLog } from '../log/logger.js';
import { wireTap } from '../log/wire-log.js';
import type { SecureSettings, Settings } from '../options.js';
import { terminalGone } from '../terminal.js';
import type { Target } from '../values.js';
import { openEndControl } from './control.js';
import { type Carried, detach, handedOver, releaseParent, tellParent } from './daemon.js';
import { KeyFiles } from './key-files.js';
import { type KeyLog, openKeyLog } from './key-log.js';
import { startServing } from './metrics.js';
import { noticesFor, watchers } from './notices.js';
import { checkPidFile, type PidFile, writePidFile } from './pid-file.js';
import { Service, takeSupervisor } from './service.js';
import { makeStateDirectory, stateDirectory } from './state.js';

/** How long -d waits for the cable to come up before it goes on in the background. */
const PATIENCE_MS = 10_000;

keepSmall();

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** What one kind of end alone needs. Who becomes another user loads all before, as that one may not be able to read them. */
const parts = {
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

interface Started extends Running {
  /** Resolves when frames can pass: a server has its port of the switch, a client its server as well. */
  readonly up: Promise<void>;
  /** Why it is not up, as far as that is known. */
  trouble?(): string | undefined;
  /** When -d may return. */
  settled(): Promise<unknown>;
  /** Reads the peers file again; undefined where there is none. */
  readonly reload?: (() => void) | undefined;
}

/** How a server knows its classic clients; undefined when it serves none. */
function classicKeys(settings: Settings, files: KeyFiles): ServerKeys | undefined {
  if (!settings.classic) return undefined;
  if (files.classic !== undefined) return { kind: 'preshared', key: files.classic };
  return settings.plain ? { kind: 'plain' } : { kind: 'scp', directory: settings.keyDirectory };
}

/** Without a key file a server makes its key itself: clients that enrol are told the public one. */
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

async function startAsServer(
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

async function startAsClient(
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
  const control = await openEndControl(running, log, history, undefined, settings.name);
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
        const trouble = running.trouble?.();
        const why = trouble === undefined ? `no answer from ${target.host} yet:` : `${trouble};`;
        tellParent(`${why} trying on in the background`);
        over = true;
        patience.resolve();
      }, PATIENCE_MS);
      // A client that cannot enrol yet has no port to wait for.
      await Promise.race([waitsOrUp, running.ended, patience.promise]).finally(() => clearTimeout(timer));
    },
  };
}

/** Says to the person who started -d what it goes on without. */
function sayWaits(waits: string | undefined): boolean {
  if (waits !== undefined) tellParent(`${waits}; trying on in the background`);
  return waits !== undefined;
}

/** What was carried so far; asked for, so that it is said whatever the verbosity. */
function sayStatistics(running: Running, log: Log): void {
  for (const peer of running.statistics()) log.info({ ...peer, io: running.io }, 'carried');
  const refused = running.refusals();
  if (refused.size > 0) log.info(Object.fromEntries(refused), 'refused');
}

/** Nobody else may write what this program and its children make. */
function keepFilesOwn(): void {
  const OTHERS_WRITE = 0o022;
  try {
    process.umask(process.umask(OTHERS_WRITE) | OTHERS_WRITE);
  } catch {
    // Deno was not allowed to. What this program makes by itself has a mode of its own.
  }
}

/** The signals that end the program. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;

/** What an end that was asked for may take, ms; then it is over. */
const END_MS = 5_000;

/** Nobody sees what a daemon prints. */
function logTarget({ logFile: file }: Settings, daemon: boolean): LogTarget {
  if (file !== undefined) return { file };
  return daemon ? 'syslog' : 'standard error';
}

/** Runs until it is told to end, or cannot go on. */
export async function run(settings: Settings, daemon: boolean): Promise<void> {
  keepFilesOwn();
  const supervisor = takeSupervisor();
  await ignoreDebugSignal();
  const users = settings.user === undefined ? undefined : await import('./user.js');
  const user = users?.findUser(settings.user as string);
  if (settings.pidFile !== undefined) checkPidFile(settings.pidFile);
  if (user !== undefined) users?.prepareFor(user, settings);
  const keeps = settings.secure !== undefined && settings.connect === undefined;
  const state = keeps
    ? (settings.secure?.state ?? stateDirectory(settings.port, settings.secure?.serverId))
    : undefined;
  if (state !== undefined) makeStateDirectory(state, user);
  const target = logTarget(settings, daemon);
  const { log, asked, history, reopen, close } = await openLog(settings.verbosity, target);
  const service = await Service.open(daemon ? undefined : supervisor, settings.connect?.host, log);
  const notices = noticesFor(settings);
  const watcher = watchers(service.watcher, notices);
  let files: KeyFiles | undefined;
  const stopped = deferred();
  const stopping = new AbortController();
  let ending = false;
  const end = (signal: string, why = '') => {
    if (ending) return;
    ending = true;
    service.stopping();
    log.warn({ signal }, `ended by ${signal}${why}`);
    stopping.abort();
    stopped.resolve();
  };
  for (const signal of ENDS) process.on(signal, () => end(signal));
  let running: Started | undefined;
  let hooks: Hooks | undefined;
  onHangup(() => {
    if (terminalGone()) return end('SIGHUP', ': its terminal was closed');
    service.reload(() => {
      reopen();
      files?.reload();
      running?.reload?.();
    });
    log.info({}, 'SIGHUP: opened the log file anew, and read keys and peers again');
  });
  let served: readonly Served[] = [];
  const failed = deferred();
  process.on('uncaughtException', failed.reject);
  let pidFile: PidFile | undefined;
  let settled: Promise<void> | undefined;
  /** It runs, or waits for what is not there yet: whoever started it need not wait. */
  const settle = async () => {
    if (settings.pidFile !== undefined && !ending) pidFile = writePidFile(settings.pidFile);
    if (!daemon) return;
    process.chdir('/');
    await releaseParent(0);
  };
  try {
    const carried = daemon ? await handedOver() : undefined;
    const start = async () => {
      const keys = new KeyFiles(settings, log, user?.uid);
      files = keys;
      const keyLogFile = settings.secure?.keyLog;
      const keyLog = keyLogFile === undefined ? undefined : openKeyLog(keyLogFile, log);
      if (user !== undefined) {
        await Promise.all(Object.values(parts).map((load) => load()));
        await users?.becomeUser(user, users.needs(settings), settings);
      }
      const { connect } = settings;
      const told = new Hooks(settings.hooks, settings.socket, log);
      hooks = told;
      const begin = () => {
        const plug = plugOf(settings.socket);
        plug.over?.then((why) => {
          log.warn({}, `ends: ${why}`);
          ending = true;
          stopping.abort();
          stopped.resolve();
        });
        const inside = { plug, watcher: watchers(watcher, told) };
        return connect === undefined
          ? startAsServer(settings, inside, keys, state, keyLog, log, history)
          : startAsClient(settings, inside, connect, carried, keys, keyLog, log, history, stopping.signal);
      };
      const waits = (why: string) => {
        service.waits(why);
        if (settled !== undefined) return;
        log.warn({}, `${why}; waiting for it`);
        sayWaits(why);
        settled = settle();
        settled.catch(failed.reject);
      };
      running = settings.now
        ? await begin()
        : await keepTrying(begin, {
            signal: stopping.signal,
            random: Math.random,
            failed: ({ marked }) => waits(marked),
            goesOn: () => log.warn({}, 'it is there now: going on'),
          });
      await endThread(); // the path that was taken has none
      compileEarlySoon();
      if (ending) return;
      notices?.watch(running);
      if (connect === undefined) notices?.serving(running.local.port, settings.socket);
      const { ready, ended, up, trouble } = running;
      service.upWhen(up, trouble);
      served = await startServing(settings, keys.webToken, running, log);
      process.on('SIGUSR2', () => sayStatistics(running as Running, asked));
      if (settled === undefined) {
        await Promise.race([daemon ? running.settled() : ready, ended]);
        settled = settle();
      }
      await settled;
      await ended;
    };
    await Promise.race([start(), stopped.promise, failed.promise]);
  } finally {
    await Promise.all(served.map((one) => one.close()));
    if (running !== undefined) {
      sayStatistics(running, log);
      const patience = new Promise((resolve) => setTimeout(resolve, END_MS));
      await Promise.race([running.close(), patience]);
      await hooks?.close('ended');
    }
    pidFile?.remove();
    service.close();
    await close();
  }
}

/** Leaves the terminal; keys are carried before, because scp or ssh may have to ask for a password there. */
export async function runAsDaemon(settings: Settings, say: (line: string) => void): Promise<number> {
  keepFilesOwn();
  if (settings.pidFile !== undefined) checkPidFile(settings.pidFile);
  let carried: Carried | undefined;
  if (settings.connect !== undefined) {
    const abort = new AbortController();
    const stop = (signal: string) => abort.abort(signal);
    for (const signal of ENDS) process.on(signal, stop);
    onHangup(() => {
      if (terminalGone()) stop('SIGHUP');
    });
    try {
      carried = await (await parts.bySsh()).carry(settings, settings.connect, abort.signal);
    } catch (error) {
      throw abort.signal.aborted ? new CryptcabError(`ended by ${abort.signal.reason}`) : error;
    }
    for (const signal of ENDS) process.off(signal, stop);
  }
  const status = detach(carried, say);
  carried?.classic?.key.fill(0);
  carried?.secure?.privateKey.fill(0);
  carried?.secure?.presharedKey.fill(0);
  return status;
}
