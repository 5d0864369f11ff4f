import type { PeerIdentity } from '../cable/plug/plug.js';
import type { ServerKeys } from '../ends/classic-side.js';
import { lineOf, type NamedPlace, placesOf } from '../ends/peers/line-of.js';
import { readPeersSource } from '../ends/peers/peers-option.js';
import type { KnownPeer } from '../ends/peers/peers-watch.js';
import type { Watcher } from '../ends/running.js';
import type { SecureServerConfiguration } from '../ends/secure-server.js';
import { type RunningServer, startServer } from '../ends/server.js';
import { CryptcabError, messageOf } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import type { Enrolled } from '../keys/enrolment.js';
import { keyText, newPresharedKey, newPrivateKey } from '../keys/key-text.js';
import { isName, NAME_RULE } from '../keys/peers-file.js';
import { publicKeyOf } from '../keys/public-key.js';
import type { Log } from '../log.js';
import { OPTIONS } from '../options/option-table.js';
import { DEFAULT_PORT } from '../protocol/classic/constants.js';
import { INVITE_SECONDS, INVITE_USES_MAX } from '../protocol/secure/constants.js';
import { Checked, isText, type Names } from './check.js';
import { ANY_PORT, classicKey, common, END_NAMES, endpointOf, signalOf } from './common.js';
import { begin, CableEnd } from './end.js';
import type { Notices } from './events.js';
import type { InviteOptions, SecurePeer, SecureServeOptions, ServeOptions } from './options.js';
import { refuseConflicts } from './refuse-conflicts.js';

const NAMES: Names<ServeOptions> = {
  ...END_NAMES,
  port: true,
  classic: true,
  keyDirectory: true,
  broadcastLimit: true,
  secure: true,
  threads: true,
  peerDefaults: true,
};
const SECURE_NAMES: Names<SecureServeOptions> = {
  privateKey: true,
  peers: true,
  enrolledMax: true,
  forgetAfter: true,
  serverId: true,
  state: true,
  pathMtu: true,
};
const INVITE_NAMES: Names<InviteOptions> = { name: true, seconds: true, uses: true, at: true };
const PEER_NAMES: Names<SecurePeer> = {
  publicKey: true,
  name: true,
  presharedKey: true,
  endpoint: true,
  policy: true,
  host: true,
};

/** Who may connect to a server of the secure cable while it runs: {@link Server.peers}. */
export class ServerPeers {
  readonly #server: RunningServer;

  /** @internal */
  constructor(server: RunningServer) {
    this.#server = server;
  }

  /**
   * Lets one more peer connect, until it is removed; where it has an endpoint it is called. The event reports that it is up,
   * when it is.
   * @returns what events and stats() call it
   * @throws CryptcabError for what is no public key, this server's own, or there already; where no secure clients are served;
   * and when the server has ended
   */
  add(peer: SecurePeer): PeerIdentity {
    const known = knownPeer('peers.add', peer, this.#server.log);
    try {
      return this.#server.addPeer(known);
    } finally {
      known.presharedKey?.fill(0); // the machine has a copy
    }
  }

  /**
   * Cuts a peer off, also one that has enrolled: it may not connect any more. If it was up, it fires the event `down`.
   * @param publicKey 32 bytes, or 44 characters of base64
   * @returns whether it was there
   * @throws CryptcabError for one that the peers file has: remove its line; where no secure clients are served; and when the
   * server has ended
   */
  remove(publicKey: Uint8Array | string): boolean {
    const given = new Checked<SecurePeer>('peers.remove', { publicKey }, PEER_NAMES);
    return this.#server.removePeer(keyText(given.required('publicKey', given.publicKey('publicKey'))));
  }

  /**
   * Changes what a peer may do on the network, also while it is up, and in its line where a peers file has it.
   * @param publicKey 32 bytes, or 44 characters of base64
   * @param policy fields as {@link SecurePeer.policy} has them, for those alone that change; `rate=` takes one out, so that
   * `peerDefaults` hold
   * @returns what it may do now; empty where nothing is limited
   * @throws CryptcabError where it is not there, for what are no fields, for what cannot be kept on this plug, where no secure
   * clients are served, and when the server has ended
   */
  async limit(publicKey: Uint8Array | string, policy: string): Promise<string> {
    const given = new Checked<SecurePeer>('peers.limit', { publicKey, policy }, PEER_NAMES);
    const peer = keyText(given.required('publicKey', given.publicKey('publicKey')));
    const text = given.required('policy', given.take<string>('policy', isText, 'a text that is not empty'));
    return (await this.#server.peers.limit(peer, text)).policy ?? '';
  }
}

/** A server that runs: what {@link serve} gives. It ends by close(), by its signal, or because it cannot go on. */
export class Server extends CableEnd {
  /** Who may connect to the secure cable, besides those who enrol and those of the peers file. */
  readonly peers: ServerPeers;
  readonly #server: RunningServer;

  /** @internal */
  constructor(running: RunningServer, notices: Notices, signal: AbortSignal | undefined) {
    super(running, notices, signal);
    this.#server = running;
    this.peers = new ServerPeers(running);
  }

  /**
   * Lets a client of the secure cable connect that has shown by other means that it may, until it has been silent for
   * 180 s (secure.md §3.4).
   * @param publicKey 32 bytes, or 44 characters of base64
   * @param presharedKey likewise, or the path of a file that holds these characters; bytes are copied
   * @returns what the client has to know of this server
   * @throws CryptcabError for what is no public key, or there already; where no secure clients are served; and where as many
   * have enrolled as may (`enrolledMax`) and all are up
   */
  enrol(publicKey: Uint8Array | string, presharedKey: Uint8Array | string): Enrolled {
    const given = new Checked<SecurePeer>('enrol', { publicKey, presharedKey }, PEER_NAMES);
    const peer = given.required('publicKey', given.publicKey('publicKey'));
    const key = given.required('presharedKey', given.secureKey('presharedKey', 'genpsk', this.#server.log));
    try {
      return this.#server.enrol(peer, key);
    } finally {
      key.fill(0); // the machine has a copy
    }
  }

  /**
   * Makes an invite (secure.md §8): whoever has its line first can {@link join}, and is a peer from then on. A secret, then.
   * @returns the line
   * @throws CryptcabError where a peer has that name, for places that cannot be; where this server has no `secure.state`, or
   * cannot write there; where no secure clients are served; and when the server has ended
   */
  invite(options: InviteOptions): string {
    const given = new Checked<InviteOptions>('invite', options, INVITE_NAMES);
    const name = given.required('name', given.take<string>('name', isName, `a name: ${NAME_RULE}`));
    const seconds = given.integer('seconds', { what: 'a number of seconds', ...INVITE_SECONDS });
    const uses = given.integer('uses', { what: 'a number of ends', min: 1, max: INVITE_USES_MAX }) ?? 1;
    const at = given.take<readonly NamedPlace[]>('at', isPlaces, 'an array of places: host, and port');
    const privateKey = newPrivateKey(drawSecret);
    const presharedKey = newPresharedKey(drawSecret);
    try {
      const publicKey = publicKeyOf(privateKey);
      const wish = { name, seconds: seconds ?? INVITE_SECONDS.usual, uses };
      const invited = this.#server.invite({ publicKey, presharedKey, ...wish });
      try {
        return lineOf(invited, { privateKey, presharedKey }, placesOf(invited, at ?? []));
      } catch (error) {
        this.#server.cancelInvites(name, publicKey); // nobody has its line
        throw error;
      }
    } finally {
      for (const key of [privateKey, presharedKey]) key.fill(0);
    }
  }

  /**
   * Takes back the invites of a name that are still good.
   * @returns how many they were
   * @throws CryptcabError as invite() does
   */
  cancelInvites(name: string): number {
    return this.#server.cancelInvites(name);
  }

  /**
   * Ends the session of a client of either protocol, and gives its port of the switch back: it fires the event `down`. It may
   * connect again, and a client does when it sends something that is not answered; a peer of the secure cable is kept out by
   * `peers.remove()`.
   * @param peer as events and stats() name it
   * @returns whether it was up
   * @throws CryptcabError for what is no peer
   */
  disconnect(peer: PeerIdentity): boolean {
    const { peer: text, publicKey } = (peer ?? {}) as Partial<Record<keyof PeerIdentity, unknown>>;
    if (typeof text !== 'string' || !['undefined', 'string'].includes(typeof publicKey))
      throw new CryptcabError('disconnect takes a peer as events and stats() name it: an object with peer');
    return this.#server.disconnect(peer);
  }
}

/**
 * Serves a switch: each client that proves its key gets a port of it. Waits until the UDP port is there and the switch has
 * been plugged into, for a try; or until that switch has not answered for 5 s, which is logged.
 * @throws CryptcabError for options that do not do, files that cannot be read, a port or a switch that cannot be had; the
 * signal's reason when that was aborted
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const checked = new Checked<ServeOptions>('serve', options, NAMES);
  const signal = signalOf(checked);
  refuseConflicts('serve', 'server', options);
  const settings = common(checked);
  const port = checked.integer('port', ANY_PORT) ?? DEFAULT_PORT;
  const broadcastLimit = checked.integer('broadcastLimit', OPTIONS.broadcastLimit.value);
  const peerDefaults = checked.policy('peerDefaults');
  const keys = classicKeys(checked, settings.log);
  const secure = secureSide(checked, settings.log);
  const threads = checked.integer('threads', OPTIONS.threads.value);
  const start = async (watcher: Watcher) => {
    try {
      return await startServer({
        ...settings,
        port,
        keys,
        broadcastLimit,
        peerDefaults,
        ...(secure && { secure }),
        ...(threads !== undefined && { threads }),
        watcher,
      });
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
  if (options.flag('classic') === false) return undefined;
  const key = classicKey(options, 'blowfish', log);
  if (key !== undefined) return { kind: 'preshared', key };
  if (options.flag('plain')) return { kind: 'plain' };
  return { kind: 'scp', directory: options.take<string>('keyDirectory', isText, 'the path of a directory') };
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
    enrolledMax: secure.integer('enrolledMax', OPTIONS['secure.enrolledMax'].value),
    forgetAfter: secure.integer('forgetAfter', OPTIONS['secure.forgetAfter'].value),
    serverId: secure.integer('serverId', OPTIONS['secure.serverId'].value),
    state: secure.take<string>('state', isText, 'the path of a directory'),
    privateKey: secure.secureKey('privateKey', 'keygen', log) ?? newPrivateKey(drawSecret),
    ...(typeof peers === 'string' && sourceOf(peers)),
    ...(typeof peers === 'object' && {
      peers: peers.map((peer) => knownPeer('serve: secure: a peer', peer, log)),
    }),
  };
}

/** A file, or who else knows who may connect. */
function sourceOf(text: string): Pick<SecureServerConfiguration, 'peersFile' | 'directory'> {
  const source = readPeersSource(text);
  if (typeof source === 'string') throw new CryptcabError(`serve: secure: peers ${source}`);
  return source.kind === 'file' ? { peersFile: source.path } : { directory: source };
}

/** @param where for people: whose option it is */
function knownPeer(where: string, peer: unknown, log: Log): Omit<KnownPeer, 'where'> {
  const given = new Checked<SecurePeer>(where, peer, PEER_NAMES);
  const publicKey = given.required('publicKey', given.publicKey('publicKey'));
  const name = given.take<string>('name', isText, 'a text that is not empty');
  const endpoint = given.has('endpoint') && { endpoint: endpointOf(given) };
  const policy = given.policy('policy');
  const host = given.host('host');
  const presharedKey = given.secureKey('presharedKey', 'genpsk', log);
  return {
    publicKey,
    ...(name !== undefined && { name }),
    ...(presharedKey && { presharedKey }),
    ...endpoint,
    ...(policy !== undefined && { policy }),
    ...(host !== undefined && { host }),
  };
}

function isPlaces(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (one: Partial<NamedPlace> | null) =>
        typeof one?.host === 'string' && (one.port === undefined || Number.isInteger(one.port)),
    )
  );
}
