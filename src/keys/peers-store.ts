// Changes what the peers file or directory says (secure.md §3.2). Each change is one file put in the place of another, or one
// that is taken away: whoever reads meanwhile, or after a crash, finds the old state or the new one. A server reads it in ends/peers/peers-watch.ts.
import { fchownSync, fstatSync, readdirSync, realpathSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { fieldsText, type PolicyChange, type PolicyFields } from '../network/policy.js';
import { readRegular, replaceFile } from './files.js';
import { keyText } from './key-text.js';
import { isName, NAME_RULE, parsePeers } from './peers-file.js';

/** Of a file of a peers directory, behind the peer's name. */
export const PEER_SUFFIX = '.peer';

/** The peer that a file of a peers directory is of; undefined for one that is none. */
export function peerOfFile(file: string): string | undefined {
  return file.startsWith('.') || !file.endsWith(PEER_SUFFIX) ? undefined : file.slice(0, -PEER_SUFFIX.length);
}

export interface NewPeer {
  /** 44 characters. */
  readonly publicKey: string;
  readonly name?: string | undefined;
  /** Path of the file with the preshared key. */
  readonly presharedKeyFile?: string | undefined;
  /** Of a stock WireGuard device: which host it is, in the words of its line. */
  readonly host?: string | undefined;
  /** What it may do on the network. */
  readonly policy?: PolicyFields;
}

/** A peer's line but for its name, from behind its public key on. @throws CryptcabError for a path that no line can have */
function wordsOf({ presharedKeyFile, host = '', policy = {} }: NewPeer): string {
  const psk = presharedKeyFile === undefined ? '' : `psk=${presharedKeyFile}`;
  if (/\s/.test(psk))
    throw new CryptcabError(
      'the path of a preshared key has no white space in the list of peers: move the file',
    );
  return [psk, host, fieldsText(policy)].map((one) => (one === '' ? '' : ` ${one}`)).join('');
}

/** A peer's line. @throws CryptcabError for a path that no line can have */
export function lineText(peer: NewPeer): string {
  const named = peer.name === undefined ? '' : ` name=${peer.name}`;
  return `${peer.publicKey}${named}${wordsOf(peer)}`;
}

/** Where peers are listed: a file with a line for each, or a directory with a file for each. */
export class PeersStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get isDirectory(): boolean {
    return statSync(this.#path).isDirectory();
  }

  /**
   * Lists one more.
   * @returns what it is called now
   * @throws CryptcabError when it cannot be written
   */
  add(peer: NewPeer): string | undefined {
    const { publicKey, name } = peer;
    const words = wordsOf(peer);
    return this.#change(() => {
      if (!this.isDirectory) {
        const text = this.#text();
        const gap = text === '' || text.endsWith('\n') ? '' : '\n';
        this.#write(`${text}${gap}${lineText(peer)}\n`);
        return name;
      }
      const called = name ?? publicKey.replace(/\W/g, '').slice(0, 8);
      const file = join(this.#path, `${called}${PEER_SUFFIX}`);
      if (exists(file))
        throw new CryptcabError(`${file} is there already: give the peer another name, or remove that one`);
      put(file, `${publicKey}${words}\n`, file);
      return called;
    });
  }

  /**
   * Lists one no more.
   * @throws CryptcabError when it cannot be written, or the list does not have it
   */
  remove(publicKey: string): void {
    this.#change(() => {
      if (this.isDirectory) unlinkSync(this.#fileOf(publicKey));
      else this.#editLine(publicKey, () => undefined);
    });
  }

  /**
   * Calls one by another name.
   * @throws CryptcabError when it cannot be written, or the list does not have it
   */
  rename(publicKey: string, name: string): void {
    if (!isName(name)) throw new CryptcabError(`this is not a valid name: ${NAME_RULE}`);
    this.#change(() => {
      if (!this.isDirectory) {
        this.#editLine(publicKey, (line) => {
          const [, before = '', behind = ''] = /^(\s*\S+)(.*)$/s.exec(line) ?? [];
          return `${before} name=${name}${behind.replace(/\s+name=[^\s]+/, '')}`;
        });
        return;
      }
      const to = join(this.#path, `${name}${PEER_SUFFIX}`);
      if (exists(to))
        throw new CryptcabError(`${to} is there already: choose another name, or remove that one`);
      renameSync(this.#fileOf(publicKey), to);
    });
  }

  /**
   * Changes what one may do on the network.
   * @throws CryptcabError when it cannot be written, or the list does not have it
   */
  limit(publicKey: string, { fields, cleared }: PolicyChange): void {
    const gone = [...Object.keys(fields), ...cleared].join('|');
    const words = fieldsText(fields);
    this.#change(() => {
      const file = this.isDirectory ? this.#fileOf(publicKey) : this.#path;
      this.#editLine(
        publicKey,
        (line) => {
          const [, said = '', rest = ''] = /^(.*?)(\s*(?:\s#.*)?)$/s.exec(line) ?? [];
          const kept = said.replace(new RegExp(`\\s+(?:${gone})(?:=\\S*)?(?=\\s|$)`, 'g'), '');
          return `${kept}${words === '' ? '' : ` ${words}`}${rest}`;
        },
        file,
      );
    });
  }

  #change<T>(change: () => T): T {
    try {
      return change();
    } catch (error) {
      if (error instanceof CryptcabError) throw error;
      throw new CryptcabError(`cannot change ${this.#path}: ${messageOf(error)}`);
    }
  }

  #text(file = this.#path): string {
    return readRegular(file).bytes.toString();
  }

  /** The file of a directory that has this peer. */
  #fileOf(publicKey: string): string {
    for (const file of readdirSync(this.#path)) {
      if (peerOfFile(file) === undefined) continue;
      const path = join(this.#path, file);
      const { peers } = parsePeers(readRegular(path).bytes.toString());
      if (peers.some((peer) => keyText(peer.publicKey) === publicKey)) return path;
    }
    throw new CryptcabError(`no file of ${this.#path} has this peer`);
  }

  /** @param edit gives the line as it should be; undefined where it is to go */
  #editLine(publicKey: string, edit: (line: string) => string | undefined, file = this.#path): void {
    const lines = this.#text(file).split('\n');
    const { peers } = parsePeers(lines.join('\n'));
    const found = peers.find((peer) => keyText(peer.publicKey) === publicKey);
    if (found === undefined) throw new CryptcabError(`no line of ${file} has this peer`);
    const made = edit(lines[found.line - 1] as string);
    lines.splice(found.line - 1, 1, ...(made === undefined ? [] : [made]));
    this.#write(lines.join('\n'), file);
  }

  /** A link to the file stays one. */
  #write(text: string, file = this.#path): void {
    const path = realpathSync(file);
    put(path, text, path);
  }
}

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** @param like whose mode and owner it gets, where that is there */
function put(path: string, text: string, like: string): void {
  const model = exists(like) ? statSync(like) : undefined;
  replaceFile(path, Buffer.from(text), {
    beside: join(dirname(path), `.cryptcab-${process.pid}.new`),
    mode: (model?.mode ?? 0o644) & 0o777,
    prepare(fd) {
      if (model === undefined) return;
      const made = fstatSync(fd);
      if (made.uid !== model.uid || made.gid !== model.gid) fchownSync(fd, model.uid, model.gid);
    },
  });
}
