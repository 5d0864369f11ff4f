// What a terminal shows of a cable, a line each: it is up, and with what; it is gone, and why; it is back.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerIdentity } from '../../cable/plug/plug.js';
import type { PeerStatus } from '../../control/status.js';
import type { PeerDown, PeerUp, Running, Watcher } from '../../ends/running.js';
import { clockText, printable } from '../log/for-people.js';
import type { Settings } from '../options.js';
import { writeLine } from '../say.js';

/** How long a line may wait for the round-trip time, ms, and how often it is asked for: the other end has to say first that it answers. */
const MEASURE_MS = 2_000;
const ASK_MS = 50;
/** Peers that were up once and are gone: of more, the one that has been away the longest is new when it comes back. */
const AWAY_MAX = 1_024;

/** Why a client's cable is down, and why a server's client is gone. */
export const DOWN: Readonly<Record<PeerDown, readonly [client: string, server: string]>> = {
  unknown: ['the server has forgotten this client', 'it is not known any more'],
  silent: ['nothing comes from the server any more', 'nothing has come from it for long'],
  expired: ['nothing has come from the server for long', 'nothing has come from it for long'],
  goodbye: ['the server said goodbye', 'it said goodbye'],
  moved: ['the server has moved', 'it has logged in from another address'],
  removed: ['the server is not a peer any more', 'it may not connect any more'],
  disconnected: ['the session was ended', 'its session was ended'],
};

/** The part of a running end that is asked. */
type Asked = Pick<Running, 'report' | 'ping'>;

/** A time, in the unit that a person would take. */
function spanText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

const cableText = (cipher: string) =>
  cipher === 'secure' ? 'secure' : cipher === 'plain' ? 'not encrypted' : `classic, ${cipher}`;

export class Notices implements Watcher {
  readonly #say: (line: string) => void;
  /** What a client's server is called; undefined on a server. */
  readonly #server: string | undefined;
  #running: Asked | undefined;
  /** Since when peers are away, ms since 1970. */
  readonly #away = new Map<string, number>();
  /** Peers whose line waits for the round-trip time, and what ends the wait. */
  readonly #measuring = new Map<string, AbortController>();

  /** @param say writes a line */
  constructor(say: (line: string) => void, server: string | undefined) {
    this.#say = say;
    this.#server = server;
  }

  /** The end that this is of runs. */
  watch(running: Asked): void {
    this.#running = running;
  }

  /**
   * A server has begun.
   * @param up resolves when it has had a port of its switch: the log says what it waits for until then
   */
  serving(port: number, locator: string, up: Promise<void>): void {
    up.then(
      () => this.#line(`serving UDP port ${port} on ${locator}`),
      () => {}, // it ends, and says why
    );
  }

  up(peer: PeerUp): void {
    const key = keyOf(peer);
    const since = this.#away.get(key);
    this.#away.delete(key);
    const back = since === undefined ? 'up' : `back after ${spanText(Date.now() - since)}`;
    const measuring = new AbortController();
    this.#measuring.get(key)?.abort();
    this.#measuring.set(key, measuring);
    void this.#measured(peer, measuring.signal).then((took) => {
      if (this.#measuring.get(key) === measuring) this.#measuring.delete(key);
      this.#line(`${this.#who(peer)} is ${back}: ${this.#with(peer, took)}`);
    });
  }

  down(peer: PeerIdentity, why: PeerDown): void {
    const key = keyOf(peer);
    this.#away.delete(key);
    this.#away.set(key, Date.now());
    for (const oldest of this.#away.keys()) {
      if (this.#away.size <= AWAY_MAX) break;
      this.#away.delete(oldest);
    }
    const [client, server] = DOWN[why];
    const says =
      this.#server === undefined
        ? `${this.#who(peer)} is gone: ${server}`
        : `the cable is down: ${client}; calling it again`;
    const measuring = this.#measuring.get(key);
    if (measuring === undefined) {
      this.#line(says);
      return;
    }
    // It was up, for a moment: that is said first.
    measuring.abort();
    setImmediate(() => this.#line(says));
  }

  /** The log says these, at every verbosity. */
  unplugged(): void {}
  plugged(): void {}

  /** The round-trip time, ms; undefined where nobody answers questions, or not soon. */
  async #measured({ publicKey, cipher }: PeerUp, signal: AbortSignal): Promise<number | undefined> {
    if (cipher !== 'secure' || publicKey === undefined) return undefined;
    const over = AbortSignal.any([signal, AbortSignal.timeout(MEASURE_MS)]);
    const ended = new Promise<undefined>((resolve) =>
      over.addEventListener('abort', () => resolve(undefined)),
    );
    while (!over.aborted) {
      try {
        if (this.#running !== undefined) return await Promise.race([this.#running.ping(publicKey), ended]);
      } catch {
        // It has not said yet that it answers.
      }
      await sleep(ASK_MS, undefined, { signal: over }).catch(() => {});
    }
    return undefined;
  }

  #who({ name, peer }: PeerIdentity): string {
    return this.#server === undefined ? (name ?? peer) : 'the cable';
  }

  /** What a cable is up with. */
  #with(peer: PeerUp, took: number | undefined): string {
    const status = this.#statusOf(peer);
    const server = this.#server;
    const address =
      server === undefined || peer.address.startsWith(server) ? peer.address : `${server} at ${peer.address}`;
    return [
      cableText(peer.cipher),
      address,
      ...(status?.pathMtu ? [`MTU ${status.pathMtu}`] : []),
      ...(took === undefined ? [] : [`${took.toFixed(1)} ms there and back`]),
    ].join(', ');
  }

  #statusOf({ publicKey, peer }: PeerUp): PeerStatus | undefined {
    const peers = this.#running?.report().peers ?? [];
    if (this.#server !== undefined) return peers[0];
    return peers.find((one) => (publicKey === undefined ? one.peer === peer : one.publicKey === publicKey));
  }

  #line(text: string): void {
    this.#say(`[${clockText(Date.now()).replace(/\..*/, '')}] ${printable(text)}`);
  }
}

/** Lines for a person at a terminal, unless they asked for silence, or for the log in a file; the C program's face says nothing. */
export function noticesFor({ tells, logFile, connect }: Settings): Notices | undefined {
  if (tells === undefined || logFile !== undefined || !process.stderr.isTTY) return undefined;
  return new Notices((line) => writeLine(`${line}\n`), connect?.host);
}

/** Calls both. */
export function watchers(one: Watcher, other: Watcher | undefined): Watcher {
  if (other === undefined) return one;
  const tell = (told: (each: Watcher) => void) => {
    told(one);
    told(other);
  };
  return {
    up: (peer) => tell((each) => each.up(peer)),
    down: (peer, why) => tell((each) => each.down(peer, why)),
    unplugged: (peer, why) => tell((each) => each.unplugged(peer, why)),
    plugged: (peer) => tell((each) => each.plugged(peer)),
  };
}

const keyOf = ({ publicKey, peer }: PeerIdentity) => publicKey ?? peer;
