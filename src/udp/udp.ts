import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { Remote } from '../protocol/remote.js';

/** Asked for; the kernel gives at most net.core.rmem_max and wmem_max. */
export const BUFFER_BYTES = 4 << 20;

/** What a socket tells. */
export interface UdpEvents {
  /** A datagram came; its bytes are the receiver's to keep. */
  datagram(bytes: Uint8Array, from: Remote): void;
  /** The network says that nobody listens at the connected remote. */
  unreachable(): void;
  /** A send failed, or the socket did; it stays open. */
  failed(why: string): void;
}

/** One UDP socket, IPv4 and IPv6. */
export interface Udp {
  /** The address and port that it has. */
  readonly local: Remote;
  /**
   * Sends bytes[start, start + length).
   * @param done called when the bytes are needed no more
   */
  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: () => void): void;
  /**
   * From now on sends to, and receives from, this remote alone.
   * @returns the remote as its datagrams will name it: an IPv6 address may be written in many ways
   */
  connect(to: Remote): Promise<Remote>;
  /** Closes it; nothing is told after that. */
  close(): Promise<void>;
}

/**
 * Opens a socket.
 * @param port the local port; 0 for any
 * @throws CryptcabError when that cannot be had
 */
export type OpenUdp = (port: number, events: UdpEvents) => Promise<Udp>;

/** Why a port cannot be had, for people. */
export function cannotOpen(port: number, error: unknown): CryptcabError {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new CryptcabError(
        `UDP port ${port} is in use: another program, or another cryptcab, has it; choose one with -p PORT`,
      );
    case 'EACCES':
      return new CryptcabError(`not allowed to use UDP port ${port}: choose one above 1023 with -p PORT`);
    default:
      return new CryptcabError(`cannot open UDP port ${port}: ${messageOf(error)}`);
  }
}
