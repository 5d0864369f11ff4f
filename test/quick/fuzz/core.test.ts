// The core, fed with what is left of a recording when somebody between the ends has changed it.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { RESPONSE_BYTES, TYPE } from '../../../src/protocol/classic/constants.js';
import { hex, layout, makeCore, type Result, type TestCore } from '../unit/core/harness.js';
import { streamOf, Window } from '../unit/core/twins.js';
import { mutate, mutation } from './mutations.js';
import { property } from './property.js';
import { anyRecording, type Genuine, type Recording } from './recordings.js';

const { DATAGRAM_MAX, FRAME_MAX, RING_BATCH, SLOT_BODY, SLOT_BYTES, SLOTS } = layout;
/** What a slot holds before a datagram comes: neither zero nor a likely byte. */
const FILL = 0xa5;
const untouched = Buffer.alloc(SLOT_BYTES, FILL);

/** What must become of a datagram, with the frame where it is carried; undefined: refused, whatever for. */
function expected({ keying, genuine }: Recording, window: Window, datagram: Uint8Array) {
  if (keying.suite === 'plain') {
    const frame = datagram.slice(1);
    const good = frame.length >= 14 && frame.length <= FRAME_MAX;
    return good ? { status: 'ok', frame } : { status: 'bad length' };
  }
  const found: Genuine | undefined = genuine.get(hex(datagram.slice(1)));
  if (found === undefined) return undefined;
  const status = window.accept(found.counter as bigint);
  return status === 'ok' ? { status, frame: found.frame } : { status };
}

/** Puts a datagram into the ring, into a slot that holds nothing else. */
function pushAlone({ view, ring, push }: TestCore, session: number, datagram: Uint8Array): void {
  const slot = SLOTS + (view.getUint32(layout.RING_HEAD, true) % layout.RING_SLOTS) * SLOT_BYTES;
  ring.bytes.fill(FILL, slot, slot + SLOT_BYTES);
  push(session, datagram);
}

/** A slot holds nothing beside its datagram, and nothing of one that was refused. */
function expectSlot({ ring }: TestCore, { index, status }: Result, length: number): void {
  const slot = Buffer.from(ring.bytes.subarray(SLOTS + index * SLOT_BYTES, SLOTS + (index + 1) * SLOT_BYTES));
  const end = Math.max(SLOT_BODY - 1 + length, SLOT_BODY);
  expect(slot.subarray(0, SLOT_BODY - 1).equals(untouched.subarray(0, SLOT_BODY - 1))).toBe(true);
  expect(slot.subarray(end).equals(untouched.subarray(end))).toBe(true);
  if (status !== 'ok') expect(slot.subarray(SLOT_BODY, end).every((byte) => byte === 0)).toBe(true);
}

/** One session, and what must have become of its datagrams. */
interface Session {
  readonly recording: Recording;
  readonly number: number;
  readonly window: Window;
  readonly refused: Record<string, bigint>;
  opened: bigint;
  bytes: bigint;
}

/** The datagrams of two recordings in turn. */
function mixed([one, other]: readonly [Recording, Recording]): Uint8Array[] {
  return one.datagrams.flatMap((datagram, i) => [datagram, ...other.datagrams.slice(i, i + 1)]);
}

const even = (frame: Uint8Array) => Buffer.concat([frame, Buffer.alloc(frame.length % 2)]);

describe('datagrams that were changed on the way', () => {
  const seen = new Set<string>();
  const change = fc.record({
    /** Of the two sessions. */
    recordings: fc.tuple(anyRecording, anyRecording),
    mutations: fc.array(mutation, { maxLength: 40 }),
    /** Slots of each batch, in turn. */
    batches: fc.array(fc.integer({ min: 1, max: RING_BATCH }), { minLength: 1, maxLength: 5 }),
    /** Which datagrams come to the session that is not theirs, in turn. */
    astray: fc.array(
      fc.nat(5).map((n) => n === 5),
      { minLength: 1, maxLength: 7 },
    ),
    /** Where the ring's positions begin. */
    position: fc.oneof(fc.constant(0), fc.constant(-3), fc.integer()),
  });
  property(
    'are opened bit for bit as they were sealed, once, or refused and wiped',
    30,
    fc.asyncProperty(change, async ({ recordings, mutations, batches, astray, position }) => {
      const test = await makeCore();
      for (const index of [layout.RING_HEAD, layout.RING_DONE, layout.RING_TAIL]) {
        test.view.setUint32(index, position >>> 0, true);
      }
      const [one, other] = recordings.map((recording) => {
        const number = test.session();
        test.core.keySession(number, recording.keying);
        const refused: Record<string, bigint> = {};
        return { recording, number, window: new Window(), opened: 0n, bytes: 0n, refused };
      }) as [Session, Session];
      const changed = mutate(mixed(recordings), mutations).filter(({ length }) => length <= DATAGRAM_MAX);
      const owners = changed.map((datagram, i) => {
        const home = one.recording.genuine.has(hex(datagram.slice(1)));
        return home === astray[i % astray.length] ? other : one;
      });
      for (let at = 0, turn = 0; at < changed.length; turn++) {
        const batch = changed.slice(at, at + (batches[turn % batches.length] as number));
        for (const [i, datagram] of batch.entries()) {
          pushAlone(test, (owners[at + i] as Session).number, datagram);
        }
        const results = test.batch();
        expect(results).toHaveLength(batch.length);
        const carried = new Map<Session, Uint8Array[]>([
          [one, []],
          [other, []],
        ]);
        for (const [i, result] of results.entries()) {
          const [datagram, owner] = [batch[i] as Uint8Array, owners[at + i] as Session];
          expectSlot(test, result, datagram.length);
          seen.add(result.status);
          const should = expected(owner.recording, owner.window, datagram);
          if (should === undefined) expect(result.status).not.toBe('ok');
          else expect(result.status).toBe(should.status);
          expect(hex(result.bytes)).toBe(hex(should?.frame ?? new Uint8Array()));
          if (result.status === 'ok') {
            owner.opened++;
            owner.bytes += BigInt(result.bytes.length);
            carried.get(owner)?.push(result.bytes);
          } else {
            owner.refused[result.status] = (owner.refused[result.status] ?? 0n) + 1n;
          }
        }
        for (const [{ number }, frames] of carried) {
          expect(hex(test.core.writeStream(number, batch.length))).toBe(hex(streamOf(frames.map(even))));
        }
        for (const { index } of results) test.ring.release(index);
        at += batch.length;
      }
      for (const { number, opened, bytes, refused } of [one, other]) {
        const none = { sealed: 0n, sealedBytes: 0n, droppedBySwitch: 0n, droppedUnopened: 0n };
        expect(test.core.counts(number)).toEqual({ ...none, opened, openedBytes: bytes, refused });
      }
      expect(test.ring.room).toBe(layout.RING_SLOTS);
    }),
    () => {
      const statuses = ['ok', 'bad length', 'bad checksum', 'replayed'];
      for (const status of statuses) expect(seen).toContain(status);
    },
  );
});

describe('a RESPONSE that was changed on the way', () => {
  const believed = { yes: 0, no: 0 };
  const change = fc.record({
    recording: anyRecording,
    mutations: fc.array(mutation, { maxLength: 6 }),
    challengeBit: fc.oneof(fc.constant(undefined), fc.nat(128 * 8 - 1)),
  });
  property(
    'is believed only as it was made, for the challenge that it was made for',
    60,
    fc.asyncProperty(change, async ({ recording, mutations, challengeBit }) => {
      const { keying, challenge, response, datagrams } = recording;
      const { core, ring } = await makeCore();
      const asked = Uint8Array.from(challenge);
      if (challengeBit !== undefined)
        asked[challengeBit >> 3] = (asked[challengeBit >> 3] as number) ^ (1 << (challengeBit & 7));
      const whole = datagrams.filter((datagram) => datagram[0] === TYPE.RESPONSE);
      for (const sent of mutate([...whole, ...datagrams.slice(0, 3)], mutations)) {
        // Without a cipher the response is the challenge: changed as that was, it answers it.
        const plain = keying.suite === 'plain';
        const genuine =
          hex(sent.slice(1)) === hex(plain ? asked : response) && (plain || challengeBit === undefined);
        expect(core.verifyResponse(keying, sent, asked)).toBe(genuine);
        believed[genuine ? 'yes' : 'no']++;
        if (sent.length !== RESPONSE_BYTES[keying.suite]) continue;
        // What was decrypted is gone.
        const stage = ring.bytes.subarray(layout.STAGE_IN, layout.STAGE_IN + sent.length);
        expect(stage.every((byte) => byte === 0)).toBe(true);
      }
    }),
    () => expect(Math.min(believed.yes, believed.no)).toBeGreaterThan(0),
  );
});
