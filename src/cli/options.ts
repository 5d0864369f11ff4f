// What a command line asks for.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { absoluteLocator } from '../cable/plug/kinds.js';
import type { Endpoint } from '../ends/endpoint.js';
import type { HookCommands } from '../ends/hooks.js';
import type { PeersDirectory, PeersSource } from '../ends/peers/peers-option.js';
import { CryptcabError } from '../error.js';
import type { Log } from '../log.js';
import type { HttpPlace } from '../metrics/place.js';
import type { PolicyFields } from '../network/policy.js';
import { conflict } from '../options/find-conflict.js';
import type { Io } from '../options/io-path.js';
import { OPTIONS, type OptionKey } from '../options/option-table.js';
import { type Spelling, styleOf } from '../options/spellings.js';
import { isLoopback } from '../protocol/address-scope.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';
import { datagramMax } from '../protocol/sizes.js';
import { type Given, type Line, readLine } from './line.js';
import { commandName, speak } from './names.js';
import { Answer, UsageError } from './usage.js';
import { FAR_DIRECTORY, type Target } from './values.js';

export { Answer, UsageError };

/** What the command line asks for. */
export interface Settings {
  /** What `cryptcab status` calls this end; it finds a name itself when undefined. */
  readonly name?: string;
  /** Of a cable that has a file: reads it again, says what has changed, and returns whether the file could be read. */
  readonly lookAgain?: (log: Log) => boolean;
  /** Whether lines on the terminal say when a cable comes and goes. */
  readonly tells?: true;
  /** Whether it is the classic cable though nothing asked for that: options alone were given. */
  readonly classicUnasked?: true;
  /** A switch's directory, absolute, or another VDE network locator. */
  readonly socket: string;
  readonly port: number;
  /** Our only address; all of this machine's when undefined. */
  readonly bind: string | undefined;
  readonly connect: Target | undefined;
  /** Where datagrams go, if that is not where -c says. */
  readonly endpoint: Endpoint | undefined;
  readonly keyFile: string | undefined;
  /** Where keys that go by scp lie on the server's machine; undefined when not said. */
  readonly keyDirectory: string | undefined;
  readonly plain: boolean;
  /** Of a client; a server serves both. */
  readonly cipher: CipherChoice;
  readonly keepalive: boolean;
  readonly io: Io;
  /** Of a server: native I/O threads; undefined when not said. */
  readonly threads: number | undefined;
  /** Of a server: broadcasts and multicasts that each client may send a second; any number when undefined. */
  readonly broadcastLimit: number | undefined;
  /** Of a server: what each client may do on the network. */
  readonly peerDefaults: PolicyFields | undefined;
  readonly daemon: boolean;
  /** Whether it fails at once where something is not there yet. */
  readonly now: boolean;
  /** NAME[:GROUP] of whom the program becomes. */
  readonly user: string | undefined;
  /** Commands to be run when somebody has come up, or gone. */
  readonly hooks: HookCommands;
  readonly pidFile: string | undefined;
  readonly logFile: string | undefined;
  /** Where metrics are served; undefined: nowhere. */
  readonly metrics: HttpPlace | undefined;
  /** Where the page is served, and the file with its password; undefined: nowhere. */
  readonly web: { readonly place: HttpPlace; readonly tokenFile: string | undefined } | undefined;
  readonly secure: SecureSettings | undefined;
  /** Of a server: whether it serves clients of the classic protocol. */
  readonly classic: boolean;
  /** How often -v was given; less than none with -q. */
  readonly verbosity: number;
}

/** What --secure asks for (secure.md §3). */
export interface SecureSettings {
  /** File with the private key; undefined: one made for the occasion, of a client that enrols by ssh. */
  readonly keyFile: string | undefined;
  /** Of a client: the server's public key. */
  readonly peer: Uint8Array | undefined;
  /** Of a client: file with the preshared key. */
  readonly presharedKeyFile: string | undefined;
  /** Of a server: its list of peers, where that is a file or a directory of files. */
  readonly peersFile: string | undefined;
  /** Of a server: who else knows who may connect; undefined when nobody was named. */
  readonly directory: PeersDirectory | undefined;
  /** Of a server: enrolled peers at a time, at most; undefined when not said. */
  readonly enrolledMax: number | undefined;
  /** Of a server: for how many days an enrolled peer may be away; undefined when not said. */
  readonly forgetAfter: number | undefined;
  /** Of a server: its number among those with its key; undefined when not said. */
  readonly serverId: number | undefined;
  /** Of a server: the directory where it keeps what it needs after a restart; undefined when not said. */
  readonly state: string | undefined;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  /** Where the keys of handshakes are written to; undefined: nowhere. */
  readonly keyLog: string | undefined;
  /** Of a server: a command that decides on keys that are not known. */
  readonly verify: string | undefined;
}

/** Called by this name, the program reads its options as the C program does, and has no others. */
export const ORIGINAL_NAME = 'vde_cryptcab';

/** How a command line asks for a cable, by the name of the program and the first word. */
export function spellingOf(name: string, first: string | undefined): Spelling {
  if (name === ORIGINAL_NAME) return ORIGINAL_NAME;
  return first === 'serve' || first === 'connect' ? first : 'options';
}

/**
 * Parses a command line.
 * @param name the name that the program was called by
 * @param argv without the program
 * @param details what --version -v prints besides, in lines
 * @throws UsageError, or Answer
 */
export function parseOptions(
  name: string,
  version: string,
  argv: readonly string[],
  details: () => readonly string[] = () => [],
): Settings {
  const spelling = spellingOf(name, argv[0]);
  const named = styleOf(spelling) === 'named';
  speak(styleOf(spelling));
  const line = readLine(name, spelling, named ? argv.slice(1) : argv);
  if (line.given.version)
    throw new Answer(`${line.verbosity > 0 ? [version, ...details()].join('\n') : version}\n`);
  return settingsOf(line, spelling);
}

/** What serve and connect are without a word. */
function withCable(given: Given, spelling: Spelling): Given {
  if (styleOf(spelling) === 'options') return given;
  // A server with both serves secure clients as well; a client is of one kind.
  if (given.speaksClassic) return spelling === 'serve' ? { ...given, secure: true } : given;
  return { ...given, secure: true, ...(spelling === 'serve' && { classic: true }) };
}

/**
 * What options ask for.
 * @param base the directory that paths are found from; the working directory when undefined
 * @throws UsageError for options that do not go together
 */
export function settingsOf(line: Line, spelling: Spelling, base?: string): Settings {
  const given = withCable(line.given, spelling);
  refuse(given, spelling);
  const { keyDirectory, localPort } = given;
  const absolute = (path: string) => pathFrom(base, path);
  refuseShared(given, absolute);
  const { default: usualPort, connectDefault } = OPTIONS.localPort;
  return {
    socket: locatorOf(given.plug ?? OPTIONS.plug.default, absolute),
    port: localPort ?? (spelling === 'connect' ? connectDefault.value : usualPort),
    bind: given.bind,
    connect: given.host,
    endpoint: given.endpoint,
    keyFile: given.key,
    keyDirectory: keyDirectory === undefined || given.host ? keyDirectory : absolute(keyDirectory),
    plain: given.plain === true,
    cipher: given.cipher ?? OPTIONS.cipher.default,
    keepalive: given.keepalive === true,
    io: given.io ?? OPTIONS.io.default,
    threads: given.threads,
    broadcastLimit: given.broadcastLimit,
    peerDefaults: given.peerDefaults,
    daemon: given.daemon === true,
    now: given.now === true,
    user: given.user,
    hooks: { up: given.up, down: given.down },
    pidFile: given.pidFile === undefined ? undefined : absolute(given.pidFile),
    metrics: given.metrics,
    web: given.web && webSettings(given.web, given.webToken, absolute),
    logFile: given.logFile === undefined ? undefined : absolute(given.logFile),
    secure: given.secure && secureSettings(given, absolute),
    classic: given.classic !== true,
    verbosity: given.quiet ? -1 : line.verbosity,
    ...(styleOf(spelling) === 'named' && given.quiet !== true && { tells: true as const }),
    ...(spelling === 'options' && given.secure !== true && { classicUnasked: true as const }),
  };
}

/** @throws UsageError for options that do not go together */
function refuse(given: Given, spelling: Spelling): void {
  const end = given.host === undefined ? 'server' : 'client';
  const wish = new Map(Object.entries(given) as [OptionKey, unknown][]);
  const why = conflict({ face: 'command', end, style: styleOf(spelling), given: wish });
  if (why !== undefined) throw new UsageError(why);
  if (end === 'server' && given.localPort === 0)
    throw new UsageError(
      `a server needs a port that its clients know: give ${commandName('localPort')} a number from 1 to 65535`,
    );
  if (end === 'client' && given.keyDirectory !== undefined && !FAR_DIRECTORY.test(given.keyDirectory))
    throw new UsageError(
      `${commandName('keyDirectory')} of a client names a directory there, without white space and characters of a shell`,
    );
}

/** Files that are written to. */
const WRITTEN = ['logFile', 'pidFile', 'keyLog'] as const;
const READ = ['key', 'secure.privateKey', 'secure.presharedKey', 'secure.peers', 'webToken'] as const;

/** @throws UsageError for a file that is written to, and has another use as well */
function refuseShared(given: Given, absolute: (path: string) => string): void {
  const seen = new Map<string, OptionKey>();
  for (const option of [...READ, ...WRITTEN]) {
    const value = given[option];
    const path = typeof value === 'object' && value.kind === 'file' ? value.path : value;
    if (typeof path !== 'string') continue;
    const file = fileAt(absolute(path));
    if (file === undefined) continue;
    const other = seen.get(file);
    if (other !== undefined && WRITTEN.some((one) => one === option))
      throw new UsageError(
        `${commandName(other)} and ${commandName(option)} name the same file: give each its own`,
      );
    seen.set(file, option);
  }
}

/** A file, by whatever name it goes; undefined for what is no file, as a terminal. */
function fileAt(path: string): string | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? `${stat.dev} ${stat.ino}` : undefined;
  } catch {
    return path; // it is made, or what opens it says why it cannot be
  }
}

/** @throws UsageError for a locator that is not whole */
export function locatorOf(text: string, absolute: (path: string) => string = resolve): string {
  try {
    return absoluteLocator(text, absolute);
  } catch (error) {
    throw error instanceof CryptcabError ? new UsageError(error.marked) : error;
  }
}

/** A path as it is found from anywhere: a daemon changes its directory. */
function pathFrom(base: string | undefined, path: string): string {
  try {
    return base === undefined ? resolve(path) : resolve(base, path);
  } catch {
    throw new UsageError(
      `the working directory is gone, and '${path}' is a path from there: change to another directory`,
    );
  }
}

/** @throws UsageError for a place that others reach, where nobody is asked for a password */
function webSettings(place: HttpPlace, token: string | undefined, absolute: (path: string) => string) {
  if (token === undefined && 'host' in place && !isLoopback(place.host))
    throw new UsageError(
      `${commandName('web')} at an address that others reach needs a password: make one by cryptcab genpsk > FILE and give ${commandName('webToken')} FILE, or serve it at 127.0.0.1:${place.port}`,
    );
  return { place, tokenFile: token === undefined ? undefined : absolute(token) };
}

/** A file's path is as it is found from anywhere. */
function directoryOf(
  source: PeersSource | undefined,
  file: (path: string | undefined) => string | undefined,
): PeersDirectory | undefined {
  if (source === undefined || source.kind === 'file') return undefined;
  return source.kind === 'etcd' ? { ...source, options: file(source.options) } : source;
}

function secureSettings(given: Given, absolute: (path: string) => string): SecureSettings {
  const file = (path: string | undefined) => (path === undefined ? undefined : absolute(path));
  const peers = given['secure.peers'];
  const directory = directoryOf(peers, file);
  if (given.verify !== undefined && (directory?.kind === 'exec' || directory?.kind === 'https'))
    throw new UsageError('--verify and --peers both name who is asked: leave one of them out');
  return {
    keyFile: file(given['secure.privateKey']),
    presharedKeyFile: file(given['secure.presharedKey']),
    peer: given['secure.serverPublicKey'],
    peersFile: peers?.kind === 'file' ? file(peers.path) : undefined,
    directory,
    enrolledMax: given['secure.enrolledMax'],
    forgetAfter: given['secure.forgetAfter'],
    serverId: given['secure.serverId'],
    state: file(given['secure.state']),
    keyLog: file(given.keyLog),
    verify: given.verify,
    path: datagramMax(given['secure.pathMtu'] ?? OPTIONS['secure.pathMtu'].default),
  };
}
