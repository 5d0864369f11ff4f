import { lstatSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { CryptcabError, codeOf } from '../../../error.js';
import { dgramPaths } from '../../plug/qemu-dgram.js';
import { noDirectory } from '../../plug/trouble.js';
import { NoAnswer } from '../../start-patience.js';
import { Arena } from '../linux/arena.js';
import { AF, ERRNO, type Libc, SOCK } from '../linux/libc.js';
import type { Port } from './port.js';
import type { Opener, Source } from './source.js';

/** struct sockaddr_un: the family, then the path. */
const NAME_BYTES = 110;
const FAMILY_BYTES = 2;
const PATH_MAX = NAME_BYTES - FAMILY_BYTES - 1;

/** Sockets of QEMU's `-netdev dgram`: a frame in each datagram, so that many are moved by one call. */
export class QemuDatagrams implements Opener {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #name: number;
  /** Where the sockets are bound that are open. */
  readonly #bound = new Map<number, string>();

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 128);
    this.#name = this.#arena.take(NAME_BYTES);
  }

  serves(locator: string): boolean {
    return dgramPaths(locator) !== undefined;
  }

  gone({ locator }: Source): CryptcabError {
    return new CryptcabError(`QEMU has left ${dgramPaths(locator)?.remote}`);
  }

  async open({ locator }: Source): Promise<Port> {
    await turn(); // the caller learns of it from the next turn of the event loop on
    const { local = '', remote = '' } = dgramPaths(locator) ?? {};
    for (const path of [local, remote]) {
      if (Buffer.byteLength(path) > PATH_MAX)
        throw new CryptcabError(`${path} is too long for a socket: name one of at most ${PATH_MAX} bytes`);
    }
    const fd = this.#libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    if (fd < 0) throw new CryptcabError(`no socket for ${locator}: ${this.#error()}`);
    try {
      this.#bind(fd, local);
      this.#bound.set(fd, local);
      if (!this.#connect(fd, remote)) {
        const errno = this.#libc.errno();
        const absent = errno === ERRNO.NOENT || errno === ERRNO.CONNREFUSED;
        if (!absent) throw new CryptcabError(`cannot send to QEMU at ${remote}: ${this.#error()}`);
        throw new NoAnswer(
          `no QEMU has the socket ${remote} yet: start it with -netdev dgram,id=net0,local.type=unix,local.path=${remote},remote.type=unix,remote.path=${local}`,
        );
      }
    } catch (error) {
      this.#let(fd);
      throw error;
    }
    return { connection: 0, dataFd: fd, controlFd: -1, plain: true, vnet: undefined, device: undefined };
  }

  close({ dataFd }: Port): void {
    this.#let(dataFd);
  }

  #let(fd: number): void {
    const path = this.#bound.get(fd);
    this.#bound.delete(fd);
    if (path !== undefined) this.#libc.unlink(path);
    this.#libc.close(fd);
  }

  #error(): string {
    return this.#libc.strerror(this.#libc.errno());
  }

  #encode(path: string): void {
    const { bytes, halves } = this.#arena;
    bytes.fill(0, this.#name, this.#name + NAME_BYTES);
    halves[this.#name >> 1] = AF.UNIX;
    bytes.set(Buffer.from(path), this.#name + FAMILY_BYTES);
  }

  #connect(fd: number, path: string): boolean {
    this.#encode(path);
    return this.#libc.connect(fd, this.#arena.address(this.#name), NAME_BYTES) === 0;
  }

  /** @throws CryptcabError */
  #bind(fd: number, path: string): void {
    const bind = () => {
      this.#encode(path);
      return this.#libc.bind(fd, this.#arena.address(this.#name), NAME_BYTES) === 0;
    };
    if (bind()) return;
    const inUse = this.#libc.errno() === ERRNO.ADDRINUSE;
    // A socket that nobody has open was left behind by a killed program.
    if (inUse && this.#isAbandoned(path)) {
      this.#libc.unlink(path);
      if (bind()) return;
    }
    const absent = noDirectory(path);
    if (absent !== undefined) throw absent;
    throw new CryptcabError(
      inUse
        ? `cannot use the socket ${path}: another program has it, or it is no socket; name another path`
        : `cannot make the socket ${path}: ${this.#error()}`,
    );
  }

  #isAbandoned(path: string): boolean {
    try {
      if (!lstatSync(path).isSocket()) return false;
    } catch (error) {
      return codeOf(error) === 'ENOENT';
    }
    const fd = this.#libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    const refused = !this.#connect(fd, path) && this.#libc.errno() === ERRNO.CONNREFUSED;
    this.#libc.close(fd);
    return refused;
  }
}
