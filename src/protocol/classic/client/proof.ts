import type { ClientEffect } from '../client-terms.js';
import type { Trial } from './trial.js';

/** The RESPONSE of a handshake. The same bytes, sent again, ask whether the server has accepted it (classic.md §2.6). */
export class Proof {
  /** When the LOGIN before it was sent, ms. */
  readonly loginAt: number;
  /** Where nothing is encrypted. */
  readonly trial: Trial | undefined;
  readonly #response: Uint8Array;
  #at = -Infinity;

  constructor(loginAt: number, response: Uint8Array, trial: Trial | undefined) {
    this.loginAt = loginAt;
    this.#response = response;
    this.trial = trial;
  }

  /** When it was sent last, ms. */
  get at(): number {
    return this.#at;
  }

  /** Sends it, once more. */
  send(now: number): ClientEffect {
    this.trial?.asked();
    this.#at = now;
    return { do: 'send', datagram: this.#response };
  }
}
