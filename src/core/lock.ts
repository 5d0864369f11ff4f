import { CryptcabError } from '../error.js';
import { mark } from '../option-mark.js';
import type { Wasm } from './wasm.js';

/** Nobody works in the core for so long: the thread that has the lock is gone. */
const PATIENCE_MS = 2_000;

/**
 * Keeps two threads, each with an instance of its own, from working in one memory at the same time. In the
 * order of asking (a ticket lock), so that a thread under load does not keep the other one out.
 */
export class Lock {
  readonly #words: Int32Array;
  readonly #next: number;
  readonly #serving: number;
  #shared = false;

  constructor({ memory, layout }: Wasm) {
    this.#words = new Int32Array(memory.buffer);
    this.#next = layout.LOCK_NEXT >> 2;
    this.#serving = layout.LOCK_SERVING >> 2;
  }

  /** From now on there are two threads; until then, and once the other one is gone, there is nobody to keep out. */
  set shared(shared: boolean) {
    this.#shared = shared;
  }

  /** @throws CryptcabError when the other thread has the lock and does not give it back */
  take(): void {
    if (!this.#shared) return;
    const ticket = Atomics.add(this.#words, this.#next, 1);
    for (;;) {
      const serving = Atomics.load(this.#words, this.#serving);
      if (serving === ticket) return;
      if (Atomics.wait(this.#words, this.#serving, serving, PATIENCE_MS) === 'timed-out') {
        this.#shared = false; // what is left to do is to clean up
        throw new CryptcabError(
          `the I/O thread hangs: start again, with ${mark('io')} portable if it happens again`,
        );
      }
    }
  }

  give(): void {
    if (!this.#shared) return;
    const serving = Atomics.add(this.#words, this.#serving, 1) + 1;
    if (Atomics.load(this.#words, this.#next) !== (serving | 0)) Atomics.notify(this.#words, this.#serving);
  }
}
