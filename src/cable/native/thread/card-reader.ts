import { type Arena, IOVEC_BYTES, MMSGHDR } from '../linux/arena.js';
import { type Libc, PACKET, SOL } from '../linux/libc.js';

/** struct msghdr of 64-bit Linux. */
const HEADER_BYTES = 56;
/** struct cmsghdr, and struct tpacket_auxdata behind it: status, three lengths, two offsets, tag and its protocol. */
const CONTROL_BYTES = 48;
const CMSG = { level: 8, type: 12, status: 16, tag: 32, protocol: 34 } as const;
const STATUS = { tagged: 0x10, protocolGiven: 0x40 } as const;
/** IEEE 802.1Q. */
const USUAL_PROTOCOL = 0x8100;
const TAG_BYTES = 4;
/** Both MAC addresses: the tag is behind them. */
const ADDRESSES = 12;
/** Of struct virtio_net_hdr: flags, bytes of headers, where the sum begins. */
const VNET = { flags: 0, type: 1, headers: 2, sumStart: 6 } as const;
const NEEDS_SUM = 1;

/**
 * Reads frames of a network card. The kernel takes a VLAN's tag out of a frame and returns it separately: it is put back.
 */
export class CardReader {
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #bytes: Uint8Array;
  readonly #memoryAt: number;
  readonly #header: number;
  readonly #iovec: number;
  readonly #control: number;

  static arenaBytes(): number {
    return HEADER_BYTES + IOVEC_BYTES + CONTROL_BYTES + 48;
  }

  /** @param bytes the core's memory, which is at memoryAt */
  constructor(libc: Libc, arena: Arena, bytes: Uint8Array, memoryAt: number) {
    this.#libc = libc;
    this.#arena = arena;
    this.#bytes = bytes;
    this.#memoryAt = memoryAt;
    this.#header = arena.take(HEADER_BYTES);
    this.#iovec = arena.take(IOVEC_BYTES);
    this.#control = arena.take(CONTROL_BYTES);
    arena.store64(this.#header + MMSGHDR.iovecs, arena.address(this.#iovec));
    arena.store64(this.#header + MMSGHDR.iovecCount, 1);
    arena.store64(this.#header + MMSGHDR.control, arena.address(this.#control));
  }

  /**
   * Reads a frame with the header before it.
   * @param at where they go in the core's memory
   * @param vnet bytes of the header
   * @param room for both, and a tag
   * @returns bytes of both; negative for an error
   */
  read(fd: number, at: number, vnet: number, room: number): number {
    const arena = this.#arena;
    arena.store64(this.#iovec, this.#memoryAt + at);
    arena.store64(this.#iovec + 8, room - TAG_BYTES);
    arena.store64(this.#header + MMSGHDR.controlLength, CONTROL_BYTES);
    const got = this.#libc.recvmsg(fd, arena.address(this.#header), 0);
    if (got < vnet + ADDRESSES) return got;
    const word = (field: number) => arena.words[(this.#control + field) >> 2] as number;
    if (arena.words[(this.#header + MMSGHDR.controlLength) >> 2] === 0) return got;
    if (word(CMSG.level) !== SOL.PACKET || word(CMSG.type) !== PACKET.AUXDATA) return got;
    const status = word(CMSG.status);
    if ((status & STATUS.tagged) === 0) return got;
    const half = (field: number) => arena.halves[(this.#control + field) >> 1] as number;
    this.#tag(
      at,
      vnet,
      got,
      half(CMSG.tag),
      status & STATUS.protocolGiven ? half(CMSG.protocol) : USUAL_PROTOCOL,
    );
    return got + TAG_BYTES;
  }

  #tag(at: number, vnet: number, got: number, tag: number, protocol: number): void {
    const bytes = this.#bytes;
    const to = at + vnet + ADDRESSES;
    bytes.copyWithin(to + TAG_BYTES, to, at + got);
    bytes[to] = protocol >> 8;
    bytes[to + 1] = protocol;
    bytes[to + 2] = tag >> 8;
    bytes[to + 3] = tag;
    const later = (field: number) => {
      const moved = (bytes[at + field] as number) + ((bytes[at + field + 1] as number) << 8) + TAG_BYTES;
      bytes[at + field] = moved;
      bytes[at + field + 1] = moved >> 8;
    };
    if (bytes[at + VNET.type] !== 0) later(VNET.headers);
    if ((bytes[at + VNET.flags] as number) & NEEDS_SUM) later(VNET.sumStart);
  }
}
