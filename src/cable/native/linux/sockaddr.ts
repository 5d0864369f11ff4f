import type { Remote } from '../../../protocol/remote.js';
import type { Arena } from './arena.js';
import { AF, type Libc } from './libc.js';

const MAPPED = '::ffff:';
const TEXT_BYTES = 64;
/** struct sockaddr_in6; struct sockaddr_in fits. */
export const NAME_BYTES = 28;
/**
 * A remote as it is passed on: its sockaddr, and behind that our address as the kernel's pktinfo has it, zero where the
 * system chooses: struct in6_pktinfo (address, interface); on a socket for IPv4 alone struct in_pktinfo (interface,
 * source, destination). An interface is named of a link-local address only (ipv6(7)).
 */
export const WAY_BYTES = 48;
export const WAY_WORDS = WAY_BYTES / 4;
export const LOCAL_WORDS = 5;

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
    this.#name = arena.take(WAY_BYTES);
    this.#text = arena.take(TEXT_BYTES);
  }

  /** A remote's way, WAY_BYTES; undefined when it is no address that the socket's family can reach. */
  encode({ address, port, local }: Remote): Uint8Array | undefined {
    const { bytes, halves, words } = this.#arena;
    const at = this.#name;
    bytes.fill(0, at, at + WAY_BYTES);
    halves[at >> 1] = this.#family;
    bytes[at + 2] = port >> 8;
    bytes[at + 3] = port & 0xff;
    const six = this.#family === AF.INET6;
    const zone = this.#put(address, at + (six ? 8 : 4));
    if (zone === undefined) return undefined;
    if (six) words[(at + 24) >> 2] = zone;
    if (local !== undefined) {
      const index = this.#put(local, at + NAME_BYTES + (six ? 0 : 4));
      if (index === undefined) return undefined;
      if (six) words[(at + NAME_BYTES + 16) >> 2] = index;
    }
    return bytes.slice(at, at + WAY_BYTES);
  }

  /** Writes an address; returns the interface that its zone names, 0 for none. */
  #put(address: string, at: number): number | undefined {
    const [host = '', zone] = address.split('%');
    const text = this.#family === AF.INET6 && !host.includes(':') ? MAPPED + host : host;
    if (this.#libc.inetPton(this.#family, text, this.#arena.address(at)) !== 1) return undefined;
    return zone === undefined ? 0 : Number(zone) || this.#libc.ifNametoindex(zone);
  }

  /** The remote of a way, or of a sockaddr alone; IPv4 addresses in their usual form. */
  decode(way: Uint8Array): Remote {
    const { bytes, halves, words } = this.#arena;
    const at = this.#name;
    bytes.fill(0, at, at + WAY_BYTES);
    bytes.set(way, at);
    const six = halves[at >> 1] === AF.INET6;
    const address = this.#get(six, at + (six ? 8 : 4), six ? (words[(at + 24) >> 2] as number) : 0);
    const port = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    const own = at + NAME_BYTES;
    if (bytes.subarray(own, own + 16).every((byte) => byte === 0)) return { address, port };
    const zone = six ? (words[(own + 16) >> 2] as number) : 0;
    return { address, port, local: this.#get(six, own + (six ? 0 : 4), zone) };
  }

  #get(six: boolean, at: number, zone: number): string {
    const text = this.#arena.address(this.#text);
    this.#libc.inetNtop(six ? AF.INET6 : AF.INET, this.#arena.address(at), text, TEXT_BYTES);
    const address = this.#read();
    if (address.startsWith(MAPPED)) return address.slice(MAPPED.length);
    if (zone === 0) return address;
    return `${address}%${this.#libc.ifIndextoname(zone, text) === 0 ? zone : this.#read()}`;
  }

  #read(): string {
    const { bytes } = this.#arena;
    return String.fromCharCode(...bytes.subarray(this.#text, bytes.indexOf(0, this.#text)));
  }
}
