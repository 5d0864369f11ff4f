/**
 * A slow twin of each primitive of the core, written from its definition alone: straight loops, no tables that
 * are not part of the definition, nothing in place. Where twin and core agree, a shortcut of the core is right.
 */

const at = (list: ArrayLike<number>, i: number): number => list[i] as number;

/** The integer square root, by Newton's method. */
function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt(value.toString(16).length * 2);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** The first words of the fractional part of pi, by the mean of Gauss and Legendre. */
export function piWords(count: number): Uint32Array {
  const guard = 64;
  const one = 1n << BigInt(32 * count + guard);
  let a = one;
  let b = squareRoot((one * one) / 2n);
  let t = one / 4n;
  for (let p = 1n; a - b > 1n; p *= 2n) {
    const mean = (a + b) / 2n;
    t -= (p * (a - mean) ** 2n) / one;
    b = squareRoot(a * b);
    a = mean;
  }
  const pi = (a + b) ** 2n / (4n * t);
  const hex = (pi - 3n * one).toString(16).padStart((32 * count + guard) / 4, '0');
  return Uint32Array.from({ length: count }, (_, i) => Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16));
}

const PI = piWords(18 + 4 * 256);

/** Blowfish as Schneier describes it: 16 rounds of a loop, the halves swapped after each. */
export class Blowfish {
  readonly p = PI.slice(0, 18);
  readonly s = [0, 1, 2, 3].map((box) => PI.slice(18 + 256 * box, 18 + 256 * (box + 1)));

  constructor(key: Uint8Array) {
    for (let i = 0; i < 18; i++) {
      let word = 0;
      for (let k = 0; k < 4; k++) word = word * 256 + at(key, (4 * i + k) % key.length);
      this.p[i] = at(this.p, i) ^ word;
    }
    let [left, right] = [0, 0];
    for (const table of [this.p, ...this.s]) {
      for (let i = 0; i < table.length; i += 2) {
        [left, right] = this.#rounds(left, right, this.p);
        table[i] = left;
        table[i + 1] = right;
      }
    }
  }

  #f(x: number): number {
    const [a, b, c, d] = [x >>> 24, (x >>> 16) & 255, (x >>> 8) & 255, x & 255];
    const [s0, s1, s2, s3] = this.s as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
    return (((at(s0, a) + at(s1, b)) ^ at(s2, c)) + at(s3, d)) >>> 0;
  }

  #rounds(left: number, right: number, p: Uint32Array): [number, number] {
    let [l, r] = [left, right];
    for (let i = 0; i < 16; i++) {
      l ^= at(p, i);
      r ^= this.#f(l);
      [l, r] = [r, l];
    }
    // The last swap is undone.
    return [(r ^ at(p, 17)) >>> 0, (l ^ at(p, 16)) >>> 0];
  }

  #ecb(bytes: Uint8Array, p: Uint32Array): Buffer {
    const out = Buffer.from(bytes);
    for (let i = 0; i < out.length; i += 8) {
      const [l, r] = this.#rounds(out.readUInt32BE(i), out.readUInt32BE(i + 4), p);
      out.writeUInt32BE(l, i);
      out.writeUInt32BE(r, i + 4);
    }
    return out;
  }

  /** Each block by itself. */
  encrypt(bytes: Uint8Array): Buffer {
    return this.#ecb(bytes, this.p);
  }

  decrypt(bytes: Uint8Array): Buffer {
    return this.#ecb(bytes, this.p.slice().reverse());
  }

  /** CBC of whole blocks, without padding. */
  cbcEncrypt(iv: Uint8Array, bytes: Uint8Array): Buffer {
    const blocks: Uint8Array[] = [];
    let chain = iv;
    for (let i = 0; i < bytes.length; i += 8) {
      chain = this.encrypt(xor(bytes.subarray(i, i + 8), chain));
      blocks.push(chain);
    }
    return Buffer.concat(blocks);
  }

  cbcDecrypt(iv: Uint8Array, bytes: Uint8Array): Buffer {
    const chains = Buffer.concat([iv, bytes]).subarray(0, bytes.length);
    return xor(this.decrypt(bytes), chains);
  }

  /** CBC with PKCS#7 padding. */
  seal(iv: Uint8Array, bytes: Uint8Array): Buffer {
    const pad = 8 - (bytes.length % 8);
    return this.cbcEncrypt(iv, Buffer.concat([bytes, Buffer.alloc(pad, pad)]));
  }

  /** The bytes that seal() was given; undefined where the padding is not PKCS#7. */
  open(iv: Uint8Array, sealed: Uint8Array): Buffer | undefined {
    const plain = this.cbcDecrypt(iv, sealed);
    for (let pad = 1; pad <= 8; pad++) {
      const end = plain.length - pad;
      if (plain.subarray(end).equals(Buffer.alloc(pad, pad))) return plain.subarray(0, end);
    }
    return undefined;
  }
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ at(b, i)));
}

/** CRC-32 (IEEE 802.3, reflected), bit by bit. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** How far back a counter may lie behind the highest one. */
export const WINDOW = 8128n;

/** The replay window as the set of all counters ever taken. */
export class Window {
  readonly #taken = new Set<bigint>([0n]);
  highest = 0n;

  accept(counter: bigint): 'ok' | 'replayed' | 'too old' {
    if (counter !== 0n && this.highest - counter > WINDOW) return 'too old';
    if (this.#taken.has(counter)) return 'replayed';
    this.#taken.add(counter);
    if (counter > this.highest) this.highest = counter;
    return 'ok';
  }
}

/** Frames as the stream of a plug: each behind its length, big-endian. */
export function streamOf(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => [Buffer.from([frame.length >> 8, frame.length & 255]), frame]),
  );
}

/** The frames of a whole stream, those that are carried and those that are not. */
export function parseStream(stream: Uint8Array): { frames: Buffer[]; refused: number; rest: Buffer } {
  const frames: Buffer[] = [];
  let refused = 0;
  let rest = Buffer.from(stream);
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
    const frame = rest.subarray(2, 2 + rest.readUInt16BE());
    if (frame.length >= 14 && frame.length <= 9216) frames.push(frame);
    else refused++;
    rest = rest.subarray(2 + frame.length);
  }
  return { frames, refused, rest };
}

/** One end of a Blowfish cable, by the 24 bytes of its key file: how a DATA or RESPONSE is made and read. */
export class Cable {
  readonly cipher: Blowfish;
  readonly iv: Uint8Array;

  constructor(readonly key: Uint8Array) {
    this.cipher = new Blowfish(key.subarray(0, 16));
    this.iv = key.subarray(16, 24);
  }

  /** DATA of any plaintext, well-made or not. */
  raw(plain: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from([0x20]), this.cipher.seal(this.iv, plain)]);
  }

  data(frame: Uint8Array, counter: bigint): Buffer {
    return this.raw(withTail(frame, counter));
  }

  /** Reads DATA that another has made; throws where it is not well-made. */
  read(datagram: Uint8Array): { frame: Buffer; counter: bigint } {
    const plain = this.cipher.open(this.iv, datagram.subarray(1));
    if (datagram[0] !== 0x20 || plain === undefined) throw new Error('not DATA of this key');
    const frame = plain.subarray(0, -12);
    if (plain.readUInt32LE(plain.length - 4) !== crc32(plain.subarray(0, -4)))
      throw new Error('wrong checksum');
    return { frame, counter: plain.readBigUInt64LE(frame.length) };
  }

  response(challenge: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from([0x44]), this.cipher.seal(this.iv, challenge)]);
  }
}

/** frame ‖ counter ‖ crc */
export function withTail(frame: Uint8Array, counter: bigint): Buffer {
  const tail = Buffer.alloc(12);
  tail.writeBigUInt64LE(counter);
  tail.writeUInt32LE(crc32(Buffer.concat([frame, tail.subarray(0, 8)])), 8);
  return Buffer.concat([frame, tail]);
}

/** ChaCha20 (RFC 8439 §2.1 to §2.4), word by word, one block after the other. */
export function chacha20(key: Uint8Array, nonce: Uint8Array, counter: number, data: Uint8Array): Buffer {
  const word = (bytes: Uint8Array, i: number) => Buffer.from(bytes).readUInt32LE(4 * i);
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  const block = (number: number): Buffer => {
    const start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
    for (let i = 0; i < 8; i++) start.push(word(key, i));
    start.push(number >>> 0);
    for (let i = 0; i < 3; i++) start.push(word(nonce, i));
    const state = [...start];
    const at = (i: number) => state[i] as number;
    const step = (to: number, add: number, mix: number, by: number) => {
      state[to] = (at(to) + at(add)) >>> 0;
      state[mix] = rotate(at(mix) ^ at(to), by);
    };
    const quarter = (a: number, b: number, c: number, d: number) => {
      step(a, b, d, 16);
      step(c, d, b, 12);
      step(a, b, d, 8);
      step(c, d, b, 7);
    };
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i);
      for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
    }
    const stream = Buffer.alloc(64);
    for (let i = 0; i < 16; i++) stream.writeUInt32LE((at(i) + (start[i] as number)) >>> 0, 4 * i);
    return stream;
  };
  const out = Buffer.from(data);
  for (let i = 0; i < out.length; i += 64) {
    const stream = block(counter + i / 64);
    for (let k = i; k < Math.min(i + 64, out.length); k++)
      out[k] = (out[k] as number) ^ (stream[k - i] as number);
  }
  return out;
}

/** One end of a ChaCha20 cable, by its key file and the number of the first block of key stream. */
export class ChaChaCable {
  constructor(
    readonly key: Uint8Array,
    readonly block: 0 | 12,
  ) {}

  /** DATA (0x20) or RESPONSE (0x44). */
  seal(type: number, plain: Uint8Array, counter: bigint): Buffer {
    const tail = Buffer.alloc(12);
    tail.writeUInt32LE(crc32(plain));
    tail.writeBigUInt64LE(counter, 4);
    return Buffer.concat([Buffer.of(type), chacha20(this.key, tail, this.block, plain), tail]);
  }
}
