import { Core } from '../../core/core.js';
import type { FragmentCounts, Keying, SessionCounts, TransportKeys } from '../../core/terms.js';
import { CryptcabError } from '../../error.js';
import { optionName } from '../../options/name.js';
import type { Remote } from '../../protocol/remote.js';
import type { Cable, CableEvents, Link, SecureEvents } from '../cable.js';
import type { CableCopies } from '../copies/cable-copies.js';
import type { OpenPlug, Plug } from '../plug/plug.js';
import type { WireTap } from '../wire-tap.js';
import { loadLibc } from './linux/libc.js';
import { NativeCable } from './native-cable.js';
import { NativeSocket } from './socket.js';
import { threadIndex } from './steering.js';

/**
 * A server's cable on several I/O threads, for more clients than one processor can serve. Each thread has a socket on the
 * same port, and a memory of its own with a core in it; a link is on one of them for as long as it lives.
 */
export class SharedCable implements Cable {
  readonly core: Core;
  readonly #cables: readonly NativeCable[];
  readonly #threads = new WeakMap<Link, number>();
  /** Where the datagram of a handshake came that is being worked on: a link that is made of it belongs there. */
  #current = 0;
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
    let cable: SharedCable | undefined;
    const cables: NativeCable[] = [];
    try {
      for (const [thread, socket] of sockets.entries()) {
        const own: CableEvents = {
          ...events,
          control: (datagram, from) =>
            cable === undefined ? undefined : cable.#handle(thread, () => events.control(datagram, from)),
        };
        const its = thread === 0 ? core : await Core.load();
        its.broadcastLimit = core.broadcastLimit;
        cables.push(await NativeCable.on(socket, its, own, tap));
      }
    } catch (error) {
      for (const socket of sockets.slice(cables.length)) socket.close();
      await Promise.all(cables.map((one) => one.close()));
      throw error;
    }
    cable = new SharedCable(cables);
    return cable;
  }

  private constructor(cables: readonly NativeCable[]) {
    const [first] = cables as [NativeCable];
    this.#cables = cables;
    this.core = first.core;
  }

  get copies(): readonly CableCopies[] {
    return this.#cables.flatMap((cable) => cable.copies);
  }

  get io(): string {
    return `${this.#cable(0).io}, ${this.#cables.length} threads`;
  }

  get threads(): number {
    return this.#cables.length;
  }

  #handle(thread: number, work: () => void): void {
    this.#current = thread;
    work();
  }

  #cable(thread: number): NativeCable {
    return this.#cables[thread] as NativeCable;
  }

  #of(link: Link): NativeCable {
    return this.#cable(this.#threads.get(link) as number);
  }

  #keep(link: Link | undefined, thread: number): Link | undefined {
    if (link !== undefined) this.#threads.set(link, thread);
    return link;
  }

  get local(): Remote {
    return this.#cable(0).local;
  }

  async connect(): Promise<Remote> {
    throw new CryptcabError(`a client has one I/O thread: leave ${optionName('threads')} away`);
  }

  send(datagram: Uint8Array, to: Remote): void {
    this.#cable(this.#current).send(datagram, to);
  }

  probe(open: OpenPlug, had: () => void): Pick<Plug, 'settled' | 'close'> {
    return this.#cable(0).probe(open, had);
  }

  /** On the thread that its datagrams come to: the one that its login came to. */
  plugIn(remote: Remote, open: OpenPlug): Link | undefined {
    const thread = this.#current;
    return this.#keep(this.#cable(thread).plugIn(remote, open), thread);
  }

  /** On one thread after the other: its datagrams come there by their index. */
  join(remote: Remote, path: number, events: SecureEvents): Link | undefined {
    const thread = this.#joined++ % this.#cables.length;
    return this.#keep(this.#cable(thread).join(remote, path, events), thread);
  }

  index(link: Link, drawn: number): number {
    return threadIndex(drawn, this.#threads.get(link) as number, this.#cables.length);
  }

  move(link: Link, to: Remote): void {
    this.#of(link).move(link, to);
  }

  raise(link: Link, keying: Keying): void {
    this.#of(link).raise(link, keying);
  }

  limit(link: Link, frameMax: number): void {
    this.#of(link).limit(link, frameMax);
  }

  lower(link: Link): void {
    this.#of(link).lower(link);
  }

  unplug(link: Link): Promise<void> {
    return this.#of(link).unplug(link);
  }

  counts(link: Link): SessionCounts {
    return this.#of(link).counts(link);
  }

  fragments(link: Link): FragmentCounts {
    return this.#of(link).fragments(link);
  }

  plug(link: Link, open: OpenPlug): Pick<Plug, 'settled'> {
    return this.#of(link).plug(link, open);
  }

  pull(link: Link): Promise<void> {
    return this.#of(link).pull(link);
  }

  install(link: Link, place: number, keys: TransportKeys): void {
    this.#of(link).install(link, place, keys);
  }

  use(link: Link, place: number): void {
    this.#of(link).use(link, place);
  }

  drop(link: Link, place: number): void {
    this.#of(link).drop(link, place);
  }

  discard(link: Link): void {
    this.#of(link).discard(link);
  }

  say(link: Link, payload: Uint8Array): void {
    this.#of(link).say(link, payload);
  }

  async close(): Promise<void> {
    await Promise.all(this.#cables.map((cable) => cable.close()));
  }
}
