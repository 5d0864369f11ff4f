// A secure session of the core beside its twins, for the tests of what it carries.
import type { TransportKeys } from '../../../../src/core/terms.js';
import type { Randomness } from '../../../support/randomness.js';
import { same } from '../../../support/same.js';
import { makeCore } from './harness.js';
import { Transport } from './secure-twins.js';
import { parseStream } from './twins.js';

/** What makes sessions, of one source of randomness. */
export function sessionMaker({ bytes, below }: Randomness) {
  /** A secure session, and the twins of its keypairs. */
  async function make(path?: number) {
    const test = await makeCore();
    const number = test.session();
    if (path !== undefined) test.core.setPath(number, path);
    const keypair = (place: number, index = 1 + below(2 ** 32 - 1)) => {
      const keys: TransportKeys = {
        send: bytes(32),
        receive: bytes(32),
        local: index,
        remote: below(2 ** 32),
      };
      test.core.installKeypair(number, place, keys);
      return {
        ...keys,
        /** Makes what the core opens, and reads what it seals. */
        toCore: new Transport(keys.receive, keys.local),
        fromCore: new Transport(keys.send, keys.remote),
      };
    };
    const { ring, core } = test;
    const openAll = (...messages: Uint8Array[]) => {
      for (const message of messages) same(ring.pushTransport(number, message), true);
      return test.drain();
    };
    return {
      ...test,
      number,
      keypair,
      open: (message: Uint8Array) => {
        const [result] = openAll(message);
        if (result === undefined) throw new Error('no slot');
        return result;
      },
      /** The frames that come of one batch. */
      unpack: (now: number, ...messages: Uint8Array[]): Buffer[] => {
        for (const message of messages) same(ring.pushTransport(number, message), true);
        const results = test.batch();
        const { frames, refused, rest } = parseStream(core.writeStream(number, results.length, now));
        same(refused, 0);
        same(rest.length, 0);
        for (const { index } of results) ring.release(index);
        return frames;
      },
      refused: () => core.counts(number).refused,
    };
  }

  return make;
}
