import { createHash } from 'node:crypto';
import type { Cable, Link } from '../cable.js';
import { CryptcabError, messageOf } from '../error.js';
import type { Enrolled } from '../keys/enrolment.js';
import { keyText } from '../keys/key-text.js';
import type { Log, SeldomLog } from '../log.js';
import type { OpenPlug } from '../plug/plug.js';
import type { Remote } from '../protocol/remote.js';
import { remoteText } from '../protocol/remote.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { Watcher } from '../running.js';
import { type KnownPeer, KnownPeers } from './known-peers.js';
import { peerText, SecureSide } from './secure-side.js';

export interface SecureServerConfiguration {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  /** Who may connect besides those who enrol. */
  readonly peers?: readonly Omit<KnownPeer, 'line'>[];
  /** More of them, in a file that is read again when it changes. */
  readonly peersFile?: string;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
}

interface Listed {
  readonly peer: Peer;
  /** Its line's content, to see whether it has changed. */
  readonly content: string;
}

/** Of the preshared key a digest: it is not kept. */
function contentOf({ name, presharedKey = new Uint8Array(), endpoint }: KnownPeer): string {
  return JSON.stringify([name, createHash('sha256').update(presharedKey).digest('base64'), endpoint]);
}

/** The secure half of a server: a switch port for each peer of the peers file that is up. */
export class SecureServer {
  readonly #side: SecureSide;
  readonly #known: KnownPeers | undefined;
  readonly #listed = new Map<string, Listed>();
  readonly #port: number;
  readonly #log: Log;

  /**
   * @throws CryptcabError when the peers file cannot be read
   * @throws RangeError for one of `peers` that is none, our own, or there twice
   */
  constructor(
    configuration: SecureServerConfiguration,
    cable: Cable,
    plug: OpenPlug,
    log: Log,
    seldom: SeldomLog,
    watcher?: Watcher,
  ) {
    this.#log = log;
    this.#port = cable.local.port;
    const side = new SecureSide({
      cable,
      privateKey: configuration.privateKey,
      path: configuration.path,
      log,
      seldom,
      handlers: {
        up(peer) {
          side.plug(peer, plug);
          const address = remoteText(peer.endpoint as Remote);
          log.info({ peer: peerText(peer), address }, 'peer is up, secure');
          watcher?.up({ peer: peerText(peer), address, cipher: 'secure' });
        },
        down(peer, why) {
          side.pull(peer);
          log.info(
            { peer: peerText(peer) },
            why === 'removed' ? 'peer is cut off' : 'peer is gone: nothing has come from it for long',
          );
          watcher?.down(peerText(peer), why);
        },
        gone: (peer) => log.info({ peer: peerText(peer) }, 'forgot an enrolled peer: it was silent for long'),
      },
    });
    this.#side = side;
    try {
      const { peers = [], peersFile } = configuration;
      for (const { endpoint, ...options } of peers) side.add(options, endpoint);
      this.#known =
        peersFile === undefined ? undefined : new KnownPeers(peersFile, log, (peers) => this.#apply(peers));
    } catch (error) {
      side.close();
      throw error;
    }
    log.info({ publicKey: keyText(side.publicKey) }, 'secure peers connect to this public key');
  }

  get side(): SecureSide {
    return this.#side;
  }

  /** A link's peer, for people. */
  nameOf(link: Link): string | undefined {
    const peer = this.#side.peerOf(link);
    return peer && peerText(peer);
  }

  /** Reads the peers file again. */
  reload(): void {
    this.#known?.reload();
  }

  /**
   * Lets somebody connect who has shown by other means that they may, until they have been silent for long.
   * @param presharedKey 32 bytes
   * @throws CryptcabError for what is no public key, our own, or there already
   */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array): Enrolled {
    try {
      const peer = this.#side.add({ publicKey, presharedKey, enrolled: true });
      this.#log.info({ peer: peerText(peer) }, 'enrolled a peer');
    } catch (error) {
      throw new CryptcabError(`cannot enrol: ${messageOf(error)}`);
    }
    return { publicKey: this.#side.publicKey, port: this.#port };
  }

  async close(): Promise<void> {
    this.#known?.close();
    await this.#side.close();
  }

  /** Cuts off who is not there any more, or not as before, and lets in who is new. */
  #apply(peers: ReadonlyMap<string, KnownPeer>): void {
    for (const [id, { peer, content }] of this.#listed) {
      const now = peers.get(id);
      if (now !== undefined && contentOf(now) === content) continue;
      this.#listed.delete(id);
      this.#side.remove(peer);
    }
    for (const [id, known] of peers) {
      if (!this.#listed.has(id)) this.#add(id, known);
      known.presharedKey?.fill(0); // the machine has a copy
    }
  }

  #add(id: string, known: KnownPeer): void {
    const { endpoint, line, ...options } = known;
    const content = contentOf(known);
    try {
      this.#listed.set(id, { peer: this.#side.add(options, endpoint), content });
    } catch (error) {
      this.#log.warn({ line }, `skipped line ${line} of the peers file: ${messageOf(error)}`);
    }
  }
}
