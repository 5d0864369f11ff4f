import type { ClientEffect } from '../client-terms.js';
import { MUTE_AFTER, TRIAL } from '../constants.js';
import { probe } from '../messages.js';

const PLAIN = { suite: 'plain' } as const;

/**
 * Whether frames come on a cable without encryption. A server's AUTH_OK shows little: a C server of the ChaCha generation says it as
 * well, and sends no frame from then on. One of the Blowfish generation is not to be told from it before its first frame
 * comes. A server of ours is: it does not answer a probe (classic.md §7.2). Each handshake has another one.
 */
export class Trial {
  /** When next() has something to say, ms; Infinity when there is no trial, or nothing to wait for. */
  due = Infinity;
  #underWay = false;
  #began = 0;
  #probes = 0;
  #original = false;
  /** RESPONSEs that have no answer yet: so many AUTH_OKs answer no probe. */
  #unanswered = 0;

  /** The RESPONSE was sent. */
  asked(): void {
    this.#unanswered++;
  }

  /** The server has answered it. */
  begin(now: number): ClientEffect[] {
    this.#unanswered--;
    this.#underWay = true;
    this.#began = now;
    this.#probes = 0;
    this.#original = false;
    return [{ do: 'trial', keying: PLAIN }, ...this.next(now)];
  }

  /** To be asked when it is due. */
  next(now: number): ClientEffect[] {
    if (this.#original) {
      this.due = Infinity;
      return [{ do: 'mute' }];
    }
    if (this.#probes === TRIAL.probes) return this.pass();
    this.#probes++;
    this.due = now + TRIAL.interval;
    return [{ do: 'send', datagram: probe() }];
  }

  /** AUTH_OK came. If it answers a probe this is a C server, and only a frame shows that frames come. */
  answered(): void {
    if (this.#unanswered > 0) {
      this.#unanswered--;
    } else if (this.#underWay && !this.#original) {
      this.#original = true;
      this.due = this.#began + MUTE_AFTER;
    }
  }

  /** Frames come. */
  pass(): ClientEffect[] {
    if (!this.#underWay) return [];
    this.#underWay = false;
    this.due = Infinity;
    return [{ do: 'up', keying: PLAIN }];
  }
}
