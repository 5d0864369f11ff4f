import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../protocol/classic/session-key.js';
import { FieldError } from './fields.js';

/**
 * The bytes that vectors are made of, the same for the same seed and file: the key stream of ChaCha20 (RFC 8439) from block 0
 * on, with a nonce of zeros, under SHA-256 of `cryptcab vectors SEED NAME`.
 */
export function seededRandom(seed: number, name: string): Random {
  const key = sha256(utf8ToBytes(`cryptcab vectors ${seed} ${name}`));
  const stream = chacha20(key, new Uint8Array(12), new Uint8Array(0x20000));
  let at = 0;
  return (bytes) => {
    if (at + bytes > stream.length)
      throw new RangeError('a file of vectors is not to need so many random bytes');
    at += bytes;
    return stream.slice(at - bytes, at);
  };
}

/** Random bytes that a test gives, in the order in which they are drawn. */
export class Tape {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  readonly draw: Random = (bytes) => {
    if (this.#at + bytes > this.#bytes.length) throw new FieldError('gives too few random bytes');
    this.#at += bytes;
    return this.#bytes.slice(this.#at - bytes, this.#at);
  };
}

/** Random bytes of a generator, kept as what a Tape gives again. */
export class Recorder {
  readonly #random: Random;
  #drawn = new Uint8Array();

  constructor(random: Random) {
    this.#random = random;
  }

  get drawn(): Uint8Array {
    return this.#drawn;
  }

  readonly draw: Random = (bytes) => {
    const some = this.#random(bytes);
    this.#drawn = concatBytes(this.#drawn, some);
    return some;
  };
}
