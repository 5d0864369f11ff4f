import { setImmediate as turn } from 'node:timers/promises';
import { CryptcabError } from '../../../error.js';
import { optionName } from '../../../options/name.js';
import { nicName } from '../../plug/nic.js';
import { NoAnswer, NotThere } from '../../start-patience.js';
import { Arena } from '../linux/arena.js';
import { AF, ERRNO, type Libc, PACKET, SO, SOCK, SOL } from '../linux/libc.js';
import type { Port } from './port.js';
import type { Opener, Source } from './source.js';

/** All protocols (ETH_P_ALL), in network byte order. */
const ALL = 0x0300;
/** struct sockaddr_ll: family, protocol, interface, kind of device, … */
const NAME = { bytes: 20, protocol: 2, index: 4, kind: 8 } as const;
/** struct packet_mreq: interface, what of it. */
const MEMBERSHIP_BYTES = 16;
const PROMISCUOUS = 1;
const ETHERNET = 1;
const BUFFER_BYTES = 4 << 20;
/** struct virtio_net_hdr; also in assembly/vnet.ts. */
const VNET_BYTES = 10;

/**
 * A network card, by AF_PACKET: what comes to it from the wire, for any receiver, and what the cable sends out by it. What this
 * machine itself sends there is not the cable's. As with taps, TCP goes in super-frames: a card joins what it receives.
 * UDP is not joined for it: whether its kernel would cut that (Linux 6.2) cannot be asked.
 */
export class Nics implements Opener {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #at: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, 64);
    this.#at = this.#arena.take(32);
  }

  serves(locator: string): boolean {
    return nicName(locator) !== undefined;
  }

  gone({ locator }: Source): CryptcabError {
    return new CryptcabError(`the network card ${nicName(locator)} is down, or gone`);
  }

  close({ dataFd }: Port): void {
    this.#libc.close(dataFd);
  }

  async open({ locator }: Source): Promise<Port> {
    await turn(); // the caller learns of it from the next turn of the event loop on
    const name = nicName(locator) as string;
    const index = this.#libc.ifNametoindex(name);
    if (index === 0) throw noCard(name);
    const fd = this.#libc.socket(AF.PACKET, SOCK.RAW | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    if (fd < 0)
      throw new CryptcabError(
        `may not use the network card ${name} (${this.#error()}): be root, or have the capability CAP_NET_RAW`,
      );
    try {
      this.#prepare(fd, name, index);
    } catch (error) {
      this.#libc.close(fd);
      throw error;
    }
    const port = { connection: 0, dataFd: fd, controlFd: -1, plain: false, vnet: VNET_BYTES };
    return { ...port, device: name, card: true };
  }

  /** @throws CryptcabError */
  #prepare(fd: number, name: string, index: number): void {
    const { words, halves } = this.#arena;
    const at = this.#at;
    for (const option of [PACKET.VNET_HDR, PACKET.AUXDATA, PACKET.IGNORE_OUTGOING]) {
      if (this.#option(fd, SOL.PACKET, option, 1)) continue;
      throw new CryptcabError(
        `cannot use the network card ${name}: this kernel's packet sockets lack something (${this.#error()}); it takes Linux 4.20`,
      );
    }
    // What may not be forced is taken as far as it is given.
    if (!this.#option(fd, SOL.SOCKET, SO.RCVBUFFORCE, BUFFER_BYTES))
      this.#option(fd, SOL.SOCKET, SO.RCVBUF, BUFFER_BYTES);
    words.fill(0, at >> 2, (at + MEMBERSHIP_BYTES) >> 2);
    words[at >> 2] = index;
    halves[(at + 4) >> 1] = PROMISCUOUS;
    this.#libc.setsockopt(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, this.#arena.address(at), MEMBERSHIP_BYTES);
    words.fill(0, at >> 2, (at + NAME.bytes) >> 2);
    halves[at >> 1] = AF.PACKET;
    halves[(at + NAME.protocol) >> 1] = ALL;
    words[(at + NAME.index) >> 2] = index;
    if (this.#libc.bind(fd, this.#arena.address(at), NAME.bytes) !== 0) {
      if (this.#libc.errno() === ERRNO.NODEV) throw noCard(name); // it has just gone
      throw new CryptcabError(`cannot use the network card ${name}: ${this.#error()}`);
    }
    this.#see(fd, name);
  }

  /** @throws CryptcabError for a device that carries no frames of Ethernet, or none now */
  #see(fd: number, name: string): void {
    const { words, halves } = this.#arena;
    const size = this.#at + NAME.bytes;
    words[size >> 2] = 4;
    this.#libc.getsockopt(fd, SOL.SOCKET, SO.ERROR, this.#arena.address(this.#at), this.#arena.address(size));
    if (words[this.#at >> 2] === ERRNO.NETDOWN)
      throw new NoAnswer(`the network card ${name} is down: switch it on with ip link set ${name} up`);
    words[size >> 2] = NAME.bytes;
    this.#libc.getsockname(fd, this.#arena.address(this.#at), this.#arena.address(size));
    if (halves[(this.#at + NAME.kind) >> 1] !== ETHERNET)
      throw new CryptcabError(
        `${name} carries no frames of Ethernet: name a network card with ${optionName('plug')}`,
      );
  }

  #option(fd: number, level: number, name: number, value: number): boolean {
    this.#arena.words[this.#at >> 2] = value;
    return this.#libc.setsockopt(fd, level, name, this.#arena.address(this.#at), 4) === 0;
  }

  #error(): string {
    return this.#libc.strerror(this.#libc.errno());
  }
}

function noCard(name: string): NotThere {
  return new NotThere(
    `there is no network card ${name}: see ip link, or name another with ${optionName('plug')}`,
  );
}
