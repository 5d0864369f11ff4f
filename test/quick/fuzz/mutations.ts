import fc from 'fast-check';
import { TYPE } from '../../../src/protocol/classic/constants.js';

/** A change to a list of datagrams. Numbers may be larger than what they point into: they wrap around. */
export type Mutation =
  | { readonly do: 'flip'; readonly which: number; readonly at: number; readonly bit: number }
  | { readonly do: 'retype'; readonly which: number; readonly type: number }
  /** What is left of it: bytes from `from` on, `length` at most. */
  | { readonly do: 'cut'; readonly which: number; readonly from: number; readonly length: number }
  | { readonly do: 'extend'; readonly which: number; readonly tail: Uint8Array }
  /** Its head, `at` bytes, with the tail of another. */
  | {
      readonly do: 'splice';
      readonly which: number;
      readonly at: number;
      readonly other: number;
      readonly from: number;
    }
  /** It comes where another one was, and that one here. */
  | { readonly do: 'swap'; readonly which: number; readonly other: number }
  /** It comes once more, somewhere. */
  | { readonly do: 'repeat'; readonly which: number; readonly to: number }
  | { readonly do: 'lose'; readonly which: number };

/** A place in a datagram: any, near its ends, or where a block of Blowfish begins behind the type byte. */
const place = fc.oneof(
  fc.nat(10_000),
  fc.nat(20),
  fc.nat(180).map((block) => 1 + 8 * block),
);
const which = fc.nat(99);
const type = fc.oneof(fc.constantFrom(...Object.values(TYPE)), fc.nat(255));

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ do: fc.constant('flip'), which, at: place, bit: fc.nat(7) }),
  fc.record({ do: fc.constant('retype'), which, type }),
  fc.record({ do: fc.constant('cut'), which, from: fc.oneof(fc.constant(0), place), length: place }),
  fc.record({ do: fc.constant('extend'), which, tail: fc.uint8Array({ minLength: 1, maxLength: 24 }) }),
  fc.record({ do: fc.constant('splice'), which, at: place, other: which, from: place }),
  fc.record({ do: fc.constant('swap'), which, other: which }),
  fc.record({ do: fc.constant('repeat'), which, to: which }),
  fc.record({ do: fc.constant('lose'), which }),
);

/** The datagrams as somebody between the two ends would hand them on; those given stay as they are. */
export function mutate(datagrams: readonly Uint8Array[], mutations: readonly Mutation[]): Uint8Array[] {
  const list: Uint8Array[] = datagrams.map((datagram) => Uint8Array.from(datagram));
  for (const change of mutations) {
    if (list.length === 0) break;
    const i = change.which % list.length;
    const bytes = list[i] as Uint8Array;
    const pick = (n: number) => n % list.length;
    switch (change.do) {
      case 'flip':
        if (bytes.length > 0) {
          const at = change.at % bytes.length;
          bytes[at] = (bytes[at] as number) ^ (1 << change.bit);
        }
        break;
      case 'retype':
        if (bytes.length > 0) bytes[0] = change.type;
        break;
      case 'cut':
        list[i] = bytes.slice(change.from % (bytes.length + 1)).slice(0, change.length);
        break;
      case 'extend':
        list[i] = Uint8Array.of(...bytes, ...change.tail);
        break;
      case 'splice': {
        const other = list[pick(change.other)] as Uint8Array;
        const head = bytes.subarray(0, change.at % (bytes.length + 1));
        list[i] = Uint8Array.of(...head, ...other.subarray(change.from % (other.length + 1)));
        break;
      }
      case 'swap': {
        const other = pick(change.other);
        list[i] = list[other] as Uint8Array;
        list[other] = bytes;
        break;
      }
      case 'repeat':
        list.splice(pick(change.to), 0, bytes.slice());
        break;
      case 'lose':
        list.splice(i, 1);
    }
  }
  return list;
}
