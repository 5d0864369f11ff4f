import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { IO_PATHS, type Io, THREADS_MAX } from '../io-path.js';
import { parseKey } from '../keys/key-text.js';
import { DEFAULT_PORT } from '../protocol/constants.js';
import { CIPHERS, type Cipher } from '../protocol/session-key.js';
import { PATH_HEADERS, PATH_MTU } from '../protocol/sizes.js';

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
  /** Of a server: native I/O threads; undefined when not said. */
  readonly threads: number | undefined;
  readonly daemon: boolean;
  readonly pidFile: string | undefined;
  readonly logFile: string | undefined;
  readonly secure: SecureSettings | undefined;
  /** Of a server: whether it serves clients of the classic protocol. */
  readonly classic: boolean;
  /** How often -v was given. */
  readonly verbosity: number;
}

/** What --secure asks for (secure-protocol §3). */
export interface SecureSettings {
  /** File with the private key; undefined: one made for the occasion, of a client that enrols by ssh. */
  readonly keyFile: string | undefined;
  /** Of a client: the server's public key. */
  readonly peer: Uint8Array | undefined;
  /** Of a client: file with the preshared key. */
  readonly presharedKeyFile: string | undefined;
  /** Of a server. */
  readonly peersFile: string | undefined;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
}

export interface Target {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Whether the port was named, and is not the usual one for want of another. */
  readonly portNamed?: true;
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

function parsePathMtu(text: string): number {
  const bytes = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(bytes >= PATH_MTU.min && bytes <= PATH_MTU.max))
    throw new InvalidArgumentError(
      `'${text}' is not the MTU of a path: give the bytes of its largest IP packet, ${PATH_MTU.min} to ${PATH_MTU.max}.`,
    );
  return bytes;
}

function parsePublicKey(text: string): Uint8Array {
  const key = parseKey(text);
  // Nothing of it is repeated: it may be a private key by mistake.
  if (key === undefined)
    throw new InvalidArgumentError(
      "is followed by no public key: give the server's, 44 characters as its operator gets them from cryptcab pubkey.",
    );
  return key;
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
  return { user, host, port, ...(portText !== undefined && { portNamed: true }) };
}

function parseThreads(text: string): number {
  const threads = Number(text);
  if (!/^\d{1,3}$/.test(text) || threads < 1 || threads > THREADS_MAX)
    throw new InvalidArgumentError(`'${text}' is not a number of threads from 1 to ${THREADS_MAX}.`);
  return threads;
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
  version?: true;
  secure?: true;
  key?: string;
  psk?: string;
  peer?: Uint8Array;
  peers?: string;
  pathMtu?: number;
  classic: boolean;
  sock: string;
  localport: number;
  connect?: Target;
  preshared?: string;
  noencrypt?: true;
  cipher?: Cipher;
  io: Io;
  threads?: number;
  keepalive?: true;
  daemon?: true;
  pidfile?: string;
  logFile?: string;
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
    .option('--secure', 'the secure cable, which speaks the WireGuard protocol, instead of the classic one')
    .option(
      '--key <file>',
      'with --secure: the private key of this end (see cryptcab keygen); without, clients enrol by ssh',
    )
    .option(
      '--peer <public-key>',
      "with --secure and -c: the server's public key (see cryptcab pubkey)",
      parsePublicKey,
    )
    .option('--psk <file>', 'with --secure and -c: a preshared key besides (see cryptcab genpsk)')
    .option('--peers <file>', 'with --secure, server: who may connect, a public key in each line')
    .option(
      '--path-mtu <bytes>',
      'with --secure: the largest IP packet that the path takes (default: 1500)',
      parsePathMtu,
    )
    .option('--no-classic', 'with --secure, server: serve no classic clients')
    .option('-k, --keepalive', 'with -c: keep a quiet link from timing out')
    .addOption(
      new Option('--io <path>', 'how frames are moved: native needs Linux and koffi')
        .choices(IO_PATHS)
        .default('auto'),
    )
    .option(
      '--threads <number>',
      'server: native I/O threads, each with a part of the clients (default: half the processors, 4 at most)',
      parseThreads,
    )
    .option('-d, --daemon', 'run in the background; returns when the cable works, or says why not')
    .option('--pidfile <file>', 'write the process id there while it runs')
    .option('--log-file <file>', 'append the log to this file')
    .option('-v, --verbose', 'more to read; up to -vvvv')
    .option('--version', 'print the version; with -v also what it runs on, and the SHA-256 of its core')
    .helpOption('-h, --help', 'print this')
    .addHelpText(
      'after',
      '\nKeys of the secure cable: cryptcab keygen, cryptcab pubkey < KEYFILE, cryptcab genpsk.\nSCP_EXTRA_OPTIONS in the environment: more options for the scp that sends the key; SSH_EXTRA_OPTIONS for the ssh\nthat enrols a secure client, CRYPTCAB_REMOTE how cryptcab is called there. What secure servers here have carried:\ncryptcab status. Test vectors: cryptcab vectors verify.\nSIGUSR2 logs what was carried so far; SIGHUP reads the --peers file again.',
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
  if (raw.version) throw new Answer(`${verbosity > 0 ? [version, ...details()].join('\n') : version}\n`);
  const refuse = (why: string): never => {
    throw new UsageError(why);
  };
  if (raw.sock === '') refuse('-s is empty: name the switch to plug into');
  if (raw.preshared === '') refuse('-P is empty: name the key file');
  if (raw.pidfile === '') refuse('--pidfile is empty: name the file to write');
  if (raw.logFile === '') refuse('--log-file is empty: name the file to write');
  if (raw.key === '') refuse('--key is empty: name the file with the private key');
  if (raw.psk === '') refuse('--psk is empty: name the file with the preshared key');
  if (raw.peers === '') refuse('--peers is empty: name the file with the public keys');
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
  if (raw.threads !== undefined && raw.connect !== undefined)
    refuse('--threads is for servers: a client has one peer, and one thread for it; leave it away');
  if (raw.threads !== undefined && raw.io === 'portable')
    refuse('--threads and --io portable exclude each other: that path has one thread');
  const wrong = contradiction(raw);
  if (wrong !== undefined) refuse(wrong);
  return {
    socket: raw.sock.includes('://') ? raw.sock : resolve(raw.sock),
    port: raw.localport,
    connect: raw.connect,
    keyFile: raw.preshared,
    plain: raw.noencrypt === true,
    cipher: raw.cipher ?? 'blowfish',
    keepalive: raw.keepalive === true,
    io: raw.io,
    threads: raw.threads,
    daemon: raw.daemon === true,
    pidFile: raw.pidfile === undefined ? undefined : resolve(raw.pidfile),
    logFile: raw.logFile === undefined ? undefined : resolve(raw.logFile),
    secure: secureSettings(raw),
    classic: raw.classic,
    verbosity,
  };
}

/** What of the secure cable's options does not go together. */
function contradiction(raw: Raw): string | undefined {
  const client = raw.connect !== undefined;
  if (!raw.secure) {
    const stray =
      (raw.key !== undefined && '--key') ||
      (raw.peer !== undefined && '--peer') ||
      (raw.psk !== undefined && '--psk') ||
      (raw.peers !== undefined && '--peers') ||
      (raw.pathMtu !== undefined && '--path-mtu') ||
      (!raw.classic && '--no-classic');
    return stray ? `${stray} is for the secure cable: add --secure, or leave ${stray} away` : undefined;
  }
  if (raw.noencrypt) return '--secure and -x exclude each other: encrypt, or do not';
  if (client) {
    if (raw.preshared !== undefined)
      return '--secure and -P exclude each other: -P is a key of the classic protocol; give --key and --peer';
    if (raw.cipher !== undefined)
      return '--secure and --cipher exclude each other: ciphers are chosen in the classic protocol alone';
    if (raw.peers !== undefined)
      return '--peers and -c exclude each other: a client has one peer, its server; name it with --peer';
    if (!raw.classic)
      return '--no-classic and -c exclude each other: a client with --secure is never classic';
    for (const name of ['peer', 'psk'] as const)
      if (raw.key === undefined && raw[name] !== undefined)
        return `--${name} needs --key FILE, the private key of this end; without both, keys are made and sent by ssh`;
    if (raw.key !== undefined && raw.peer === undefined)
      return "--key needs --peer PUBLIC-KEY: the server's, from cryptcab pubkey there";
    return undefined;
  }
  if (raw.peer !== undefined)
    return '--peer is for clients: name the server with -c, or the peers of a server with --peers FILE';
  if (raw.psk !== undefined)
    return '--psk is for clients: name the server with -c, or give a peer psk=FILE in its line of the --peers file';
  if (!raw.classic && raw.preshared !== undefined)
    return '--no-classic and -P exclude each other: -P is the key of classic clients';
  if (raw.peers !== undefined && raw.key === undefined)
    return '--peers needs --key FILE, the private key of this end, whose public key those peers have';
  return undefined;
}

/** Of options that go together. */
function secureSettings({
  secure,
  key,
  peer,
  psk,
  peers,
  pathMtu = PATH_MTU.usual,
}: Raw): SecureSettings | undefined {
  if (!secure) return undefined;
  const keyFile = key === undefined ? undefined : resolve(key);
  const peersFile = peers === undefined ? undefined : resolve(peers);
  const presharedKeyFile = psk === undefined ? undefined : resolve(psk);
  return { keyFile, presharedKeyFile, peer, peersFile, path: pathMtu - PATH_HEADERS };
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
