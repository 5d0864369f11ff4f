import type { Remote } from '../protocol/remote.js';

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
  close(): Promise<void>;
}

/** @param port the local port; 0 for any */
export type OpenUdp = (port: number, events: UdpEvents) => Promise<Udp>;
