// The cable of a command line: runs it, in the foreground or as a daemon, until it is told to end.
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { WireTap } from '../cable.js';
import { startClient } from '../client.js';
import type { Control } from '../control/server.js';
import { CryptcabError, messageOf } from '../error.js';
import { newPrivateKey } from '../keys/key-text.js';
import { presharedKey, textKey } from '../keys/read-key.js';
import { carryKey, splitOptions } from '../keys/scp.js';
import { type Enrolment, enrolBySsh } from '../keys/ssh.js';
import type { Log } from '../log.js';
import { vdePlug } from '../plug/vde-plug.js';
import type { ClientMode } from '../protocol/client-terms.js';
import { classify } from '../protocol/messages.js';
import { remoteText } from '../protocol/remote.js';
import { handshakeType, isTransport } from '../protocol/secure/messages.js';
import { newId, newKey } from '../protocol/session-key.js';
import { resolveHost } from '../resolve.js';
import { deferred, type Running, type RunningClient } from '../running.js';
import { startSecureClient } from '../secure/secure-client.js';
import { type ServerKeys, startServer } from '../server.js';
import { openServerControl } from './control.js';
import { type Carried, detach, handedOver, releaseParent, tellParent } from './daemon.js';
import { openLog } from './logger.js';
import type { SecureSettings, Settings, Target } from './options.js';

/** How long -d waits for a server's answer before it goes on in the background. */
const PATIENCE_MS = 10_000;

// Of what a cable makes, all but everything is garbage at once. Node would let its young generation grow to
// 32 MiB under load all the same; one that stays at its first size keeps a cable, and a flood, small.
setFlagsFromString('--semi-space-growth-factor=1');

const HANDSHAKES = { 1: 'initiation', 2: 'handshake response', 3: 'cookie' } as const;

function kindOf(datagram: Uint8Array): string {
  const type = handshakeType(datagram);
  if (type !== undefined) return HANDSHAKES[type];
  return isTransport(datagram) ? 'transport' : classify(datagram);
}

/** From -vvv on: each datagram of the handshake; with -vvvv every datagram, as it is on the wire. */
function wireTap(verbosity: number, log: Log): { tap: WireTap } | Record<string, never> {
  if (verbosity < 3) return {};
  return {
    tap(direction, remote, datagram) {
      const message = kindOf(datagram);
      if (verbosity < 4 && (message === 'data' || message === 'transport')) return;
      const fields = { direction, peer: remoteText(remote), message, bytes: datagram.length };
      const hex = verbosity < 4 ? {} : { datagram: Buffer.from(datagram).toString('hex') };
      log.trace({ ...fields, ...hex }, 'datagram');
    },
  };
}

/** Sends a key to the server of the command line. */
function carrier(target: Target, extra: string[]) {
  return (id: string, key: Uint8Array, signal: AbortSignal) =>
    carryKey({ ...target, extra }, id, key, signal);
}

/** Random keys go by scp; SCP_EXTRA_OPTIONS is looked at only then. */
function scpOptions(settings: Settings): string[] {
  return settings.keyFile === undefined ? splitOptions(process.env.SCP_EXTRA_OPTIONS ?? '') : [];
}

interface Started extends Running {
  /** When -d may return. */
  settled(): Promise<void>;
  /** What SIGHUP does; undefined when it is the end. */
  readonly reload?: (() => void) | undefined;
}

/** How a client enrols by ssh; what a daemon's parent has got already is used first, once. */
function enrolment(target: Target, carried?: Enrolment): (signal: AbortSignal) => Promise<Enrolment> {
  const { SSH_EXTRA_OPTIONS = '', CRYPTCAB_REMOTE = 'cryptcab' } = process.env;
  const extra = splitOptions(SSH_EXTRA_OPTIONS, 'SSH_EXTRA_OPTIONS');
  const port = target.portNamed ? target.port : undefined;
  let first = carried;
  return async (signal) => {
    const got =
      first ?? (await enrolBySsh({ ...target, port, extra, remoteCommand: CRYPTCAB_REMOTE }, signal));
    first = undefined;
    return got;
  };
}

/** How a server knows its classic clients; undefined when it serves none. */
function classicKeys(settings: Settings, log: Log): ServerKeys | undefined {
  if (!settings.classic) return undefined;
  if (settings.keyFile !== undefined)
    return { kind: 'preshared', key: presharedKey(settings.keyFile, settings.cipher, log) };
  return { kind: settings.plain ? 'plain' : 'scp' };
}

/** Without a key file the key is made anew each time: clients that enrol are told the public one. */
function secureServer({ keyFile, peersFile, path }: SecureSettings, log: Log) {
  const privateKey = keyFile === undefined ? newPrivateKey(randomBytes) : textKey(keyFile, 'keygen', log);
  return { secure: { privateKey, ...(peersFile !== undefined && { peersFile }), path } };
}

async function startAsServer(settings: Settings, log: Log): Promise<Started> {
  const running = await startServer({
    port: settings.port,
    keys: classicKeys(settings, log),
    ...(settings.secure && secureServer(settings.secure, log)),
    plug: vdePlug(settings.socket),
    io: settings.io,
    ...(settings.threads !== undefined && { threads: settings.threads }),
    log,
    ...wireTap(settings.verbosity, log),
  });
  let control: Control | undefined;
  if (settings.secure !== undefined) {
    try {
      control = await openServerControl(running, log);
    } catch (error) {
      await running.close();
      throw error;
    }
  }
  log.info({ port: running.local.port, switch: settings.socket }, 'waiting for clients');
  return {
    ...running,
    settled: () => running.ready,
    async close() {
      await control?.close();
      await running.close();
    },
  };
}

function startSecurely(
  settings: Settings,
  { keyFile, presharedKeyFile, peer, path }: SecureSettings,
  target: Target,
  carried: Carried | undefined,
  log: Log,
): Promise<RunningClient> {
  const keys =
    keyFile === undefined
      ? enrolment(target, carried?.secure)
      : {
          privateKey: textKey(keyFile, 'keygen', log),
          ...(presharedKeyFile !== undefined && { presharedKey: textKey(presharedKeyFile, 'genpsk', log) }),
          serverPublicKey: peer as Uint8Array,
        };
  return startSecureClient({
    port: settings.port,
    server: target,
    keys,
    keepalive: settings.keepalive,
    path,
    plug: vdePlug(settings.socket),
    io: settings.io,
    log,
    ...wireTap(settings.verbosity, log),
  });
}

function startClassically(
  settings: Settings,
  target: Target,
  carried: Carried | undefined,
  log: Log,
): Promise<RunningClient> {
  const mode: ClientMode =
    settings.keyFile !== undefined
      ? { kind: 'preshared', key: presharedKey(settings.keyFile, settings.cipher, log) }
      : settings.plain
        ? { kind: 'plain' }
        : { kind: 'random', ...(carried?.classic && { carried: carried.classic }) };
  return startClient({
    port: settings.port,
    server: target,
    mode,
    cipher: settings.cipher,
    keepalive: settings.keepalive,
    carryKey: carrier(target, scpOptions(settings)),
    plug: vdePlug(settings.socket),
    io: settings.io,
    log,
    ...wireTap(settings.verbosity, log),
  });
}

async function startAsClient(
  settings: Settings,
  target: Target,
  carried: Carried | undefined,
  log: Log,
): Promise<Started> {
  const running =
    settings.secure === undefined
      ? await startClassically(settings, target, carried, log)
      : await startSecurely(settings, settings.secure, target, carried, log);
  return {
    ...running,
    async settled() {
      await running.ready;
      const patience = deferred();
      const timer = setTimeout(() => {
        tellParent(`no answer from ${target.host} yet: trying on in the background`);
        patience.resolve();
      }, PATIENCE_MS);
      await Promise.race([running.up, running.ended, patience.promise]).finally(() => clearTimeout(timer));
    },
  };
}

/** What was carried so far; asked for, so that it is said whatever the verbosity. */
function sayStatistics(running: Running, log: Log): void {
  for (const peer of running.statistics()) log.info({ ...peer, io: running.io }, 'carried');
  const refused = running.refusals();
  if (refused.size > 0) log.info(Object.fromEntries(refused), 'refused');
}

/** Runs until it is told to end, or cannot go on. */
export async function run(settings: Settings, daemon: boolean): Promise<void> {
  const log = await openLog(settings.verbosity, settings.logFile);
  const carried = daemon ? await handedOver() : undefined;
  const stopped = deferred();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stopped.resolve);
  let reload: (() => void) | undefined;
  process.on('SIGHUP', () => {
    if (reload !== undefined) reload();
    else if (!daemon) stopped.resolve(); // its terminal is gone
  });
  const running: Started =
    settings.connect === undefined
      ? await startAsServer(settings, log)
      : await startAsClient(settings, settings.connect, carried, log);
  reload = running.reload;
  process.on('SIGUSR2', () => sayStatistics(running, log.child({}, { level: 'info' })));
  try {
    await Promise.race([daemon ? running.settled() : running.ready, running.ended, stopped.promise]);
    if (settings.pidFile !== undefined) writePidFile(settings.pidFile);
    if (daemon) {
      process.chdir('/');
      await releaseParent(0);
    }
    await Promise.race([running.ended, stopped.promise]);
  } finally {
    sayStatistics(running, log);
    await running.close();
    if (settings.pidFile !== undefined) rmSync(settings.pidFile, { force: true });
  }
}

function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new CryptcabError(`cannot write the pid file ${path}: ${messageOf(error)}`);
  }
}

/** What the server has to get by ssh before the cable can come up; nothing where both ends have their keys. */
async function carry(settings: Settings, target: Target, signal: AbortSignal): Promise<Carried | undefined> {
  if (settings.secure !== undefined) {
    if (settings.secure.keyFile !== undefined) return undefined;
    return { secure: await enrolment(target)(signal) };
  }
  if (settings.keyFile !== undefined || settings.plain) return undefined;
  await resolveHost(target.host);
  const classic = { id: newId(randomBytes), key: newKey(randomBytes, settings.cipher) };
  await carrier(target, scpOptions(settings))(classic.id, classic.key, signal);
  return { classic };
}

/** Leaves the terminal; keys are carried before, because scp or ssh may have to ask for a password there. */
export async function runAsDaemon(settings: Settings, say: (line: string) => void): Promise<number> {
  let carried: Carried | undefined;
  if (settings.connect !== undefined) {
    const abort = new AbortController();
    const stop = () => abort.abort();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    carried = await carry(settings, settings.connect, abort.signal);
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  const status = detach(carried, say);
  carried?.classic?.key.fill(0);
  carried?.secure?.privateKey.fill(0);
  carried?.secure?.presharedKey.fill(0);
  return status;
}
