import { codeOf, messageOf } from '../../error.js';
import { type Remote, remoteKey } from '../../protocol/remote.js';
import { ANY, mapped, openWith, type Place, unmapped } from './dual.js';
import type { OpenUdp, Sent, Udp, UdpEvents } from './udp.js';

/** Room for one datagram, of any length that is ours. */
const RECEIVE_BYTES = 16 << 10;
/** Wait after a receive that failed. */
const FAILED_MS = 1;

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
  listenDatagram(options: DenoAddress & { readonly reuseAddress: boolean }): DenoSocket;
}

const whyOf = (error: unknown) => codeOf(error) ?? messageOf(error);

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
  readonly done: Sent;
}

/**
 * What Deno's sockets of both kinds lack. Datagrams that are under way at once leave in any order, mostly the wrong
 * one: so each waits for the one before. And the kernel does not see to it that a connected socket hears one remote
 * alone. It never says that nobody listens there.
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

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    this.#waiting.push({ bytes, start, length, to, done });
    if (!this.#sending) this.#next();
  }

  #next(): void {
    const first = this.#waiting.shift();
    this.#sending = first !== undefined;
    if (first === undefined) return;
    this.#inner.send(first.bytes, first.start, first.length, first.to, (refused) => {
      first.done(refused);
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
  return async (port, events, wish) => {
    let only: string | undefined;
    const told: UdpEvents = {
      ...events,
      datagram: (bytes, from) => {
        if (only === undefined || only === remoteKey(from)) events.datagram(bytes, from);
      },
    };
    const inner = await open(port, told, wish);
    return new DenoUdp(inner, (remote) => {
      only = remote;
    });
  };
}

/** A socket of `Deno.listenDatagram`; it is onDeno() that connects it. */
class DatagramUdp implements Udp {
  readonly local: Remote;
  readonly #socket: DenoSocket;
  readonly #events: UdpEvents;
  readonly #place: Place;
  readonly #received: Promise<void>;
  #closed = false;

  constructor(socket: DenoSocket, events: UdpEvents, place: Place) {
    this.#socket = socket;
    this.#events = events;
    this.#place = place;
    this.local = { address: socket.addr.hostname, port: socket.addr.port };
    this.#received = this.#receive();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(RECEIVE_BYTES);
    while (!this.#closed) {
      try {
        const [bytes, { hostname, port }] = await this.#socket.receive(buffer);
        this.#events.datagram(bytes.slice(), unmapped({ address: hostname, port }, this.#place.local));
      } catch (error) {
        this.#failed(error);
        await new Promise((resolve) => setTimeout(resolve, FAILED_MS)); // what does not go away must not fill the time
      }
    }
  }

  #failed(error: unknown): void {
    if (!this.#closed) this.#events.failed(whyOf(error));
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    const hostname = this.#place.host === ANY.both ? mapped(to.address) : to.address;
    const part = bytes.subarray(start, start + length);
    this.#socket.send(part, { transport: 'udp', hostname, port: to.port }).then(
      () => done(),
      (error) => done(this.#closed ? undefined : whyOf(error)),
    );
  }

  async connect(to: Remote): Promise<Remote> {
    return to;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket.close();
    await this.#received;
  }
}

/** Opens a socket of Deno's own, which there is with `--unstable-net` alone. */
export function openDeno(deno: DenoApi): OpenUdp {
  return onDeno(
    openWith(async (place, events) => {
      const { host, port, shared } = place;
      const address = { transport: 'udp', hostname: host, port, reuseAddress: shared } as const;
      return new DatagramUdp(deno.listenDatagram(address), events, place);
    }),
  );
}
