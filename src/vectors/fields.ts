import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { VectorGroup, VectorTest } from './format.js';

/** A test lacks what its type asks for, or has something else there: it fails, whatever its result. */
export class FieldError extends Error {}

/** The program refused what a test gave. */
export class Refused extends Error {
  /** @param reason a name of STATUS, SECURE_REFUSALS or ServerRefusal */
  constructor(readonly reason: string) {
    super(reason);
  }
}

/** The program came to something else than a test says. */
export class Differs extends Error {
  constructor(what: string, expected: string, got: string) {
    super(`${what} is ${short(got)}, not ${short(expected)}`);
  }
}

/** Enough of a long value to see where it differs in kind. */
function short(text: string): string {
  return text.length <= 80 ? text || 'empty' : `${text.slice(0, 64)}… (${text.length} characters)`;
}

/** @throws Differs */
export function same(what: string, expected: Uint8Array | string, got: Uint8Array | string): void {
  const [one, other] = [expected, got].map((value) =>
    typeof value === 'string' ? value : bytesToHex(value),
  );
  if (one !== other) throw new Differs(what, one as string, other as string);
}

/** What a test has, in its own object or in its group's. Each reader throws FieldError. */
export class Fields {
  readonly #test: VectorTest;
  readonly #group: VectorGroup;

  constructor(group: VectorGroup, test: VectorTest) {
    this.#group = group;
    this.#test = test;
  }

  /** Whether it says that what it gives is right. */
  get valid(): boolean {
    return this.#test.result === 'valid';
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  value(name: string): unknown {
    return this.#test[name] ?? this.#group[name];
  }

  bytes(name: string): Uint8Array {
    return unhex(this.text(name), name);
  }

  /** Of a field that may be left out: undefined then. */
  optional(name: string): Uint8Array | undefined {
    return this.has(name) ? this.bytes(name) : undefined;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== 'string') throw new FieldError(`lacks ${name}`);
    return value;
  }

  number(name: string): number {
    const value = this.value(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value))
      throw new FieldError(`lacks ${name}, a whole number`);
    return value;
  }

  counter(name: string): bigint {
    const text = this.text(name);
    if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 1n << 64n)
      throw new FieldError(`${name} is no number of 64 bits in decimal`);
    return BigInt(text);
  }

  list(name: string): readonly unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw new FieldError(`lacks ${name}, a list`);
    return value;
  }

  /** A list of bytes. */
  byteList(name: string): Uint8Array[] {
    return this.list(name).map((one) => unhex(one, name));
  }
}

export function unhex(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value))
    throw new FieldError(`${name} is not in hexadecimal`);
  return hexToBytes(value);
}
