import { describe, expect, it } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, type Result, type TestCore } from './harness.js';
import { Cable, streamOf, withTail } from './twins.js';

const { FRAME_MAX, DATAGRAM_MAX, RING_SLOTS, RING_BATCH } = layout;
const { bytes, below, shuffled } = randomness();
const key = bytes(24);
const cable = new Cable(key);
const frame = bytes(60);

/** A plaintext under the right key, with padding of its own making. */
const badlyPadded = (plain: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(0x20), cable.cipher.cbcEncrypt(cable.iv, plain)]);

/** Why a damaged datagram is refused, when it is the first one: the counter is looked at before the checksum. */
function reason(datagram: Uint8Array): 'bad padding' | 'replayed' | 'bad checksum' {
  const plain = cable.cipher.open(cable.iv, datagram.subarray(1));
  if (plain === undefined) return 'bad padding';
  return plain.readBigUInt64LE(plain.length - 12) === 0n ? 'replayed' : 'bad checksum';
}

/** Opens, and sees that a refusal leaves nothing of the datagram, nor touches what lies beside it. */
function refused(test: TestCore, session: number, datagram: Uint8Array): Result {
  const { bodyOf, core, ring, view } = test;
  const body = bodyOf(view.getUint32(layout.RING_HEAD, true) % RING_SLOTS);
  const end = body + datagram.length - 1;
  const capacity = body - layout.SLOT_BODY + layout.SLOT_BYTES;
  ring.bytes.fill(0xa5, end, capacity);
  const before = core.counts(session);
  const result = test.open(session, datagram);
  expect(result.status).not.toBe('ok');
  expect(result.bytes).toHaveLength(0);
  expect(ring.bytes.subarray(body, end).every((byte) => byte === 0)).toBe(true);
  expect(ring.bytes.subarray(end, capacity).every((byte) => byte === 0xa5)).toBe(true);
  const { refused: tally, ...carried } = core.counts(session);
  const { refused: tallyBefore, ...carriedBefore } = before;
  const reason = result.status as keyof typeof tally;
  expect(carried).toEqual(carriedBefore);
  expect(tally).toEqual({ ...tallyBefore, [reason]: (tallyBefore[reason] ?? 0n) + 1n });
  return result;
}

describe('what open refuses', () => {
  it('lengths that no sender can have made', async () => {
    const test = await makeCore();
    const session = test.session(key);
    for (let length = 1; length <= 100; length++) {
      const possible = length >= 33 && length % 8 === 1;
      if (!possible) expect(refused(test, session, bytes(length)).status).toBe('bad length');
    }
    // The largest frame's datagram has 9233 bytes; 9241 is the next that is whole blocks.
    for (const length of [9234, 9235, 9236, DATAGRAM_MAX, 9241]) {
      expect(refused(test, session, bytes(length)).status).toBe('bad length');
    }
  });

  it.each(['plain', undefined, key] as const)('an empty datagram, and goes on (key %#)', async (keying) => {
    const { session, open } = await makeCore();
    const number = session(keying);
    for (let i = 0; i < 2; i++) expect(open(number, new Uint8Array()).status).toBe('bad length');
  });

  it('well-sealed frames that are too short or too long', async () => {
    const test = await makeCore();
    const session = test.session(key);
    for (const length of [12, 13, FRAME_MAX + 1, FRAME_MAX + 2, FRAME_MAX + 3]) {
      expect(refused(test, session, cable.data(bytes(length), 1n)).status).toBe('bad length');
    }
    // None of them has used the counter up.
    for (const [i, length] of [14, FRAME_MAX].entries()) {
      expect(test.open(session, cable.data(bytes(length), BigInt(1 + i))).status).toBe('ok');
    }
  });

  it('padding that is not PKCS#7', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const whole = withTail(bytes(36), 1n);
    const paddings = [
      [0, 0, 0, 0, 0, 0, 0, 0],
      [9, 9, 9, 9, 9, 9, 9, 9],
      [255, 255, 255, 255, 255, 255, 255, 255],
      [1, 2, 3, 4, 5, 6, 7, 8],
      [7, 8, 8, 8, 8, 8, 8, 8],
      [0, 0, 0, 0, 0, 0, 0, 2],
    ];
    for (const padding of paddings) {
      const datagram = badlyPadded(Buffer.concat([whole, Buffer.from(padding)]));
      expect(refused(test, session, datagram).status).toBe('bad padding');
    }
  });

  it('a wrong checksum, whichever bit', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const plain = withTail(bytes(20), 7n);
    for (let bit = 0; bit < 8 * plain.length; bit++) {
      const damaged = Buffer.from(plain);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(refused(test, session, cable.raw(damaged)).status).toBe('bad checksum');
    }
    expect(test.open(session, cable.raw(plain)).status).toBe('ok');
  });

  it('a datagram damaged anywhere', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const datagram = cable.data(frame, 1n);
    for (let i = 1; i < datagram.length; i++) {
      const damaged = Buffer.from(datagram);
      damaged[i] = (damaged[i] as number) ^ (1 + below(255));
      expect(refused(test, session, damaged).status).toBe(reason(damaged));
    }
    expect(test.open(session, datagram).status).toBe('ok');
  });

  // The byte of the block before is turned in the counter as well: so 1 becomes 0, which is looked at before the checksum.
  it('a datagram whose counter was damaged so that it is 0', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const damaged = cable.data(frame, 1n);
    const at = 1 + frame.length - 8;
    damaged[at] = (damaged[at] as number) ^ 1;
    expect(reason(damaged)).toBe('replayed');
    expect(refused(test, session, damaged).status).toBe('replayed');
  });

  it('repetitions, and what is older than the window', async () => {
    const test = await makeCore();
    const session = test.session(key);
    expect(refused(test, session, cable.data(frame, 0n)).status).toBe('replayed');
    for (const counter of [20_000n, 20_000n - 8128n]) {
      expect(test.open(session, cable.data(frame, counter)).status).toBe('ok');
      expect(refused(test, session, cable.data(frame, counter)).status).toBe('replayed');
    }
    expect(refused(test, session, cable.data(frame, 20_000n - 8129n)).status).toBe('too old');
  });

  // Else anyone could shut a peer out with one forged datagram of a high counter.
  it('a refusal does not move the window', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const forged = withTail(frame, 2n ** 64n - 1n);
    forged[0] = (forged[0] as number) ^ 1;
    expect(refused(test, session, cable.raw(forged)).status).toBe('bad checksum');
    expect(test.open(session, cable.data(frame, 1n)).status).toBe('ok');
  });

  it('everything, without a key', async () => {
    const test = await makeCore();
    const datagram = cable.data(frame, 1n);
    const never = test.session();
    expect(refused(test, never, datagram).status).toBe('no key');
    expect(refused(test, never, Buffer.of(0x20)).status).toBe('no key');
    for (const keyed of [test.session(key), test.session('plain')]) {
      test.core.unkeySession(keyed);
      expect(refused(test, keyed, datagram).status).toBe('no key');
      expect(test.seal(keyed, frame)).toMatchObject({ status: 'no key', sealed: true, bytes: Buffer.of() });
    }
  });

  it('everything of a wrong key or IV', async () => {
    const test = await makeCore();
    const session = test.session(key);
    const stranger = new Cable(bytes(24));
    for (let counter = 1n; counter <= 50n; counter++) {
      const datagram = stranger.data(frame, counter);
      expect(refused(test, session, datagram).status).toBe(reason(datagram));
    }
    // Once in 255 times or so a wrong key makes a right padding: then it is the checksum that tells.
    let lucky = stranger.data(frame, 1n);
    for (let counter = 2n; cable.cipher.open(cable.iv, lucky.subarray(1)) === undefined; counter++) {
      lucky = stranger.data(frame, counter);
    }
    expect(refused(test, session, lucky).status).toBe('bad checksum');
    // And always with a wrong IV, which changes the first block alone.
    const shifted = new Cable(Buffer.concat([key.subarray(0, 16), bytes(8)]));
    expect(refused(test, session, shifted.data(frame, 1n)).status).toBe('bad checksum');
  });
});

describe('the ring', () => {
  it('takes no more than it has slots, and room comes back slot by slot', async () => {
    const { ring, session, push, batch, core, snapshot } = await makeCore();
    const plain = session('plain');
    const datagrams = Array.from({ length: RING_SLOTS }, (_, i) => Buffer.from([0x20, i, ...bytes(14)]));
    push(plain, ...datagrams);
    expect(ring.room).toBe(0);
    const before = snapshot();
    expect(ring.push(plain, Buffer.alloc(DATAGRAM_MAX, 0xff))).toBe(false);
    expect(snapshot().equals(before)).toBe(true);
    expect(core.readStream(plain, streamOf([frame]))).toBe(0);

    const results: Result[] = [];
    for (let next = batch(); next.length > 0; next = batch()) {
      expect(next).toHaveLength(RING_BATCH);
      results.push(...next);
    }
    expect(results.map((result) => hex(result.bytes))).toEqual(datagrams.map((d) => hex(d.subarray(1))));
    // Processed is not yet released.
    expect(ring.push(plain, bytes(20))).toBe(false);
    for (const { index } of results.slice(0, 3)) {
      ring.release(index);
      push(plain, bytes(20));
      expect(ring.push(plain, bytes(20))).toBe(false);
    }
  });

  it('slots are released in any order; room grows as the oldest are', async () => {
    const { ring, session, push, batch } = await makeCore();
    const plain = session('plain');
    const next = () => Buffer.concat([Buffer.of(0x20), bytes(14 + below(40))]);
    const held: Result[] = [];
    const released = new Set<Result>();
    let filled = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = below(ring.room + 1); i > 0; i--) {
        push(plain, next());
        filled++;
      }
      for (let results = batch(); results.length > 0; results = batch()) held.push(...results);
      for (const result of shuffled(held).slice(0, below(held.length + 1))) {
        if (!released.has(result)) ring.release(result.index);
        released.add(result);
        while (held[0] !== undefined && released.has(held[0])) held.shift();
        expect(ring.room).toBe(RING_SLOTS - held.length);
      }
    }
    expect(filled).toBeGreaterThan(2 * RING_SLOTS);
  });

  it('slots that are not released keep their bytes', async () => {
    const { ring, session, push, drain, batch, bodyOf } = await makeCore();
    const [sender, plain] = [session(key), session('plain')];
    push(plain, Buffer.concat([Buffer.of(0x20), frame]));
    const [kept] = batch();
    if (kept === undefined) throw new Error('nothing was processed');
    for (let i = 0; i < RING_SLOTS - 1; i++) push(sender, cable.data(bytes(100), BigInt(i + 1)));
    expect(ring.push(sender, bytes(41))).toBe(false);
    expect(drain()).toHaveLength(RING_SLOTS - 1);
    const at = bodyOf(kept.index);
    expect(hex(ring.bytes.slice(at, at + frame.length))).toBe(hex(frame));
  });

  it.each([2 ** 32 - 100, 2 ** 32 - 1, 2 ** 31 - 100])(
    'positions run on past their last one: from %d',
    async (start) => {
      const { ring, view, session, pushFrames, push, drain, batch, setNextCounter } = await makeCore();
      for (const index of [layout.RING_HEAD, layout.RING_DONE, layout.RING_TAIL])
        view.setUint32(index, start, true);
      const [sender, receiver] = [session(key), session(key)];
      setNextCounter(1n);
      expect(ring.room).toBe(RING_SLOTS);
      const frames = Array.from({ length: 700 }, () => bytes(14 + below(100)));
      const expected = frames.map((sent, i) => hex(cable.data(sent, BigInt(i + 1))));
      let done = 0;
      // Alternately the whole ring and a few slots, so that the turn comes in the middle of either.
      for (let turn = 0; done < frames.length; turn++) {
        const some = frames.slice(done, done + (turn % 2 ? 1 + below(50) : RING_SLOTS));
        pushFrames(sender, ...some);
        expect(ring.room).toBe(RING_SLOTS - some.length);
        const datagrams = drain().map((result) => result.bytes);
        expect(datagrams.map(hex)).toEqual(expected.slice(done, done + some.length));
        push(receiver, ...datagrams);
        const opened: Result[] = [];
        for (let next = batch(); next.length > 0; next = batch()) opened.push(...next);
        expect(opened.map((result) => hex(result.bytes))).toEqual(some.map(hex));
        for (const { index } of shuffled(opened)) ring.release(index);
        expect(ring.room).toBe(RING_SLOTS);
        done += some.length;
      }
      expect(view.getUint32(layout.RING_TAIL, true)).toBe((start + 2 * frames.length) % 2 ** 32);
    },
  );

  it('seals and opens for several sessions in one batch', async () => {
    const { session, push, pushFrames, batch, setNextCounter, core } = await makeCore();
    const cables = Array.from({ length: 7 }, () => new Cable(bytes(24))); // more than there are lanes
    const keyed = cables.map((one) => ({ one, number: session(one.key), received: 0n, sent: 0n }));
    const [plain, keyless] = [session('plain'), session()];
    setNextCounter(2n ** 32n - 30n);
    let counter = 2n ** 32n - 30n;
    for (let round = 0; round < 10; round++) {
      const expected: Partial<Result>[] = [];
      for (let i = 0; i < RING_BATCH; i++) {
        const payload = Buffer.from(bytes(14 + below(200)));
        const peer = keyed[below(keyed.length)];
        const what = below(8);
        if (peer === undefined) throw new Error('no such peer');
        if (what < 3) {
          // All sessions share the process's one counter.
          const sealed = peer.one.data(payload, counter++);
          pushFrames(peer.number, payload);
          expected.push({ session: peer.number, sealed: true, status: 'ok', bytes: sealed });
          peer.sent++;
        } else if (what < 6) {
          push(peer.number, peer.one.data(payload, ++peer.received));
          expected.push({ session: peer.number, sealed: false, status: 'ok', bytes: payload });
        } else if (what === 6) {
          const bare = Buffer.concat([Buffer.of(0x20), payload]);
          const sealed = below(2) === 1;
          if (sealed) pushFrames(plain, payload);
          else push(plain, bare);
          expected.push({ session: plain, sealed, status: 'ok', bytes: sealed ? bare : payload });
        } else {
          push(keyless, peer.one.data(payload, peer.received + 1n));
          expected.push({ session: keyless, sealed: false, status: 'no key', bytes: Buffer.of() });
        }
      }
      const results = batch();
      const show = (r: Partial<Result>) =>
        `${r.session} ${r.sealed} ${r.status} ${hex(r.bytes ?? Buffer.of())}`;
      expect(results.map(show)).toEqual(expected.map(show));
      for (const { index } of results) core.ring.release(index);
    }
    for (const { number, received, sent } of keyed) {
      expect(core.counts(number)).toMatchObject({ opened: received, sealed: sent, refused: {} });
    }
  });

  it('counts frames and bytes', async () => {
    const { core, session, open, seal, setNextCounter } = await makeCore();
    const number = session(key);
    const none = {
      sealed: 0n,
      sealedBytes: 0n,
      opened: 0n,
      openedBytes: 0n,
      refused: {},
      droppedBySwitch: 0n,
      droppedUnopened: 0n,
    };
    expect(core.counts(number)).toEqual(none);
    setNextCounter(1n);
    seal(number, bytes(14));
    seal(number, bytes(9216));
    open(number, cable.data(bytes(100), 1n));
    open(number, cable.data(bytes(1), 2n));
    expect(core.counts(number)).toEqual({
      ...none,
      sealed: 2n,
      sealedBytes: 9230n,
      opened: 1n,
      openedBytes: 100n,
      refused: { 'bad length': 1n },
    });
    // The counts outlive the key, and end with the session.
    core.unkeySession(number);
    core.keySession(number, { suite: 'blowfish', key });
    expect(core.counts(number)).toMatchObject({ sealed: 2n, refused: { 'bad length': 1n } });
    core.closeSession(number);
    expect(session()).toBe(number);
    expect(core.counts(number)).toEqual(none);
  });
});

describe('the send counter', () => {
  it('ends at 2^64 - 1, and does not start again', async () => {
    const { core, view, session, seal, setNextCounter } = await makeCore();
    const [keyed, plain] = [session(key), session('plain')];
    setNextCounter(2n ** 64n - 2n);
    for (const counter of [2n ** 64n - 2n, 2n ** 64n - 1n]) {
      expect(hex(seal(keyed, frame).bytes)).toBe(hex(cable.data(frame, counter)));
    }
    for (let i = 0; i < 3; i++) {
      expect(seal(keyed, frame)).toMatchObject({ status: 'counter exhausted', bytes: Buffer.of() });
      expect(view.getBigUint64(layout.SEND_COUNTER, true)).toBe(2n ** 64n - 1n);
    }
    expect(core.counts(keyed)).toMatchObject({ sealed: 2n, refused: { 'counter exhausted': 3n } });
    // What needs no counter goes on.
    expect(seal(plain, frame).status).toBe('ok');
  });
});

describe('the plain suite', () => {
  it('is the frame behind its type, in both directions', async () => {
    const { view, session, open, seal } = await makeCore();
    const plain = session('plain');
    for (const length of [14, 15, 60, 1514, FRAME_MAX - 1, FRAME_MAX]) {
      const sent = bytes(length);
      const datagram = seal(plain, sent).bytes;
      expect(hex(datagram)).toBe(`20${hex(sent)}`);
      // There is nothing to tell a repetition by.
      for (let i = 0; i < 2; i++) expect(hex(open(plain, datagram).bytes)).toBe(hex(sent));
    }
    expect(view.getBigUint64(layout.SEND_COUNTER, true)).toBe(0n);
  });

  it('refuses frames that are too short or too long', async () => {
    const test = await makeCore();
    const plain = test.session('plain');
    for (const length of [...Array(14).keys(), FRAME_MAX + 1, DATAGRAM_MAX - 1]) {
      expect(refused(test, plain, bytes(1 + length)).status).toBe('bad length');
    }
  });
});
