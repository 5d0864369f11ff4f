/** Where the cable says what happens; a pino logger is one. */
export interface Log {
  /** Each datagram, where a WireTap says so here. */
  trace(fields: object, message: string): void;
  /** Steps that are as they should be. */
  debug(fields: object, message: string): void;
  /** What happens: peers come and go, what was dropped and why. */
  info(fields: object, message: string): void;
  /** What somebody should look at. */
  warn(fields: object, message: string): void;
  /** What ends something. */
  error(fields: object, message: string): void;
}

/** Says nothing. */
export const SILENT: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

const INTERVAL = 60_000;
const KINDS_MAX = 256;

/**
 * Says a thing once a minute, unless a longer time is given, with how often it happened since, however often it happens: what comes from
 * the network must not fill a disk.
 */
export class SeldomLog {
  readonly #seen = new Map<string, { until: number; more: number }>();
  #suppressed = 0;

  /** How many lines were not said. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /**
   * @param kind what counts as the same thing
   * @param say called with how often it happened, this time included, when it is time to say it
   * @param times how often it happened this time
   * @param interval for how long it is not said again, ms
   */
  note(now: number, kind: string, say: (times: number) => void, times = 1, interval = INTERVAL): void {
    const seen = this.#seen.get(kind);
    if (seen !== undefined && now < seen.until) {
      seen.more += times;
      this.#suppressed++;
      return;
    }
    if (seen === undefined && this.#seen.size >= KINDS_MAX) {
      for (const [old, { until }] of this.#seen) if (now >= until) this.#seen.delete(old);
      if (this.#seen.size >= KINDS_MAX) {
        this.#suppressed++; // more kinds than anybody reads: these are not said
        return;
      }
    }
    this.#seen.set(kind, { until: now + interval, more: 0 });
    say(times + (seen?.more ?? 0));
  }
}
