import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CryptcabError } from '../../../error.js';
import { type SwitchPlace, switchPlace } from '../../plug/locator.js';
import { ANSWER_MS, controlSocket, noSwitch, SOCKET_PATH_MAX, whySilent } from '../../plug/trouble.js';
import { Arena } from '../linux/arena.js';
import { AF, ERRNO, type Libc, SOCK } from '../linux/libc.js';
import type { Port } from './port.js';
import type { Opener, Source } from './source.js';

// What vde_plug and vde_switch say to each other, as strace shows it: numbers are 32 bits in the machine's order.
const MAGIC = 0xfeedface;
const VERSION = 3;
/** The port of the switch is in the third number, from this bit on. */
const PORT_SHIFT = 8;
const HEAD_BYTES = 12;
/** struct sockaddr_un: the family, then the path. */
const NAME_BYTES = 110;
const FAMILY_BYTES = 2;
const WHO = 'cryptcab';
/** What either end sends, for its owner alone, as vde_plug has it. */
const MODE = 0o700;
/** Waits between two looks for an answer: doubled each time, from the first to the last. */
const LOOK_MS = { first: 1, last: 50 };

/** Names that are tried in a directory. */
const NAMES = 100;

/** Sockets made so far: each has a name of its own. */
let sockets = 0;

/**
 * Ports of a vde_switch, without libvdeplug: its vde_open waits for ever for a switch that does not answer. A port is a
 * connection to the switch's control socket, which lasts as long as the port, and a datagram socket for frames.
 */
export class Switches implements Opener {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #name: number;
  readonly #request: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 512);
    this.#name = this.#arena.take(NAME_BYTES);
    this.#request = this.#arena.take(HEAD_BYTES + NAME_BYTES + WHO.length);
  }

  serves(locator: string): boolean {
    return switchPlace(locator) !== undefined;
  }

  gone({ locator }: Source): CryptcabError {
    return noSwitch(locator, '');
  }

  close({ dataFd, controlFd }: Port): void {
    this.#libc.close(dataFd);
    this.#libc.close(controlFd);
  }

  async open({ locator }: Source, signal: AbortSignal): Promise<Port> {
    const place = switchPlace(locator) as SwitchPlace;
    const controlFd = this.#libc.socket(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    if (controlFd < 0) throw this.#failed(locator);
    let dataFd = -1;
    let own: string | undefined;
    try {
      dataFd = this.#libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
      if (dataFd < 0) throw this.#failed(locator);
      const patience = new Patience(locator, signal);
      while (!this.#connect(controlFd, controlSocket(place.directory))) {
        // Others wait as well, and the switch takes no more.
        if (this.#libc.errno() !== ERRNO.AGAIN) throw this.#failed(locator);
        await patience.wait();
      }
      own = this.#bind(dataFd, place.directory);
      if (own === undefined) throw this.#failed(locator);
      this.#ask(controlFd, own, place.port);
      const theirs = await this.#answer(controlFd, locator, patience);
      if (!this.#connect(dataFd, theirs)) throw this.#failed(locator);
      this.#libc.chmod(theirs, MODE); // where it is another user's, they decide
    } catch (error) {
      if (dataFd >= 0) this.#libc.close(dataFd);
      this.#libc.close(controlFd);
      throw error;
    } finally {
      if (own !== undefined) this.#libc.unlink(own); // both ends are connected: the name is not needed any more
    }
    return { connection: 0, dataFd, controlFd, plain: true, vnet: undefined, device: undefined };
  }

  /** Of what has just failed. */
  #failed(locator: string): CryptcabError {
    const errno = this.#libc.errno();
    return noSwitch(locator, errno === 0 ? '' : this.#libc.strerror(errno));
  }

  #encode(at: number, path: string): void {
    const { bytes, halves } = this.#arena;
    bytes.fill(0, at, at + NAME_BYTES);
    halves[at >> 1] = AF.UNIX;
    bytes.set(Buffer.from(path).subarray(0, NAME_BYTES - FAMILY_BYTES - 1), at + FAMILY_BYTES);
  }

  #connect(fd: number, path: string): boolean {
    this.#encode(this.#name, path);
    return this.#libc.connect(fd, this.#arena.address(this.#name), NAME_BYTES) === 0;
  }

  /** Gives the data socket a name where the switch finds it: in its directory, or where everybody may write. */
  #bind(fd: number, directory: string): string | undefined {
    for (const begin of [`${directory}/.`, join(tmpdir(), 'vde.')])
      for (let tries = 0; tries < NAMES; tries++) {
        const path = `${begin}${process.pid}-${String(sockets++).padStart(5, '0')}`;
        if (Buffer.byteLength(path) > SOCKET_PATH_MAX) break; // it would be cut
        if (this.#bindTo(fd, path)) return path;
        if (this.#libc.errno() !== ERRNO.ADDRINUSE) break;
        // Of a process that had our number and was killed; in another container one may have it.
        if (this.#isLeft(path)) this.#libc.unlink(path);
        if (this.#bindTo(fd, path)) return path;
      }
    return undefined;
  }

  #bindTo(fd: number, path: string): boolean {
    this.#encode(this.#name, path);
    if (this.#libc.bind(fd, this.#arena.address(this.#name), NAME_BYTES) !== 0) return false;
    this.#libc.chmod(path, MODE);
    return true;
  }

  /** Whether nobody has the socket of this name any more. */
  #isLeft(path: string): boolean {
    const fd = this.#libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    if (fd < 0) return false;
    const left = !this.#connect(fd, path) && this.#libc.errno() === ERRNO.CONNREFUSED;
    this.#libc.close(fd);
    return left;
  }

  #ask(fd: number, own: string, port = 0): void {
    const { bytes, words } = this.#arena;
    const at = this.#request;
    words.set([MAGIC, VERSION, port << PORT_SHIFT], at >> 2);
    this.#encode(at + HEAD_BYTES, own);
    bytes.set(Buffer.from(WHO), at + HEAD_BYTES + NAME_BYTES);
    this.#libc.write(fd, this.#arena.address(at), HEAD_BYTES + NAME_BYTES + WHO.length);
  }

  /** The path that frames for the switch go to. */
  async #answer(fd: number, locator: string, patience: Patience): Promise<string> {
    for (;;) {
      const length = this.#libc.read(fd, this.#arena.address(this.#name), NAME_BYTES);
      if (length < 0) {
        const errno = this.#libc.errno();
        if (errno !== ERRNO.AGAIN && errno !== ERRNO.INTR) throw this.#failed(locator);
        await patience.wait();
        continue;
      }
      const { bytes, halves } = this.#arena;
      const path = Buffer.from(bytes.slice(this.#name + FAMILY_BYTES, this.#name + NAME_BYTES));
      const end = path.indexOf(0);
      if (length !== NAME_BYTES || halves[this.#name >> 1] !== AF.UNIX || end <= 0)
        throw noSwitch(
          locator,
          'what answers there is no vde_switch, or has its directory at another path, as from a container',
        );
      return path.subarray(0, end).toString();
    }
  }
}

/** Waits for a switch, but not for ever. */
class Patience {
  readonly #until = performance.now() + ANSWER_MS;
  #next = LOOK_MS.first;

  constructor(
    readonly locator: string,
    readonly signal: AbortSignal,
  ) {}

  /** @throws NoAnswer when it has waited long enough */
  async wait(): Promise<void> {
    if (performance.now() >= this.#until) throw await whySilent(this.locator);
    await sleep(this.#next, undefined, { signal: this.signal });
    this.#next = Math.min(2 * this.#next, LOOK_MS.last);
  }
}
