import type { Remote } from '../remote.js';
import type { SecureEffect, SecureHint, SecureRefusal } from './terms.js';

/** What the host is to do, and what was dropped. */
export class Outbox {
  readonly refused = new Map<SecureRefusal, bigint>();
  #effects: SecureEffect[] = [];

  push(effect: SecureEffect): void {
    this.#effects.push(effect);
  }

  hint(hint: SecureHint): void {
    this.push({ do: 'hint', hint });
  }

  /** A datagram is dropped. */
  refuse(from: Remote, why: SecureRefusal): void {
    this.refused.set(why, (this.refused.get(why) ?? 0n) + 1n);
    this.push({ do: 'refused', from, why });
  }

  take(): SecureEffect[] {
    return this.#effects.splice(0);
  }
}
