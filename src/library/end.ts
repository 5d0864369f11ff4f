import type { EndReport } from '../control/status.js';
import { inWords } from '../control/words.js';
import { deferred } from '../deferred.js';
import type { PeerStatistics, Running } from '../ends/running.js';
import { CryptcabError, messageOf } from '../error.js';
import { libraryText } from '../option-mark.js';
import type { Remote } from '../protocol/remote.js';
import type { SecureRefusal } from '../protocol/secure/terms.js';
import {
  CableEvent,
  type CableEventMap,
  type CableListener,
  type CableListenerOptions,
  Notices,
} from './events.js';

/** What an end has carried, and what it has not; see {@link CableEnd.stats}. */
export interface Stats {
  /** A record for each peer that is up; a classic client has one for its server, whether or not it is up. */
  readonly peers: readonly PeerStatistics[];
  /** Datagrams of the secure cable that were dropped before it was known whose they are, by reason (secure.md §5.1). */
  readonly refused: Readonly<Partial<Record<SecureRefusal, bigint>>>;
}

/**
 * One end of a cable that runs, until close(): what connect() and serve() give. It is an EventTarget, as every runtime
 * has one: what a listener throws cannot harm the cable, and `once` and `signal` are there without more.
 */
export abstract class CableEnd extends EventTarget implements AsyncDisposable {
  /** The local address and UDP port. */
  readonly local: Remote;
  /** How it moves frames and datagrams, for people. */
  readonly io: string;
  /**
   * Resolves when all has been taken down after close(); rejects with a CryptcabError, all being taken down as well,
   * when the end could not go on. Nobody has to await it.
   */
  readonly closed: Promise<void>;
  readonly #running: Running;
  readonly #notices: Notices;
  readonly #stop = new AbortController();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(running: Running, notices: Notices, signal: AbortSignal | undefined) {
    super();
    this.#running = running;
    this.local = running.local;
    this.io = running.io;
    this.#notices = notices;
    this.closed = running.ended.then(
      () => this.#ended(undefined),
      async (error: unknown) => {
        await this.close();
        const known = error instanceof CryptcabError ? error : new CryptcabError(messageOf(error));
        await this.#ended(known);
        throw known;
      },
    );
    this.closed.catch(() => {}); // a caller who cares awaits it
    signal?.addEventListener('abort', () => this.close(), { once: true, signal: this.#stop.signal });
  }

  /** What it has carried so far, and what it has dropped, by reason; counts are 64 bits wide. */
  stats(): Stats {
    return { peers: this.#running.statistics(), refused: Object.fromEntries(this.#running.refusals()) };
  }

  /** All that it can say of itself now: who is up since when, or why not; rates, refusals, round-trip times (docs/control.md). */
  report(): EndReport {
    return inWords(this.#running.report(), libraryText);
  }

  /** Takes everything down: plugs, keys, socket. Called again, it waits for the same end. */
  close(): Promise<void> {
    this.#stop.abort();
    this.#notices.end();
    this.#closing ??= this.#running.close();
    return this.#closing;
  }

  /** close(), at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @see EventTarget.addEventListener */
  override addEventListener<Type extends keyof CableEventMap>(
    type: Type,
    listener: CableListener<CableEventMap[Type]> | null,
    options?: CableListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options);
  }

  /** @see EventTarget.removeEventListener */
  override removeEventListener<Type extends keyof CableEventMap>(
    type: Type,
    listener: CableListener<CableEventMap[Type]> | null,
  ): void {
    super.removeEventListener(type, listener as EventListener | null);
  }

  async #ended(error: CryptcabError | undefined): Promise<void> {
    await this.#notices.begun; // `closed` comes after the event
    this.#notices.tell(new CableEvent('close', { error }));
  }
}

/**
 * Starts an end, and waits until it works.
 * @param start starts it; tells the watcher what becomes of it
 * @param works resolves when it works
 * @throws what start() or works() rejects with, and the signal's reason: nothing is left running then
 */
export async function begin<R extends Running, E extends CableEnd>(
  End: new (running: R, notices: Notices, signal: AbortSignal | undefined) => E,
  start: (watcher: Notices) => Promise<R>,
  works: (running: R) => Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<E> {
  const notices = new Notices();
  const running = await start(notices);
  const end = new End(running, notices, signal);
  const aborted = deferred();
  const abort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', abort);
  try {
    signal?.throwIfAborted();
    await Promise.race([works(running), end.closed, aborted.promise]);
  } catch (error) {
    await end.close();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  notices.begin(end);
  return end;
}
