import type { CryptcabError } from '../../../error.js';
import { noSwitch } from '../../plug/trouble.js';
import { F, type Libc, SOCK } from '../linux/libc.js';
import type { Port } from './port.js';
import type { Opener, Source } from './source.js';

const LIBRARY = 'libvdeplug.so.2';
const INTERFACE_VERSION = 1;

/** Calls of libvdeplug that the I/O thread makes. */
export type VdeCalls = ReturnType<typeof bindVdeCalls>;

export function bindVdeCalls(libc: Libc) {
  const library = libc.load(LIBRARY);
  return {
    receive: library.func('int64_t vde_recv(uint64_t connection, uint64_t bytes, size_t length, int flags)'),
    send: library.func('int64_t vde_send(uint64_t connection, uint64_t bytes, size_t length, int flags)'),
  };
}

/**
 * VDE's own library, for networks that need no thread, no child, and no answer from another program: opening one that does
 * could take for ever, and not be called off.
 */
export class Vde implements Opener {
  readonly #libc: Libc;
  readonly #open;
  readonly #dataFd;
  readonly #controlFd;
  readonly #close;

  /** @throws when the library is not installed */
  constructor(libc: Libc) {
    const library = libc.load(LIBRARY);
    bindVdeCalls(libc);
    this.#libc = libc;
    this.#open = library.func(
      'uint64_t vde_open_real(const char *locator, const char *who, int version, uint64_t options)',
    );
    this.#dataFd = library.func('int vde_datafd(uint64_t connection)');
    this.#controlFd = library.func('int vde_ctlfd(uint64_t connection)');
    this.#close = library.func('int vde_close(uint64_t connection)');
  }

  /** Whether this locator is for the library; a vde_plug child serves the others. */
  serves(locator: string): boolean {
    return locator.startsWith('vxvde://');
  }

  gone({ locator }: Source): CryptcabError {
    return noSwitch(locator, '');
  }

  /** See Opener. */
  async open({ locator }: Source): Promise<Port> {
    const connection = this.#open(locator, 'cryptcab', INTERFACE_VERSION, 0);
    if (connection === 0) throw noSwitch(locator, this.#libc.strerror(this.#libc.errno()));
    const dataFd = this.#dataFd(connection);
    // Not every network of the library heeds MSG_DONTWAIT.
    this.#libc.fcntl(dataFd, F.SETFL, this.#libc.fcntl(dataFd, F.GETFL, 0) | SOCK.NONBLOCK);
    const controlFd = this.#controlFd(connection);
    return { connection, dataFd, controlFd, plain: false, vnet: undefined, device: undefined };
  }

  close(port: Port): void {
    this.#close(port.connection);
  }
}
