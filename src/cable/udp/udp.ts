import { CryptcabError, codeOf, messageOf, TemporaryError } from '../../error.js';
import { optionName, optionWithValue } from '../../options/name.js';
import type { Remote } from '../../protocol/remote.js';

/**
 * Room for what waits to be received, and to be sent, asked for; the kernel gives at most net.core.rmem_max and wmem_max, doubles
 * it, and counts its own structures. All peers wait in these queues, one behind the other: it is a few ms' worth of datagrams.
 */
export const BUFFER_BYTES = 1 << 20;

/** The events of a socket. */
export interface UdpEvents {
  /** A datagram came; its bytes are the receiver's to keep. */
  datagram(bytes: Uint8Array, from: Remote): void;
  /** The network says that nobody listens at the connected remote. */
  unreachable(): void;
  /** The socket failed; it stays open. */
  failed(why: string): void;
}

/**
 * Told what became of a datagram.
 * @param refused why the system did not send it; undefined when it did, or when that is no fault of the datagram's: the
 *   network said of an earlier one that nobody listens, or the socket is closed
 */
export type Sent = (refused?: string) => void;

/** One UDP socket, IPv4 and IPv6. */
export interface Udp {
  /** The address and port that it has. */
  readonly local: Remote;
  /** So many datagrams are handed out in one turn of the event loop at most, and others may wait then; undefined: all are. */
  readonly turn?: number | undefined;
  /**
   * Sends bytes[start, start + length).
   * @param done called when the bytes are needed no more
   */
  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void;
  /**
   * From now on sends to, and receives from, this remote alone.
   * @returns the remote as its datagrams will name it: an IPv6 address may be written in many ways
   */
  connect(to: Remote): Promise<Remote>;
  /** Closes it; there are no events after that. */
  close(): Promise<void>;
}

/** How a socket should be opened; a kind of its own may pass over it. */
export interface UdpWish {
  /** Our only address, IPv6 link-local with its zone; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  /** Whether each datagram's `local` is wanted, and heeded where one is sent: connect() is not called then. */
  readonly locals?: boolean;
}

/**
 * Opens a socket.
 * @param port the local port; 0 for any
 * @throws CryptcabError when that cannot be had
 */
export type OpenUdp = (port: number, events: UdpEvents, wish?: UdpWish) => Promise<Udp>;

/** Whether a socket for both families could not be had because there is no IPv6. */
export function lacksIPv6(error: unknown): boolean {
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(codeOf(error) ?? '');
}

/** Why a port, or the only address, cannot be had, for people. */
export function cannotOpen(port: number, error: unknown, bind?: string): CryptcabError {
  switch (codeOf(error)) {
    case 'EADDRNOTAVAIL':
    case 'ENODEV':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      if (bind === undefined) break;
      return new TemporaryError(
        `this machine has no address ${bind}: give ${optionName('bind')} one that ip address shows here, or leave it out`,
      );
    case 'EADDRINUSE':
      return new CryptcabError(
        `UDP port ${port} is in use: another program, or another cryptcab, has it; choose one with ${optionWithValue('localPort', 'port (of a client: localPort)')}`,
      );
    case 'EACCES':
      return new CryptcabError(
        `not allowed to use UDP port ${port}: choose one above 1023 with ${optionWithValue('localPort', 'port (of a client: localPort)')}`,
      );
  }
  return new CryptcabError(`cannot open UDP port ${port}: ${messageOf(error)}`);
}
