import type { Arena } from './arena.js';
import { PKTINFO, SO, SOL, UDP } from './libc.js';
import { LOCAL_WORDS } from './sockaddr.js';

// struct cmsghdr of 64-bit Linux: length (with this header), level, type; then the data, padded to 8 bytes (cmsg(3)).
const HEADER_BYTES = 16;
const INFO_BYTES = HEADER_BYTES + 24;
const PIECE_BYTES = HEADER_BYTES + 8;
/** Of a message that is sent: our address, and how a piece is cut. */
const CONTROL_OUT_BYTES = INFO_BYTES + PIECE_BYTES;
/** Of one that is received: the same, and when it came. */
export const CONTROL_IN_BYTES = CONTROL_OUT_BYTES + HEADER_BYTES + 16;
/** Of the arena, for so many messages to be sent. */
export const controlOutBytes = (messages: number) => messages * CONTROL_OUT_BYTES;

/** struct in6_pktinfo, and struct in_pktinfo of a socket for IPv4 alone. */
const INFO = {
  both: { level: SOL.IPV6, type: PKTINFO.IPV6, bytes: HEADER_BYTES + 20 },
  ipv4: { level: SOL.IP, type: PKTINFO.IPV4, bytes: HEADER_BYTES + 12 },
} as const;
export type InfoFamily = keyof typeof INFO;

/** What the kernel says about a message besides its bytes. */
export class ControlIn {
  readonly #words: Uint32Array;
  /** Of the datagrams in the piece that was looked at last; 0 for a single one. */
  segment = 0;

  constructor(arena: Arena) {
    this.#words = arena.words;
  }

  /**
   * Looks at a message's control data.
   * @param at where it is in the arena, bytes
   * @param length of it
   * @param local where our address goes, as a way has it (sockaddr.ts)
   */
  read(at: number, length: number, local: number): void {
    const words = this.#words;
    const to = local >> 2;
    const end = (at + length) >> 2;
    this.segment = 0;
    words.fill(0, to, to + LOCAL_WORDS);
    for (let i = at >> 2; i + 4 < end; ) {
      const bytes = words[i] as number;
      const level = words[i + 2];
      const type = words[i + 3];
      if (level === SOL.UDP && type === UDP.GRO) this.segment = words[i + 4] as number;
      else if (level === SOL.IPV6 && type === PKTINFO.IPV6) this.#copy6(i + 4, to);
      else if (level === SOL.IP && type === PKTINFO.IPV4) words[to + 1] = words[i + 5] as number;
      if (bytes < HEADER_BYTES) return;
      i += ((bytes + 7) & ~7) >> 2;
    }
  }

  /**
   * When a message came, where the socket stamps them.
   * @param at where its control data is in the arena, bytes
   * @param length of it
   * @returns ms since 1970, as Date.now() has it; undefined without a stamp
   */
  arrival(at: number, length: number): number | undefined {
    const words = this.#words;
    const end = (at + length) >> 2;
    for (let i = at >> 2; i + 8 <= end; ) {
      const bytes = words[i] as number;
      if (words[i + 2] === SOL.SOCKET && words[i + 3] === SO.TIMESTAMPNS) {
        const seconds = (words[i + 4] as number) + (words[i + 5] as number) * 2 ** 32;
        return seconds * 1e3 + (words[i + 6] as number) / 1e6;
      }
      if (bytes < HEADER_BYTES) return undefined;
      i += ((bytes + 7) & ~7) >> 2;
    }
    return undefined;
  }

  #copy6(from: number, to: number): void {
    const words = this.#words;
    const first = words[from] as number;
    if ((first & 0xff) === 0xff) return; // a group is nobody's own address
    for (let i = 0; i < 4; i++) words[to + i] = words[from + i] as number;
    if ((first & 0xc0ff) === 0x80fe) words[to + 4] = words[from + 4] as number; // fe80::/10
  }
}

/** What the kernel needs for each message besides its bytes, a place for each. */
export class ControlOut {
  readonly #arena: Arena;
  readonly #at: number;
  readonly #info: (typeof INFO)[InfoFamily];
  /** Whose address is in each place. */
  readonly #locals: (Uint32Array | undefined)[] = [];

  constructor(arena: Arena, family: InfoFamily, messages: number) {
    this.#arena = arena;
    this.#info = INFO[family];
    this.#at = arena.take(controlOutBytes(messages));
    for (let i = 0; i < messages; i++) {
      const at = this.#at + i * CONTROL_OUT_BYTES;
      this.#header(at, this.#info.bytes, this.#info.level, this.#info.type);
      this.#header(at + INFO_BYTES, HEADER_BYTES + 2, SOL.UDP, UDP.SEGMENT);
    }
  }

  #header(at: number, bytes: number, level: number, type: number): void {
    this.#arena.store64(at, bytes);
    this.#arena.words[(at + 8) >> 2] = level;
    this.#arena.words[(at + 12) >> 2] = type;
  }

  /**
   * Describes a message.
   * @param local our address, LOCAL_WORDS; undefined: the system chooses
   * @param segment size of the datagrams that it should be cut into; 0 for a single one
   */
  write(message: number, local: Uint32Array | undefined, segment: number): void {
    const at = this.#at + message * CONTROL_OUT_BYTES;
    this.#arena.halves[(at + INFO_BYTES + HEADER_BYTES) >> 1] = segment;
    if (local === undefined || local === this.#locals[message]) return;
    this.#arena.words.set(local, (at + HEADER_BYTES) >> 2);
    this.#locals[message] = local;
  }

  /** The address of what was written, for a message with or without our address. */
  address(message: number, local: boolean): number {
    return this.#arena.address(this.#at + message * CONTROL_OUT_BYTES + (local ? 0 : INFO_BYTES));
  }

  /** And its bytes. */
  bytes(local: boolean, segment: boolean): number {
    return (local ? INFO_BYTES : 0) + (segment ? PIECE_BYTES : 0);
  }
}
