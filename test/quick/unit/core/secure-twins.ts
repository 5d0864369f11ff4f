/** Slow twins of what the secure cable needs of the core, written from RFC 8439 and secure.md alone. */
import { chacha20 } from './twins.js';

/** A little-endian number. */
function number(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function littleEndian(value: bigint, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)));
}

/** Poly1305 (RFC 8439 §2.5), of any length. */
export function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let i = 0; i < message.length; i += 16) {
    const block = message.subarray(i, i + 16);
    sum = ((sum + number(block) + (1n << BigInt(8 * block.length))) * r) % (2n ** 130n - 5n);
  }
  return littleEndian(sum + number(key.subarray(16, 32)), 16);
}

const padded = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((16 - (bytes.length % 16)) % 16)]);

function tagOf(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, cipher: Uint8Array): Buffer {
  const lengths = [data, cipher].map(({ length }) => littleEndian(BigInt(length), 8));
  return poly1305(
    chacha20(key, nonce, 0, new Uint8Array(32)),
    Buffer.concat([padded(data), padded(cipher), ...lengths]),
  );
}

/** ChaCha20-Poly1305 (RFC 8439 §2.8): ciphertext and tag. */
export function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  data: Uint8Array = new Uint8Array(),
): Buffer {
  const cipher = chacha20(key, nonce, 1, plain);
  return Buffer.concat([cipher, tagOf(key, nonce, data, cipher)]);
}

export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  data: Uint8Array = new Uint8Array(),
): Buffer | undefined {
  const cipher = sealed.subarray(0, -16);
  if (!tagOf(key, nonce, data, cipher).equals(sealed.subarray(-16))) return undefined;
  return chacha20(key, nonce, 1, cipher);
}

/** One direction of a keypair: how a transport message is made and read. */
export class Transport {
  constructor(
    readonly key: Uint8Array,
    readonly index: number,
  ) {}

  seal(counter: bigint, payload: Uint8Array): Buffer {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(4);
    header.writeUInt32LE(this.index, 4);
    header.writeBigUInt64LE(counter, 8);
    return Buffer.concat([header, aeadSeal(this.key, this.#nonce(counter), payload)]);
  }

  /** Throws where the message is not well-made. */
  open(message: Buffer): { counter: bigint; payload: Buffer } {
    const counter = message.readBigUInt64LE(8);
    const payload = aeadOpen(this.key, this.#nonce(counter), message.subarray(16));
    if (message.readUInt32LE() !== 4 || message.readUInt32LE(4) !== this.index || payload === undefined)
      throw new Error('no transport message of this keypair');
    return { counter, payload };
  }

  #nonce(counter: bigint): Buffer {
    return Buffer.concat([Buffer.alloc(4), littleEndian(counter, 8)]);
  }
}

export interface Fragment {
  id: number;
  index: number;
  count: number;
  bytes: Buffer;
}

/** A record: a frame, or a fragment. */
export function record(of: Uint8Array | Fragment): Buffer {
  const bytes = of instanceof Uint8Array ? of : of.bytes;
  const head = Buffer.alloc(of instanceof Uint8Array ? 2 : 6);
  head.writeUInt16BE(bytes.length | (of instanceof Uint8Array ? 0 : 0x8000));
  if (!(of instanceof Uint8Array)) {
    head.writeUInt16BE(of.id, 2);
    head[4] = of.index;
    head[5] = of.count;
  }
  return Buffer.concat([head, bytes]);
}

export function payload(...records: (Uint8Array | Fragment)[]): Buffer {
  return Buffer.concat([Buffer.of(1), ...records.map(record)]);
}

/** The records of a well-made payload. */
export function parsePayload(bytes: Buffer): (Buffer | Fragment)[] {
  if (bytes.length === 0) return [];
  if (bytes[0] !== 1) throw new Error('no records');
  const records: (Buffer | Fragment)[] = [];
  for (let at = 1; at < bytes.length; ) {
    const word = bytes.readUInt16BE(at);
    const head = word < 0x8000 ? 2 : 6;
    const size = word % 0x8000;
    if (at + head + size > bytes.length) throw new Error('a record is cut short');
    const body = bytes.subarray(at + head, at + head + size);
    records.push(
      word < 0x8000
        ? body
        : {
            id: bytes.readUInt16BE(at + 2),
            index: bytes[at + 4] as number,
            count: bytes[at + 5] as number,
            bytes: body,
          },
    );
    at += head + size;
  }
  return records;
}

/** The frames of well-made payloads, whose fragments come in order. */
export function framesOf(payloads: readonly Buffer[]): Buffer[] {
  const frames: Buffer[] = [];
  const parts = new Map<number, Buffer[]>();
  for (const one of payloads.flatMap(parsePayload)) {
    if (Buffer.isBuffer(one)) {
      frames.push(one);
      continue;
    }
    const list = parts.get(one.id) ?? [];
    if (one.index !== list.length) throw new Error('fragments out of order');
    parts.set(one.id, [...list, one.bytes]);
    if (one.index + 1 === one.count) {
      frames.push(Buffer.concat([...list, one.bytes]));
      parts.delete(one.id);
    }
  }
  if (parts.size > 0) throw new Error('a frame lacks fragments');
  return frames;
}

/** A frame as it is in a stream: of even length. */
export const evened = (frame: Uint8Array): Buffer => Buffer.concat([frame, Buffer.alloc(frame.length % 2)]);
