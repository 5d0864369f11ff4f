import { readdirSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CryptcabError, messageOf } from '../../error.js';
import { encodingFault } from '../../keys/encoding.js';
import { readRegular } from '../../keys/files.js';
import { exposure } from '../../keys/key-file.js';
import { keyText } from '../../keys/key-text.js';
import { isName, NAME_RULE, type PeerLine, parsePeers } from '../../keys/peers-file.js';
import { PEER_SUFFIX, peerOfFile } from '../../keys/peers-store.js';
import { textKey } from '../../keys/read-key.js';
import type { Log } from '../../log.js';
import type { HostFields } from '../../network/host.js';
import type { PolicyFields } from '../../network/policy.js';
import { optionName } from '../../options/name.js';
import type { Endpoint } from '../endpoint.js';

/** How often the file, or a directory of them, is looked at. It is read when two looks in a row find it changed and alike: not half written. */
const LOOK_MS = { file: 200, directory: 1_000 } as const;

/** Who may connect, as a line says. */
export interface KnownPeer {
  /** Which line that is, for people. */
  readonly where: string;
  /** The same, for the log's fields. */
  readonly at?: { readonly file: string; readonly line: number };
  readonly publicKey: Uint8Array;
  readonly name?: string;
  readonly presharedKey?: Uint8Array;
  readonly endpoint?: Endpoint;
  /** What it may do on the network, where its line says something of that. */
  readonly policy?: PolicyFields;
  /** Of a stock WireGuard device: which host it is. */
  readonly host?: HostFields;
}

const lookOf = ({ mtimeNs, size, ino }: { mtimeNs: bigint; size: bigint; ino: bigint }) =>
  `${mtimeNs} ${size} ${ino}`;

/** A file with lines of peers. */
interface Listing {
  readonly path: string;
  /** Of a peers directory: what its one peer is called. */
  readonly name?: string;
}

/** The peers file, or the directory with a file for each peer; read again when it changes (secure.md §3.2). */
export class KnownPeers {
  readonly #path: string;
  readonly #log: Log;
  readonly #apply: (peers: ReadonlyMap<string, KnownPeer>) => void;
  readonly #timer: NodeJS.Timeout;
  /** As it was when read, and when last looked at. */
  /** Files of a directory that are no peer's, each named once. */
  readonly #warned = new Set<string>();
  #read = '';
  #seen = '';

  /**
   * @param apply gets all peers, by public key, whenever the file was read
   * @throws CryptcabError when the file cannot be read
   */
  constructor(path: string, log: Log, apply: (peers: ReadonlyMap<string, KnownPeer>) => void) {
    this.#path = path;
    this.#log = log;
    this.#apply = apply;
    try {
      this.#load();
    } catch (error) {
      const todo = isPipeOrDevice(path)
        ? 'put its lines into a file, which is read again when it changes, and name that'
        : 'name one';
      throw new CryptcabError(
        `cannot read the peers file ${path}: ${messageOf(error)}; ${todo} with ${optionName('secure.peers')}, a public key in each line, or a directory with a file for each peer`,
      );
    }
    this.#timer = setInterval(() => this.#lookAt(), LOOK_MS[isDirectory(path) ? 'directory' : 'file']);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Reads the file again; if it cannot be read, known peers stay. */
  reload(): void {
    try {
      this.#load();
    } catch (error) {
      this.#log.warn(
        { file: this.#path },
        `cannot read the peers file, so its last content stays in force: ${messageOf(error)}`,
      );
    }
  }

  #look(): string {
    try {
      return [this.#path, ...this.#listings().map(({ path }) => path)]
        .map((path) => lookOf(statSync(path, { bigint: true })))
        .join();
    } catch (error) {
      return messageOf(error);
    }
  }

  #lookAt(): void {
    const look = this.#look();
    if (look === this.#seen && look !== this.#read) {
      this.#read = look;
      this.reload();
    }
    this.#seen = look;
  }

  #load(): void {
    this.#seen = this.#look();
    this.#read = this.#seen;
    const known = new Map<string, KnownPeer>();
    const directory = isDirectory(this.#path);
    for (const listing of this.#listings()) {
      try {
        this.#readListing(listing, known);
      } catch (error) {
        if (!directory) throw error;
        this.#skip(listing, `skipped ${listing.path}: ${messageOf(error)}`);
      }
    }
    if (directory) this.#warnOfOthers();
    this.#log.info({ file: this.#path, peers: known.size }, 'read the peers file');
    this.#apply(known);
  }

  /** The files that list peers. @throws Error when the directory cannot be read */
  #listings(): Listing[] {
    if (!isDirectory(this.#path)) return [{ path: this.#path }];
    return readdirSync(this.#path)
      .sort()
      .flatMap((file) => {
        const name = peerOfFile(file);
        return name === undefined ? [] : [{ path: join(this.#path, file), name }];
      });
  }

  /** A file without a suffix may be meant as a peer's. */
  #warnOfOthers(): void {
    for (const file of readdirSync(this.#path).filter((name) => !name.includes('.'))) {
      const path = join(this.#path, file);
      if (this.#warned.has(path)) continue;
      this.#warned.add(path);
      this.#skip({ path }, `skipped ${path}: the file of a peer is called NAME${PEER_SUFFIX}`);
    }
  }

  #skip({ path }: Listing, why: string, line?: number): void {
    this.#log.warn({ file: path, ...(line !== undefined && { line }) }, why);
  }

  /** Adds what a file says. @throws Error when it cannot be read */
  #readListing(listing: Listing, known: Map<string, KnownPeer>): void {
    const { path } = listing;
    const file = listing.name === undefined ? 'the peers file' : path;
    if (listing.name !== undefined && !isName(listing.name))
      throw new CryptcabError(`what stands before ${PEER_SUFFIX} is not a valid name: ${NAME_RULE}`);
    const { bytes, stat } = readRegular(path);
    const fault = encodingFault(bytes);
    if (fault !== undefined) throw new CryptcabError(`it ${fault}`);
    const exposed = exposure(stat, 'write');
    if (exposed !== undefined) this.#log.warn({ file: path }, `${file} ${exposed}`);
    const { peers, wrong } = parsePeers(bytes.toString());
    for (const [i, peer] of peers.entries()) {
      const { line, publicKey, presharedKeyFile, endpoint, policy, host } = peer;
      const name = listing.name ?? peer.name;
      const id = keyText(publicKey);
      try {
        if (listing.name !== undefined) refuseInDirectory(i, peer);
        const other = known.get(id);
        if (other !== undefined) throw new CryptcabError(`this public key is in ${other.where} already`);
        known.set(id, {
          where: `line ${line} of ${file}`,
          at: { file: path, line },
          publicKey,
          ...(name !== undefined && { name }),
          ...(presharedKeyFile !== undefined && { presharedKey: this.#presharedKey(path, presharedKeyFile) }),
          ...(endpoint !== undefined && { endpoint }),
          ...(policy !== undefined && { policy }),
          ...(host !== undefined && { host }),
        });
      } catch (error) {
        wrong.push({ line, why: messageOf(error) });
      }
    }
    for (const { line, why } of wrong.sort((a, b) => a.line - b.line))
      this.#skip(listing, `skipped line ${line} of ${file}: ${why}`, line);
  }

  /** A path in the file is seen from where the file is. */
  #presharedKey(file: string, path: string): Uint8Array {
    return textKey(resolve(dirname(file), path), 'genpsk', this.#log);
  }
}

/** What is there; undefined where that cannot be seen: what reads it says why. */
function found(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  return found(path)?.isDirectory() === true;
}

function isPipeOrDevice(path: string): boolean {
  const stat = found(path);
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

/** A file of a peers directory has one peer, which is called as the file is. */
function refuseInDirectory(i: number, { name }: PeerLine): void {
  if (i > 0) throw new CryptcabError('the file of a peer has one line: give each peer a file of its own');
  if (name !== undefined)
    throw new CryptcabError('the name of the file is that of the peer: leave name= out');
}
