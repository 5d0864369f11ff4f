import type { CarryKey } from '../ends/carry-key.js';
import { startClient } from '../ends/classic-client.js';
import type { Endpoint } from '../ends/endpoint.js';
import type { RunningClient, Watcher } from '../ends/running.js';
import { type Enrol as GetKeys, type SecureKeys, startSecureClient } from '../ends/secure-client.js';
import { carryKey } from '../keys/scp.js';
import { enrolBySsh } from '../keys/ssh.js';
import { sshHost, sshOptionsOf } from '../keys/ssh-name.js';
import type { Log } from '../log.js';
import type { ClientMode } from '../protocol/classic/client-terms.js';
import { DEFAULT_PORT } from '../protocol/classic/constants.js';
import { CIPHER_CHOICES } from '../protocol/classic/session-key.js';
import { Checked, isText, type Names } from './check.js';
import { ANY_PORT, classicKey, common, END_NAMES, endpointOf, SERVER_PORT, signalOf } from './common.js';
import { begin, CableEnd } from './end.js';
import type { ConnectOptions, Enrol, EnrolKeys, SecureConnectOptions, SshOptions } from './options.js';
import { refuseConflicts } from './refuse-conflicts.js';

const NAMES: Names<ConnectOptions> = {
  ...END_NAMES,
  host: true,
  port: true,
  endpoint: true,
  localPort: true,
  cipher: true,
  keepalive: true,
  secure: true,
  ssh: true,
  carryKey: true,
};
const SECURE_NAMES: Names<SecureConnectOptions> = {
  privateKey: true,
  serverPublicKey: true,
  presharedKey: true,
  enrol: true,
  pathMtu: true,
};
const ENROL_NAMES: Names<EnrolKeys> = {
  privateKey: true,
  serverPublicKey: true,
  presharedKey: true,
  serverPort: true,
};
const SSH_NAMES: Names<SshOptions> = { user: true, options: true, command: true, keyDirectory: true };

/** A client that runs: what {@link connect} gives. It ends by close(), by its signal, or because it cannot go on. */
export class Client extends CableEnd {}

/**
 * Joins a switch to a server's by a cable, and waits until it is up for the first time. From then on it comes back by
 * itself, whatever happens to the line, the server or the switch. While the server does not answer, or denies the login or the
 * key (which anybody can forge; the log says what it most likely means), the client goes on trying: abort the signal to end that.
 * @throws CryptcabError for options that do not do, files that cannot be read, and a port or a switch that cannot be had; the
 * signal's reason when that was aborted
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = new Checked<ConnectOptions>('connect', options, NAMES);
  const signal = signalOf(checked);
  refuseConflicts('connect', 'client', options);
  const start = checked.has('secure') ? secureStart(checked, signal) : classicStart(checked, signal);
  return begin(Client, start, ({ ready, up }) => Promise.all([ready, up]), signal);
}

type Start = (watcher: Watcher) => Promise<RunningClient>;

function target(options: Checked<ConnectOptions>): { host: string; port: number } {
  const host = options.required('host', options.word('host', "the server's name or address"));
  if (host.includes('@')) options.refuse('host is a name or address alone: give the user as ssh.user');
  return { host, port: options.integer('port', SERVER_PORT) ?? DEFAULT_PORT };
}

function ssh(options: Checked<ConnectOptions>): {
  user: string | undefined;
  extra: readonly string[];
  command: string;
  directory: string | undefined;
} {
  const given = options.within('ssh', SSH_NAMES);
  const user = given.word('user', 'the name of a user');
  if (user?.includes(':')) given.refuse('user is a name, and no password: ssh asks for that');
  const command = given.take<string>('command', isText, 'a command of the shell there') ?? 'cryptcab';
  const directory = given.take<string>('keyDirectory', isText, 'the path of a directory there');
  return { user, extra: given.words('options') ?? [], command, directory };
}

/**
 * Where datagrams go. Where scp or ssh brings the key, the host may be a name that only ssh knows.
 * @param extra arguments for ssh that decide what a name stands for; undefined where keys come by another way
 */
function serverOf(
  options: Checked<ConnectOptions>,
  user: string | undefined,
  extra: readonly string[] | undefined,
  signal = new AbortController().signal,
): () => Promise<Endpoint> {
  const given = target(options);
  if (extra === undefined) return async () => given;
  if (options.has('endpoint')) {
    const endpoint = endpointOf(options);
    return async () => endpoint;
  }
  return async () => ({ ...given, host: await sshHost({ host: given.host, user }, extra, signal) });
}

/** The options of both kinds of client. */
function both(options: Checked<ConnectOptions>) {
  return {
    ...common(options),
    port: options.integer('localPort', ANY_PORT) ?? 0,
    keepalive: options.flag('keepalive') ?? false,
  };
}

function classicStart(options: Checked<ConnectOptions>, signal: AbortSignal | undefined): Start {
  const settings = both(options);
  const { user, extra, directory } = ssh(options);
  const { host } = target(options);
  const byScp = !options.has('key') && !options.has('carryKey');
  const server = serverOf(options, user, byScp ? sshOptionsOf(extra) : undefined, signal);
  const cipher = options.choice('cipher', CIPHER_CHOICES) ?? 'auto';
  const plain = options.flag('plain') ?? false;
  const key = classicKey(options, cipher, settings.log);
  const mode: ClientMode = key ? { kind: 'preshared', key } : plain ? { kind: 'plain' } : { kind: 'random' };
  const carry =
    options.method<CarryKey>('carryKey') ??
    ((id, bytes, signal) => carryKey({ host, user, extra, directory }, id, bytes, signal));
  return async (watcher) => {
    try {
      return await startClient({
        ...settings,
        server: await server(),
        mode,
        cipher,
        carryKey: carry,
        watcher,
      });
    } catch (error) {
      key?.fill(0);
      throw error;
    }
  };
}

function secureStart(options: Checked<ConnectOptions>, signal: AbortSignal | undefined): Start {
  const settings = both(options);
  const secure = options.within('secure', SECURE_NAMES);
  const path = secure.path('pathMtu');
  const { user, extra } = ssh(options);
  const enrols = !secure.has('privateKey') && !secure.has('enrol');
  const server = serverOf(options, user, enrols ? extra : undefined, signal);
  const portForwarded = options.has('endpoint');
  const keys = secureKeys(options, secure, settings.log);
  return async (watcher) => {
    try {
      return await startSecureClient({
        ...settings,
        server: await server(),
        portForwarded,
        keys,
        path,
        watcher,
      });
    } catch (error) {
      if (typeof keys !== 'function') {
        keys.privateKey.fill(0);
        keys.presharedKey?.fill(0);
      }
      throw error;
    }
  };
}

function secureKeys(
  options: Checked<ConnectOptions>,
  secure: Checked<SecureConnectOptions>,
  log: Log,
): SecureKeys | GetKeys {
  const serverPublicKey = secure.publicKey('serverPublicKey');
  if (serverPublicKey === undefined) {
    const enrol = secure.method<Enrol>('enrol');
    return enrol ? async (signal) => enrolKeys(await enrol(signal), log) : bySsh(options);
  }
  const privateKey = secure.secureKey('privateKey', 'keygen', log) as Uint8Array;
  const presharedKey = secure.secureKey('presharedKey', 'genpsk', log);
  return { privateKey, serverPublicKey, ...(presharedKey && { presharedKey }) };
}

/** @throws CryptcabError for what are no keys */
function enrolKeys(keys: unknown, log: Log): SecureKeys {
  const given = new Checked<EnrolKeys>('connect: secure: what enrol gives', keys, ENROL_NAMES);
  const serverPort = given.integer('serverPort', SERVER_PORT);
  const serverPublicKey = given.required('serverPublicKey', given.publicKey('serverPublicKey'));
  const privateKey = given.required('privateKey', given.secureKey('privateKey', 'keygen', log));
  const presharedKey = given.secureKey('presharedKey', 'genpsk', log);
  return {
    privateKey,
    serverPublicKey,
    ...(presharedKey && { presharedKey }),
    ...(serverPort !== undefined && { serverPort }),
  };
}

function bySsh(options: Checked<ConnectOptions>): GetKeys {
  const { user, extra, command } = ssh(options);
  const { host, port } = target(options);
  // A port that was named says which of several servers there is meant.
  const named = options.has('port') ? port : undefined;
  return (signal) => enrolBySsh({ host, user, extra, port: named, remoteCommand: command }, signal);
}
