import type { PeerIdentity } from '../../cable/plug/plug.js';
import type { PeerDown, PeerUp, Watcher } from '../../ends/running.js';
import type { Log } from '../../log.js';
import type { Settings } from '../options.js';
import { DOWN } from './notices.js';

/** Logs when peers come and go, for a log that shows only warnings; with `-v` the ends log it themselves. */
class Comings implements Watcher {
  readonly #log: Log;
  readonly #server: string | undefined;

  /** @param server what a client's server is called; undefined on a server */
  constructor(log: Log, server: string | undefined) {
    this.#log = log;
    this.#server = server;
  }

  up({ peer, address, cipher, device }: PeerUp): void {
    const port = device === undefined ? {} : { port: device };
    if (this.#server === undefined) this.#log.info({ peer, address, cipher, ...port }, 'peer is up');
    else this.#log.info({ server: this.#server, address, cipher, ...port }, 'the cable is up');
  }

  down({ peer }: PeerIdentity, why: PeerDown): void {
    const [client, server] = DOWN[why];
    if (this.#server === undefined) this.#log.info({ peer }, `peer is gone: ${server}`);
    else this.#log.info({ server: this.#server }, `the cable is down: ${client}; calling it again`);
  }

  /** The log has these at every verbosity. */
  unplugged(): void {}
  plugged(): void {}
}

/**
 * For the log of a cable that was started without `-v`, unless silence was asked for; the C program's face says nothing.
 * @param log shows what it is given, whatever the verbosity
 */
export function comingsFor({ tells, verbosity, connect }: Settings, log: Log): Watcher | undefined {
  return tells === undefined || verbosity > 0 ? undefined : new Comings(log, connect?.host);
}
