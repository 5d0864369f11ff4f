// Super-frames of a tap, cut and joined; what is odd passes as it is. Any of them: test/quick/fuzz/tap.test.ts.
import { describe, expect, test } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { hex, layout } from './harness.js';
import { makeTapCore } from './tap-harness.js';
import {
  cut,
  ECN,
  encode,
  FLAG,
  holds,
  NOTHING,
  type Segment,
  sum,
  UDP,
  type Vnet,
  vnetOf,
} from './tap-twin.js';
import { parseStream } from './twins.js';

const { FRAME_MAX, RING_SLOTS, SESSIONS, TAP_FRAME, TAP_STAGE, TAP_STAGE_BYTES } = layout;
const random = randomness();

const segment = (more: Partial<Segment> = {}): Segment => ({
  version: 4,
  tags: [],
  tos: 0,
  id: 0xfffe,
  dontFragment: true,
  ttl: 64,
  flow: 0x12345,
  host: 2,
  port: 40_000,
  sequence: 0xffff_ff00,
  acknowledged: 7,
  flags: FLAG.ACK,
  window: 500,
  urgent: 0,
  options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2),
  payload: random.bytes(4000),
  ...more,
});

test('the twin has the checksum of RFC 1071 §3', () => {
  expect(sum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0xddf2);
});

test('what a tap gives stands before the sessions, and any packet of IP fits', () => {
  expect(TAP_STAGE + TAP_STAGE_BYTES).toBeLessThanOrEqual(SESSIONS);
  expect(TAP_STAGE + TAP_STAGE_BYTES - TAP_FRAME).toBeGreaterThan(65_535 + 14 + 8);
});

describe.each([4, 6] as const)('IPv%d', (version) => {
  test.each([
    ['plain', {}],
    ['tagged', { tags: [5] }],
    ['tagged twice', { tags: [5, 0x2003] }],
    ['without options', { options: new Uint8Array() }],
    ['with FIN and PSH', { flags: FLAG.ACK | FLAG.FIN | FLAG.PSH }],
    ['with CWR and ECE', { flags: FLAG.ACK | FLAG.CWR | FLAG.ECE }],
    ['an odd number of bytes', { payload: random.bytes(3999) }],
  ])('a super-frame, %s', async (_, more) => {
    const { put, finish } = await makeTapCore();
    const whole = segment({ version, ...more });
    const vnet = vnetOf(whole, 1348);
    if (whole.flags & FLAG.CWR) vnet.type |= ECN;
    put(vnet, encode(whole, true));
    const { came } = finish();
    // Each is what its sender would have sent by itself.
    const expected = [0, 1348, 2696].map((at, i) => {
      let { flags } = whole;
      if (i > 0) flags &= ~FLAG.CWR;
      if (i < 2) flags &= ~(FLAG.FIN | FLAG.PSH);
      const payload = whole.payload.subarray(at, at + 1348);
      return encode({ ...whole, id: whole.id + i, sequence: whole.sequence + at, flags, payload });
    });
    expect(came).toEqual(expected.map(hex));
    expect(came).toEqual(cut(vnet, encode(whole, true)).map(hex));
    expect(came.every((frame) => holds(Buffer.from(frame, 'hex')))).toBe(true);
  });

  test.each([
    ['plain', {}],
    ['tagged', { tags: [5] }],
    ['an odd number of bytes', { payload: random.bytes(3999) }],
    ['the last one of a byte', { payload: random.bytes(2697) }],
  ])('datagrams in one, %s', async (_, more) => {
    const { put, finish, join } = await makeTapCore();
    const whole = segment({ udp: true, version, ...more });
    const frame = encode(whole, true);
    put(vnetOf(whole, 1348), frame);
    const { came } = finish();
    const expected = [0, 1348, 2696].map((at, i) =>
      encode({ ...whole, id: whole.id + i, payload: whole.payload.subarray(at, at + 1348) }),
    );
    expect(came).toEqual(expected.map(hex));
    expect(came.every((one) => holds(Buffer.from(one, 'hex')))).toBe(true);
    const writes = join(came.map((one) => Buffer.from(one, 'hex')));
    expect(writes).toEqual([{ vnet: vnetOf(whole, 1348), frame, frames: 3 }]);
  });

  test('a datagram of several whose sum is 0: it says 0xffff', async () => {
    const { put, finish, join } = await makeTapCore();
    const payload = random.bytes(2000);
    payload.set([0, 0], 1000);
    const alone = encode(segment({ udp: true, version, id: 1, payload: payload.subarray(1000) }));
    const at = alone.length - 1002;
    payload.set(alone.subarray(at, at + 2), 1000);
    const whole = segment({ udp: true, version, id: 0, payload });
    put(vnetOf(whole, 1000), encode(whole, true));
    const { came } = finish();
    expect(Buffer.from(came[1] as string, 'hex').readUInt16BE(at)).toBe(0xffff);
    expect(join(came.map((one) => Buffer.from(one, 'hex'))).map(({ frames }) => frames)).toEqual([2]);
  });

  test.each<[string, Partial<Vnet>, Partial<Segment>]>([
    ['whose header stands elsewhere', { sumStart: 14 + 30 }, {}],
    ['whose header has no room', { sumStart: 65_000 }, {}],
    ['without a size', { size: 0 }, {}],
    ['whose checksum is done', { flags: 0 }, {}],
    ['whose checksum stands where TCP has its own', { sumOffset: 16 }, {}],
    ['with what TCP alone has', { type: UDP | ECN }, {}],
    ['without payload', {}, { payload: new Uint8Array() }],
    ['of TCP', { sumOffset: 6 }, { udp: false }],
  ])('datagrams in one %s', async (_, odd, more) => {
    const { put, finish, core, number } = await makeTapCore();
    const whole = segment({ udp: true, version, ...more });
    const vnet = { ...vnetOf({ ...whole, udp: true }, 1348), ...odd };
    const frame = encode(whole, true);
    put(vnet, frame);
    expect(finish().came).toEqual(['frame too long']);
    expect(core.counts(number).refused['frame too long']).toBe(1n);
  });

  test('of 64 KiB: joined it is again what it was', async () => {
    const { put, finish, join } = await makeTapCore();
    const whole = segment({ version, flags: FLAG.ACK | FLAG.PSH, payload: random.bytes(65_000) });
    const frame = encode(whole, true);
    const vnet = vnetOf(whole, 1348);
    put(vnet, frame);
    const frames = finish().came.map((one) => Buffer.from(one, 'hex'));
    expect(frames).toHaveLength(49);
    const writes = join(frames);
    expect(writes.map(({ frames }) => frames)).toEqual([49]);
    expect(writes[0]?.vnet).toEqual(vnet);
    expect(hex(writes[0]?.frame as Buffer)).toBe(hex(frame));
  });

  test('with more frames than the ring has slots: it goes on where it stopped', async () => {
    const { put, finish } = await makeTapCore();
    const whole = segment({ version, payload: random.bytes(60_000) });
    put(vnetOf(whole, 100), encode(whole, true));
    const { came, waits } = finish();
    expect(came).toEqual(cut(vnetOf(whole, 100), encode(whole, true)).map(hex));
    expect(came).toHaveLength(600);
    expect(waits).toBe(Math.floor(600 / RING_SLOTS));
  });
});

test.each([508, 1452])('on the secure cable, of a path of %d bytes', async (path) => {
  const [here, there] = [await makeTapCore(), await makeTapCore()];
  const [send, receive] = [random.bytes(32), random.bytes(32)];
  const [from, to] = [here, there].map(({ core }, i) => {
    const number = core.openSession() as number;
    const keys = i === 0 ? { send, receive } : { send: receive, receive: send };
    core.setPath(number, path);
    core.installKeypair(number, 0, { ...keys, local: i, remote: 1 - i });
    core.useKeypair(number, 0);
    return number;
  }) as [number, number];
  // Three super-frames, one frame, and then: none of them waits for more.
  const given = [40_000, 30_000, 1000, 10].map((length, i) =>
    segment({ id: 100 * i, payload: random.bytes(length) }),
  );
  const [came, expected]: [string[], string[]] = [[], []];
  for (const [i, one] of given.entries()) {
    const vnet = vnetOf(one, 1348);
    here.put(vnet, encode(one, true));
    expected.push(...cut(vnet, encode(one, true)).map(hex));
    for (let done = false; !done; ) {
      done = here.core.cutFrame(from);
      if (!done || i !== 1) here.core.endFrames(from); // the third is packed behind the second
      for (const { status, bytes } of here.drain()) {
        expect([status, bytes.length <= path]).toEqual(['ok', true]);
        expect(there.ring.pushTransport(to, bytes)).toBe(true);
        const [slot] = there.batch();
        const { frames } = parseStream(there.core.writeStream(to, 1));
        if (slot !== undefined) there.ring.release(slot.index);
        came.push(...frames.map(hex));
      }
    }
  }
  // In the stream of a plug, frames of odd length have a zero byte more.
  expect(came).toEqual(expected.map((frame) => (frame.length % 4 === 0 ? frame : `${frame}00`)));
});

test('frames that are longer than any cable carries are refused', async () => {
  const { put, finish, core, number } = await makeTapCore();
  const whole = segment({ payload: random.bytes(30_000) });
  put(vnetOf(whole, FRAME_MAX), encode(whole, true));
  expect(finish().came.slice(0, 3)).toEqual(Array(3).fill('frame too long'));
  put(NOTHING, random.bytes(FRAME_MAX));
  put(NOTHING, random.bytes(FRAME_MAX + 1));
  expect(finish().came).toEqual(['frame too long']);
  expect(core.counts(number).refused['frame too long']).toBe(4n);
});

describe('a checksum that is not finished', () => {
  const udp = (payload: Uint8Array) => {
    const header = Buffer.from(
      '026361620001026361620002080045000000000040004011000000000000000000000000',
      'hex',
    );
    const ports = Buffer.from('1388138800080000', 'hex');
    return Buffer.concat([header.subarray(0, 34), ports, payload]);
  };
  const vnet = { ...NOTHING, flags: 1, sumStart: 34, sumOffset: 6 };

  test.each([0, 1, 2, 15, 16, 31, 32, 33, 1399])('of UDP with %d bytes', async (length) => {
    const { put, finish } = await makeTapCore();
    const frame = udp(random.bytes(length));
    put(vnet, frame);
    const [came] = finish().came;
    expect(came).toBe(hex(cut(vnet, frame)[0] as Buffer));
    expect(sum(Buffer.from(came as string, 'hex').subarray(34))).toBe(0xffff);
  });

  test('is never 0 with UDP, which would say that there is none', async () => {
    const { put, finish } = await makeTapCore();
    const frame = udp(new Uint8Array(2));
    frame.writeUInt16BE(0xffff - sum(frame.subarray(34)), 42); // so that all words together are 0xffff
    put(vnet, frame);
    expect(finish().came[0]?.slice(80, 84)).toBe('ffff');
    const asTcp = { ...vnet, sumOffset: 4 };
    put(asTcp, frame);
    expect(finish().came).toEqual(cut(asTcp, frame).map(hex));
  });

  test('outside of the frame is left alone', async () => {
    const { put, finish } = await makeTapCore();
    for (const sumStart of [35, 60, 65_535]) {
      const frame = udp(random.bytes(0));
      put({ ...vnet, sumStart }, frame);
      expect(finish().came).toEqual([hex(frame)]);
    }
  });
});

describe('not joined', () => {
  const first = segment({ payload: random.bytes(1000) });
  const second = { ...first, id: first.id + 1, sequence: first.sequence + 1000, payload: random.bytes(1000) };
  const joined = async (...frames: Buffer[]) => (await makeTapCore()).join(frames);
  const damaged = (frame: Buffer, at: number) => {
    const copy = Buffer.from(frame);
    (copy[at] as number) ^= 1;
    return copy;
  };

  test('but two in a row are', async () => {
    expect((await joined(encode(first), encode(second))).map(({ frames }) => frames)).toEqual([2]);
  });

  test.each<[string, Partial<Segment>, Partial<Segment>]>([
    ['of another port', {}, { port: 40_001 }],
    ['of another host', {}, { host: 3 }],
    ['after a gap', {}, { sequence: second.sequence + 1 }],
    ['that comes again', {}, { sequence: first.sequence }],
    ['with another acknowledgement', {}, { acknowledged: 8 }],
    ['with another window', {}, { window: 501 }],
    ['with other options', {}, { options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2) }],
    ['without options', {}, { options: new Uint8Array() }],
    ['with an urgent pointer', {}, { urgent: 1 }],
    ['with another type of service', {}, { tos: 1 }],
    ['with another time to live', {}, { ttl: 63 }],
    ['that may be fragmented', {}, { dontFragment: false }],
    ['whose id does not follow', {}, { id: first.id + 2 }],
    ['of another VLAN', {}, { tags: [1] }],
    ['that is longer', {}, { payload: random.bytes(1001) }],
    ['without payload', {}, { payload: new Uint8Array() }],
    ['with FIN', {}, { flags: FLAG.ACK | FLAG.FIN }],
    ['with SYN', {}, { flags: FLAG.ACK | FLAG.SYN }],
    ['with RST', {}, { flags: FLAG.ACK | FLAG.RST }],
    ['with URG', {}, { flags: FLAG.ACK | FLAG.URG }],
    ['with ECE', {}, { flags: FLAG.ACK | FLAG.ECE }],
    ['with CWR', {}, { flags: FLAG.ACK | FLAG.CWR }],
    ['after PSH', { flags: FLAG.ACK | FLAG.PSH }, {}],
    ['of IPv6', {}, { version: 6 }],
    ['of another flow label', { version: 6 }, { version: 6, flow: 1 }],
  ])('one %s', async (_, a, b) => {
    const frames = [encode({ ...first, ...a }), encode({ ...second, ...b })];
    const writes = await joined(...frames);
    expect(writes.map(({ frame }) => hex(frame))).toEqual(frames.map(hex));
    expect(writes.every(({ vnet }) => vnet.flags === 0 && vnet.type === 0)).toBe(true);
  });

  const datagram = { ...first, udp: true };
  const another = { ...datagram, id: first.id + 1, payload: second.payload };

  test('but two datagrams in a row are, for a tap that takes them', async () => {
    const frames = [encode(datagram), encode(another)];
    const counts = async (datagrams: boolean) =>
      (await makeTapCore()).join(frames, 64, datagrams).map(({ frames }) => frames);
    expect(await counts(true)).toEqual([2]);
    expect(await counts(false)).toEqual([1, 1]);
  });

  test.each<[string, Partial<Segment>, Partial<Segment>]>([
    ['of another port', {}, { port: 40_001 }],
    ['of another host', {}, { host: 3 }],
    ['whose id does not follow', {}, { id: first.id + 2 }],
    ['with another type of service', {}, { tos: 1 }],
    ['with another time to live', {}, { ttl: 63 }],
    ['that may be fragmented', {}, { dontFragment: false }],
    ['of another VLAN', {}, { tags: [1] }],
    ['that is longer', {}, { payload: random.bytes(1001) }],
    ['without payload', {}, { payload: new Uint8Array() }],
    ['of TCP', {}, { udp: false }],
    ['after one of TCP', { udp: false }, {}],
    ['of another flow label', { version: 6 }, { version: 6, flow: 1 }],
  ])('a datagram %s', async (_, a, b) => {
    const frames = [encode({ ...datagram, ...a }), encode({ ...another, ...b })];
    expect((await joined(...frames)).map(({ frame }) => hex(frame))).toEqual(frames.map(hex));
  });

  test.each<[string, (frame: Buffer) => Buffer]>([
    ['that is damaged', (frame) => damaged(frame, 100)],
    ['that says another length', (frame) => damaged(frame, 14 + 20 + 5)],
    ['that has padding', (frame) => Buffer.concat([frame, Buffer.alloc(1)])],
    ['without a checksum', (frame) => frame.fill(0, 14 + 20 + 6, 14 + 20 + 8)],
    ['that is a fragment', (frame) => damaged(frame, 14 + 7)],
  ])('a datagram %s', async (_, change) => {
    for (const frames of [
      [change(encode(datagram)), encode(another)],
      [encode(datagram), change(encode(another))],
    ])
      expect((await joined(...(frames as Buffer[]))).map(({ frame }) => hex(frame))).toEqual(frames.map(hex));
  });

  test('a datagram without a checksum whose sum would be 0', async () => {
    const payload = Uint8Array.from(another.payload);
    payload.set([0, 0]);
    payload.set(encode({ ...another, payload }).subarray(40, 42));
    const frame = encode({ ...another, payload });
    expect(frame.readUInt16BE(40)).toBe(0xffff);
    expect((await joined(encode(datagram), frame)).map(({ frames }) => frames)).toEqual([2]);
    frame.writeUInt16BE(0, 40); // the same sum, but it would come out as 0xffff
    expect((await joined(encode(datagram), frame)).map(({ frames }) => frames)).toEqual([1, 1]);
  });

  test.each(['ffffffffffff', '01005e0000fb'])('datagrams to all, or to a group: %s', async (to) => {
    const frames = [datagram, another].map((one) => {
      const frame = encode(one);
      frame.set(Buffer.from(to, 'hex'));
      return frame;
    });
    expect((await joined(...frames)).map(({ frames }) => frames)).toEqual([1, 1]);
    expect((await joined(encode(datagram), encode(another))).map(({ frames }) => frames)).toEqual([2]);
  });

  test('a datagram that says another length, with a checksum for that', async () => {
    const frame = encode(another);
    const value = (by: number, at: number) => frame.writeUInt16BE(frame.readUInt16BE(at) + by, at);
    value(-1, 38);
    value(1, 40);
    expect(holds(frame)).toBe(true);
    expect((await joined(encode(datagram), frame)).map(({ frames }) => frames)).toEqual([1, 1]);
  });

  test.each<[string, Buffer, Buffer]>([
    ['the first is damaged', damaged(encode(first), 100), encode(second)],
    ['the second is', encode(first), damaged(encode(second), 100)],
    ["the first one's IPv4 header is", damaged(encode(first), 24), encode(second)],
    ["the second one's is", encode(first), damaged(encode(second), 24)],
    ['there is padding', encode(first), Buffer.concat([encode(second), Buffer.alloc(1)])],
    ['it is cut short', encode(first), encode(second).subarray(0, -1)],
    ['its checksum is the other zero', encode(first), otherZero(second)],
    ['the one of its IPv4 header is', ...otherZeroOfIp()],
  ])('where %s', async (_, a, b) => {
    const writes = await joined(a, b);
    expect(writes.map(({ frame }) => hex(frame))).toEqual([a, b].map(hex));
  });

  /** A segment whose checksum would be 0, and is 0xffff: right, but nobody would make it so. */
  function otherZero(from: Segment): Buffer {
    const payload = Uint8Array.from(from.payload);
    payload.set([0, 0]);
    const plain = encode({ ...from, payload });
    const at = 14 + 20 + 16;
    const word = plain.readUInt16BE(at);
    payload.set([word >> 8, word & 255]);
    const frame = encode({ ...from, payload });
    expect(frame.readUInt16BE(at)).toBe(0);
    frame.writeUInt16BE(0xffff, at);
    return frame;
  }

  /** Two segments, of which the second has such an IPv4 header. */
  function otherZeroOfIp(): [Buffer, Buffer] {
    const id = encode({ ...second, id: 0 }).readUInt16BE(24);
    const frame = encode({ ...second, id });
    expect(frame.readUInt16BE(24)).toBe(0);
    frame.writeUInt16BE(0xffff, 24);
    return [encode({ ...first, id: id - 1 }), frame];
  }

  test('after a shorter one, or past 65535 bytes of IP', async () => {
    const run = (sizes: number[]) => {
      let { id, sequence } = first;
      return sizes.map((size) => {
        const frame = encode({ ...first, id: id++, sequence, payload: random.bytes(size) });
        sequence += size;
        return frame;
      });
    };
    const counts = async (sizes: number[], most?: number) =>
      (await makeTapCore()).join(run(sizes), most).map(({ frames }) => frames);
    expect(await counts([1000, 1000, 999, 1000, 1000])).toEqual([3, 2]);
    expect(await counts(Array(20).fill(9000))).toEqual([7, 7, 6]);
    expect(await counts(Array(10).fill(8000), 4)).toEqual([4, 4, 2]);
    expect(await counts([65_535 - 52 - 100, 100])).toEqual([2]);
    expect(await counts([65_535 - 52 - 100, 101])).toEqual([1, 1]);
  });
});
