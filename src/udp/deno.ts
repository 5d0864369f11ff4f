import { codeOf, messageOf } from '../error.js';
import { type Remote, remoteKey } from '../protocol/remote.js';
import { ANY, mapped, openDual, unmapped } from './dual.js';
import type { OpenUdp, Udp, UdpEvents } from './udp.js';

/** Room for one datagram, of any length that is ours. */
const RECEIVE_BYTES = 16 << 10;

interface DenoAddress {
  readonly transport: 'udp';
  readonly hostname: string;
  readonly port: number;
}

/** What is used of `Deno.listenDatagram`; said here, so that it takes no types of Deno's to build. */
interface DenoSocket {
  readonly addr: DenoAddress;
  receive(buffer: Uint8Array): Promise<[Uint8Array, DenoAddress]>;
  send(bytes: Uint8Array, to: DenoAddress): Promise<number>;
  close(): void;
}

export interface DenoApi {
  listenDatagram(options: DenoAddress): DenoSocket;
}

/** An IPv6 address in the one way that a runtime writes it; one with a zone is left alone. */
function canonical(address: string): string {
  if (!address.includes(':') || address.includes('%')) return address;
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** A socket that is not connected by itself. */
type Bare = Omit<Udp, 'connect'>;
type OpenBare = (...parameters: Parameters<OpenUdp>) => Promise<Bare>;

/** One datagram that waits for those before it. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
  readonly to: Remote;
  readonly done: () => void;
}

/**
 * What Deno's sockets of both kinds lack. Datagrams that are under way at once leave in any order, mostly the wrong
 * one: so each waits for the one before. And the kernel does not see to it that a connected socket hears one remote
 * alone. That nobody listens there, it does not tell in any case.
 */
class DenoUdp implements Udp {
  readonly #inner: Bare;
  readonly #hears: (remote: string | undefined) => void;
  readonly #waiting: Waiting[] = [];
  #sending = false;

  /** @param hears says which remote is heard alone, as remoteKey() has it */
  constructor(inner: Bare, hears: (remote: string | undefined) => void) {
    this.#inner = inner;
    this.#hears = hears;
  }

  get local(): Remote {
    return this.#inner.local;
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: () => void): void {
    this.#waiting.push({ bytes, start, length, to, done });
    if (!this.#sending) this.#next();
  }

  #next(): void {
    const first = this.#waiting.shift();
    this.#sending = first !== undefined;
    if (first === undefined) return;
    this.#inner.send(first.bytes, first.start, first.length, first.to, () => {
      first.done();
      this.#next();
    });
  }

  async connect({ address, port }: Remote): Promise<Remote> {
    const to = { address: canonical(address), port };
    this.#hears(remoteKey(to));
    return to;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Makes of a socket of Deno's one as a cable needs it. */
export function onDeno(open: OpenBare): OpenUdp {
  return async (port, events) => {
    let only: string | undefined;
    const inner = await open(port, {
      ...events,
      datagram: (bytes, from) => {
        if (only === undefined || only === remoteKey(from)) events.datagram(bytes, from);
      },
    });
    return new DenoUdp(inner, (remote) => {
      only = remote;
    });
  };
}

/** A socket of `Deno.listenDatagram`. */
class DatagramUdp implements Bare {
  readonly local: Remote;
  readonly #socket: DenoSocket;
  readonly #events: UdpEvents;
  readonly #dual: boolean;
  readonly #received: Promise<void>;
  #closed = false;

  constructor(socket: DenoSocket, events: UdpEvents, dual: boolean) {
    this.#socket = socket;
    this.#events = events;
    this.#dual = dual;
    this.local = { address: socket.addr.hostname, port: socket.addr.port };
    this.#received = this.#receive();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(RECEIVE_BYTES);
    while (!this.#closed) {
      try {
        const [bytes, { hostname, port }] = await this.#socket.receive(buffer);
        this.#events.datagram(bytes.slice(), unmapped({ address: hostname, port }));
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    if (!this.#closed) this.#events.failed(codeOf(error) ?? messageOf(error));
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: () => void): void {
    const hostname = this.#dual ? mapped(to.address) : to.address;
    const part = bytes.subarray(start, start + length);
    this.#socket.send(part, { transport: 'udp', hostname, port: to.port }).then(done, (error) => {
      this.#failed(error);
      done();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket.close();
    await this.#received;
  }
}

/** Opens a socket of Deno's own, which there is with `--unstable-net` alone. */
export function openDeno(deno: DenoApi): OpenUdp {
  return onDeno((port, events) =>
    openDual(port, async (host) => {
      const socket = deno.listenDatagram({ transport: 'udp', hostname: host, port });
      return new DatagramUdp(socket, events, host === ANY.both);
    }),
  );
}
