import { type Remote, remoteKey } from '../../protocol/remote.js';

/**
 * Which remotes a socket for both families may stay connected to. Linux (6.18) keeps the route of what a connected socket has
 * received by IPv4, also when it is connected anew, and then drops what comes to it by IPv6. Such a socket is connected by IPv6
 * and disconnected again: the kernel still takes datagrams from that address alone. Their port is checked here.
 */
export class StaleRoute {
  #wasIPv4 = false;
  #only: string | undefined;

  /** Whether the socket, just connected to it, may stay so. */
  connects(to: Remote): boolean {
    const six = to.address.includes(':');
    const stays = !(six && this.#wasIPv4);
    this.#only = stays ? undefined : remoteKey(to);
    this.#wasIPv4 ||= !six;
    return stays;
  }

  /** Whether what comes from there is from the remote. */
  hears(from: Remote): boolean {
    return this.#only === undefined || this.#only === remoteKey(from);
  }
}
