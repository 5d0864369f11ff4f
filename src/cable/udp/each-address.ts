import { networkInterfaces } from 'node:os';
import { CryptcabError } from '../../error.js';
import { isLinkLocal, isLoopback } from '../../protocol/address-scope.js';
import type { Remote } from '../../protocol/remote.js';
import type { Sent, Udp } from './udp.js';

/** How often it is looked which addresses there are. */
const LOOK_MS = 1_000;

/** The addresses of this machine that others may ask; of IPv6's link-local ones with the zone. */
function ownAddresses(families: 'both' | 'IPv4'): string[] {
  let interfaces: ReturnType<typeof networkInterfaces>;
  try {
    interfaces = networkInterfaces();
  } catch {
    return []; // not told here: the system chooses
  }
  return Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses
      // Where a loopback address was asked, the system chooses well by itself.
      .filter(({ address }) => !isLoopback(address))
      .filter(({ family }) => families === 'both' || family === families)
      .map(({ address }) => (isLinkLocal(address) ? `${address}%${name}` : address)),
  );
}

/**
 * A socket for all addresses and, on the same port, one for each that this machine has: the system hands a datagram to the one
 * that was asked, and what that one sends leaves from its address. No runtime reports, or accepts, the address with a
 * datagram. Addresses come and go; what asks a new one is heard at once, and answered from it within a second.
 */
export class EachAddress implements Udp {
  readonly #all: Udp;
  readonly #families: 'both' | 'IPv4';
  readonly #open: (address: string) => Promise<Udp>;
  readonly #sockets = new Map<string, Udp>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #addresses: ReadonlySet<string> = new Set();
  #closed = false;

  private constructor(all: Udp, families: 'both' | 'IPv4', open: (address: string) => Promise<Udp>) {
    this.#all = all;
    this.#families = families;
    this.#open = open;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /**
   * @param all the socket for all addresses, which is taken over
   * @param open opens one for an address
   */
  static async over(
    all: Udp,
    families: 'both' | 'IPv4',
    open: (address: string) => Promise<Udp>,
  ): Promise<EachAddress> {
    const each = new EachAddress(all, families, open);
    each.#look();
    await Promise.all(each.#opening.values());
    return each;
  }

  get local(): Remote {
    return this.#all.local;
  }

  get turn(): number | undefined {
    return this.#all.turn;
  }

  /** Opens sockets for addresses that are new, and closes those of addresses that are gone. */
  #look(): void {
    this.#addresses = new Set(ownAddresses(this.#families));
    for (const [address, socket] of this.#sockets) {
      if (this.#addresses.has(address)) continue;
      this.#sockets.delete(address);
      this.#run(address, socket.close());
    }
    for (const address of this.#addresses) {
      if (!this.#sockets.has(address) && !this.#opening.has(address)) this.#run(address, this.#add(address));
    }
  }

  #run(address: string, work: Promise<void>): void {
    const running = work.finally(() => {
      if (this.#opening.get(address) === running) this.#opening.delete(address);
    });
    this.#opening.set(address, running);
  }

  async #add(address: string): Promise<void> {
    let socket: Udp;
    try {
      socket = await this.#open(address);
    } catch {
      return; // not usable yet, or gone again: looked at again soon
    }
    if (this.#closed) await socket.close();
    else this.#sockets.set(address, socket);
  }

  send(bytes: Uint8Array, start: number, length: number, to: Remote, done: Sent): void {
    const socket = to.local === undefined ? undefined : this.#sockets.get(to.local);
    (socket ?? this.#all).send(bytes, start, length, to, done);
  }

  async connect(): Promise<Remote> {
    throw new CryptcabError('a socket for each address has no remote of its own');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all(this.#opening.values());
    await Promise.all([this.#all, ...this.#sockets.values()].map((socket) => socket.close()));
  }
}
