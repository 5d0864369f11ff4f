import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CryptcabError, messageOf } from '../error.js';
import { encodingFault } from '../keys/encoding.js';
import { exposure } from '../keys/key-file.js';
import { keyText } from '../keys/key-text.js';
import { parsePeers } from '../keys/peers-file.js';
import { textKey } from '../keys/read-key.js';
import type { Log } from '../log.js';
import { optionName } from '../options/name.js';
import type { Endpoint } from './endpoint.js';

/** How often the file is looked at. It is read when two looks in a row find it changed and alike: not half written. */
const LOOK_MS = 200;

/** Who may connect, as a line of the peers file says. */
export interface KnownPeer {
  /** The line's number. */
  readonly line: number;
  readonly publicKey: Uint8Array;
  readonly name?: string;
  readonly presharedKey?: Uint8Array;
  readonly endpoint?: Endpoint;
}

const lookOf = ({ mtimeNs, size, ino }: { mtimeNs: bigint; size: bigint; ino: bigint }) =>
  `${mtimeNs} ${size} ${ino}`;

/** The peers file, read again when it changes (secure.md §3.2). */
export class KnownPeers {
  readonly #path: string;
  readonly #log: Log;
  readonly #apply: (peers: ReadonlyMap<string, KnownPeer>) => void;
  readonly #timer: NodeJS.Timeout;
  /** As it was when read, and when last looked at. */
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
      throw new CryptcabError(
        `cannot read the peers file ${path}: ${messageOf(error)}; name one with ${optionName('secure.peers')}, a public key in each line`,
      );
    }
    this.#timer = setInterval(() => this.#lookAt(), LOOK_MS);
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
        `cannot read the peers file, and keep to what it said before: ${messageOf(error)}`,
      );
    }
  }

  #look(): string {
    try {
      return lookOf(statSync(this.#path, { bigint: true }));
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
    const bytes = readFileSync(this.#path);
    const fault = encodingFault(bytes);
    if (fault !== undefined) throw new CryptcabError(`it ${fault}`);
    const exposed = exposure(statSync(this.#path), 'write');
    if (exposed !== undefined) this.#log.warn({ file: this.#path }, `the peers file ${exposed}`);
    const { peers, wrong } = parsePeers(bytes.toString());
    const known = new Map<string, KnownPeer>();
    for (const { line, publicKey, name, presharedKeyFile, endpoint } of peers) {
      try {
        known.set(keyText(publicKey), {
          line,
          publicKey,
          ...(name !== undefined && { name }),
          ...(presharedKeyFile !== undefined && { presharedKey: this.#presharedKey(presharedKeyFile) }),
          ...(endpoint !== undefined && { endpoint }),
        });
      } catch (error) {
        wrong.push({ line, why: messageOf(error) });
      }
    }
    for (const { line, why } of wrong.sort((a, b) => a.line - b.line))
      this.#log.warn({ file: this.#path, line }, `skipped line ${line} of the peers file: ${why}`);
    this.#log.info({ file: this.#path, peers: known.size }, 'read the peers file');
    this.#apply(known);
  }

  /** A path in the file is seen from where the file is. */
  #presharedKey(path: string): Uint8Array {
    return textKey(resolve(dirname(this.#path), path), 'genpsk', this.#log);
  }
}
