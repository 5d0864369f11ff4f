import { Arena } from './arena.js';
import { AF, ERRNO, type Libc, SOCK } from './libc.js';

/** struct sockaddr_un: the family, then the path. */
const FAMILY_BYTES = 2;
const PATH_BYTES = 108;
/** Longer ones are cut. */
const DATAGRAM_BYTES = 8 << 10;

/** Sends datagrams to a UNIX socket, for which Node has no call of its own. */
export class UnixDatagrams {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #name: number;
  readonly #nameBytes: number;
  readonly #bytes: number;
  #fd = -1;

  /** @param path of the socket; `@` before it: an abstract name */
  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    this.#arena = new Arena(libc, DATAGRAM_BYTES + 256);
    this.#name = this.#arena.take(FAMILY_BYTES + PATH_BYTES);
    this.#bytes = this.#arena.take(DATAGRAM_BYTES);
    const name = Buffer.from(path.replace(/^@/, '\0'));
    if (name.length >= PATH_BYTES) throw new Error(`${path} is too long for the name of a socket`);
    this.#arena.halves[this.#name >> 1] = AF.UNIX;
    this.#arena.bytes.set(name, this.#name + FAMILY_BYTES);
    // All bytes of an abstract name count; a path ends with a NUL.
    this.#nameBytes = FAMILY_BYTES + name.length + (path.startsWith('@') ? 0 : 1);
  }

  /**
   * Sends one; never waits.
   * @throws Error that says what the system said
   */
  send(text: string): void {
    const known = this.#fd >= 0;
    if (!known) this.#open();
    const bytes = Buffer.from(text).subarray(0, DATAGRAM_BYTES);
    this.#arena.bytes.set(bytes, this.#bytes);
    if (this.#write(bytes.length)) return;
    let errno = this.#libc.errno();
    this.close();
    if (known && errno !== ERRNO.AGAIN) {
      this.#open(); // whoever listened may have started again
      if (this.#write(bytes.length)) return;
      errno = this.#libc.errno();
      this.close();
    }
    throw new Error(this.#libc.errorName(errno));
  }

  #write(length: number): boolean {
    return this.#libc.write(this.#fd, this.#arena.address(this.#bytes), length) >= 0;
  }

  #open(): void {
    const fd = this.#libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    if (fd < 0) throw new Error(this.#libc.errorName(this.#libc.errno()));
    if (this.#libc.connect(fd, this.#arena.address(this.#name), this.#nameBytes) !== 0) {
      const why = this.#libc.errorName(this.#libc.errno());
      this.#libc.close(fd);
      throw new Error(why);
    }
    this.#fd = fd;
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }
}
