// What a machine keeps that has joined by an invite: a directory with its keys, and whose server they are for.
import { existsSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { Log } from '../log.js';
import { drawSecret } from './draw.js';
import { makeDirectory, replaceFile } from './files.js';
import { keyLine, keyText, newPresharedKey, newPrivateKey, parseKey } from './key-text.js';
import { textKey } from './read-key.js';

const FILE = {
  privateKey: 'private.key',
  presharedKey: 'preshared.key',
  invite: 'invite',
  server: 'server',
} as const;

/** Where the server is that was joined, and its public key. */
export interface JoinedServer {
  readonly host: string;
  readonly port: number;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** The directory of one server that was joined, or is being. */
export class JoinedDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get privateKeyFile(): string {
    return join(this.path, FILE.privateKey);
  }

  get presharedKeyFile(): string {
    return join(this.path, FILE.presharedKey);
  }

  /** The server, once it was joined. */
  get server(): JoinedServer | undefined {
    const [key = '', host = '', port = ''] = this.#read(FILE.server).trim().split(' ');
    const publicKey = parseKey(key);
    return publicKey === undefined ? undefined : { host, port: Number(port), publicKey };
  }

  /** Whether what is there is of this invite. @param guest its public key */
  isOf(guest: Uint8Array): boolean {
    return this.#read(FILE.invite).trim() === keyText(guest);
  }

  /** Whether anything is there. */
  get begun(): boolean {
    return existsSync(this.path);
  }

  /**
   * Keys to join with: those that are there, of an attempt whose answer was lost, or new ones. They are written before anybody
   * hears of them.
   * @param guest the invite's public key
   * @throws CryptcabError when they cannot be written
   */
  keys(guest: Uint8Array, log: Log): { readonly privateKey: Uint8Array; readonly presharedKey: Uint8Array } {
    if (this.isOf(guest))
      return {
        privateKey: textKey(this.privateKeyFile, 'keygen', log),
        presharedKey: textKey(this.presharedKeyFile, 'genpsk', log),
      };
    const privateKey = newPrivateKey(drawSecret);
    const presharedKey = newPresharedKey(drawSecret);
    try {
      makeDirectory(this.path, 0o700);
      for (const [file, key] of [
        [FILE.privateKey, privateKey],
        [FILE.presharedKey, presharedKey],
      ] as const) {
        const line = keyLine(key);
        try {
          this.#write(file, line);
        } finally {
          line.fill(0);
        }
      }
      this.#write(FILE.invite, Buffer.from(`${keyText(guest)}\n`));
    } catch (error) {
      for (const key of [privateKey, presharedKey]) key.fill(0);
      throw new CryptcabError(
        `cannot keep keys in ${this.path}: ${messageOf(error)}; name another directory with --to`,
      );
    }
    return { privateKey, presharedKey };
  }

  /** It was joined. */
  joined({ publicKey, host, port }: JoinedServer): void {
    this.#write(FILE.server, Buffer.from(`${keyText(publicKey)} ${host} ${port}\n`));
  }

  /** It was not, and will not be with these keys. */
  remove(): void {
    for (const file of Object.values(FILE)) rmSync(join(this.path, file), { force: true });
    try {
      rmdirSync(this.path);
    } catch (error) {
      // Whatever else somebody has put there stays.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
    }
  }

  #read(file: string): string {
    try {
      return readFileSync(join(this.path, file), 'utf8');
    } catch {
      return '';
    }
  }

  #write(file: string, line: Uint8Array): void {
    replaceFile(join(this.path, file), line);
  }
}
