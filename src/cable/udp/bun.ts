import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import { ANY, mapped, openWith, type Place, unmapped } from './dual.js';
import { BUFFER_BYTES, type OpenUdp, type Sent, type Udp, type UdpEvents } from './udp.js';

/** How often a port that was given up is tried again, and how long after; a second in all. */
const REOPEN_TRIES = 50;
const REOPEN_MS = 20;

/** SO_REUSEPORT, as Bun's own node:dgram hands it to `Bun.udpSocket`. */
const REUSE_PORT = 4;

/** What is used of `Bun.udpSocket`; said here, so that it takes no types of Bun's to build. */
interface BunSocket {
  readonly fd: number;
  readonly address: Remote;
  readonly remoteAddress: Remote;
  /** @returns false when the kernel's buffer is full: drain() is called later */
  send(bytes: Uint8Array, port?: number, address?: string): boolean;
  /** By sendmmsg. @returns how many were sent before the buffer was full, or one of them failed */
  sendMany(list: readonly (Uint8Array | number | string)[]): number;
  close(): void;
}

interface Handlers {
  data(socket: BunSocket, bytes: Uint8Array, port: number, address: string): void;
  drain(socket: BunSocket): void;
  /** Bun 1.4 leaves the socket out. */
  error(...socketAndError: unknown[]): void;
}

export interface BunApi {
  udpSocket(options: {
    hostname: string;
    port: number;
    flags?: number;
    connect?: { hostname: string; port: number } | undefined;
    socket: Handlers;
  }): Promise<BunSocket>;
}

/** One datagram that waits to be sent with others. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly to: Remote;
  readonly done: Sent;
}

/** SOL_SOCKET, SO_SNDBUF, SO_RCVBUF; and where the C library is. */
const SOCKET_OPTIONS: Readonly<Record<string, readonly [string, number, number, number]>> = {
  linux: ['libc.so.6', 1, 7, 8],
  darwin: ['libSystem.dylib', 0xffff, 0x1001, 0x1002],
};

/** Bun has no call for the size of a socket's buffers, but calls to the C library; where that fails they stay small. */
async function enlargeBuffers(fd: number): Promise<void> {
  const [library, level, ...names] = SOCKET_OPTIONS[process.platform] ?? [];
  if (library === undefined) return;
  const ffi = 'bun:ffi'; // a variable, as nobody else knows it
  try {
    const { dlopen } = await import(ffi);
    const { symbols, close } = dlopen(library, {
      setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
    });
    for (const name of names) symbols.setsockopt(fd, level, name, Int32Array.of(BUFFER_BYTES), 4);
    close();
  } catch {
    // another C library: smaller bursts fit
  }
}

/**
 * Sends half as many again as Bun's node:dgram does: what one turn of the event loop makes is handed to the kernel in one
 * call. Reports of the network are events as in node:dgram.
 */
class BunUdp implements Udp {
  readonly #bun: BunApi;
  readonly #events: UdpEvents;
  readonly #place: Place;
  /** Undefined while another one takes its place, and when it is closed. */
  #socket: BunSocket | undefined;
  #local: Remote = { address: '', port: 0 };
  #connected = false;
  #closed = false;
  #waiting: Waiting[] = [];
  #scheduled = false;
  /** Whether the kernel takes no more, until drain(). */
  #full = false;

  private constructor(bun: BunApi, events: UdpEvents, place: Place) {
    this.#bun = bun;
    this.#events = events;
    this.#place = place;
  }

  static async open(bun: BunApi, events: UdpEvents, place: Place): Promise<BunUdp> {
    const udp = new BunUdp(bun, events, place);
    udp.#local = (await udp.#open(place.port)).address;
    return udp;
  }

  get local(): Remote {
    return this.#local;
  }

  async #open(port: number, to?: Remote): Promise<BunSocket> {
    const { host, shared, local } = this.#place;
    const socket = await this.#bun.udpSocket({
      hostname: host,
      port,
      ...(shared && { flags: REUSE_PORT }),
      connect: to && { hostname: this.#address(to), port: to.port },
      socket: {
        data: (_socket, bytes, from, address) =>
          this.#events.datagram(bytes, unmapped({ address, port: from }, local)),
        drain: () => {
          this.#full = false;
          this.#flush();
        },
        // Bun has the kernel report on sockets that are not connected, too: such reports anybody can forge.
        error: (...args) => {
          if (this.#connected) this.#failed(args.at(-1));
        },
      },
    });
    if (this.#closed) {
      socket.close();
      throw new CryptcabError('the socket is closed');
    }
    await enlargeBuffers(socket.fd);
    this.#socket = socket;
    this.#connected = to !== undefined;
    this.#full = false;
    return socket;
  }

  /** Why something failed; undefined when nobody listens, which is an event. */
  #why(error: unknown): string | undefined {
    if (codeOf(error) !== 'ECONNREFUSED') return codeOf(error) ?? messageOf(error);
    if (this.#connected) this.#events.unreachable();
    return undefined;
  }

  #failed(error: unknown): void {
    const why = this.#why(error);
    if (why !== undefined) this.#events.failed(why);
  }

  #address({ address }: Remote): string {
    return this.#place.host === ANY.both ? mapped(address) : address;
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    this.#waiting.push({ bytes: bytes.subarray(start, start + length), to, done });
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && !this.#full) {
      const socket = this.#socket;
      if (socket === undefined) {
        this.#finish(this.#waiting.length);
        return;
      }
      const count = this.#waiting.length;
      const sent = this.#sendAll(socket);
      this.#finish(sent);
      if (sent < count) this.#sendFirst(socket);
    }
  }

  #sendAll(socket: BunSocket): number {
    try {
      return socket.sendMany(
        this.#connected
          ? this.#waiting.map(({ bytes }) => bytes)
          : this.#waiting.flatMap(({ bytes, to }) => [bytes, to.port, this.#address(to)]),
      );
    } catch {
      return 0; // none was sent; which one is at fault, and why, shows when they are sent alone
    }
  }

  #sendFirst(socket: BunSocket): void {
    const { bytes, to } = this.#waiting[0] as Waiting;
    const send = () =>
      this.#connected ? socket.send(bytes) : socket.send(bytes, to.port, this.#address(to));
    let refused: string | undefined;
    try {
      this.#full = !send();
    } catch (error) {
      refused = this.#why(error);
    }
    if (!this.#full) this.#finish(1, refused);
  }

  #finish(count: number, refused?: string): void {
    for (const { done } of this.#waiting.splice(0, count)) done(refused);
  }

  /**
   * Opens the port again that was just closed. A child that is being started holds it, too, until it has become its
   * program.
   */
  async #reopen(to?: Remote): Promise<BunSocket> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#open(this.#local.port, to);
      } catch (error) {
        if (this.#closed || codeOf(error) !== 'EADDRINUSE' || tries === REOPEN_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
      }
    }
  }

  /** A socket of Bun's is connected when it is made: so another one takes its port over. */
  async connect(to: Remote): Promise<Remote> {
    this.#socket?.close();
    this.#socket = undefined;
    this.#flush();
    try {
      return unmapped((await this.#reopen(to)).remoteAddress);
    } catch (error) {
      if (!this.#closed) await this.#reopen().catch((again) => this.#failed(again));
      throw new CryptcabError(`cannot reach ${remoteText(to)}: ${messageOf(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.close();
    this.#socket = undefined;
    this.#full = false;
    this.#flush();
  }
}

/** Opens a socket of Bun's own. */
export function openBun(bun: BunApi): OpenUdp {
  return openWith((place, events) => BunUdp.open(bun, events, place));
}
