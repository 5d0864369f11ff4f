import { createSocket, type Socket } from 'node:dgram';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { ANY, mapped, openDual, unmapped } from './dual.js';
import { BUFFER_BYTES, type OpenUdp, type Udp, type UdpEvents } from './udp.js';

/**
 * Deno gives each receive a buffer of that size, and does not tell the kernel: with room for many datagrams it
 * receives at a thirtieth of the rate. So it gets room for one. What else is different there, see deno.ts.
 */
const RECEIVE_BYTES = 'Deno' in globalThis ? 16 << 10 : BUFFER_BYTES;

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
  readonly #socket: Socket;
  readonly #events: UdpEvents;
  readonly #dual: boolean;
  #connected = false;

  constructor(socket: Socket, events: UdpEvents, dual: boolean) {
    this.#socket = socket;
    this.#events = events;
    this.#dual = dual;
    this.local = socket.address();
    socket.on('message', (bytes, from) => events.datagram(bytes, unmapped(from)));
    socket.on('error', (error) => this.#failed(error));
  }

  #failed(error: Error): void {
    if (codeOf(error) === 'ECONNREFUSED') this.#events.unreachable();
    else this.#events.failed(codeOf(error) ?? messageOf(error)); // without the address, of which there may be many
  }

  #address(remote: Remote): string {
    return this.#dual ? mapped(remote.address) : remote.address;
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: () => void): void {
    const sent = (error: Error | null) => {
      if (error !== null) this.#failed(error);
      done();
    };
    try {
      if (this.#connected) this.#socket.send(bytes, start, length, sent);
      else this.#socket.send(bytes, start, length, to.port, this.#address(to), sent);
    } catch (error) {
      sent(error as Error); // closed, or an address that the socket's family cannot reach
    }
  }

  async connect(to: Remote): Promise<Remote> {
    if (this.#connected) {
      this.#socket.disconnect();
      this.#connected = false;
    }
    await new Promise<void>((resolve, reject) => {
      this.#socket.connect(to.port, this.#address(to), ((error?: Error) =>
        error
          ? reject(new CryptcabError(`cannot reach ${remoteText(to)}: ${messageOf(error)}`))
          : resolve()) as () => void);
    });
    this.#connected = true;
    return unmapped(this.#socket.remoteAddress());
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

function bind(type: 'udp4' | 'udp6', port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({
      type,
      recvBufferSize: RECEIVE_BYTES,
      sendBufferSize: BUFFER_BYTES,
      lookup: noLookup as never,
    });
    socket.once('error', reject);
    socket.bind(port, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Opens a socket of node:dgram, which every runtime has. */
export const openDgram: OpenUdp = (port, events) =>
  openDual(port, async (host) => {
    const dual = host === ANY.both;
    return new DgramUdp(await bind(dual ? 'udp6' : 'udp4', port), events, dual);
  });
