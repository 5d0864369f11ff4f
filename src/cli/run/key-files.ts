// The key files of the command line, read again when it is asked for (SIGHUP).
import { resolve } from 'node:path';
import { blake2s } from '@noble/hashes/blake2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { messageOf } from '../../error.js';
import { presharedKey, textKey } from '../../keys/read-key.js';
import type { Log } from '../../log.js';
import type { CipherChoice } from '../../protocol/classic/session-key.js';
import type { Settings } from '../options.js';

/** It wipes what it works on, as the hashes of the runtime do not. */
const digestOf = (key: Uint8Array) => bytesToHex(blake2s(key));

/** The keys of a command line's files, which are read at the start, and again. */
export class KeyFiles {
  /** Of the classic protocol. The machines take it from here at each login: read again, it takes the place of the old one. */
  readonly classic: Uint8Array | undefined;
  /** Of the secure cable. */
  readonly privateKey: Uint8Array | undefined;
  readonly presharedKey: Uint8Array | undefined;
  /** Whoever reads the page has to give it as a password, in base64. */
  readonly webToken: Uint8Array | undefined;
  readonly #log: Log;
  readonly #user: number | undefined;
  /** Each reads a file again, and returns whether that could be read. */
  readonly #again: (() => boolean)[] = [];

  /**
   * @param user whom the files may belong to, besides root
   * @throws CryptcabError that says what is wrong with a file
   */
  constructor({ keyFile, cipher, secure, web }: Settings, log: Log, user = process.geteuid?.()) {
    this.#log = log;
    this.#user = user;
    if (keyFile !== undefined) this.classic = this.#classic(keyFile, cipher);
    if (secure?.keyFile !== undefined) this.privateKey = this.#secure(secure.keyFile, 'keygen');
    if (secure?.presharedKeyFile !== undefined)
      this.presharedKey = this.#secure(secure.presharedKeyFile, 'genpsk');
    if (web?.tokenFile !== undefined) this.webToken = this.#secure(web.tokenFile, 'genpsk');
  }

  #classic(file: string, cipher: CipherChoice): Uint8Array {
    const path = resolve(file); // a daemon changes its directory
    const read = () => presharedKey(path, cipher, this.#log, this.#user);
    const key = read();
    this.#watch(path, key, read, (fresh) => {
      if (fresh.length !== key.length) return false;
      key.set(fresh);
      return true;
    });
    return key;
  }

  /** It is the identity of an end, or a peer's: another one is taken at a start only. */
  #secure(path: string, maker: 'keygen' | 'genpsk'): Uint8Array {
    const read = () => textKey(path, maker, this.#log, this.#user);
    const key = read();
    this.#watch(path, key, read, () => false);
    return key;
  }

  /**
   * Reads all of them again; the keys stay as they are where a file cannot be read any more.
   * @returns whether any was read
   */
  reload(): boolean {
    return this.#again.map((again) => again()).includes(true);
  }

  #watch(path: string, key: Uint8Array, read: () => Uint8Array, take: (fresh: Uint8Array) => boolean): void {
    let digest = digestOf(key);
    this.#again.push(() => {
      try {
        const fresh = read();
        const now = digestOf(fresh);
        if (now !== digest) {
          if (take(fresh)) {
            digest = now;
            this.#log.info(
              { file: path },
              'read another key from the key file, which is used from the next login on',
            );
          } else {
            this.#log.warn({ file: path }, 'the key file has changed: restart this end to use the new key');
          }
        }
        fresh.fill(0);
        return true;
      } catch (error) {
        this.#log.warn({ file: path }, `the old key stays in use: ${messageOf(error)}`);
        return false;
      }
    });
  }
}
