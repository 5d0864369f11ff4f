import { createSocket, type Socket } from 'node:dgram';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import { ANY, mapped, openWith, type Place, unmapped } from './dual.js';
import { StaleRoute } from './stale-route.js';
import { BUFFER_BYTES, type OpenUdp, type Sent, type Udp, type UdpEvents } from './udp.js';

/**
 * Deno gives each receive a buffer of that size, and does not tell the kernel: with room for many datagrams it
 * receives at a thirtieth of the rate. So it gets room for one. What else is different there, see deno.ts.
 */
const RECEIVE_BYTES = 'Deno' in globalThis ? 16 << 10 : BUFFER_BYTES;

/** libuv, which is Node's, reads so many in one turn. */
const TURN = 'Deno' in globalThis || 'Bun' in globalThis ? undefined : 32;

/** Addresses are given as such: no name is looked up, and no send waits for one. */
function noLookup(
  address: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}

class DgramUdp implements Udp {
  readonly local: Remote;
  readonly turn = TURN;
  readonly #socket: Socket;
  readonly #events: UdpEvents;
  readonly #dual: boolean;
  readonly #stale = new StaleRoute();
  #connected = false;

  constructor(socket: Socket, events: UdpEvents, { host, local }: Place) {
    this.#socket = socket;
    this.#events = events;
    this.#dual = host === ANY.both;
    this.local = socket.address();
    socket.on('message', (bytes, from) => {
      const remote = unmapped(from, local);
      if (this.#stale.hears(remote)) events.datagram(bytes, remote);
    });
    socket.on('error', (error) => {
      const why = this.#why(error);
      if (why !== undefined) events.failed(why);
    });
  }

  /** Why something failed; undefined when nobody listens, which is an event. */
  #why(error: Error): string | undefined {
    if (codeOf(error) !== 'ECONNREFUSED') return codeOf(error) ?? messageOf(error); // without the address, of which there may be many
    this.#events.unreachable();
    return undefined;
  }

  #address(remote: Remote): string {
    return this.#dual ? mapped(remote.address) : remote.address;
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    const sent = (error: Error | null) => done(error === null ? undefined : this.#why(error));
    try {
      if (this.#connected) this.#socket.send(bytes, start, length, sent);
      else this.#socket.send(bytes, start, length, to.port, this.#address(to), sent);
    } catch (error) {
      sent(error as Error); // closed, or an address that the socket's family cannot reach
    }
  }

  async connect(to: Remote): Promise<Remote> {
    if (this.#connected) this.#disconnect();
    await new Promise<void>((resolve, reject) => {
      this.#socket.connect(to.port, this.#address(to), ((error?: Error) =>
        error
          ? reject(
              new CryptcabError(
                `cannot reach ${remoteText(to)}: connect ${codeOf(error) ?? messageOf(error)}`,
              ),
            )
          : resolve()) as () => void);
    });
    const remote = unmapped(this.#socket.remoteAddress());
    this.#connected = true;
    if (!this.#stale.connects(remote)) this.#disconnect();
    return remote;
  }

  #disconnect(): void {
    this.#socket.disconnect();
    this.#connected = false;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

function bind({ host, port, shared }: Place, ipv6Only: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type: host.includes(':') ? 'udp6' : 'udp4',
      reuseAddr: shared,
      ipv6Only: ipv6Only && host.includes(':'),
      recvBufferSize: RECEIVE_BYTES,
      sendBufferSize: BUFFER_BYTES,
      lookup: noLookup as never,
    });
    const fail = (error: Error) => {
      socket.close(); // it keeps a descriptor, though it could not be bound
      reject(error);
    };
    socket.once('error', fail);
    socket.bind(port, host, () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** @param ipv6Only whether those for IPv6 get no IPv4, on any system; else it is as the system wants */
export function dgramSockets(ipv6Only: boolean): OpenUdp {
  return openWith(async (place, events) => new DgramUdp(await bind(place, ipv6Only), events, place));
}

/** Opens a socket of node:dgram, which every runtime has. */
export const openDgram: OpenUdp = dgramSockets(false);
