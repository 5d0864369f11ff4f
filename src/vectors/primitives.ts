import { instantiate, type Wasm } from '../core/wasm.js';

const BLOCK = 8;
const TAG = 16;

/** The core's ciphers and checksum by themselves, on an instance of their own. */
export class Primitives {
  readonly #wasm: Wasm;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #key: number;

  private constructor(wasm: Wasm) {
    this.#wasm = wasm;
    this.#bytes = new Uint8Array(wasm.memory.buffer);
    this.#at = wasm.layout.STAGE_IN;
    this.#key = wasm.layout.STAGE_OUT;
  }

  static async load(): Promise<Primitives> {
    return new Primitives(await instantiate());
  }

  /** Bytes that one call takes at most. */
  get most(): number {
    return this.#wasm.layout.STAGE_IN_BYTES - TAG;
  }

  /** Bytes, the tag's among them, that aeadOpen takes at most. */
  get mostSealed(): number {
    return this.#wasm.layout.AEAD_MAX + TAG;
  }

  /** @throws RangeError for more than `most` bytes */
  #put(...parts: Uint8Array[]): void {
    let at = this.#at;
    for (const part of parts) {
      if (at + part.length > this.#at + this.most) throw new RangeError(`more than ${this.most} bytes`);
      this.#bytes.set(part, at);
      at += part.length;
    }
  }

  #get(length: number): Uint8Array {
    return this.#bytes.slice(this.#at, this.#at + length);
  }

  /** @param key 4 to 56 bytes */
  #blowfish(key: Uint8Array): void {
    if (key.length < 4 || key.length > 56) throw new RangeError('a Blowfish key has 4 to 56 bytes');
    this.#put(key, new Uint8Array(BLOCK));
    this.#wasm.functions.sessionKeyBlowfish(0, this.#at, key.length);
  }

  /** Blowfish of whole blocks, each by itself. @throws RangeError */
  blowfish(key: Uint8Array, input: Uint8Array, way: 'encrypt' | 'decrypt'): Uint8Array {
    if (input.length % BLOCK > 0) throw new RangeError('not whole blocks');
    this.#blowfish(key);
    this.#put(input);
    const { blowfishEncrypt, blowfishDecrypt } = this.#wasm.functions;
    (way === 'encrypt' ? blowfishEncrypt : blowfishDecrypt)(this.#at, input.length / BLOCK);
    return this.#get(input.length);
  }

  /** Blowfish-CBC with PKCS#7 padding. @throws RangeError */
  cbcSeal(key: Uint8Array, iv: Uint8Array, input: Uint8Array): Uint8Array {
    this.#cbc(key, iv, input);
    return this.#get(this.#wasm.functions.cbcSeal(this.#at, input.length, this.#key));
  }

  /** @returns undefined where the padding is wrong. @throws RangeError */
  cbcOpen(key: Uint8Array, iv: Uint8Array, input: Uint8Array): Uint8Array | undefined {
    if (input.length % BLOCK > 0 || input.length === 0) throw new RangeError('not whole blocks');
    this.#cbc(key, iv, input);
    const length = this.#wasm.functions.cbcOpen(this.#at, input.length, this.#key);
    return length < 0 ? undefined : this.#get(length);
  }

  #cbc(key: Uint8Array, iv: Uint8Array, input: Uint8Array): void {
    if (iv.length !== BLOCK) throw new RangeError(`an IV has ${BLOCK} bytes`);
    this.#blowfish(key);
    this.#put(input);
    this.#bytes.set(iv, this.#key);
  }

  crc32(input: Uint8Array): number {
    this.#put(input);
    return this.#wasm.functions.crc32(this.#at, input.length) >>> 0;
  }

  /** ChaCha20 (RFC 8439 §2.4) from a block of key stream on: encrypts, or decrypts. @throws RangeError */
  chacha20(key: Uint8Array, nonce: Uint8Array, block: number, input: Uint8Array): Uint8Array {
    this.#aead(key, nonce, input);
    this.#wasm.functions.chacha20(this.#at, input.length, this.#key, this.#key + key.length, block);
    return this.#get(input.length);
  }

  #aead(key: Uint8Array, nonce: Uint8Array, input: Uint8Array): void {
    if (key.length !== 32 || nonce.length !== 12) throw new RangeError('a key has 32 bytes, a nonce 12');
    this.#put(input);
    this.#bytes.set(key, this.#key);
    this.#bytes.set(nonce, this.#key + key.length);
  }

  /** ChaCha20-Poly1305 without additional data: ciphertext and tag. @throws RangeError */
  aeadSeal(key: Uint8Array, nonce: Uint8Array, input: Uint8Array): Uint8Array {
    this.#aead(key, nonce, input);
    this.#wasm.functions.aeadSeal(this.#at, input.length, this.#key, this.#key + key.length);
    return this.#get(input.length + TAG);
  }

  /** @returns undefined where the tag is wrong. @throws RangeError */
  aeadOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < TAG) throw new RangeError('shorter than a tag');
    if (sealed.length > this.mostSealed) throw new RangeError(`more than ${this.mostSealed} bytes`);
    this.#aead(key, nonce, sealed);
    const length = sealed.length - TAG;
    const [at, keyAt, nonceAt] = [this.#at, this.#key, this.#key + key.length];
    if (!this.#wasm.functions.aeadVerify(at, length, keyAt, nonceAt)) return undefined;
    this.#wasm.functions.aeadDecrypt(at, length);
    return this.#get(length);
  }

  /** Poly1305 of whole blocks. @throws RangeError */
  poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
    if (key.length !== 32 || message.length % TAG > 0) throw new RangeError('not whole blocks');
    this.#put(message);
    this.#bytes.set(key, this.#key);
    this.#wasm.functions.polyBegin(this.#key);
    this.#wasm.functions.polyBlocks(this.#at, message.length);
    this.#wasm.functions.polyEnd(this.#key);
    return this.#bytes.slice(this.#key, this.#key + TAG);
  }
}
