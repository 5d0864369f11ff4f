import type { Remote } from '../../../protocol/remote.js';
import { Arena } from './arena.js';
import { AF, IP_MTU, IPV6_MTU, type Libc, SOCK, SOL } from './libc.js';
import { NAME_BYTES, Names } from './sockaddr.js';

/** A socket that asks, and never sends. */
interface Asking {
  readonly fd: number;
  readonly names: Names;
}

/**
 * What the kernel knows of the way to a remote. Where a router cannot pass a packet on and says so (RFC 1191, RFC 8201), the
 * kernel keeps that for ten minutes; and it knows the MTU of its own devices.
 */
export class Routes {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #name: number;
  readonly #value: number;
  readonly #length: number;
  /** By family. */
  readonly #asking = new Map<number, Asking>();

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 512);
    this.#name = this.#arena.take(NAME_BYTES);
    this.#value = this.#arena.take(4);
    this.#length = this.#arena.take(4);
  }

  /** The largest IP packet that goes to a remote in one piece, bytes; undefined where there is no way. */
  packet(to: Remote): number | undefined {
    const six = to.address.includes(':');
    const { fd, names } = this.#ask(six ? AF.INET6 : AF.INET);
    const name = names.encode(to);
    if (name === undefined) return undefined;
    const { bytes, words } = this.#arena;
    const address = (at: number) => this.#arena.address(at);
    bytes.set(name, this.#name);
    if (this.#libc.connect(fd, address(this.#name), NAME_BYTES) < 0) return undefined;
    words[this.#length >> 2] = 4;
    const [level, what] = six ? [SOL.IPV6, IPV6_MTU] : [SOL.IP, IP_MTU];
    const got = this.#libc.getsockopt(fd, level, what, address(this.#value), address(this.#length));
    return got < 0 ? undefined : words[this.#value >> 2];
  }

  #ask(family: number): Asking {
    let asking = this.#asking.get(family);
    if (asking === undefined) {
      const fd = this.#libc.socket(family, SOCK.DGRAM | SOCK.CLOEXEC, 0);
      asking = { fd, names: new Names(this.#libc, this.#arena, family) };
      this.#asking.set(family, asking);
    }
    return asking;
  }

  close(): void {
    for (const { fd } of this.#asking.values()) if (fd >= 0) this.#libc.close(fd);
    this.#asking.clear();
  }
}
