// The cable of a command line: runs it, in the foreground or as a daemon, until it is told to end.
import { endThread } from '../../cable/native/thread/start-thread.js';
import { plugOf } from '../../cable/plug/kinds.js';
import { deferred } from '../../deferred.js';
import { Hooks } from '../../ends/hooks.js';
import type { Running } from '../../ends/running.js';
import { keepTrying } from '../../ends/try-again.js';
import { CryptcabError } from '../../error.js';
import type { HeldFile } from '../../held-file.js';
import type { Log } from '../../log.js';
import type { Served } from '../../metrics/http.js';
import { ignoreDebugSignal, onHangup } from '../early.js';
import { compileAtOnce, compileEarly, keepSmall } from '../engine.js';
import { type LogTarget, openLog } from '../log/logger.js';
import type { Settings } from '../options.js';
import { terminalGone } from '../terminal.js';
import { comingsFor } from './comings.js';
import { detach, releaseParent } from './daemon.js';
import { type Carried, handedOver } from './hand-over.js';
import { KeyFiles } from './key-files.js';
import { openKeyLog } from './key-log.js';
import { startServing } from './metrics.js';
import { noticesFor, watchers } from './notices.js';
import { checkPidFile, writePidFile } from './pid-file.js';
import { reloadText } from './reload-text.js';
import { Service, takeSupervisor } from './service.js';
import { parts, type Started, sayWaits, startAsClient, startAsServer } from './start.js';
import { makeStateDirectory, stateDirectory } from './state.js';

keepSmall();

/** What was carried so far; asked for, so that it is said whatever the verbosity. */
function sayStatistics(running: Running, log: Log): void {
  for (const peer of running.statistics()) log.info({ ...peer, io: running.io }, 'carried');
  const refused = running.refusals();
  if (refused.size > 0) log.info(Object.fromEntries(refused), 'refused');
}

/** Warns of the classic cable that nothing asked for, once it works: an error before that stays one line. */
function warnOfClassic(up: Promise<void>, log: Log): void {
  up.then(
    () => log.warn({}, 'this is the classic cable: cryptcab serve and cryptcab connect make the secure one'),
    () => {}, // it ends, and says why
  );
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

/** The signals that end the program; from SIGALRM on they would end it without a word, and leave its files. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGALRM', 'SIGVTALRM', 'SIGXCPU', 'SIGIO', 'SIGPWR'] as const;

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
  const { log, asked, shown, history, reopen, close } = await openLog(settings.verbosity, target);
  const service = await Service.open(daemon ? undefined : supervisor, settings.connect?.host, log);
  const notices = noticesFor(settings);
  const watcher = watchers(service.watcher, notices ?? comingsFor(settings, shown));
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
      const opened = reopen();
      const read = {
        settings: settings.lookAgain?.(log) ?? false,
        keys: files?.reload() ?? false,
        peers: running?.reload !== undefined,
      };
      running?.reload?.();
      log.info({}, `SIGHUP: ${reloadText(opened, read)}`);
    });
  });
  let served: readonly Served[] = [];
  const failed = deferred();
  process.on('uncaughtException', failed.reject);
  let pidFile: HeldFile | undefined;
  let settled: Promise<void> | undefined;
  /** It runs, or waits for what is not there yet: whoever started it need not wait. */
  const settle = async () => {
    if (settings.pidFile !== undefined && !ending) pidFile = writePidFile(settings.pidFile);
    if (!daemon) return;
    process.chdir('/');
    await releaseParent(0);
  };
  try {
    const carried = daemon ? handedOver(0) : undefined;
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
      compileAtOnce();
      running = settings.now
        ? await begin()
        : await keepTrying(begin, {
            signal: stopping.signal,
            random: Math.random,
            failed: ({ marked }) => waits(marked),
            goesOn: () => log.warn({}, 'it is there now: going on'),
          });
      await endThread(); // the path that was taken has none
      compileEarly();
      if (ending) return;
      notices?.watch(running);
      const { ready, ended, up, trouble } = running;
      if (connect === undefined) notices?.serving(running.local.port, settings.socket, up);
      service.upWhen(up, trouble);
      if (settings.classicUnasked) warnOfClassic(up, log);
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
  try {
    return detach(carried, say);
  } finally {
    carried?.classic?.key.fill(0);
    carried?.secure?.privateKey.fill(0);
    carried?.secure?.presharedKey.fill(0);
  }
}
