import type { Keying } from '../../../core/terms.js';
import { copyKey } from '../../secret.js';
import type { ClientOptions } from '../client-terms.js';
import { type CipherChoice, keyingsOf, newId, newKey, type Secret, wipe } from '../session-key.js';
import { Ladder } from './ladder.js';

/**
 * Whether the server has the key of an id, or is not expected to need one.
 * - never: no key has been carried to it, and none can do without
 * - renewed: there is a new one, which the server has not
 * - there: it has, or needs none
 */
type Place = 'never' | 'renewed' | 'there';

/** The key that a client proves, the id under which the server finds it, and the ways to use it. */
export class ClientKey {
  readonly #options: Pick<ClientOptions, 'mode' | 'cipher' | 'random'>;
  readonly #ladder: Ladder;
  #id: string;
  #secret: Secret;
  #ways: readonly [Keying, ...Keying[]];
  #place: Place;
  /** Where nothing is encrypted: the server has wanted a key since the cable was up. */
  #wanted = false;

  constructor(options: Pick<ClientOptions, 'mode' | 'cipher' | 'random'>) {
    this.#options = options;
    const { mode, random } = options;
    const carried = mode.kind === 'random' ? mode.carried : undefined;
    this.#id = carried?.id ?? newId(random);
    this.#place = mode.kind === 'random' && carried === undefined ? 'never' : 'there';
    this.#secret =
      mode.kind === 'plain'
        ? 'none'
        : mode.kind === 'preshared'
          ? mode.key
          : (carried?.key ?? newKey(random, this.#cipher));
    this.#ways = keyingsOf(this.#secret, this.#cipher);
    this.#ladder = new Ladder(this.#ways.length);
  }

  get #cipher(): CipherChoice {
    // `-x` is of the Blowfish generation alone (classic.md §3.4).
    return this.#options.mode.kind === 'plain' ? 'blowfish' : (this.#options.cipher ?? 'auto');
  }

  get id(): string {
    return this.#id;
  }

  /** The key, as it is tried now. */
  get keying(): Keying {
    return this.#ways[this.#ladder.way] ?? this.#ways[0];
  }

  /** Whether a LOGIN makes sense. */
  get there(): boolean {
    return this.#place === 'there';
  }

  /** Whether nothing has been carried yet, though something has to be. */
  get never(): boolean {
    return this.#place === 'never';
  }

  /** The server has it, or may do without after all. */
  carried(): void {
    this.#place = 'there';
  }

  /** A copy to be carried. Where nothing is encrypted the key is a password for the handshake that nobody looks at. */
  toCarry(): Uint8Array {
    return this.#secret === 'none' ? newKey(this.#options.random, this.#cipher) : copyKey(this.#secret);
  }

  /** Goes on to the next way to use it, as Ladder.next does. */
  nextWay(): boolean {
    return this.#ladder.next();
  }

  /** The server has let this client in. */
  worked(): void {
    this.#wanted = false;
    this.#ladder.holds();
  }

  /** Whether a server wants a key although nothing is encrypted (classic.md §4.3): true once, until the cable is up. */
  wantedNow(): boolean {
    if (this.#options.mode.kind !== 'plain' || this.#wanted) return false;
    this.#wanted = true;
    return true;
  }

  /** A new id, and a new key behind it, for the server to be given. */
  renew(): void {
    const { mode, random } = this.#options;
    this.#id = newId(random);
    this.#place = 'renewed';
    if (mode.kind !== 'random') return;
    wipe(this.#secret);
    this.#secret = newKey(random, this.#cipher);
    this.#ways = keyingsOf(this.#secret, this.#cipher);
  }

  wipe(): void {
    wipe(this.#secret);
  }
}
