import { CryptcabError } from '../error.js';
import { parseKey } from '../keys/key-text.js';
import { textKey } from '../keys/read-key.js';
import type { Log } from '../log.js';
import { PATH_HEADERS, PATH_MTU } from '../protocol/sizes.js';

const SECURE_KEY_BYTES = 32;

/** Names of a type's options, all of them: the compiler sees that none is forgotten. */
export type Names<Of> = Readonly<Record<keyof Of, true>>;

/**
 * The options of one call, read by name. Whatever is wrong with one is a CryptcabError that names it; what its value was is
 * not repeated, since it may be a key by mistake.
 */
export class Checked<Of extends object> {
  readonly #where: string;
  readonly #values: Partial<Record<keyof Of, unknown>>;

  /**
   * @param where for people: whose options they are
   * @throws CryptcabError for what is no object, or has what is no option
   */
  constructor(where: string, values: unknown, names: Names<Of>) {
    this.#where = where;
    const known = Object.keys(names);
    if (typeof values !== 'object' || values === null)
      throw new CryptcabError(`${where} takes an object with some of ${known.join(', ')}`);
    // A misspelt name must not make another cable of it than was asked for.
    for (const name of Object.keys(values)) {
      if (!known.includes(name))
        throw new CryptcabError(`${where} has no option ${name}; it has ${known.join(', ')}`);
    }
    this.#values = values;
  }

  refuse(why: string): never {
    throw new CryptcabError(`${this.#where}: ${why}`);
  }

  /** @throws CryptcabError when it is missing */
  required<T>(name: keyof Of, value: T | undefined): T {
    return value ?? this.refuse(`${String(name)} is missing`);
  }

  /** Whether it is there, and not false. */
  has(name: keyof Of): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== false;
  }

  /** The options of an object within; as if it were empty where it is missing. */
  within<Inner extends object>(name: keyof Of, names: Names<Inner>): Checked<Inner> {
    return new Checked(`${this.#where}: ${String(name)}`, this.#values[name] ?? {}, names);
  }

  /** @throws CryptcabError when both are there */
  apart(one: keyof Of & string, other: keyof Of & string, why: string): void {
    if (this.has(one) && this.has(other)) this.refuse(`${one} and ${other} exclude each other: ${why}`);
  }

  /**
   * What is there, if it is of this kind.
   * @param what it has to be, for people
   */
  take<T>(name: keyof Of, isOne: (value: unknown) => boolean, what: string): T | undefined {
    const value = this.#values[name];
    if (value !== undefined && !isOne(value)) this.refuse(`${String(name)} has to be ${what}`);
    return value as T | undefined;
  }

  /** A word that no program takes for an option. */
  word(name: keyof Of, what: string): string | undefined {
    return this.take(name, (value) => typeof value === 'string' && /^[^-\s]\S*$/.test(value), what);
  }

  words(name: keyof Of): readonly string[] | undefined {
    const isOne = (value: unknown) =>
      Array.isArray(value) && value.every((one) => typeof one === 'string' && !one.includes('\0'));
    return this.take(name, isOne, 'an array of strings');
  }

  flag(name: keyof Of): boolean | undefined {
    return this.take(name, (value) => typeof value === 'boolean', 'true or false');
  }

  integer(name: keyof Of, min: number, max: number, what: string): number | undefined {
    const isOne = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
    return this.take(name, isOne, `${what}, ${min} to ${max}`);
  }

  choice<T extends string>(name: keyof Of, choices: readonly T[]): T | undefined {
    return this.take(name, (value) => choices.includes(value as T), choices.join(' or '));
  }

  method<T>(name: keyof Of): T | undefined {
    return this.take(name, (value) => typeof value === 'function', 'a function');
  }

  /** A key of the secure cable: a copy of its bytes, or the content of the file that has it. */
  secureKey(name: keyof Of, maker: 'keygen' | 'genpsk', log: Log): Uint8Array | undefined {
    const value = this.take<Uint8Array | string>(
      name,
      (one) => isText(one) || is32Bytes(one),
      `${SECURE_KEY_BYTES} bytes, or the path of a file that holds them as text`,
    );
    return typeof value === 'string' ? textKey(value, maker, log) : value && Uint8Array.from(value);
  }

  /** A public key, as bytes or as text. */
  publicKey(name: keyof Of): Uint8Array | undefined {
    const value = this.take<Uint8Array | string>(
      name,
      (one) => (typeof one === 'string' && parseKey(one) !== undefined) || is32Bytes(one),
      `a public key: ${SECURE_KEY_BYTES} bytes, or 44 characters as cryptcab pubkey prints them`,
    );
    return typeof value === 'string' ? parseKey(value) : value && Uint8Array.from(value);
  }

  /** The largest UDP payload of a path whose MTU is told, bytes. */
  path(name: keyof Of): number {
    const mtu = this.integer(
      name,
      PATH_MTU.min,
      PATH_MTU.max,
      'the bytes of the largest IP packet of the path',
    );
    return (mtu ?? PATH_MTU.usual) - PATH_HEADERS;
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function is32Bytes(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === SECURE_KEY_BYTES;
}
