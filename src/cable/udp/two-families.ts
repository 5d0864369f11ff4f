import type { Remote } from '../../protocol/remote.js';
import type { Sent, Udp, UdpEvents } from './udp.js';

type Family = 'IPv4' | 'IPv6';

const familyOf = ({ address }: Remote): Family => (address.includes(':') ? 'IPv6' : 'IPv4');

/** What a pair of sockets hears: while one of them is connected, nothing that comes to the other. */
export class Hearing {
  readonly #events: UdpEvents;
  connected: Family | undefined;

  constructor(events: UdpEvents) {
    this.#events = events;
  }

  /** The events of one of the two. */
  by(family: Family): UdpEvents {
    const heard = () => this.connected === undefined || this.connected === family;
    return {
      datagram: (bytes, from) => {
        if (heard()) this.#events.datagram(bytes, from);
      },
      unreachable: () => {
        if (heard()) this.#events.unreachable();
      },
      failed: (why) => this.#events.failed(why),
    };
  }
}

/**
 * A socket for IPv6 and one for IPv4 on the same port, where a socket for all addresses gets IPv6 alone (the sysctl
 * net.ipv6.bindv6only). No runtime lets a socket say that it wants both.
 */
export class TwoFamilies implements Udp {
  readonly #sockets: Readonly<Record<Family, Udp>>;
  readonly #hearing: Hearing;

  constructor(six: Udp, four: Udp, hearing: Hearing) {
    this.#sockets = { IPv6: six, IPv4: four };
    this.#hearing = hearing;
  }

  get local(): Remote {
    return this.#sockets.IPv6.local;
  }

  get turn(): number | undefined {
    return this.#sockets.IPv6.turn;
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    this.#sockets[familyOf(to)].send(bytes, start, length, to, done);
  }

  async connect(to: Remote): Promise<Remote> {
    const family = familyOf(to);
    const connected = await this.#sockets[family].connect(to);
    this.#hearing.connected = family;
    return connected;
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#sockets).map((socket) => socket.close()));
  }
}
