import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { IO_PATHS, type Io } from '../open-cable.js';
import { DEFAULT_PORT } from '../protocol/constants.js';
import { CIPHERS, type Cipher } from '../protocol/session-key.js';

/** What the command line asks for. */
export interface Settings {
  /** A switch's directory, absolute, or another VDE network locator. */
  readonly socket: string;
  readonly port: number;
  readonly connect: Target | undefined;
  readonly keyFile: string | undefined;
  readonly plain: boolean;
  /** Of a client; a server serves both. */
  readonly cipher: Cipher;
  readonly keepalive: boolean;
  readonly io: Io;
  readonly daemon: boolean;
  readonly pidFile: string | undefined;
  readonly logFile: string | undefined;
  /** How often -v was given. */
  readonly verbosity: number;
}

export interface Target {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number;
}

/** The command line is not one: its message is one line that says what to do. */
export class UsageError extends Error {}

/** Help or the version was asked for: this is it. */
export class Answer extends Error {}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65535))
    throw new InvalidArgumentError(`'${text}' is not a UDP port: give a number from 1 to 65535.`);
  return port;
}

/** `[user@]host[:port]`; an IPv6 address with a port needs brackets. */
function parseTarget(text: string): Target {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  const rest = text.slice(at + 1);
  const parts =
    /^\[(?<host>[^\][]+)\](?::(?<port>.*))?$/.exec(rest) ??
    /^(?<host>[^:\][]*:[^:\][]*:[^\][]*)$/.exec(rest) ??
    /^(?<host>[^:\][]+)(?::(?<port>.*))?$/.exec(rest);
  const host = parts?.groups?.host;
  const word = /^[^-\s][^\s]*$/;
  const notSix = host?.includes(':') && !isIPv6(host);
  if (host === undefined || notSix || !word.test(host) || (user !== undefined && !word.test(user))) {
    throw new InvalidArgumentError(
      `'${text}' is not [user@]host[:port]: an IPv6 address with a port is written [address]:port.`,
    );
  }
  const portText = parts?.groups?.port;
  const port = portText === undefined ? DEFAULT_PORT : parsePort(portText);
  if (port === 0) throw new InvalidArgumentError("port 0 is nobody's: give the server's UDP port.");
  return { user, host, port };
}

/** `--verbose=vvv` is three times `-v`; not where it is an option's argument. */
function spreadVerbose(argv: readonly string[], takeArgument: readonly (string | undefined)[]): string[] {
  return argv.flatMap((argument, i) => {
    const letters = /^--verbose=(v+)$/.exec(argument)?.[1];
    if (letters === undefined || (i > 0 && takeArgument.includes(argv[i - 1]))) return [argument];
    return Array.from(letters, () => '--verbose');
  });
}

interface Raw {
  sock: string;
  localport: number;
  connect?: Target;
  preshared?: string;
  noencrypt?: true;
  cipher?: Cipher;
  io: Io;
  keepalive?: true;
  daemon?: true;
  pidfile?: string;
  logFile?: string;
}

/**
 * Parses a command line.
 * @param name the name that the program was called by
 * @param argv without the program
 * @throws UsageError, or Answer
 */
export function parseOptions(name: string, version: string, argv: readonly string[]): Settings {
  let out = '';
  const command = new Command(name)
    .usage('[-s SWITCH] [-p PORT] [-c [USER@]HOST[:PORT]] [-P KEYFILE | -x] [-k] [-d] [-v]')
    .description(
      'Joins two VDE switches by an encrypted cable over UDP. With -c it connects to a server; without, it is one.',
    )
    .option(
      '-s, --sock <path>',
      'switch to plug into: its directory, or any VDE network locator',
      '/tmp/vde.ctl',
    )
    .addOption(new Option('--vdesock <path>').hideHelp())
    .addOption(new Option('--unix <path>').hideHelp())
    .option('-p, --localport <port>', 'local UDP port; with -c, 0 for any', parsePort, DEFAULT_PORT)
    .option('-c, --connect <[user@]host[:port]>', 'connect to this server; the user is for ssh', parseTarget)
    .option(
      '-P, --preshared <keyfile>',
      'both ends read the same key file (24 bytes); nothing is sent by ssh',
    )
    .option('-x, --noencrypt', 'no encryption: for controlled networks only')
    .addOption(
      new Option(
        '--cipher <name>',
        'with -c: chacha20 for a server from 2.3.3 on (default: blowfish)',
      ).choices(CIPHERS),
    )
    .option('-k, --keepalive', 'with -c: keep a quiet link from timing out')
    .addOption(
      new Option('--io <path>', 'how frames are moved: native needs Linux and koffi')
        .choices(IO_PATHS)
        .default('auto'),
    )
    .option('-d, --daemon', 'run in the background; returns when the cable works, or says why not')
    .option('--pidfile <file>', 'write the process id there while it runs')
    .option('--log-file <file>', 'append the log to this file')
    .option('-v, --verbose', 'more to read; up to -vvvv')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText(
      'after',
      '\nSCP_EXTRA_OPTIONS in the environment: more options for the scp that sends the key.\nSIGUSR2 logs what was carried so far.',
    )
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        out += text;
      },
      writeErr: () => {},
    });
  // The other names of --sock: whichever comes last counts.
  for (const alias of ['vdesock', 'unix'])
    command.on(`option:${alias}`, (path: string) => command.setOptionValue('sock', path));
  const takeArgument = command.options
    .filter(({ required }) => required)
    .flatMap(({ short, long }) => [short, long]);
  // commander keeps that -v was given, not how often.
  let verbosity = 0;
  command.on('option:verbose', () => verbosity++);
  try {
    command.parse(spreadVerbose(argv, takeArgument), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new Answer(out);
    throw new UsageError(plainMessage(error.message, name));
  }
  const raw = command.opts<Raw>();
  const refuse = (why: string): never => {
    throw new UsageError(why);
  };
  if (raw.sock === '') refuse('-s is empty: name the switch to plug into');
  if (raw.preshared === '') refuse('-P is empty: name the key file');
  if (raw.pidfile === '') refuse('--pidfile is empty: name the file to write');
  if (raw.logFile === '') refuse('--log-file is empty: name the file to write');
  if (raw.preshared !== undefined && raw.noencrypt)
    refuse('-P and -x exclude each other: encrypt with the key file, or not at all');
  if (raw.cipher !== undefined && raw.connect === undefined) {
    refuse('--cipher is for clients: a server serves both; name the server with -c, or leave --cipher away');
  }
  if (raw.cipher !== undefined && raw.noencrypt)
    refuse('--cipher and -x exclude each other: encrypt, or do not');
  if (raw.keepalive && raw.connect === undefined)
    refuse('-k is for clients: name the server with -c, or leave -k away');
  if (raw.localport === 0 && raw.connect === undefined)
    refuse('a server needs a port that its clients know: give -p a number from 1 to 65535');
  return {
    socket: raw.sock.includes('://') ? raw.sock : resolve(raw.sock),
    port: raw.localport,
    connect: raw.connect,
    keyFile: raw.preshared,
    plain: raw.noencrypt === true,
    cipher: raw.cipher ?? 'blowfish',
    keepalive: raw.keepalive === true,
    io: raw.io,
    daemon: raw.daemon === true,
    pidFile: raw.pidfile === undefined ? undefined : resolve(raw.pidfile),
    logFile: raw.logFile === undefined ? undefined : resolve(raw.logFile),
    verbosity,
  };
}

/** What commander says, as one line of ours. */
function plainMessage(message: string, name: string): string {
  const said = message.replace(/^error: /, '').replace(/\s+/g, ' ');
  const invalid = /^option '(-\w|--[\w-]+).*' argument '(.*)' is invalid\. (.*?)\.?$/.exec(said);
  if (invalid?.[3]?.startsWith('Allowed choices'))
    return `${invalid[1]} '${invalid[2]}' is not known: give ${(invalid[1] === '--io' ? IO_PATHS : CIPHERS).join(' or ')}`;
  if (invalid) return `${invalid[1]} ${invalid[3]}`;
  if (/^too many arguments/.test(said))
    return `too many arguments: everything is an option (see ${name} --help)`;
  return `${said} (see ${name} --help)`;
}
