import { type CarryKey, startClient } from '../client.js';
import { carryKey } from '../keys/scp.js';
import { enrolBySsh } from '../keys/ssh.js';
import type { Log } from '../log.js';
import type { ClientMode } from '../protocol/client-terms.js';
import { DEFAULT_PORT } from '../protocol/constants.js';
import { CIPHERS } from '../protocol/session-key.js';
import type { RunningClient, Watcher } from '../running.js';
import { type Enrol, type SecureKeys, startSecureClient } from '../secure/secure-client.js';
import { Checked, isText, type Names } from './check.js';
import { classicKey, common, END_NAMES, signalOf } from './common.js';
import { begin, CableEnd } from './end.js';
import type { ConnectOptions, SecureConnectOptions, SshOptions } from './options.js';

const NAMES: Names<ConnectOptions> = {
  ...END_NAMES,
  host: true,
  port: true,
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
const SSH_NAMES: Names<SshOptions> = { user: true, options: true, command: true };

/** A client that runs: what {@link connect} gives. It ends by close(), by its signal, or because it cannot go on. */
export class Client extends CableEnd {}

/**
 * Joins a switch to a server's by a cable, and waits until it is up for the first time. From then on it comes back by
 * itself, whatever happens to the line, the server or the switch. While the server does not answer it is tried on: abort the
 * signal to end that.
 * @throws CryptcabError for options that do not do, files that cannot be read, a port or a switch that cannot be had, and a
 * server that says no; the signal's reason when that was aborted
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = new Checked<ConnectOptions>('connect', options, NAMES);
  const signal = signalOf(checked);
  const start = checked.has('secure') ? secureStart(checked) : classicStart(checked);
  return begin(Client, start, ({ ready, up }) => Promise.all([ready, up]), signal);
}

type Start = (watcher: Watcher) => Promise<RunningClient>;

function target(options: Checked<ConnectOptions>): { host: string; port: number } {
  const host = options.required('host', options.word('host', "the server's name or address"));
  return { host, port: options.integer('port', 1, 65_535, "the server's UDP port") ?? DEFAULT_PORT };
}

function ssh(options: Checked<ConnectOptions>): {
  user: string | undefined;
  extra: readonly string[];
  command: string;
} {
  const given = options.within('ssh', SSH_NAMES);
  const user = given.word('user', 'the name of a user');
  const command = given.take<string>('command', isText, 'a command of the shell there') ?? 'cryptcab';
  if (given.has('command') && !options.has('secure'))
    given.refuse('command is for the secure cable: add secure, or leave it away');
  return { user, extra: given.words('options') ?? [], command };
}

/** What both kinds of client are told. */
function both(options: Checked<ConnectOptions>) {
  return {
    ...common(options),
    server: target(options),
    port: options.integer('localPort', 0, 65_535, 'a UDP port') ?? 0,
    keepalive: options.flag('keepalive') ?? false,
  };
}

function classicStart(options: Checked<ConnectOptions>): Start {
  options.apart('key', 'plain', 'encrypt, or do not');
  options.apart('cipher', 'plain', 'encrypt, or do not');
  options.apart('key', 'ssh', 'a key that both ends have is not brought there');
  options.apart('key', 'carryKey', 'a key that both ends have is not brought there');
  options.apart('ssh', 'carryKey', 'the key goes one way');
  const settings = both(options);
  const { user, extra } = ssh(options);
  const cipher = options.choice('cipher', CIPHERS) ?? 'blowfish';
  const plain = options.flag('plain') ?? false;
  const key = classicKey(options, cipher, settings.log);
  const mode: ClientMode = key ? { kind: 'preshared', key } : plain ? { kind: 'plain' } : { kind: 'random' };
  const carry =
    options.method<CarryKey>('carryKey') ??
    ((id, bytes, signal) => carryKey({ host: settings.server.host, user, extra }, id, bytes, signal));
  return async (watcher) => {
    try {
      return await startClient({ ...settings, mode, cipher, carryKey: carry, watcher });
    } catch (error) {
      key?.fill(0);
      throw error;
    }
  };
}

function secureStart(options: Checked<ConnectOptions>): Start {
  for (const name of ['key', 'plain', 'cipher', 'carryKey'] as const)
    options.apart('secure', name, `${name} is of the classic protocol`);
  const settings = both(options);
  const secure = options.within('secure', SECURE_NAMES);
  const path = secure.path('pathMtu');
  const keys = secureKeys(options, secure, settings.log);
  return async (watcher) => {
    try {
      return await startSecureClient({ ...settings, keys, path, watcher });
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
): SecureKeys | Enrol {
  const serverPublicKey = secure.publicKey('serverPublicKey');
  if (secure.has('privateKey') !== (serverPublicKey !== undefined))
    secure.refuse('privateKey and serverPublicKey go together; without both, keys are made, and sent by ssh');
  if (serverPublicKey === undefined) {
    if (secure.has('presharedKey')) secure.refuse('presharedKey needs privateKey and serverPublicKey');
    const enrol = secure.method<Enrol>('enrol');
    if (enrol && options.has('ssh'))
      options.refuse('ssh and secure.enrol exclude each other: keys come one way');
    return enrol ?? bySsh(options);
  }
  secure.apart('enrol', 'privateKey', 'take keys that are there, or get some');
  if (options.has('ssh'))
    options.refuse('ssh is of no use to who has keys: leave it away, or secure.privateKey');
  const privateKey = secure.secureKey('privateKey', 'keygen', log) as Uint8Array;
  const presharedKey = secure.secureKey('presharedKey', 'genpsk', log);
  return { privateKey, serverPublicKey, ...(presharedKey && { presharedKey }) };
}

function bySsh(options: Checked<ConnectOptions>): Enrol {
  const { user, extra, command } = ssh(options);
  const { host, port } = target(options);
  // A port that was named says which of several servers there is meant.
  const named = options.has('port') ? port : undefined;
  return (signal) => enrolBySsh({ host, user, extra, port: named, remoteCommand: command }, signal);
}
