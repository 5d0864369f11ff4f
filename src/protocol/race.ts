// The addresses of one name, tried as RFC 8305 ("happy eyeballs") says: a dead one costs a quarter of a second.

/** The next address is tried after this, ms (RFC 8305 §5). */
export const ATTEMPT_DELAY = 250;

/** The addresses of a name, IPv6 and IPv4 in turn; the first stays the first (RFC 8305 §4). */
export function familiesInTurn(addresses: readonly string[]): string[] {
  const isIPv6 = (address: string) => address.includes(':');
  const ipv6First = isIPv6(addresses[0] ?? '');
  const first = addresses.filter((address) => isIPv6(address) === ipv6First);
  const second = addresses.filter((address) => isIPv6(address) !== ipv6First);
  return addresses.flatMap((_, i) => [first[i], second[i]].filter((one) => one !== undefined));
}

/** Whose turn it is, of addresses that are tried besides one that has been asked and may be silent. */
export class Race<T> {
  readonly #others: T[];
  /** When the next one should be tried, ms; Infinity when all have been. */
  due: number;

  /** @param now when the first address was asked, ms */
  constructor(now: number, others: readonly T[]) {
    this.#others = [...others];
    this.due = others.length > 0 ? now + ATTEMPT_DELAY : Infinity;
  }

  /** The next address, if it should be tried by now. */
  next(now: number): T | undefined {
    if (now < this.due) return undefined;
    const next = this.#others.shift();
    this.due = this.#others.length > 0 ? now + ATTEMPT_DELAY : Infinity;
    return next;
  }
}
