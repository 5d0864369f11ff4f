// etcd's JSON gateway: requests, and the stream of a watch. By node:http and node:https, as fetch knows no certificates of one's own.
import { readFileSync, statSync } from 'node:fs';
import { request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { CryptcabError, messageOf } from '../../error.js';
import { exposure } from '../../keys/key-file.js';
import type { Log } from '../../log.js';
import type { EtcdPlace } from './peers-option.js';

/** How long a request may take, ms; a watch may go on. */
const LIMIT_MS = 10_000;
/** A read of 100 000 peers has a fifth of that. */
const ANSWER_BYTES = 256 << 20;

const OPTIONS = [
  'ETCDCTL_CACERT',
  'ETCDCTL_CERT',
  'ETCDCTL_KEY',
  'ETCDCTL_USER',
  'ETCDCTL_PASSWORD',
] as const;

/** How etcd is talked to. */
export interface EtcdAccess {
  /** Without, it is plain HTTP. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly user?: { readonly name: string; readonly password: string };
}

/** Lines `NAME=VALUE`, as etcdctl has them in its environment. @throws CryptcabError */
export function readAccess(file: string | undefined, log: Log): EtcdAccess {
  if (file === undefined) return {};
  const given = new Map<string, string>();
  try {
    const exposed = exposure(statSync(file), 'read');
    if (exposed !== undefined) log.warn({ file }, `the options of etcd: the file ${exposed}`);
    for (const [i, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
      if (/^\s*(#|$)/.test(line)) continue;
      const [, name = '', value = ''] = /^\s*(?:export\s+)?(\w+)=(.*?)\s*$/.exec(line) ?? [];
      if (!(OPTIONS as readonly string[]).includes(name))
        throw new CryptcabError(`line ${i + 1} is none of ${OPTIONS.join(', ')}`);
      given.set(name, value.replace(/^(["'])(.*)\1$/, '$2'));
    }
    const read = (name: (typeof OPTIONS)[number]) => {
      const path = given.get(name);
      return path === undefined ? undefined : readFileSync(path);
    };
    const [ca, cert, key] = [read('ETCDCTL_CACERT'), read('ETCDCTL_CERT'), read('ETCDCTL_KEY')];
    const [name = '', ...rest] = given.get('ETCDCTL_USER')?.split(':') ?? [];
    const password = given.get('ETCDCTL_PASSWORD') ?? rest.join(':');
    return {
      ...((ca ?? cert) && { tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) } }),
      ...(name !== '' && { user: { name, password } }),
    };
  } catch (error) {
    throw new CryptcabError(`cannot read the options of etcd in ${file}: ${messageOf(error)}`);
  }
}

/** What etcd answers instead. */
class Refused extends Error {}

export class Etcd {
  readonly #place: EtcdPlace;
  readonly #access: EtcdAccess;
  #at = 0;
  #token: string | undefined;

  constructor(place: EtcdPlace, access: EtcdAccess) {
    this.#place = place;
    this.#access = access;
  }

  /** The one that is asked, for people. */
  get called(): string {
    const { host, port } = this.#host;
    return `${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get #host() {
    const { hosts } = this.#place;
    return hosts[this.#at % hosts.length] as (typeof hosts)[number];
  }

  /** From now on the next host is asked. */
  next(): void {
    this.#at++;
    this.#token = undefined;
  }

  /** Asks, and gives the answer. @throws Error */
  async call(path: string, body: object, signal: AbortSignal): Promise<Record<string, unknown>> {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
    await this.#send(path, body, limit, (piece) => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > ANSWER_BYTES) throw new Error('it answers too much');
    });
    return JSON.parse(Buffer.concat(pieces).toString());
  }

  /**
   * Asks, and gives each line of an answer that goes on.
   * @returns when the answer has ended
   * @throws Error
   */
  async stream(
    path: string,
    body: object,
    signal: AbortSignal,
    take: (line: Record<string, unknown>) => void,
  ): Promise<void> {
    let rest = '';
    const decoder = new TextDecoder();
    await this.#send(path, body, signal, (piece) => {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop() as string;
      if (rest.length > ANSWER_BYTES) throw new Error('it answers too much');
      for (const line of lines) if (line.trim() !== '') take(JSON.parse(line));
    });
  }

  async #send(path: string, body: object, signal: AbortSignal, take: (piece: Buffer) => void): Promise<void> {
    const { user } = this.#access;
    if (user !== undefined && this.#token === undefined) {
      const pieces: Buffer[] = [];
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
      await this.#post('/v3/auth/authenticate', user, limit, (piece) => pieces.push(piece));
      this.#token = String(JSON.parse(Buffer.concat(pieces).toString()).token);
    }
    await this.#post(path, body, signal, take);
  }

  #post(path: string, body: object, signal: AbortSignal, take: (piece: Buffer) => void): Promise<void> {
    const { tls } = this.#access;
    const { host, port } = this.#host;
    const authorization = this.#token === undefined ? {} : { authorization: this.#token };
    const options: RequestOptions = {
      ...{ host, port, path, signal, method: 'POST', agent: false, ...tls },
      headers: { 'content-type': 'application/json', ...authorization },
    };
    return new Promise((resolve, reject) => {
      const request = (tls === undefined ? plainRequest : secureRequest)(options, (response) => {
        const refused: Buffer[] = [];
        response.on('data', (piece: Buffer) => {
          if (response.statusCode !== 200) {
            if (refused.length < 4) refused.push(piece);
            return;
          }
          try {
            take(piece);
          } catch (error) {
            request.destroy();
            reject(error);
          }
        });
        response.on('end', () => {
          if (response.statusCode === 200) return resolve();
          this.#token = undefined; // it may be too old
          reject(new Refused(refusalOf(Buffer.concat(refused).toString(), response.statusCode)));
        });
        response.on('error', reject);
        response.on('close', () => reject(new Error('the connection was closed')));
      });
      request.on('error', reject);
      request.end(JSON.stringify(body));
    });
  }
}

/** What etcd says, without what was asked. */
function refusalOf(text: string, status = 0): string {
  try {
    const { message, error } = JSON.parse(text);
    return String(message ?? error).slice(0, 200);
  } catch {
    return `status ${status}`;
  }
}
