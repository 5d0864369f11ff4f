import { Core } from '../../core/core.js';
import { CryptcabError } from '../../error.js';
import { optionName } from '../../options/name.js';
import type { Remote } from '../../protocol/remote.js';
import type { Cable, CableEvents } from '../cable.js';
import type { CableCopies } from '../copies/cable-copies.js';
import type { ClassicLink, SecureEvents, SecureLink } from '../link.js';
import type { OpenPlug, Plug } from '../plug/plug.js';
import type { Sent } from '../udp/udp.js';
import type { WireTap } from '../wire-tap.js';
import { loadLibc } from './linux/libc.js';
import { NativeCable } from './native-cable.js';
import { NativeSocket } from './socket.js';

/**
 * A server's cable on several I/O threads, for more clients than one processor can serve. Each thread has a socket on the
 * same port, and a memory of its own with a core in it; a link is on one of them for as long as it lives.
 */
export class SharedCable implements Cable {
  readonly #cables: readonly NativeCable[];
  readonly #first: NativeCable;
  #joined = 0;

  /**
   * @param core of the first thread; the others get their own
   * @param threads at least 2
   * @param bind our only address, if not all of them
   * @throws CryptcabError when the port cannot be had; any other error says why this cannot be had here
   */
  static async open(
    core: Core,
    port: number,
    threads: number,
    events: CableEvents,
    tap: WireTap | undefined,
    bind?: string,
  ): Promise<SharedCable> {
    const sockets = NativeSocket.share(await loadLibc(), port, threads, bind);
    const cables: NativeCable[] = [];
    try {
      for (const [thread, socket] of sockets.entries()) {
        const its = thread === 0 ? core : await Core.load();
        its.broadcastLimit = core.broadcastLimit;
        cables.push(
          await NativeCable.on(socket, its, events, tap, { place: { thread, threads }, serves: true }),
        );
      }
    } catch (error) {
      for (const socket of sockets.slice(cables.length)) socket.close();
      await Promise.all(cables.map((one) => one.close()));
      throw error;
    }
    return new SharedCable(cables);
  }

  private constructor(cables: readonly NativeCable[]) {
    this.#cables = cables;
    [this.#first] = cables as [NativeCable];
  }

  get core(): Core {
    return this.#first.core;
  }

  get copies(): readonly CableCopies[] {
    return this.#cables.flatMap((cable) => cable.copies);
  }

  get io(): string {
    return `${this.#first.io}, ${this.#cables.length} threads`;
  }

  get threads(): number {
    return this.#cables.length;
  }

  get local(): Remote {
    return this.#first.local;
  }

  async connect(): Promise<Remote> {
    throw new CryptcabError(`a client has one I/O thread: leave ${optionName('threads')} out`);
  }

  send(datagram: Uint8Array, to: Remote, done?: Sent): void {
    this.#first.send(datagram, to, done);
    for (const { core } of this.#cables.slice(1)) core.noteSent(datagram); // it may come back to a port of any
  }

  probe(open: OpenPlug, had: () => void): Pick<Plug, 'settled' | 'close'> {
    return this.#first.probe(open, had);
  }

  plugIn(remote: Remote, open: OpenPlug): ClassicLink | undefined {
    return this.#first.plugIn(remote, open);
  }

  /** On one thread after the other: its datagrams come there by their index. */
  join(remote: Remote, path: number, events: SecureEvents): SecureLink | undefined {
    const thread = this.#joined++ % this.#cables.length;
    return this.#cables[thread]?.join(remote, path, events);
  }

  async close(): Promise<void> {
    await Promise.all(this.#cables.map((cable) => cable.close()));
  }
}
