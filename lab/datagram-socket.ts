// A UNIX datagram socket that a test listens at, as systemd and the system's log do.
import { Arena } from '../src/cable/native/linux/arena.js';
import { AF, loadLibc, SOCK } from '../src/cable/native/linux/libc.js';
import { until } from './process.js';

const NAME_BYTES = 110;
const DATAGRAM_BYTES = 64 << 10;

/** Takes what is sent to a socket. */
export class DatagramSocket {
  /** All that came. */
  readonly taken: string[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #close: () => void;

  private constructor(receive: () => string | undefined, close: () => void) {
    this.#close = close;
    this.#timer = setInterval(() => {
      for (let text = receive(); text !== undefined; text = receive()) this.taken.push(text);
    }, 10);
  }

  /** @param path of the socket; `@` before it: an abstract name */
  static async open(path: string): Promise<DatagramSocket> {
    const libc = await loadLibc();
    const arena = new Arena(libc, DATAGRAM_BYTES + 256);
    const name = arena.take(NAME_BYTES);
    const bytes = arena.take(DATAGRAM_BYTES);
    const text = Buffer.from(path.replace(/^@/, '\0'));
    arena.halves[name >> 1] = AF.UNIX;
    arena.bytes.set(text, name + 2);
    const fd = libc.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    const length = 2 + text.length + (path.startsWith('@') ? 0 : 1);
    if (libc.bind(fd, arena.address(name), length) !== 0)
      throw new Error(`bind: ${libc.errorName(libc.errno())}`);
    const receive = () => {
      const got = libc.read(fd, arena.address(bytes), DATAGRAM_BYTES);
      return got < 0 ? undefined : Buffer.from(arena.bytes.slice(bytes, bytes + got)).toString();
    };
    return new DatagramSocket(receive, () => libc.close(fd));
  }

  /** Waits until one of what came matches. */
  async takes(pattern: RegExp): Promise<string> {
    const find = () => this.taken.find((text) => pattern.test(text));
    await until(
      `${pattern} comes to the socket; there came: ${this.taken.join(' | ')}`,
      () => !!find(),
      30_000,
    );
    return find() as string;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#close();
  }
}
