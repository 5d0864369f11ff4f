// Where things stand in the core's memory: what sessions leave behind, and what work on one slot touches.
import { describe, expect, it } from 'vitest';
import { STATUS } from '../../../../src/core/status.js';
import { newMemory } from '../../../../src/core/wasm.js';
import { rounds, some } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, type TestCore } from './harness.js';
import { Cable } from './twins.js';

const { FRAME_MAX, DATAGRAM_MAX, RING_SLOTS, RING_BATCH } = layout;
const { bytes, shuffled } = randomness();
const key = bytes(24);
const cable = new Cable(key);
const frame = bytes(60);

describe('sessions and their memory', () => {
  /** How often bytes occur in the whole memory. */
  function occurrences(memory: Buffer, wanted: Uint8Array): number {
    const needle = Buffer.from(wanted); // the Buffer that browsers get looks for nothing else
    let found = 0;
    for (let at = memory.indexOf(needle); at >= 0; at = memory.indexOf(needle, at + 1)) found++;
    return found;
  }

  /** The words that betray a key schedule wherever it begins, each as it is in memory. */
  function scheduleWords(of: Cable): Buffer[] {
    return [of.cipher.p, ...of.cipher.s].map((table) => {
      const words = Buffer.alloc(16);
      for (let i = 0; i < 4; i++) words.writeUInt32LE(table[i] as number, 4 * i);
      return words;
    });
  }

  it('closing wipes the record, and every trace of the key', async () => {
    const { core, session, open, seal, snapshot, setNextCounter } = await makeCore();
    const number = session(key);
    setNextCounter(1n);
    // The session is used: counts, window and a partial frame are in its record.
    seal(number, frame);
    open(number, cable.data(frame, 5000n));
    open(number, bytes(40));
    core.readStream(number, Buffer.concat([Buffer.of(0x24, 0), bytes(0x2300)]));
    const record = layout.SESSIONS + number * layout.SESSION_BYTES;
    const recordOf = (memory: Buffer) => memory.subarray(record, record + layout.SESSION_BYTES);

    const before = snapshot();
    expect(recordOf(before).equals(Buffer.alloc(layout.SESSION_BYTES))).toBe(false);
    // Its own copy and the active one; the key itself is gone as soon as the schedule is made.
    for (const words of scheduleWords(cable)) expect(occurrences(before, words)).toBe(2);
    expect(occurrences(before, key.subarray(0, 16))).toBe(0);
    expect(occurrences(before, cable.iv)).toBe(1);

    core.closeSession(number);
    const after = snapshot();
    expect(recordOf(after).equals(Buffer.alloc(layout.SESSION_BYTES))).toBe(true);
    for (const words of scheduleWords(cable)) expect(occurrences(after, words)).toBe(0);
    for (const part of [key.subarray(0, 16), key.subarray(0, 8), key.subarray(8, 16), cable.iv]) {
      expect(occurrences(after, part)).toBe(0);
    }
  });

  it('a key taken away, or borrowed for a RESPONSE, leaves no trace either', async () => {
    const { core, session, snapshot } = await makeCore();
    const [spare, challenge] = [bytes(24), bytes(128)];
    const keying = { suite: 'blowfish', key: spare } as const;
    const traces = () => {
      const memory = snapshot();
      const wanted = [...scheduleWords(new Cable(spare)), spare.subarray(0, 16), spare.subarray(16)];
      return wanted.map((part) => occurrences(memory, part));
    };
    const nothing = [0, 0, 0, 0, 0, 0, 0];
    const number = session(spare);
    expect(traces()).toEqual([2, 2, 2, 2, 2, 0, 1]);
    core.unkeySession(number);
    expect(traces()).toEqual(nothing);
    const response = core.sealResponse(keying, challenge);
    expect(traces()).toEqual(nothing);
    expect(core.verifyResponse(keying, response, challenge)).toBe(true);
    expect(traces()).toEqual(nothing);
    // The caller's own copy is the caller's.
    expect(spare.some((byte) => byte !== 0)).toBe(true);
  });

  it('a key that stood beside others goes when it is replaced, and when it is taken away', async () => {
    const { session, pushFrames, drain, snapshot, setNextCounter, core } = await makeCore();
    const cables = Array.from({ length: rounds(5, 2) }, () => new Cable(bytes(24)));
    const numbers = cables.map(({ key }) => session(key));
    let counter = 1n;
    setNextCounter(counter);
    const sealAll = () => {
      for (const number of numbers) pushFrames(number, frame);
      expect(drain().map((result) => hex(result.bytes))).toEqual(
        cables.map((one) => hex(one.data(frame, counter++))),
      );
    };
    sealAll();
    for (const [i, number] of numbers.entries()) {
      const [old, fresh] = [cables[i] as Cable, new Cable(bytes(24))];
      const before = snapshot();
      for (const words of scheduleWords(old)) expect(occurrences(before, words)).toBeGreaterThan(1);
      core.keySession(number, { suite: 'blowfish', key: fresh.key });
      const after = snapshot();
      for (const words of scheduleWords(old)) expect(occurrences(after, words)).toBe(0);
      cables[i] = fresh;
      sealAll();
    }
    for (const number of numbers) core.unkeySession(number);
    const memory = snapshot();
    for (const one of cables) {
      for (const words of scheduleWords(one)) expect(occurrences(memory, words)).toBe(0);
    }
  });

  it('closing one leaves the others as they are', async () => {
    const { core, session, open, seal, setNextCounter } = await makeCore();
    const other = new Cable(bytes(24));
    const [closing, staying] = [session(key), session(other.key)];
    setNextCounter(1n);
    open(staying, other.data(frame, 1n));
    core.closeSession(closing);
    expect(hex(seal(staying, frame).bytes)).toBe(hex(other.data(frame, 1n)));
    expect(open(staying, other.data(frame, 1n)).status).toBe('replayed');
    // The number is given out again, with nothing of the one before.
    expect(session()).toBe(closing);
    expect(open(closing, cable.data(frame, 1n)).status).toBe('no key');
    core.keySession(closing, { suite: 'blowfish', key: other.key });
    expect(open(closing, other.data(frame, 1n)).status).toBe('ok');
    expect(open(closing, cable.data(frame, 2n)).status).not.toBe('ok');
  });

  it('a new key takes the place of the old, and the window starts anew', async () => {
    const { core, session, open } = await makeCore();
    const next = new Cable(bytes(24));
    const number = session(key);
    expect(open(number, cable.data(frame, 9n)).status).toBe('ok');
    core.keySession(number, { suite: 'blowfish', key: next.key });
    expect(open(number, cable.data(frame, 10n)).status).not.toBe('ok');
    expect(open(number, next.data(frame, 9n)).status).toBe('ok');
    core.keySession(number, { suite: 'plain' });
    expect(open(number, Buffer.concat([Buffer.of(0x20), frame])).status).toBe('ok');
  });

  it('the memory grows with them, and views made before stay good', async () => {
    const { core, memory, ring, session, open, seal, setNextCounter } = await makeCore();
    const size = memory.buffer.byteLength;
    const fit = (size - layout.SESSIONS) / layout.SESSION_BYTES - 1;
    const cables = Array.from({ length: fit + 24 }, () => new Cable(bytes(24)));
    const numbers = cables.map((one) => session(one.key));
    expect(new Set(numbers).size).toBe(cables.length);
    // The first is kept for handshakes.
    expect(Math.min(...numbers)).toBe(1);
    expect(memory.buffer.byteLength).toBeGreaterThan(size);
    expect(ring.bytes.length).toBe(size);
    setNextCounter(1n);
    for (const i of shuffled([...numbers.keys()])) {
      const [one, number] = [cables[i] as Cable, numbers[i] as number];
      const sealed = seal(number, frame).bytes;
      expect(hex(one.read(sealed).frame)).toBe(hex(frame));
      expect(hex(open(number, sealed).bytes)).toBe(hex(frame));
      expect(core.counts(number)).toMatchObject({ sealed: 1n, opened: 1n });
    }
  });

  it('a memory that cannot grow further has no more, and gives back what is closed', async () => {
    const { core } = await makeCore(new WebAssembly.Memory({ initial: 184, maximum: 185, shared: true }));
    const numbers: number[] = [];
    for (let next = core.openSession(); next !== undefined; next = core.openSession()) numbers.push(next);
    expect(numbers.length).toBeGreaterThan(15);
    expect(core.openSession()).toBe(undefined);
    core.closeSession(numbers[3] as number);
    expect(core.openSession()).toBe(numbers[3]);
    expect(core.openSession()).toBe(undefined);
  });

  it('there are as many as the largest memory holds, and no more', async () => {
    const memory = newMemory();
    // All at once: in steps of a page it takes long. What is not touched costs nothing.
    memory.grow(2 ** 14 - memory.buffer.byteLength / 2 ** 16);
    const { core, session, open } = await makeCore(memory);
    const count = layout.SESSIONS_MAX - 1;
    let last = 0;
    for (let i = 0; i < count; i++) last = session();
    expect(last).toBe(count);
    expect(core.openSession()).toBeUndefined();
    core.keySession(last, { suite: 'blowfish', key });
    expect(open(last, cable.data(frame, 1n)).status).toBe('ok');
    core.closeSession(last);
    expect(core.openSession()).toBe(last);
    expect(core.openSession()).toBeUndefined();
  });
});

describe('a slot is worked on in itself', () => {
  const sizes = some([...Array.from({ length: 9 }, (_, i) => 14 + i), 1514, FRAME_MAX - 1, FRAME_MAX], 3);

  /** Fills all slots, and sets the ring to begin at one of them. */
  function prepare({ ring, view }: TestCore, slot: number, pattern: number): void {
    ring.bytes.fill(pattern, layout.SLOTS, layout.SESSIONS);
    for (const index of [layout.RING_HEAD, layout.RING_DONE, layout.RING_TAIL])
      view.setUint32(index, slot, true);
  }

  /** The memory, without what the core may write for one slot. */
  function outside(
    { snapshot, bodyOf }: TestCore,
    slot: number,
    session: number,
    from: number,
    to: number,
  ): Buffer {
    const memory = snapshot();
    const record = layout.SESSIONS + session * layout.SESSION_BYTES;
    const descriptor = layout.DESCRIPTORS + slot * layout.DESCRIPTOR_BYTES;
    memory.fill(0, bodyOf(slot) + from, bodyOf(slot) + to);
    memory.fill(0, descriptor, descriptor + layout.DESCRIPTOR_BYTES);
    for (const index of [layout.RING_HEAD, layout.RING_DONE, layout.RING_TAIL])
      memory.fill(0, index, index + 4);
    // The counter, and where the lanes of the cipher keep their state.
    memory.fill(0, layout.SEND_COUNTER, layout.DESCRIPTORS);
    // The stage by which the frame came; the session's counts and window, not its schedule.
    memory.fill(0, layout.STAGE_IN, layout.STAGE_IN + layout.STAGE_IN_BYTES);
    memory.fill(0, record, record + 2048);
    // And where frames of the peer came from.
    const seen = record + layout.SESSION_SEEN;
    memory.fill(0, seen, seen + layout.SEEN_COUNT * layout.SEEN_BYTES);
    // What is noted of datagrams that are sent.
    memory.fill(0, layout.OWN_NOTES, layout.OWN_NOTES + 8 * layout.OWN_NOTES_COUNT);
    return memory;
  }

  it('the host has a name for each status', () => {
    expect(STATUS).toHaveLength(layout.STATUS_COUNT);
  });

  it('the memory map has room for the largest of everything', () => {
    expect(layout.SLOT_BODY - 1 + DATAGRAM_MAX).toBeLessThanOrEqual(layout.SLOT_BYTES);
    expect(layout.SLOTS + RING_SLOTS * layout.SLOT_BYTES).toBeLessThanOrEqual(layout.SESSIONS);
    expect(layout.DESCRIPTORS + RING_SLOTS * layout.DESCRIPTOR_BYTES).toBeLessThanOrEqual(layout.STAGE_IN);
    expect(layout.STAGE_IN + layout.STAGE_IN_BYTES).toBeLessThanOrEqual(layout.STAGE_OUT);
    expect(layout.STAGE_OUT + RING_BATCH * (2 + FRAME_MAX)).toBeLessThanOrEqual(layout.SLOTS);
  });

  it.each(some([0, 1, 100, RING_SLOTS - 1], 2))(
    'slot %d: writes nothing beside it, and reads nothing',
    async (slot) => {
      const test = await makeCore();
      const number = test.session(key);
      let counter = 0n;
      for (const length of sizes) {
        const sent = bytes(length);
        counter += 2n;
        const datagram = cable.data(sent, counter);
        // Sealing, with neighbours of two kinds: the datagram is the same, so that it did not read them.
        for (const pattern of [0x00, 0xff]) {
          prepare(test, slot, pattern);
          test.setNextCounter(counter);
          const before = outside(test, slot, number, -1, datagram.length - 1);
          expect(hex(test.seal(number, sent).bytes)).toBe(hex(datagram));
          expect(outside(test, slot, number, -1, datagram.length - 1).equals(before)).toBe(true);
        }
        for (const [i, pattern] of [0x00, 0xff].entries()) {
          prepare(test, slot, pattern);
          const fresh = cable.data(sent, counter + BigInt(i));
          const before = outside(test, slot, number, -1, fresh.length - 1);
          expect(hex(test.open(number, fresh).bytes)).toBe(hex(sent));
          expect(outside(test, slot, number, -1, fresh.length - 1).equals(before)).toBe(true);
        }
      }
    },
  );
});
