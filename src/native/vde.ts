import { noSwitch } from '../plug/back-off.js';
import { Arena } from './arena.js';
import { AF, F, type Libc, SO, SOCK, SOL } from './libc.js';
import type { Opener } from './opener.js';

const LIBRARY = 'libvdeplug.so.2';
const INTERFACE_VERSION = 1;

/** A port of a VDE network, open. */
export interface VdePort {
  /** The library's handle: an address. */
  readonly connection: number;
  readonly dataFd: number;
  /** Ends when the switch does; -1 where there is none. */
  readonly controlFd: number;
  /** Whether the data socket carries frames as they are, so that many can be moved at once. */
  readonly plain: boolean;
  /** Of a tap that is ours: bytes of the header before each frame (assembly/vnet.ts), or 0; otherwise undefined. */
  readonly vnet: number | undefined;
}

/** Calls of libvdeplug that the I/O thread makes. */
export type VdeCalls = ReturnType<typeof bindVdeCalls>;

export function bindVdeCalls(libc: Libc) {
  const library = libc.load(LIBRARY);
  return {
    receive: library.func('int64_t vde_recv(uint64_t connection, uint64_t bytes, size_t length, int flags)'),
    send: library.func('int64_t vde_send(uint64_t connection, uint64_t bytes, size_t length, int flags)'),
  };
}

/** Locators that the library serves within this process: it needs no thread and no child for them. */
const SERVED = /^(?:\/|vde:\/\/|tap:\/\/|vxvde:\/\/)/;

let opening = 0;
/** One after the other: the library loads its modules as it goes. */
let turn = Promise.resolve();

/** How many ports are being opened: each keeps the process from exiting, however long its switch takes. */
export function portsOpening(): number {
  return opening;
}

/** VDE's own library: ports without a vde_plug child. */
export class Vde implements Opener {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #value: number;
  readonly #length: number;
  readonly #open;
  readonly #dataFd;
  readonly #controlFd;
  readonly #close;

  /** @throws when the library is not installed */
  constructor(libc: Libc) {
    const library = libc.load(LIBRARY);
    bindVdeCalls(libc);
    this.#libc = libc;
    this.#arena = new Arena(libc, 64);
    this.#value = this.#arena.take(4);
    this.#length = this.#arena.take(4);
    this.#open = library.func(
      'uint64_t vde_open_real(const char *locator, const char *who, int version, uint64_t options)',
    );
    this.#dataFd = library.func('int vde_datafd(uint64_t connection)');
    this.#controlFd = library.func('int vde_ctlfd(uint64_t connection)');
    this.#close = library.func('int vde_close(uint64_t connection)');
  }

  /** Whether this locator is for the library; a vde_plug child serves the others. */
  serves(locator: string): boolean {
    return SERVED.test(locator);
  }

  /** See Opener. */
  why(locator: string, errno: number): string {
    return noSwitch(locator, errno === 0 ? '' : this.#libc.strerror(errno));
  }

  /**
   * Opens a port; on another thread, as a switch that is stopped does not answer.
   * @param done told the port, or the error's number
   */
  open(locator: string, done: (port: VdePort | number) => void): void {
    turn = turn.then(
      () =>
        new Promise((resolve) =>
          this.#openNow(locator, (port) => {
            resolve();
            done(port);
          }),
        ),
    );
  }

  #openNow(locator: string, done: (port: VdePort | number) => void): void {
    opening++;
    this.#open.async(locator, 'cryptcab', INTERFACE_VERSION, 0, (_error, connection) => {
      const errno = this.#libc.errno();
      opening--;
      if (connection === 0) return done(errno);
      const dataFd = this.#dataFd(connection);
      // Not every network of the library heeds MSG_DONTWAIT: a tap is no socket.
      this.#libc.fcntl(dataFd, F.SETFL, this.#libc.fcntl(dataFd, F.GETFL, 0) | SOCK.NONBLOCK);
      const plain = !/^(?:tap|vxvde):/.test(locator) && this.#isUnixDatagram(dataFd);
      done({ connection, dataFd, controlFd: this.#controlFd(connection), plain, vnet: undefined });
    });
  }

  #isUnixDatagram(fd: number): boolean {
    return this.#option(fd, SO.DOMAIN) === AF.UNIX && this.#option(fd, SO.TYPE) === SOCK.DGRAM;
  }

  #option(fd: number, name: number): number {
    this.#arena.words[this.#length >> 2] = 4;
    const [value, length] = [this.#value, this.#length].map((at) => this.#arena.address(at)) as [
      number,
      number,
    ];
    if (this.#libc.getsockopt(fd, SOL.SOCKET, name, value, length) < 0) return -1;
    return this.#arena.words[this.#value >> 2] as number;
  }

  close(port: VdePort): void {
    this.#close(port.connection);
  }
}
