import { messageOf } from '../../error.js';
import { keyText } from '../../keys/key-text.js';
import type { PeerLine } from '../../keys/peers-file.js';
import { parsePeers } from '../../keys/peers-file.js';
import type { Log } from '../../log.js';
import { remoteText } from '../../protocol/remote.js';
import type { Peer } from '../../protocol/secure/peer.js';
import type { Stranger } from '../../protocol/secure/terms.js';
import type { Outcome } from '../shell.js';
import { peerText } from './peer-text.js';
import type { ReadOnlyLine } from './read-only.js';

/** Questions that are under way at a time. */
const TOGETHER = 64;
/** For how long an answer holds unless it says so itself, and one that lets nobody in, ms. */
const TTL_MS = 300_000;
const REFUSED_MS = 10_000;
const REFUSED_MAX = 1_024;
const LOOK_MS = 1_000;
/** For how long a peer that is not up is asked about, as one that is: after that it is asked about when it calls, ms. */
const AWAY_MS = 3_600_000;
/** How many strangers are looked at: who has no key of a peer must not take much time. */
export const VERIFY_RATE = { rate: 100, burst: 128 } as const;

/** Asks somebody else whether a public key may connect, and from where it calls. */
export type AskPeer = (publicKey: string, address: string) => Promise<Outcome>;

/** Who is asked. */
export interface Asked {
  /** What messages call it. */
  readonly who: string;
  /** Where its answers come from, for people. */
  readonly from: string;
  readonly ask: AskPeer;
}

/** What the owner of the peers does. */
export interface VerifierHost {
  /** Who called last and is not known; `now` by the clock of their times. */
  strangers(): { readonly strangers: readonly Stranger[]; readonly now: number };
  /** @throws Error where it cannot be let in */
  admit(line: PeerLine): Peer;
  /** A line may say something else of the peer than before. */
  change(peer: Peer, line: PeerLine): void;
  remove(peer: Peer): void;
  /** Whether it has not been removed by others. */
  has(peer: Peer): boolean;
  isUp(peer: Peer): boolean;
}

interface Known {
  readonly peer: Peer;
  until: number;
  address: string;
  /** When it was up last. */
  seen: number;
}

/** What an answer says: a peer's line, for how long, ms; nothing; or text, why it is no answer. */
export function readAnswer(
  printed: string,
  publicKey: string,
): { readonly line: PeerLine; readonly ttl: number } | string | undefined {
  const first = printed.split('\n').find((one) => one.trim() !== '');
  if (first === undefined) return undefined;
  let ttl = TTL_MS;
  const words: string[] = [];
  for (const word of first.trim().split(/\s+/)) {
    const [, seconds] = /^ttl=(.*)$/.exec(word) ?? [];
    if (seconds === undefined) words.push(word);
    else if (/^\d{1,7}$/.test(seconds)) ttl = 1_000 * Number(seconds);
    else return 'ttl= is followed by a number of seconds, from 0 to 9999999';
  }
  const { peers, wrong } = parsePeers(words.join(' '));
  const [line] = peers;
  if (line === undefined) return wrong[0]?.why ?? 'it says nothing of a peer';
  return keyText(line.publicKey) === publicKey ? { line, ttl } : 'it is about another public key';
}

/** Lets peers in that somebody else answers for, and cuts them off when that does so no more. */
export class Verifier {
  readonly #ask: AskPeer;
  readonly #who: string;
  readonly #from: string;
  readonly #host: VerifierHost;
  readonly #log: Log;
  readonly #asking = new Set<string>();
  /** Until when those are not asked for, the oldest first. */
  readonly #refused = new Map<string, number>();
  readonly #known = new Map<string, Known>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor({ who, from, ask }: Asked, host: VerifierHost, log: Log) {
    this.#who = who;
    this.#from = from;
    this.#ask = ask;
    this.#host = host;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Somebody calls whose public key is not known here. */
  stranger(publicKey: string, address: string): void {
    if (this.#closed || this.#asking.has(publicKey) || this.#asking.size >= TOGETHER) return;
    if ((this.#refused.get(publicKey) ?? 0) > performance.now()) return;
    this.#run(publicKey, address);
  }

  /** What says of a peer that it may connect; undefined for one that this has not let in. */
  readOnly(peer: Peer): ReadOnlyLine | undefined {
    if (this.#known.get(keyText(peer.publicKey))?.peer !== peer) return undefined;
    return { from: this.#from, until: `${this.#who} answers again` };
  }

  async #run(publicKey: string, address: string): Promise<void> {
    this.#asking.add(publicKey);
    const outcome = await this.#ask(publicKey, address);
    this.#asking.delete(publicKey);
    if (!this.#closed) this.#answered(publicKey, address, outcome);
  }

  #answered(publicKey: string, address: string, { failure, printed }: Outcome): void {
    const known = this.#known.get(publicKey);
    const answer = failure === undefined ? readAnswer(printed, publicKey) : failure;
    if (typeof answer === 'string') {
      const says = failure === undefined ? `says what is no peer's line: ${answer}` : failure;
      this.#log.warn({ publicKey }, `${this.#who} ${says}`);
      if (known === undefined) this.#refuse(publicKey);
      else known.until = performance.now() + REFUSED_MS; // whoever was let in stays while nobody answers
      return;
    }
    if (answer === undefined) {
      this.#refuse(publicKey);
      if (known === undefined)
        this.#log.info({ peer: address, publicKey }, `${this.#who} does not let a caller in`);
      else this.#drop(publicKey, known);
      return;
    }
    const seen = performance.now();
    const until = seen + answer.ttl;
    if (known !== undefined) {
      known.until = until;
      this.#host.change(known.peer, answer.line);
      return;
    }
    try {
      const peer = this.#host.admit(answer.line);
      this.#known.set(publicKey, { peer, until, address, seen });
      this.#log.info({ peer: peerText(peer), address }, `${this.#who} lets a peer in`);
    } catch (error) {
      this.#refuse(publicKey);
      this.#log.warn({ publicKey }, `what ${this.#who} says of a peer cannot be: ${messageOf(error)}`);
    }
  }

  #refuse(publicKey: string): void {
    this.#refused.delete(publicKey);
    this.#refused.set(publicKey, performance.now() + REFUSED_MS);
    for (const oldest of this.#refused.keys()) {
      if (this.#refused.size <= REFUSED_MAX) break;
      this.#refused.delete(oldest);
    }
  }

  #drop(publicKey: string, { peer }: Known): void {
    this.#known.delete(publicKey);
    this.#log.info(
      { peer: peerText(peer) },
      `${this.#who} does not answer for a peer any more: it is cut off`,
    );
    this.#host.remove(peer);
  }

  /** Asks for those who call again, and for those whose time is over. */
  #look(): void {
    const { strangers, now } = this.#host.strangers();
    for (const { publicKey, from, last } of strangers)
      if (now - last < 2 * LOOK_MS) this.stranger(keyText(publicKey), remoteText(from));
    const time = performance.now();
    for (const [publicKey, known] of this.#known) {
      if (!this.#host.has(known.peer)) {
        this.#known.delete(publicKey);
        continue;
      }
      if (this.#host.isUp(known.peer)) known.seen = time;
      if (known.until > time || this.#asking.has(publicKey)) continue;
      if (time - known.seen < AWAY_MS) {
        // Also about one that is not up: it may come back while nobody answers.
        if (this.#asking.size < TOGETHER) this.#run(publicKey, known.address);
      } else {
        this.#known.delete(publicKey);
        this.#host.remove(known.peer);
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }
}
