// The ways to seal and open whole datagrams that are compared: by our core, OpenSSL and libraries.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { Blowfish } from 'egoroof-blowfish';
import { Core } from '../src/core/core.js';

const COUNTER = 8;
const CRC = 4;
const BLOCK = 8;
/** Of the secure cable: what is before and behind the payload of a transport message, and before its first frame. */
const HEADER = 16;
const TAG = 16;
const RECORD = 3;
const PATH = 1452;
const TYPE = 1;
/** Datagrams that are opened one after the other before the same come again. */
export const STOCK = 512;
const key = Uint8Array.from({ length: 44 }, (_, i) => (i * 37 + 11) & 0xff);
const blowfishKey = key.subarray(0, 16);
const iv = key.subarray(16, 24);
const chachaKey = key.subarray(0, 32);

export type Suite = 'blowfish' | 'chacha20' | 'secure';

/** One way to seal and open, a batch at a time. */
export interface Way {
  readonly name: string;
  readonly suite: Suite;
  /** Seals `count` frames; the result is looked at in the check alone, by `sealed`. */
  seal(frame: Buffer, count: number): void;
  /** The last datagram sealed. */
  sealed(): Buffer;
  /** Before the stock is opened (again). */
  rewind?(): void;
  /** Opens `count` datagrams, from `first` on; throws when one is wrong. */
  open(stock: readonly Buffer[], first: number, count: number): void;
  /** The last frame opened. */
  opened(): Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

export async function ours(suite: Suite): Promise<Way> {
  const core = await Core.load();
  const session = core.openSession() as number;
  /** From now on counters start again, and so does the replay window. */
  const keyAnew = () => {
    if (suite === 'blowfish') core.keySession(session, { suite, key: key.subarray(0, 24) });
    else if (suite === 'chacha20') core.keySession(session, { suite, key: chachaKey, block: 12 });
    else {
      core.installKeypair(session, 0, { send: chachaKey, receive: chachaKey, local: 1, remote: 1 });
      core.useKeypair(session, 0);
    }
  };
  if (suite === 'secure') core.setPath(session, PATH);
  keyAnew();
  const { ring } = core;
  const last = { address: 0, length: 0 };
  let frames = NOTHING;
  let of: Buffer | undefined;
  const finish = (count: number) => {
    for (let back = count - 1; back >= 0; back--) {
      const slot = ring.processed(back);
      if (slot.status !== 0) throw new Error(`${suite}: status ${slot.status}`);
      last.address = slot.address;
      last.length = slot.length;
      ring.release(slot.index);
    }
  };
  const bytes = () => Buffer.from(ring.bytes.slice(last.address, last.address + last.length));
  return {
    name: 'cryptcab',
    suite,
    seal(frame, count) {
      if (of !== frame || frames.length !== count * (2 + frame.length)) {
        of = frame;
        const head = Buffer.from([frame.length >> 8, frame.length & 0xff]);
        frames = Buffer.concat(Array.from({ length: count }, () => [head, frame]).flat());
      }
      if (core.readStream(session, frames) !== frames.length) throw new Error('the ring is full');
      finish(ring.process());
    },
    sealed: bytes,
    rewind: keyAnew,
    open(stock, first, count) {
      for (let i = 0; i < count; i++) {
        const datagram = stock[first + i] as Buffer;
        if (suite === 'secure') ring.pushTransport(session, datagram);
        else ring.push(session, datagram);
      }
      const done = ring.process();
      if (core.writeStream(session, done).length === 0) throw new Error('nothing was opened');
      finish(done);
    },
    opened() {
      const all = bytes();
      return suite === 'secure' ? all.subarray(RECORD, RECORD + all.readUInt16BE(1)) : all;
    },
  };
}

/** What is in a datagram's body before it is encrypted with Blowfish: frame, counter, CRC, padding. */
class Plain {
  readonly bytes: Buffer;
  readonly #length: number;
  #counter = 0;

  /** @param lead bytes before it */
  constructor(
    readonly frame: Buffer,
    lead: number,
  ) {
    this.#length = frame.length + COUNTER + CRC;
    const padding = BLOCK - (this.#length % BLOCK);
    const all = Buffer.alloc(lead + this.#length + padding, padding);
    this.bytes = all.subarray(lead);
    this.all = all;
  }

  readonly all: Buffer;

  /** With PKCS#7 padding behind it. */
  next(): Buffer {
    const { bytes, frame } = this;
    frame.copy(bytes);
    bytes.writeUInt32LE(++this.#counter, frame.length);
    bytes.writeUInt32LE(0, frame.length + 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, frame.length + COUNTER)), frame.length + COUNTER);
    return bytes;
  }

  unpadded(): Buffer {
    return this.next().subarray(0, this.#length);
  }
}

/** The frame in what was decrypted without padding; throws when anything is wrong with it. */
function checked(bytes: Buffer): Buffer {
  const length = bytes.length - COUNTER - CRC;
  if (crc32(bytes.subarray(0, length + COUNTER)) !== bytes.readUInt32LE(length + COUNTER))
    throw new Error('bad checksum');
  return bytes.subarray(0, length);
}

function unpadded(bytes: Buffer): Buffer {
  const padding = bytes[bytes.length - 1] as number;
  for (let i = 1; i <= padding; i++) if (bytes[bytes.length - i] !== padding) throw new Error('bad padding');
  return bytes.subarray(0, bytes.length - padding);
}

/** Seals by `encrypt`, which is given frame, counter and CRC; opens by its counterpart. */
function blowfishWay(
  name: string,
  padded: boolean,
  encrypt: (plain: Buffer) => Buffer,
  decrypt: (body: Buffer) => Buffer,
): Way {
  let plain: Plain | undefined;
  let last = NOTHING;
  return {
    name,
    suite: 'blowfish',
    seal(frame, count) {
      if (plain?.frame !== frame) plain = new Plain(frame, 0);
      for (let i = 0; i < count; i++) last = encrypt(padded ? plain.next() : plain.unpadded());
    },
    sealed: () => Buffer.concat([Buffer.from([0x20]), last]),
    open(stock, first, count) {
      for (let i = 0; i < count; i++) last = checked(decrypt((stock[first + i] as Buffer).subarray(TYPE)));
    },
    opened: () => last,
  };
}

function opensslPerDatagram(): Way {
  return blowfishWay(
    'OpenSSL bf-cbc, a cipher per datagram',
    false,
    (plain) => {
      const cipher = createCipheriv('bf-cbc', blowfishKey, iv);
      return Buffer.concat([cipher.update(plain), cipher.final()]);
    },
    (body) => {
      const decipher = createDecipheriv('bf-cbc', blowfishKey, iv).setAutoPadding(false);
      return unpadded(decipher.update(body));
    },
  );
}

/**
 * One cipher for all datagrams, though each begins with the same IV: a block before it that encrypts to the IV.
 * What is decrypted needs the IV before it, as ciphertext, so that a whole batch takes one call.
 */
function opensslKept(): Way {
  const cipher = createCipheriv('bf-cbc', blowfishKey, iv).setAutoPadding(false);
  const decipher = createDecipheriv('bf-cbc', blowfishKey, iv).setAutoPadding(false);
  const ecb = createDecipheriv('bf-cbc', blowfishKey, Buffer.alloc(BLOCK)).setAutoPadding(false);
  const beforeIv = ecb.update(iv); // the block that encrypts to the IV where the chain is 0
  let chain: Buffer = Buffer.from(iv);
  let plain: Plain | undefined;
  let gathered = NOTHING;
  let last = NOTHING;
  return {
    name: 'OpenSSL bf-cbc, one cipher kept',
    suite: 'blowfish',
    seal(frame, count) {
      if (plain?.frame !== frame) plain = new Plain(frame, BLOCK);
      for (let i = 0; i < count; i++) {
        plain.next();
        const { all } = plain;
        for (let j = 0; j < BLOCK; j++) all[j] = (beforeIv[j] as number) ^ (chain[j] as number);
        last = cipher.update(all);
        chain = last.subarray(last.length - BLOCK);
      }
    },
    sealed: () => Buffer.concat([Buffer.from([0x20]), last.subarray(BLOCK)]),
    open(stock, first, count) {
      const body = (stock[first] as Buffer).length - TYPE;
      const length = count * (BLOCK + body);
      if (gathered.length !== length) gathered = Buffer.alloc(length);
      for (let i = 0; i < count; i++) {
        gathered.set(iv, i * (BLOCK + body));
        (stock[first + i] as Buffer).copy(gathered, i * (BLOCK + body) + BLOCK, TYPE);
      }
      const clear = decipher.update(gathered);
      for (let i = 0; i < count; i++) {
        const at = i * (BLOCK + body) + BLOCK;
        last = checked(unpadded(clear.subarray(at, at + body)));
      }
    },
    opened: () => last,
  };
}

function egoroof(): Way {
  const blowfish = new Blowfish(blowfishKey, Blowfish.MODE.CBC, Blowfish.PADDING.PKCS5);
  blowfish.setIv(iv);
  const view = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return blowfishWay(
    'egoroof-blowfish',
    false,
    (plain) => view(blowfish.encode(plain)),
    (body) => view(blowfish.decode(body, Blowfish.TYPE.UINT8_ARRAY)),
  );
}

/** @param crypt XORs the key stream of a nonce, from block 12 on, to some bytes */
function chachaWay(name: string, crypt: (nonce: Buffer, bytes: Buffer) => Uint8Array): Way {
  let counter = 0;
  let last: { body: Uint8Array; tail: Buffer } = { body: NOTHING, tail: NOTHING };
  return {
    name,
    suite: 'chacha20',
    seal(frame, count) {
      for (let i = 0; i < count; i++) {
        const tail = Buffer.alloc(CRC + COUNTER);
        tail.writeUInt32LE(crc32(frame), 0);
        tail.writeUInt32LE(++counter, CRC);
        last = { body: crypt(tail, frame), tail };
      }
    },
    sealed: () => Buffer.concat([Buffer.from([0x20]), last.body, last.tail]),
    open(stock, first, count) {
      for (let i = 0; i < count; i++) {
        const datagram = stock[first + i] as Buffer;
        const tail = datagram.subarray(datagram.length - CRC - COUNTER);
        const body = crypt(tail, datagram.subarray(TYPE, datagram.length - CRC - COUNTER));
        if (crc32(body) !== tail.readUInt32LE(0)) throw new Error('bad checksum');
        last = { body, tail };
      }
    },
    opened: () => Buffer.from(last.body),
  };
}

function opensslChacha(): Way {
  const nonce = Buffer.alloc(16);
  nonce.writeUInt32LE(12, 0);
  return chachaWay('OpenSSL chacha20, a cipher per datagram', (tail, bytes) => {
    tail.copy(nonce, 4);
    return createCipheriv('chacha20', chachaKey, nonce).update(bytes);
  });
}

/** Not the protocol's bytes, as every datagram has a nonce of its own: what the cipher alone could reach. */
function opensslChachaKept(): Way {
  const cipher = createCipheriv('chacha20', chachaKey, Buffer.alloc(16));
  const way = chachaWay('OpenSSL chacha20, one key stream (a bound)', (_tail, bytes) => cipher.update(bytes));
  return {
    ...way,
    open(stock, first, count) {
      for (let i = 0; i < count; i++) {
        const datagram = stock[first + i] as Buffer;
        crc32(cipher.update(datagram.subarray(TYPE, datagram.length - CRC - COUNTER)));
      }
    },
  };
}

function noble(): Way {
  return chachaWay('@noble/ciphers', (tail, bytes) => chacha20(chachaKey, tail, bytes, undefined, 12));
}

/** One frame in each transport message. */
function aeadWay(
  name: string,
  encrypt: (nonce: Buffer, payload: Buffer) => readonly Uint8Array[],
  decrypt: (nonce: Buffer, body: Buffer) => Uint8Array,
): Way {
  let counter = -1;
  let payload = NOTHING;
  let of: Buffer | undefined;
  let last: { header: Buffer; parts: readonly Uint8Array[] } = { header: NOTHING, parts: [] };
  let clear: Uint8Array = NOTHING;
  const nonce = Buffer.alloc(12);
  return {
    name,
    suite: 'secure',
    seal(frame, count) {
      if (of !== frame) {
        of = frame;
        payload = Buffer.concat([Buffer.from([1, frame.length >> 8, frame.length & 0xff]), frame]);
      }
      for (let i = 0; i < count; i++) {
        const header = Buffer.alloc(HEADER);
        header[0] = 4;
        header[4] = 1;
        header.writeUInt32LE(++counter, 8);
        nonce.writeUInt32LE(counter, 4);
        last = { header, parts: encrypt(nonce, payload) };
      }
    },
    sealed: () => Buffer.concat([last.header, ...last.parts]),
    open(stock, first, count) {
      for (let i = 0; i < count; i++) {
        const datagram = stock[first + i] as Buffer;
        datagram.copy(nonce, 4, 8, HEADER);
        clear = decrypt(nonce, datagram.subarray(HEADER));
      }
    },
    opened: () => Buffer.from(clear.subarray(RECORD)),
  };
}

function opensslAead(): Way {
  const options = { authTagLength: TAG };
  return aeadWay(
    'OpenSSL chacha20-poly1305, a cipher per datagram',
    (nonce, payload) => {
      const cipher = createCipheriv('chacha20-poly1305', chachaKey, nonce, options);
      const body = cipher.update(payload);
      cipher.final();
      return [body, cipher.getAuthTag()];
    },
    (nonce, body) => {
      const decipher = createDecipheriv('chacha20-poly1305', chachaKey, nonce, options);
      decipher.setAuthTag(body.subarray(body.length - TAG));
      const clear = decipher.update(body.subarray(0, body.length - TAG));
      decipher.final(); // throws for a wrong tag
      return clear;
    },
  );
}

function nobleAead(): Way {
  return aeadWay(
    '@noble/ciphers',
    (nonce, payload) => [chacha20poly1305(chachaKey, nonce).encrypt(payload)],
    (nonce, body) => chacha20poly1305(chachaKey, nonce).decrypt(body),
  );
}

/** Sealed by our core, numbered from 1 on. */
export async function stockOf(suite: Suite, frame: Buffer): Promise<Buffer[]> {
  const way = await ours(suite);
  return Array.from({ length: STOCK }, () => {
    way.seal(frame, 1);
    return way.sealed();
  });
}

/** What ours are compared with; each throws where it does not exist. */
export const OTHERS: Readonly<Record<string, () => Way>> = {
  'blowfish: OpenSSL bf-cbc, a cipher per datagram': opensslPerDatagram,
  'blowfish: OpenSSL bf-cbc, one cipher kept': opensslKept,
  'blowfish: egoroof-blowfish': egoroof,
  'chacha20: OpenSSL chacha20, a cipher per datagram': opensslChacha,
  'chacha20: OpenSSL chacha20, one key stream (a bound)': opensslChachaKept,
  'chacha20: @noble/ciphers': noble,
  'secure: OpenSSL chacha20-poly1305, a cipher per datagram': opensslAead,
  'secure: @noble/ciphers': nobleAead,
};
