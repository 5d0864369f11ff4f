// The C library as a double: it has no sockets, reads what it is given out of the arenas, and fails as it is told.
import { MMSGHDR, MMSGHDR_BYTES } from '../../../src/cable/native/linux/arena.js';
import { ERRNO, type Libc } from '../../../src/cable/native/linux/libc.js';

/** Which call fails, and how: an errno, or 0. @param count how often it has been made before */
type Fails = (call: string, count: number) => number;

/** A message that was sent: of several datagrams where the kernel is to cut it. */
type Message = readonly Buffer[];

const REGION = 2 ** 32;

/** A message's control data with SCM_TIMESTAMPNS, behind the mark of a piece of one (cmsg(3)). */
function timestamp(ms: number): Uint8Array {
  const words = new BigUint64Array([20n, 17n | (104n << 32n), 0n, 32n, 1n | (35n << 32n), 0n, 0n]);
  words[5] = BigInt(Math.floor(ms / 1e3));
  words[6] = BigInt(Math.round((ms % 1e3) * 1e6));
  return new Uint8Array(words.buffer);
}

export class Kernel {
  /** Datagrams that were sent, in order. */
  readonly sent: Buffer[] = [];
  /** Datagrams that wait to be received, each with its sender's sockaddr; and when they came, ms, where they are stamped. */
  readonly incoming: {
    readonly bytes: Uint8Array;
    readonly from: Uint8Array;
    readonly at?: number | undefined;
  }[] = [];
  /** Calls made, by name. */
  readonly calls = new Map<string, number>();
  fails: Fails = () => 0;
  /** The errno with which a message is refused; 0 when it is not. */
  refuses: (message: Message) => number = () => 0;
  /** What the program is started with, and how its thread is scheduled: by policy and nice. */
  nice = 0;
  readonly scheduled: { readonly policy: number; readonly nice: number; readonly slice: number }[] = [];
  readonly #memories: Uint8Array[] = [];
  #errno = 0;

  /** As Libc; what is not here cannot be called. */
  readonly libc = new Proxy(
    {
      address: (bytes: Uint8Array) => (this.#memories.push(bytes) - 1 + 1) * REGION,
      errno: () => this.#errno,
      errorName: (errno: number) => `error ${errno}`,
      sendmmsg: (_fd: number, at: number, count: number) => this.#sendmmsg(at, count),
      recvmmsg: (_fd: number, at: number, count: number) => this.#recvmmsg(at, count),
      setsockopt: () => 0,
      getpriority: () => this.nice,
      syscall: (_number: number, _thread: number, at: number) => this.#schedule(at),
    } as Partial<Record<string, (...given: never[]) => number | string>>,
    {
      get: (own, name) => {
        const call = String(name);
        if (['address', 'errno', 'errorName'].includes(call)) return own[call];
        return (...given: never[]) => {
          const before = this.calls.get(call) ?? 0;
          this.calls.set(call, before + 1);
          this.#errno = this.fails(call, before);
          if (this.#errno !== 0) return -1;
          if (own[call] === undefined) throw new Error(`nobody thought of ${call}`);
          return own[call](...given);
        };
      },
    },
  ) as unknown as Libc;

  /** Says what further calls do. */
  does(calls: Record<string, (...given: number[]) => number>): this {
    Object.assign(this.libc, calls);
    return this;
  }

  #view(address: number): DataView {
    const { buffer, byteOffset } = this.#memories[Math.floor(address / REGION) - 1] as Uint8Array;
    return new DataView(buffer, byteOffset + (address % REGION));
  }

  #pointer(address: number): number {
    return Number(this.#view(address).getBigUint64(0, true));
  }

  bytes(address: number, length: number): Buffer {
    const { buffer, byteOffset } = this.#view(address);
    return Buffer.from(new Uint8Array(buffer, byteOffset, length));
  }

  /** What a message that was handed over holds. @param at of its header */
  whole(at: number): Buffer {
    return Buffer.concat(this.#message(at));
  }

  /** Has a call fail. */
  refuse(errno: number): -1 {
    this.#errno = errno;
    return -1;
  }

  #message(at: number): Message {
    const iovecs = this.#pointer(at + MMSGHDR.iovecs);
    const parts = Array.from({ length: this.#pointer(at + MMSGHDR.iovecCount) }, (_, i) =>
      this.bytes(this.#pointer(iovecs + 16 * i), this.#pointer(iovecs + 16 * i + 8)),
    );
    const whole = Buffer.concat(parts);
    if (this.#pointer(at + MMSGHDR.controlLength) === 0) return [whole];
    const size = this.#view(this.#pointer(at + MMSGHDR.control) + 16).getUint16(0, true);
    const datagrams: Buffer[] = [];
    for (let from = 0; from < whole.length; from += size) datagrams.push(whole.subarray(from, from + size));
    return datagrams;
  }

  /** struct sched_attr: size, policy, flags, nice, priority, runtime. */
  #schedule(at: number): number {
    const attributes = this.#view(at);
    const policy = attributes.getUint32(4, true);
    const nice = attributes.getInt32(16, true);
    this.scheduled.push({ policy, nice, slice: Number(attributes.getBigUint64(24, true)) });
    return 0;
  }

  #recvmmsg(at: number, count: number): number {
    const received = this.incoming.splice(0, count);
    for (const [i, { bytes, from, at: came }] of received.entries()) {
      const header = at + i * MMSGHDR_BYTES;
      this.#write(this.#pointer(header + MMSGHDR.name), from);
      this.#write(this.#pointer(this.#pointer(header + MMSGHDR.iovecs)), bytes);
      const stamp = came === undefined ? new Uint8Array(0) : timestamp(came);
      this.#write(this.#pointer(header + MMSGHDR.control), stamp);
      this.#view(header + MMSGHDR.controlLength).setUint32(0, stamp.length, true);
      this.#view(header + MMSGHDR.length).setUint32(0, bytes.length, true);
    }
    if (received.length === 0) this.#errno = ERRNO.AGAIN;
    return received.length || -1;
  }

  #write(address: number, bytes: Uint8Array): void {
    const { buffer, byteOffset } = this.#view(address);
    new Uint8Array(buffer, byteOffset, bytes.length).set(bytes);
  }

  /** As the kernel does it: an error shows when it is the first message's alone. */
  #sendmmsg(at: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const message = this.#message(at + i * MMSGHDR_BYTES);
      this.#errno = this.refuses(message);
      if (this.#errno !== 0) return i > 0 ? i : -1;
      this.sent.push(...message);
    }
    return count;
  }
}
