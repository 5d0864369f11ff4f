import type { Remote } from '../protocol/remote.js';
import type { Arena } from './arena.js';
import { AF, type Libc } from './libc.js';

const MAPPED = '::ffff:';
const TEXT_BYTES = 64;
/** struct sockaddr_in6; struct sockaddr_in fits. */
export const NAME_BYTES = 28;

/** Remotes as the kernel writes them. */
export class Names {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #name: number;
  readonly #text: number;
  /** Of the socket: AF_INET6 for both families, or AF_INET. */
  readonly #family: number;

  constructor(libc: Libc, arena: Arena, family: number) {
    this.#libc = libc;
    this.#arena = arena;
    this.#family = family;
    this.#name = arena.take(NAME_BYTES);
    this.#text = arena.take(TEXT_BYTES);
  }

  /** The sockaddr of a remote; undefined when it is no address that the socket's family can reach. */
  encode({ address, port }: Remote): Uint8Array | undefined {
    const { bytes, halves, words } = this.#arena;
    const at = this.#name;
    bytes.fill(0, at, at + NAME_BYTES);
    halves[at >> 1] = this.#family;
    bytes[at + 2] = port >> 8;
    bytes[at + 3] = port & 0xff;
    const [host = '', zone] = address.split('%');
    const six = this.#family === AF.INET6;
    const text = six && !host.includes(':') ? MAPPED + host : host;
    if (this.#libc.inetPton(this.#family, text, this.#arena.address(at + (six ? 8 : 4))) !== 1)
      return undefined;
    if (six && zone !== undefined) words[(at + 24) >> 2] = Number(zone) || this.#libc.ifNametoindex(zone);
    return bytes.slice(at, at + NAME_BYTES);
  }

  /** The remote of a sockaddr; an IPv4 address in its usual form. */
  decode(name: Uint8Array): Remote {
    const { bytes, halves, words } = this.#arena;
    const at = this.#name;
    bytes.set(name, at);
    const six = halves[at >> 1] === AF.INET6;
    const text = this.#arena.address(this.#text);
    this.#libc.inetNtop(six ? AF.INET6 : AF.INET, this.#arena.address(at + (six ? 8 : 4)), text, TEXT_BYTES);
    let address = this.#read();
    if (address.startsWith(MAPPED)) address = address.slice(MAPPED.length);
    const zone = six ? (words[(at + 24) >> 2] as number) : 0;
    if (zone !== 0) {
      address += `%${this.#libc.ifIndextoname(zone, text) === 0 ? zone : this.#read()}`;
    }
    return { address, port: ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number) };
  }

  #read(): string {
    const { bytes } = this.#arena;
    return String.fromCharCode(...bytes.subarray(this.#text, bytes.indexOf(0, this.#text)));
  }
}
