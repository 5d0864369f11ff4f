import { describe, expect, it } from 'vitest';
import { rounds, some } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, makePrimitives } from './harness.js';
import { Blowfish, Cable, crc32, piWords, WINDOW, Window } from './twins.js';

const core = await makePrimitives();

/** All lengths of the small frames, and some up to the largest. */
function lengths(below: (below: number) => number): number[] {
  const small = some(
    Array.from({ length: 187 }, (_, i) => 14 + i),
    60,
  );
  const large = Array.from({ length: rounds(40) }, () => 14 + below(layout.FRAME_MAX - 13));
  return [...small, ...large, layout.FRAME_MAX - 1, layout.FRAME_MAX];
}

describe('the core and its slow twins', () => {
  it('the twin of pi begins as pi does', () => {
    expect([...piWords(4)]).toEqual([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]);
  });

  it('Blowfish: keys of 4 to 56 bytes', () => {
    const { bytes, below } = randomness();
    for (let length = 4; length <= 56; length++) {
      const key = bytes(length);
      const twin = new Blowfish(key);
      core.setKey(key);
      const clear = bytes(8 * (1 + below(8)));
      const cipher = core.encrypt(clear);
      expect(hex(cipher)).toBe(hex(twin.encrypt(clear)));
      expect(hex(core.decrypt(cipher))).toBe(hex(clear));
      expect(hex(core.decrypt(clear))).toBe(hex(twin.decrypt(clear)));
    }
  });

  it('CBC with PKCS#7: sealed and opened', () => {
    const { bytes, below } = randomness();
    const [key, iv] = [bytes(16), bytes(8)];
    const twin = new Blowfish(key);
    core.setKey(key);
    for (const length of [...Array(14).keys(), ...lengths(below)]) {
      const clear = bytes(length);
      const sealed = core.cbcSeal(iv, clear);
      expect(hex(sealed)).toBe(hex(twin.seal(iv, clear)));
      expect(hex(core.cbcOpen(iv, sealed) ?? Buffer.from('refused'))).toBe(hex(clear));
    }
  });

  it('PKCS#7: every last byte, before it all the same or one that differs', () => {
    const { bytes, below } = randomness();
    const [key, iv] = [bytes(16), bytes(8)];
    const twin = new Blowfish(key);
    core.setKey(key);
    const agree = (plain: Uint8Array): void => {
      const sealed = twin.cbcEncrypt(iv, plain);
      expect(core.cbcOpen(iv, sealed)).toEqual(twin.open(iv, sealed));
    };
    for (const last of some([...Array(256).keys()], 52)) {
      const plain = Buffer.concat([bytes(8), Buffer.alloc(8, last)]);
      agree(plain);
      // The same byte further back than padding reaches.
      agree(Buffer.alloc(16, last));
      for (let i = 8; i < 15; i++) {
        const damaged = Buffer.from(plain);
        damaged[i] = last ^ (1 + below(255));
        agree(damaged);
      }
    }
  });

  it('CRC-32: all lengths at all alignments', () => {
    const { bytes, below } = randomness();
    for (const length of [...Array(14).keys(), ...lengths(below)]) {
      const data = bytes(length);
      for (const offset of [0, 1 + below(7)]) expect(core.crc32(data, offset)).toBe(crc32(data));
    }
  });

  it('DATA: frames of all lengths, both ways', async () => {
    const { session, open, seal, setNextCounter } = await makeCore();
    const { bytes, below } = randomness();
    const key = bytes(24);
    const twin = new Cable(key);
    const [sender, receiver] = [session(key), session(key)];
    let counter = 0n;
    for (const length of lengths(below)) {
      counter += BigInt(1 + below(2 ** 27)) ** 2n;
      const frame = bytes(length);
      const datagram = twin.data(frame, counter);
      setNextCounter(counter);
      expect(hex(seal(sender, frame).bytes)).toBe(hex(datagram));
      expect(datagram).toHaveLength(1 + 8 * (Math.floor((length + 12) / 8) + 1));
      const opened = open(receiver, datagram);
      expect([opened.status, hex(opened.bytes)]).toEqual(['ok', hex(frame)]);
    }
  });

  // Four lanes at a time, refilled as datagrams end; of lengths alike and unlike.
  it.each([
    [1, 1514],
    [9, 1514],
    [9216, 9216],
  ])('DATA: batches of frames whose lengths differ by less than %d', async (spread, longest) => {
    const { session, pushFrames, drain, setNextCounter } = await makeCore();
    const { bytes, below } = randomness();
    const cables = [new Cable(bytes(24)), new Cable(bytes(24))] as const;
    const numbers = cables.map(({ key }) => session(key));
    let counter = 1n;
    setNextCounter(counter);
    for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31, 64]) {
      const most = 14 + below(longest - 14 + 1);
      const frames = Array.from({ length: count }, () => bytes(Math.max(14, most - below(spread))));
      const expected = frames.map((frame) => {
        const which = below(8) === 0 ? 1 : 0;
        pushFrames(numbers[which] as number, frame);
        return hex((cables[which] as Cable).data(frame, counter++));
      });
      expect(drain().map((result) => hex(result.bytes))).toEqual(expected);
    }
  });
});

describe('the replay window and its slow twin', () => {
  /** A receiver, and what the twin says of each counter it is shown. */
  async function makeReceiver() {
    const { bytes } = randomness();
    const { session, push, drain } = await makeCore();
    const key = bytes(24);
    const cable = new Cable(key);
    const receiver = session(key);
    const window = new Window();
    const frame = bytes(14);
    /** Shows counters to the core: what it made of each. */
    const show = (...counters: bigint[]): string[] => {
      const statuses: string[] = [];
      for (let i = 0; i < counters.length; i += layout.RING_SLOTS) {
        push(
          receiver,
          ...counters.slice(i, i + layout.RING_SLOTS).map((counter) => cable.data(frame, counter)),
        );
        statuses.push(...drain().map(({ status }) => status));
      }
      return statuses;
    };
    /** Shows them to both. */
    const agree = (...counters: bigint[]): void => {
      const expected = counters.map((counter) => `${counter} ${window.accept(counter)}`);
      expect(show(...counters).map((status, i) => `${counters[i]} ${status}`)).toEqual(expected);
    };
    return { window, show, agree };
  }

  const MAX = 2n ** 64n - 1n;

  it.each([
    ['small', 10_000n],
    ['around 2^32', 2n ** 32n],
    ['around 2^53', 2n ** 53n],
    ['around 2^63', 2n ** 63n],
    ['the largest', MAX - 1n],
  ])('edges of the window, counters %s', async (_, highest) => {
    const { show } = await makeReceiver();
    const edge = highest - WINDOW;
    const twice = (counter: bigint): bigint[] => [counter, counter];
    expect(show(0n, ...twice(highest), 0n)).toEqual(['replayed', 'ok', 'replayed', 'replayed']);
    expect(show(edge - 1n, ...twice(edge), 1n)).toEqual(['too old', 'ok', 'replayed', 'too old']);
    // One further: the window moves by one.
    expect(show(...twice(highest + 1n), edge, edge + 1n)).toEqual(['ok', 'replayed', 'too old', 'ok']);
  });

  // The bitmap's words begin at multiples of 64: the edge must not depend on where in a word the highest is.
  it('every place of the highest counter in its word', async () => {
    const { agree } = await makeReceiver();
    for (let i = 0n; i < 64n; i++) {
      const highest = 2n ** 40n + i * 100_001n;
      const edge = highest - WINDOW;
      agree(
        highest,
        edge - 1n,
        edge,
        edge,
        edge + 1n,
        highest - 64n,
        highest - 1n,
        highest,
        highest + 1n,
        edge,
      );
    }
  });

  it('every counter of a window, in any order, once', async () => {
    const { show } = await makeReceiver();
    const { below } = randomness();
    const highest = 2n ** 32n + 5000n;
    const older = Array.from({ length: Number(WINDOW) }, (_, i) => highest - 1n - BigInt(i));
    for (let i = older.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [older[i], older[j]] = [older[j] as bigint, older[i] as bigint];
    }
    expect(new Set(show(highest, ...older))).toEqual(new Set(['ok']));
    expect(new Set(show(highest, ...older))).toEqual(new Set(['replayed']));
  });

  it.each([0n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 3_000_000n])(
    'random walk from %d, of small steps, window edges and jumps',
    async (start) => {
      const { window, agree } = await makeReceiver();
      const { below } = randomness();
      const steps = [
        () => window.highest + BigInt(below(4)),
        () => window.highest + 63n + BigInt(below(3)),
        () => window.highest - BigInt(below(200)),
        () => window.highest - BigInt(below(Number(WINDOW) + 100)),
        () => window.highest - WINDOW + BigInt(below(5)) - 2n,
        () => window.highest + 8192n - BigInt(below(130)),
        () => window.highest + BigInt(below(20_000)),
        () => BigInt(below(2 ** 31)),
      ];
      agree(start);
      for (let i = 0; i < rounds(2_000); i++) {
        const counter = (steps[below(steps.length)] as () => bigint)();
        if (counter >= 0n && counter <= MAX) agree(counter);
      }
      agree(MAX, MAX, 0n, MAX - 1n, MAX - WINDOW - 1n, MAX - WINDOW, start);
    },
  );

  it('any 64-bit counters at all', async () => {
    const { agree } = await makeReceiver();
    const { bytes } = randomness();
    const any = Array.from(
      { length: 1000 },
      () => Buffer.from(bytes(8)).readBigUInt64LE() >> BigInt(bytes(1)[0] as number & 63),
    );
    agree(...any.flatMap((counter) => [counter, counter]));
  });
});
