// What a service tells systemd (sd_notify(3)), and its watchdog.
import { spawn } from 'node:child_process';
import { loadLibc } from '../../cable/native/linux/libc.js';
import { UnixDatagrams } from '../../cable/native/linux/unix-datagrams.js';
import { messageOf } from '../../error.js';
import type { Log } from '../../log.js';

/** systemd did not take a message: it is sent again after so long, ms. */
const AGAIN_MS = 100;
/** So many times. */
const TIMES = 50;
/** Of the time that the watchdog has, ping after this part. */
const WATCHDOG_PART = 1 / 3;

/** What systemd says to a service in its environment. */
export interface Wanted {
  readonly socket: string;
  /** How long the service may be silent, ms; undefined for ever. */
  readonly watchdog: number | undefined;
}

/**
 * Takes what systemd says out of an environment: no program that this one starts speaks for the service.
 * @returns undefined where no systemd waits for this process
 */
export function takeWanted(environment: NodeJS.ProcessEnv, pid = process.pid): Wanted | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: time, WATCHDOG_PID: watched } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined || !/^[/@]/.test(socket)) return undefined;
  const microseconds = watched === undefined || Number(watched) === pid ? Number(time) : Number.NaN;
  return { socket, watchdog: microseconds > 0 ? microseconds / 1_000 : undefined };
}

/** Sends one message; throws when systemd does not take it. */
type Send = (text: string) => void;

/** Without the C library a child sends it, and the unit has to allow that: NotifyAccess=all. */
function byChild(socket: string): Send {
  return (text) => {
    const env = { ...process.env, NOTIFY_SOCKET: socket };
    const child = spawn('systemd-notify', text.split('\n'), { env, stdio: 'ignore' });
    child.on('error', () => {}); // it was said that it needs this program
  };
}

/** Tells systemd how a service does. */
export class SdNotify {
  readonly #send: Send;
  readonly #watchdog: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #status = '';

  private constructor(send: Send, watchdog: number | undefined) {
    this.#send = send;
    if (watchdog !== undefined)
      this.#watchdog = setInterval(() => this.#tell('WATCHDOG=1'), watchdog * WATCHDOG_PART);
  }

  static async open({ socket, watchdog }: Wanted, log: Log): Promise<SdNotify> {
    let send: Send;
    try {
      const datagrams = new UnixDatagrams(await loadLibc(), socket);
      send = (text) => datagrams.send(text);
    } catch (error) {
      const why = messageOf(error);
      log.warn({}, `notifies systemd by systemd-notify, for which the unit needs NotifyAccess=all: ${why}`);
      send = byChild(socket);
    }
    return new SdNotify(send, watchdog);
  }

  #tell(text: string, times = TIMES): void {
    try {
      this.#send(text);
    } catch {
      if (times === 0) return; // whoever asked for it is not there any more
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        this.#tell(text, times - 1);
      }, AGAIN_MS);
      this.#waiting.add(timer);
    }
  }

  /** It is up, or up again after reloading(). */
  ready(): void {
    this.#tell('READY=1');
  }

  /** One line for people; said again only when it is another one. */
  status(line: string): void {
    if (line === this.#status) return;
    this.#status = line;
    this.#tell(`STATUS=${line}`);
  }

  reloading(): void {
    // Linux has hrtime from CLOCK_MONOTONIC, which systemd compares it with.
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  stopping(): void {
    this.#tell('STOPPING=1');
  }

  close(): void {
    clearInterval(this.#watchdog);
    for (const timer of this.#waiting) clearTimeout(timer);
  }
}
