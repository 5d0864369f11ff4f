import { CryptcabError } from '../error.js';
import { ECHO_AFTER, ECHO_MAX } from '../protocol/secure/constants.js';
import type { Peer } from '../protocol/secure/peer.js';

/** How long a ping waits for its answer, ms; one that comes later counts as lost. */
const ANSWER_MS = ECHO_AFTER * ECHO_MAX;

/** The peer that is asked is down: there is no answer, and the question is no fault. */
export class NobodyThere extends CryptcabError {}

interface Asked {
  readonly peer: Peer;
  readonly question: bigint;
  readonly settle: (took: number | undefined) => void;
}

/** Questions that somebody waits for the answers to. */
export class Pings {
  readonly #asked = new Set<Asked>();

  /** Waits for the answer to a question: ms, or undefined when none came in time. */
  wait(peer: Peer, question: bigint): Promise<number | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), ANSWER_MS);
      const settle = (took: number | undefined) => {
        clearTimeout(timer);
        this.#asked.delete(asked);
        resolve(took);
      };
      const asked = { peer, question, settle };
      this.#asked.add(asked);
    });
  }

  answered(peer: Peer, question: bigint, took: number): void {
    for (const asked of this.#asked)
      if (asked.peer === peer && asked.question === question) asked.settle(took);
  }

  /** Nobody answers any more. */
  close(): void {
    for (const { settle } of this.#asked) settle(undefined);
  }
}
