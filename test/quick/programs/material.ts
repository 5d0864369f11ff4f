// What programs are made of: datagrams of peers that have the keys, and may say anything; frames of taps.
import { type Functions, newMemory } from '../../../src/core/wasm.js';
import type { Randomness } from '../../support/randomness.js';
import { layout } from '../unit/core/harness.js';
import { encode, encodeVnet, type Segment, vnetOf } from '../unit/core/tap-twin.js';

export type Random = Randomness;

const { DATAGRAM_MAX, FRAME_MAX, STAGE_IN, STAGE_OUT, TRANSPORT_HEADER, VNET_BYTES } = layout;
const TAG = 16;
const NOISE_BYTES = 0x11000;
const PAYLOAD_MAX = DATAGRAM_MAX - TRANSPORT_HEADER - TAG;

/** An instance of the core, with a memory of its own. */
export async function start(module: WebAssembly.Module) {
  const memory = newMemory();
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  const functions = exports as unknown as Functions;
  functions.initialise();
  return { memory, functions };
}

/** Keypairs of a session, and sessions that a program has. */
export const PLACES = 3;
export const SESSIONS = 3;
export type Suite = 'blowfish' | 'chacha20' | 'plain';

/** The index that datagrams for a keypair bear. */
export const indexOf = (session: number, place: number): number => 0x1000 * session + place + 1;

export interface Material {
  /** By session and place: what a transport key has, and messages sealed with it. */
  readonly keys: readonly (readonly Uint8Array[])[];
  readonly messages: readonly (readonly (readonly Uint8Array[])[])[];
  /** Keys of the classic suites, 44 bytes; and DATA sealed with them. */
  readonly classicKey: Uint8Array;
  readonly data: Readonly<Record<Suite, readonly Uint8Array[]>>;
  /** Frames of a tap, each behind its header. */
  readonly taps: readonly Uint8Array[];
  /** DATA that nobody has encrypted: the frames of one connection, one after the other. */
  readonly run: readonly Uint8Array[];
  /** Anything. */
  readonly noise: Uint8Array;
}

/** Who the tap's frames are for, as a host. */
export const HOST = {
  mac: Uint8Array.of(2, 0x63, 0x61, 0x62, 0, 1),
  own: [Uint8Array.of(10, 88, 0, 1), Uint8Array.of(0xfd, 0x88, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  onLink: [
    { address: Uint8Array.of(10, 88, 0, 0), bits: 24 },
    { address: Uint8Array.of(0xfd, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), bits: 16 },
  ],
};

/** Sizes at which something ends, and any others. */
function sizeOf(random: Random, max: number): number {
  const kind = random.below(8);
  if (kind < 2) return Math.max(0, max - random.below(100));
  if (kind < 3) return random.below(max + 1);
  if (kind < 4) return random.below(20);
  return Math.min(max, random.below(1600));
}

function joined(...parts: ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const word = (value: number) => [(value >> 8) & 255, value & 255];

/** Payloads of one peer, one for each message: in the order in which a sender would make them. */
function payloads(random: Random, noise: (length: number) => Uint8Array): Uint8Array[] {
  const all: Uint8Array[] = [Uint8Array.of(), Uint8Array.of(1)];
  const whole = (frame: Uint8Array) => joined(word(frame.length), frame);
  for (let i = 0; i < 3; i++) all.push(joined([1], whole(noise(sizeOf(random, FRAME_MAX)))));
  // Many small ones; lengths that lie; other kinds of payload.
  all.push(joined([1], ...Array.from({ length: random.below(560) + 1 }, () => whole(noise(14)))));
  all.push(joined([1], whole(noise(60)), word(random.below(0x10000)), noise(random.below(99))));
  all.push(joined([random.below(256)], noise(random.below(99))));
  all.push(joined([2], noise(random.below(300))));
  for (let i = 0; i < 6; i++) all.push(packet(random, noise));
  for (let series = 0; series < 8; series++) all.push(...fragments(random, noise, series > 2));
  return all.map((payload) => payload.subarray(0, PAYLOAD_MAX));
}

/** An IP packet as the host of tap frames sends it (HOST), or of what is none of its. */
function packet(random: Random, noise: (length: number) => Uint8Array): Uint8Array {
  const segment = anySegment(random, noise);
  const whole = encode({ ...segment, tags: [], payload: noise(sizeOf(random, 9000)) }).subarray(14);
  if (random.below(4) > 0) {
    const [at, size] = segment.version === 4 ? [12, 4] : [8, 16];
    const source = whole.slice(at, at + size);
    whole.copyWithin(at, at + size, at + 2 * size);
    whole.set(source, at + size);
  }
  if (random.below(4) === 0) whole[random.below(60)] = random.below(256);
  return joined(whole, new Uint8Array(random.below(16)));
}

/** The fragments of a frame, or of what is none: too long, too short, with others' numbers. */
function fragments(random: Random, noise: (length: number) => Uint8Array, wild: boolean): Uint8Array[] {
  const count = wild && random.below(2) === 0 ? 1 + random.below(20) : 2 + random.below(2);
  const total = wild ? 1 + random.below(FRAME_MAX + 100) : FRAME_MAX - 10 + random.below(90);
  const id = random.below(4);
  const each = Math.ceil(total / count);
  const parts = Array.from({ length: count }, (_, index) => {
    const size = Math.max(0, Math.min(each, total - index * each));
    const odd = wild && random.below(20) === 0;
    const head = [
      ...word(0x8000 | size),
      ...word(id),
      odd ? random.below(256) : index,
      odd ? random.below(256) : count,
    ];
    return joined([1, ...head], noise(size));
  });
  if (wild && random.below(2) === 0) parts.reverse();
  return parts;
}

/** Bytes by the word: `bytes` of randomness() is slow for so many. */
function manyBytes(random: Random, length: number): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: length >> 2 }, () => random.next() * 2 ** 32).buffer);
}

const [SYN, ACK] = [2, 16];

function anySegment(random: Random, noise: (length: number) => Uint8Array): Segment {
  return {
    udp: random.below(3) === 0,
    version: random.below(2) === 0 ? 4 : 6,
    tags: Array.from({ length: random.below(3) }, () => random.below(0x1000)),
    tos: 0,
    id: random.below(0x10000),
    dontFragment: true,
    ttl: 64,
    flow: 0,
    host: random.below(3),
    port: random.below(3),
    sequence: random.below(2 ** 32),
    acknowledged: random.below(2 ** 32),
    flags: random.below(3) === 0 ? SYN : ACK,
    window: 1000,
    urgent: 0,
    options:
      random.below(2) === 0
        ? random.bytes(4 * random.below(11))
        : Uint8Array.of(1, 2, 4, 0xff, 0xff, 1, 1, 0),
    payload: noise(1 + (random.below(4) === 0 ? random.below(65_300) : random.below(12_000))),
  };
}

/**
 * A tap's frame behind its header; one in some is not what the kernel would say.
 * @param fine whether it should be cut into more frames than the ring has slots
 */
function tapFrame(random: Random, noise: (length: number) => Uint8Array, fine: boolean): Uint8Array {
  const segment = anySegment(random, noise);
  if (fine)
    return Buffer.concat([
      encodeVnet(vnetOf(segment, 100)),
      encode({ ...segment, flags: ACK, payload: noise(60_000) }, true),
    ]);
  const vnet = vnetOf(segment, 1 + random.below(random.below(3) === 0 ? FRAME_MAX + 100 : 3000));
  const frame = encode(segment, true).subarray(0, 14 + 8 + 0xffff);
  if (random.below(5) === 0) frame[random.below(80)] = random.below(256);
  if (random.below(8) === 0) vnet.sumStart = random.below(0x10000);
  if (random.below(8) === 0) vnet.sumOffset = random.below(0x10000);
  return Buffer.concat([encodeVnet(vnet), frame]);
}

/** The frames of one connection, or one flow, which a tap would be given joined: more than fit one super-frame. */
function connection(random: Random, noise: (length: number) => Uint8Array): Uint8Array[] {
  const segment = { ...anySegment(random, noise), flags: ACK, payload: noise(1100 + random.below(350)) };
  return Array.from({ length: 64 }, () => {
    const frame = encode(segment);
    segment.id++;
    segment.sequence = (segment.sequence + segment.payload.length) % 2 ** 32;
    return joined([0x20], frame);
  });
}

/**
 * Makes it all, with an instance of its own.
 * @param random says what
 * @param module the core
 */
export async function makeMaterial(random: Random, module: WebAssembly.Module): Promise<Material> {
  const { functions, memory } = await start(module);
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  const noise = manyBytes(random, NOISE_BYTES);
  const some = (length: number) => {
    const from = random.below(noise.length - length + 1);
    return noise.subarray(from, from + length);
  };
  const each = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
  const keys = each(SESSIONS, () => each(PLACES, () => random.bytes(32)));

  const seal = (session: number, place: number, payload: Uint8Array, counter: number): Uint8Array => {
    const body = STAGE_IN + TRANSPORT_HEADER;
    view.setUint32(STAGE_IN, 4, true);
    view.setUint32(STAGE_IN + 4, indexOf(session, place), true);
    view.setBigUint64(STAGE_IN + 8, BigInt(counter), true);
    bytes.set(payload, body);
    bytes.set(keys[session]?.[place] as Uint8Array, STAGE_OUT);
    view.setUint32(STAGE_OUT + 32, 0, true);
    view.setBigUint64(STAGE_OUT + 36, BigInt(counter), true);
    functions.aeadSeal(body, payload.length, STAGE_OUT, STAGE_OUT + 32);
    return bytes.slice(STAGE_IN, body + payload.length + TAG);
  };

  const classicKey = random.bytes(44);
  /** A DATA datagram, of a frame that may be longer or shorter than any is. */
  const data = (suite: Suite, counter: number): Uint8Array => {
    const tail = suite === 'plain' ? 0 : suite === 'chacha20' ? 12 : 20;
    const most = DATAGRAM_MAX - 1 - tail;
    const frame = some(counter < 6 ? FRAME_MAX - 3 + 2 * counter : sizeOf(random, most));
    const end = STAGE_IN + frame.length;
    bytes.set(frame, STAGE_IN);
    let length = frame.length;
    if (suite === 'chacha20') {
      view.setUint32(end, functions.crc32(STAGE_IN, length), true);
      view.setBigUint64(end + 4, BigInt(counter), true);
      bytes.set(classicKey, STAGE_OUT);
      functions.chacha20(STAGE_IN, length, STAGE_OUT, end, 0);
      length += 12;
    } else if (suite === 'blowfish') {
      view.setBigUint64(end, BigInt(counter), true);
      view.setUint32(end + 8, functions.crc32(STAGE_IN, length + 8), true);
      bytes.set(classicKey.subarray(16, 24), STAGE_OUT);
      length = functions.cbcSeal(STAGE_IN, length + 12, STAGE_OUT);
    }
    return joined([0x20], bytes.subarray(STAGE_IN, STAGE_IN + length));
  };
  bytes.set(classicKey, STAGE_IN);
  functions.sessionKeyBlowfish(0, STAGE_IN, 16);
  return {
    keys,
    messages: keys.map((places, session) =>
      places.map((_, place) => payloads(random, some).map((payload, i) => seal(session, place, payload, i))),
    ),
    classicKey,
    data: {
      blowfish: each(12, (i) => data('blowfish', i + 1)),
      chacha20: each(12, (i) => data('chacha20', i + 1)),
      plain: each(12, (i) => data('plain', i + 1)),
    },
    taps: each(16, (i) => tapFrame(random, some, i < 2)),
    run: connection(random, some),
    noise,
  };
}

/** Bytes of the header that is before each of a material's tap frames. */
export const TAP_HEAD = VNET_BYTES;

/** What a plug says next. */
export function speech({ noise }: Material, a: number, b: number): Buffer {
  const parts: Uint8Array[] = [];
  for (let i = 0; i <= a % 4; i++) {
    const long = ((b >> i) & 7) < 3 ? layout.FRAME_MAX - 20 + ((b + 37 * i) % 110) : (b * (i + 1)) % 1600;
    const length = a === 77 ? b : long;
    parts.push(Uint8Array.of(length >> 8, length & 255), noise.subarray(i, i + length));
  }
  return Buffer.concat(parts);
}
