// Which handshake messages are worth the work on them (WireGuard whitepaper §5.3): those of who knows our public key,
// and under load those of who has shown where it is, so often.

import type { Random } from '../classic/session-key.js';
import { RateLimit } from '../rate-limit.js';
import type { Remote } from '../remote.js';
import { LOAD, LOAD_LINGERS, PROVEN_RATE, SOURCE_RATE, SOURCES_MAX } from './constants.js';
import { CookieGiver } from './cookie.js';
import { sourceOf } from './source.js';
import type { SecureRefusal } from './terms.js';

export class Gate {
  readonly #giver: CookieGiver;
  readonly #load = new RateLimit(LOAD, LOAD, 1);
  readonly #sources = new RateLimit(SOURCE_RATE, PROVEN_RATE, SOURCES_MAX);
  #loadedUntil = -Infinity;

  /** @param own our public key */
  constructor(own: Uint8Array, random: Random) {
    this.#giver = new CookieGiver(own, random);
  }

  /** There is more to do than can be done: load, for a while. */
  overrun(now: number): void {
    this.#loadedUntil = now + LOAD_LINGERS;
  }

  /** Why an initiation or a response should not be looked at, and what it is answered; undefined when it is. */
  judge(
    now: number,
    from: Remote,
    message: Uint8Array,
  ): { readonly why: SecureRefusal; readonly answer?: Uint8Array } | undefined {
    if (!this.#giver.hasMac1(message)) return { why: 'bad mac1' };
    if (!this.#load.allow(now, '')) this.overrun(now);
    if (now >= this.#loadedUntil) return undefined;
    if (!this.#giver.hasMac2(now, from, message)) {
      return { why: 'no cookie', answer: this.#giver.reply(now, from, message) };
    }
    return this.#sources.allow(now, sourceOf(from.address)) ? undefined : { why: 'too many handshakes' };
  }

  wipe(): void {
    this.#giver.wipe();
  }
}
