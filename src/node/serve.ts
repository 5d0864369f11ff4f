import { randomBytes } from 'node:crypto';
import { CryptcabError, messageOf } from '../error.js';
import type { Enrolled } from '../keys/enrolment.js';
import { newPrivateKey } from '../keys/key-text.js';
import type { Log } from '../log.js';
import { DEFAULT_PORT } from '../protocol/constants.js';
import type { Watcher } from '../running.js';
import type { SecureServerConfiguration } from '../secure/secure-server.js';
import type { Endpoint } from '../secure/secure-side.js';
import { type RunningServer, type ServerKeys, startServer } from '../server.js';
import { Checked, isText, type Names } from './check.js';
import { classicKey, common, END_NAMES, signalOf } from './common.js';
import { begin, CableEnd } from './end.js';
import type { Notices } from './events.js';
import type { SecurePeer, SecureServeOptions, ServeOptions } from './options.js';

const NAMES: Names<ServeOptions> = { ...END_NAMES, port: true, classic: true, secure: true };
const SECURE_NAMES: Names<SecureServeOptions> = { privateKey: true, peers: true, pathMtu: true };
const PEER_NAMES: Names<SecurePeer> = { publicKey: true, name: true, presharedKey: true, endpoint: true };
const ENDPOINT_NAMES: Names<Endpoint> = { host: true, port: true };

/** A server that runs: what {@link serve} gives. It ends by close(), by its signal, or because it cannot go on. */
export class Server extends CableEnd {
  readonly #server: RunningServer;

  /** @internal */
  constructor(running: RunningServer, notices: Notices, signal: AbortSignal | undefined) {
    super(running, notices, signal);
    this.#server = running;
  }

  /**
   * Lets a client of the secure cable connect that has shown by other means that it may, until it has been silent for
   * 180 s (secure-protocol §3).
   * @param publicKey 32 bytes
   * @param presharedKey 32 bytes
   * @returns what the client has to know of this server
   * @throws CryptcabError for what is no public key, or there already, and where no secure clients are served
   */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array): Enrolled {
    return this.#server.enrol(publicKey, presharedKey);
  }
}

/**
 * Serves a switch: each client that proves its key gets a port of it. Waits until the UDP port is there and the switch has
 * been plugged into, for a try.
 * @throws CryptcabError for options that do not do, files that cannot be read, a port or a switch that cannot be had; the
 * signal's reason when that was aborted
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const checked = new Checked<ServeOptions>('serve', options, NAMES);
  const signal = signalOf(checked);
  const settings = common(checked);
  const port = checked.integer('port', 0, 65_535, 'a UDP port') ?? DEFAULT_PORT;
  const keys = classicKeys(checked, settings.log);
  const secure = secureSide(checked, settings.log);
  if (keys === undefined && secure === undefined)
    checked.refuse('classic is false, and there is no secure: nobody would be served');
  const start = async (watcher: Watcher) => {
    try {
      return await startServer({ ...settings, port, keys, ...(secure && { secure }), watcher });
    } catch (error) {
      if (keys?.kind === 'preshared') keys.key.fill(0);
      // What was handed over peer by peer is not as checked as what comes in a file.
      throw error instanceof RangeError
        ? new CryptcabError(`serve: secure: one of peers cannot be: ${messageOf(error)}`)
        : error;
    } finally {
      secure?.privateKey.fill(0); // the machine has a copy
      for (const { presharedKey } of secure?.peers ?? []) presharedKey?.fill(0);
    }
  };
  return begin(Server, start, ({ ready }) => ready, signal);
}

function classicKeys(options: Checked<ServeOptions>, log: Log): ServerKeys | undefined {
  options.apart('key', 'plain', 'encrypt, or do not');
  if (options.flag('classic') === false) {
    for (const name of ['key', 'plain'] as const)
      if (options.has(name))
        options.refuse(`${name} is of the classic protocol, which is not served: leave it away`);
    return undefined;
  }
  const key = classicKey(options, 'blowfish', log);
  if (key !== undefined) return { kind: 'preshared', key };
  return { kind: options.flag('plain') ? 'plain' : 'scp' };
}

function secureSide(options: Checked<ServeOptions>, log: Log): SecureServerConfiguration | undefined {
  if (!options.has('secure')) return undefined;
  const secure = options.within('secure', SECURE_NAMES);
  const peers = secure.take<string | readonly unknown[]>(
    'peers',
    (value) => isText(value) || Array.isArray(value),
    'an array of peers, or the path of a peers file',
  );
  return {
    path: secure.path('pathMtu'),
    privateKey: secure.secureKey('privateKey', 'keygen', log) ?? newPrivateKey(randomBytes),
    ...(typeof peers === 'string' && { peersFile: peers }),
    ...(typeof peers === 'object' && { peers: peers.map((peer) => knownPeer(peer, log)) }),
  };
}

function knownPeer(peer: unknown, log: Log): NonNullable<SecureServerConfiguration['peers']>[number] {
  const given = new Checked<SecurePeer>('serve: secure: a peer', peer, PEER_NAMES);
  const publicKey = given.required('publicKey', given.publicKey('publicKey'));
  const name = given.take<string>('name', isText, 'a text that is not empty');
  const presharedKey = given.secureKey('presharedKey', 'genpsk', log);
  return {
    publicKey,
    ...(name !== undefined && { name }),
    ...(presharedKey && { presharedKey }),
    ...(given.has('endpoint') && { endpoint: endpointOf(given) }),
  };
}

function endpointOf(peer: Checked<SecurePeer>): Endpoint {
  const given = peer.within('endpoint', ENDPOINT_NAMES);
  return {
    host: given.required('host', given.word('host', 'a name or address')),
    port: given.required('port', given.integer('port', 1, 65_535, 'a UDP port')),
  };
}
