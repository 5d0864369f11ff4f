import { Arena } from '../linux/arena.js';
import { EPOLL, ERRNO, type Libc } from '../linux/libc.js';

/** What one look takes; the kernel gives the others next time, so that each has its turn. */
const EVENTS = 64;
/** struct epoll_event: u32 events, u64 data; packed on x64 alone. */
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
const DATA_WORD = EVENT_WORDS - 2;

/** A set of epoll: descriptors that are watched, however many. What a look costs depends on how many are ready. */
export class Watch {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #words: Uint32Array;
  readonly #ready: number;
  readonly #one: number;
  readonly #oneWord: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    const arena = new Arena(libc, (EVENTS + 1) * 16);
    this.#words = arena.words;
    this.#ready = arena.address(arena.take(EVENTS * 16));
    const one = arena.take(16);
    this.#one = arena.address(one);
    this.#oneWord = one >> 2;
    this.fd = libc.epollCreate(EPOLL.CLOEXEC);
    if (this.fd < 0) throw new Error(`epoll_create1 ${libc.errorName(libc.errno())}`);
  }

  /**
   * @param data what data() gives back when the descriptor is ready
   * @returns false when it cannot be watched; one that is watched already stays so
   */
  add(fd: number, events: number, data: number): boolean {
    this.#words[this.#oneWord] = events;
    this.#words[this.#oneWord + DATA_WORD] = data;
    return (
      this.#libc.epollControl(this.fd, EPOLL.ADD, fd, this.#one) === 0 || this.#libc.errno() === ERRNO.EXIST
    );
  }

  remove(fd: number): void {
    this.#libc.epollControl(this.fd, EPOLL.DELETE, fd, this.#one);
  }

  /** Waits so long; returns how many are ready, of which came() and data() tell. */
  wait(milliseconds: number): number {
    const ready = this.#libc.epollWait(this.fd, this.#ready, EVENTS, milliseconds);
    if (ready >= 0) return ready;
    const errno = this.#libc.errno();
    if (errno !== ERRNO.INTR) throw new Error(`epoll_wait ${this.#libc.errorName(errno)}`);
    return 0;
  }

  came(event: number): number {
    return this.#words[event * EVENT_WORDS] as number;
  }

  data(event: number): number {
    return this.#words[event * EVENT_WORDS + DATA_WORD] as number;
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}
