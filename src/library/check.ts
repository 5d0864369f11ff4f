import { CryptcabError } from '../error.js';
import { isBytes } from '../is-bytes.js';
import { mayBeKey } from '../key-like.js';
import { parseKey } from '../keys/key-text.js';
import { textKey } from '../keys/read-key.js';
import type { Log } from '../log.js';
import { type HostFields, parseHostText } from '../network/host.js';
import { type PolicyFields, parsePolicy } from '../network/policy.js';
import { OPTIONS } from '../options/option-table.js';
import { copyKey } from '../protocol/secret.js';
import { datagramMax, PATH_MTU } from '../protocol/sizes.js';

const SECURE_KEY_BYTES = 32;

/** Names of a type's options, all of them: the compiler sees that none is forgotten. */
export type Names<Of> = Readonly<Record<keyof Of, true>>;

/** Of numbers, both ends among them. */
export interface Range {
  /** What they are, for people. */
  readonly what: string;
  readonly min: number;
  readonly max: number;
}

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

  /**
   * What is there, if it is of this kind.
   * @param what it has to be, for people
   */
  take<T>(name: keyof Of, isOne: (value: unknown) => boolean, what: string): T | undefined {
    const value = this.#take<T>(name, isOne, what);
    // It would go to a name server, into a log or into the message of an error.
    if (typeof value === 'string' && mayBeKey(value)) this.#refuseKey(name);
    return value;
  }

  #take<T>(name: keyof Of, isOne: (value: unknown) => boolean, what: string): T | undefined {
    const value = this.#values[name];
    if (value !== undefined && !isOne(value)) this.refuse(`${String(name)} has to be ${what}`);
    return value as T | undefined;
  }

  #refuseKey(name: keyof Of): never {
    this.refuse(
      `${String(name)} is what may be a key of another kind; a file of that name is written ./NAME`,
    );
  }

  /**
   * A key: a copy of its bytes, or what its text stands for; or else the path of its file.
   * @param parse what a text stands for; undefined where it is no key
   * @param what it has to be, for people
   */
  key(
    name: keyof Of,
    isOne: (bytes: Uint8Array) => boolean,
    parse: (text: string) => Uint8Array | undefined,
    what: string,
  ): Uint8Array | string | undefined {
    const value = this.#take<Uint8Array | string>(
      name,
      (one) => isText(one) || (isBytes(one) && isOne(one)),
      what,
    );
    if (typeof value !== 'string') return value && copyKey(value);
    const key = parse(value);
    if (key === undefined) return mayBeKey(value) ? this.#refuseKey(name) : value;
    return isOne(key) ? key : this.refuse(`${String(name)} has to be ${what}`);
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

  policy(name: keyof Of): PolicyFields | undefined {
    const text = this.take<string>(name, (value) => typeof value === 'string', 'a text');
    const fields = text === undefined ? undefined : parsePolicy(text);
    return typeof fields === 'string' ? this.refuse(`${String(name)}: ${fields}`) : fields;
  }

  host(name: keyof Of): HostFields | undefined {
    const text = this.take<string>(name, (value) => typeof value === 'string', 'a text');
    const fields = text === undefined ? undefined : parseHostText(text);
    return typeof fields === 'string' ? this.refuse(`${String(name)}: ${fields}`) : fields;
  }

  integer(name: keyof Of, { what, min, max }: Range): number | undefined {
    const isOne = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
    return this.take(name, isOne, `${what}, ${min} to ${max}`);
  }

  choice<T extends string>(name: keyof Of, choices: readonly T[]): T | undefined {
    return this.take(name, (value) => choices.includes(value as T), choices.join(' or '));
  }

  method<T>(name: keyof Of): T | undefined {
    return this.take(name, (value) => typeof value === 'function', 'a function');
  }

  /** A key of the secure cable, or the content of the file that has it. */
  secureKey(name: keyof Of, maker: 'keygen' | 'genpsk', log: Log): Uint8Array | undefined {
    const what = `${SECURE_KEY_BYTES} bytes, 44 characters as cryptcab ${maker} prints them, or the path of a file with them`;
    const key = this.key(name, has32Bytes, parseKey, what);
    return typeof key === 'string' ? textKey(key, maker, log) : key;
  }

  /** A public key, as bytes or as text. */
  publicKey(name: keyof Of): Uint8Array | undefined {
    const what = `a public key: ${SECURE_KEY_BYTES} bytes, or 44 characters as cryptcab pubkey prints them`;
    const key = this.key(name, has32Bytes, parseKey, what);
    return typeof key === 'string' ? this.refuse(`${String(name)} has to be ${what}`) : key;
  }

  /** The largest UDP payload of a path with this MTU, bytes. */
  path(name: keyof Of): number {
    const mtu = this.integer(name, OPTIONS['secure.pathMtu'].value);
    return datagramMax(mtu ?? PATH_MTU.usual);
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function has32Bytes(bytes: Uint8Array): boolean {
  return bytes.length === SECURE_KEY_BYTES;
}
