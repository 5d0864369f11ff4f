// What a supervisor of this program gets to know: systemd, if it has started it.

import type { Watcher } from '../../ends/running.js';
import type { Log } from '../../log.js';
import { commandText } from '../names.js';
import { SdNotify, takeWanted, type Wanted } from './sd-notify.js';
import { ServiceStatus } from './service-status.js';

/** How often it is looked why a cable is not up yet, ms. */
const LOOK_MS = 1_000;

/** Before any other program is started, which would hear of it. */
export function takeSupervisor(): Wanted | undefined {
  return takeWanted(process.env);
}

/** Told what becomes of this program; without a supervisor nobody hears of it. */
export class Service {
  readonly #notify: SdNotify | undefined;
  readonly #status: ServiceStatus;
  #look: NodeJS.Timeout | undefined;
  /** Whether it was said that it is up: before that it starts, and a reload must not end that. */
  #ready = false;

  private constructor(notify: SdNotify | undefined, server: string | undefined) {
    this.#notify = notify;
    this.#status = new ServiceStatus(server, (line) => notify?.status(commandText(line)));
    this.#status.waits(undefined);
  }

  /** @param server whom a client calls; undefined of a server */
  static async open(wanted: Wanted | undefined, server: string | undefined, log: Log): Promise<Service> {
    return new Service(wanted && (await SdNotify.open(wanted, log)), server);
  }

  /** Gets what becomes of the cable. */
  get watcher(): Watcher {
    return this.#status;
  }

  /** What is waited for. */
  waits(why: string | undefined): void {
    this.#status.waits(why);
  }

  /**
   * It is up when that resolves.
   * @param trouble says why it is not, as far as that is known
   */
  async upWhen(up: Promise<void>, trouble: () => string | undefined): Promise<void> {
    if (this.#notify === undefined) return;
    this.#look = setInterval(() => this.waits(trouble()), LOOK_MS);
    try {
      await up;
      this.waits(undefined);
      this.#notify.ready();
      this.#ready = true;
    } catch {
      // it ends, and says why
    } finally {
      clearInterval(this.#look);
    }
  }

  /** Reads again what can be read again. */
  reload(act: () => void): void {
    const notify = this.#ready ? this.#notify : undefined;
    notify?.reloading();
    act();
    notify?.ready();
  }

  stopping(): void {
    clearInterval(this.#look);
    this.#notify?.stopping();
  }

  close(): void {
    clearInterval(this.#look);
    this.#notify?.close();
  }
}
