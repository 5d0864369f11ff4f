import { sameBytes } from '../../bytes.js';

/** The CHALLENGEs that have come for one LOGIN. */
export interface Offers {
  /** When the LOGIN was sent, ms. */
  readonly loginAt: number;
  /** How many have come, each other than the one before. */
  readonly count: number;
  /** The bytes of the last one. */
  readonly last: Uint8Array;
}

export const noOffers = (loginAt: number): Offers => ({ loginAt, count: 0, last: new Uint8Array() });

/** These and one more, of which a copy is kept. */
export function offered(offers: Offers, datagram: Uint8Array): Offers {
  const challenge = datagram.subarray(1);
  if (sameBytes(offers.last, challenge)) return offers;
  return { loginAt: offers.loginAt, count: offers.count + 1, last: challenge.slice() };
}
