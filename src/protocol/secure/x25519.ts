// X25519 (RFC 7748 §5). Not of a library: those compute with BigInt, whose copies of a private key nobody can wipe.
// Each operation takes the same steps whatever the numbers are.

const BYTES = 32;
/** An element of the field in limbs of 16 bits, the lowest first: products and their sums stay exact in a double. */
const LIMBS = 16;
const RADIX = 0x10000;
/** 2^256 = 38 modulo the prime 2^255 - 19. */
const FOLD = 38;
/** (486662 - 2) / 4 */
const A24 = 121_665;

type Element = Float64Array;

const element = (): Element => new Float64Array(LIMBS);
const [x1, x2, z2, x3, z3] = [element(), element(), element(), element(), element()];
const [a, b, c, d, e] = [element(), element(), element(), element(), element()];
const [aa, bb, product] = [element(), element(), element()];
const scalar = new Uint8Array(new ArrayBuffer(BYTES));
/** What was computed with: nothing of it stays. */
const SCRATCH = [x1, x2, z2, x3, z3, a, b, c, d, e, aa, bb, product, scalar];

/** The base point (§4.1). */
const BASE = new Uint8Array(BYTES);
BASE[0] = 9;

function add(out: Element, one: Element, other: Element): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (one[i] as number) + (other[i] as number);
}

function subtract(out: Element, one: Element, other: Element): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (one[i] as number) - (other[i] as number);
}

/** Has each limb be of 16 bits, but for a little that is left in the lowest. */
function carry(out: Element): void {
  let over = 0;
  for (let i = 0; i < LIMBS; i++) {
    const limb = (out[i] as number) + over;
    over = Math.floor(limb / RADIX);
    out[i] = limb - over * RADIX;
  }
  out[0] = (out[0] as number) + FOLD * over;
}

function multiply(out: Element, one: Element, other: Element): void {
  for (let k = 0; k < LIMBS; k++) {
    let low = 0;
    let high = 0;
    for (let i = 0; i <= k; i++) low += (one[i] as number) * (other[k - i] as number);
    for (let i = k + 1; i < LIMBS; i++) high += (one[i] as number) * (other[k + LIMBS - i] as number);
    product[k] = low + FOLD * high;
  }
  carry(product);
  carry(product);
  out.set(product);
}

function multiplySmall(out: Element, one: Element, factor: number): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (one[i] as number) * factor;
  carry(out);
  carry(out);
}

/** Exchanges two elements if bit is 1. */
function swap(bit: number, one: Element, other: Element): void {
  for (let i = 0; i < LIMBS; i++) {
    const difference = bit * ((one[i] as number) - (other[i] as number));
    one[i] = (one[i] as number) - difference;
    other[i] = (other[i] as number) + difference;
  }
}

/** out = one^(p - 2), the inverse: each bit of p - 2 is 1, but for the second and the fourth. */
function invert(out: Element, one: Element): void {
  out.set(one);
  for (let bit = 253; bit >= 0; bit--) {
    multiply(out, out, out);
    if (bit !== 2 && bit !== 4) multiply(out, out, one);
  }
}

/** §5: the highest bit is passed over. */
function decode(out: Element, bytes: Uint8Array): void {
  for (let i = 0; i < LIMBS; i++) out[i] = (bytes[2 * i] as number) + 256 * (bytes[2 * i + 1] as number);
  out[LIMBS - 1] = (out[LIMBS - 1] as number) % 0x8000;
}

/** The one number below the prime that an element stands for, as bytes; `rest` is written over. */
function encode(bytes: Uint8Array, number: Element, rest: Element): void {
  for (let i = 0; i < 3; i++) carry(number);
  // Below 2^256 now: the prime goes into it twice at most.
  for (let times = 0; times < 2; times++) {
    let borrow = 0;
    for (let i = 0; i < LIMBS; i++) {
      const prime = i === 0 ? 0xffed : i === LIMBS - 1 ? 0x7fff : 0xffff;
      const limb = (number[i] as number) - prime - borrow;
      borrow = limb < 0 ? 1 : 0;
      rest[i] = limb + borrow * RADIX;
    }
    swap(1 - borrow, number, rest);
  }
  for (let i = 0; i < LIMBS; i++) {
    const limb = number[i] as number;
    bytes[2 * i] = limb % 256;
    bytes[2 * i + 1] = Math.floor(limb / 256);
  }
}

/** §5, the Montgomery ladder, with its names. */
function ladder(out: Uint8Array, k: Uint8Array, u: Uint8Array): void {
  scalar.set(k);
  scalar[0] = (scalar[0] as number) & 248;
  scalar[31] = ((scalar[31] as number) & 127) | 64;
  decode(x1, u);
  x2.fill(0);
  x2[0] = 1;
  z2.fill(0);
  x3.set(x1);
  z3.fill(0);
  z3[0] = 1;
  let swapped = 0;
  for (let t = 254; t >= 0; t--) {
    const bit = ((scalar[t >> 3] as number) >> (t & 7)) & 1;
    swap(swapped ^ bit, x2, x3);
    swap(swapped ^ bit, z2, z3);
    swapped = bit;
    add(a, x2, z2);
    multiply(aa, a, a);
    subtract(b, x2, z2);
    multiply(bb, b, b);
    subtract(e, aa, bb);
    add(c, x3, z3);
    subtract(d, x3, z3);
    multiply(d, d, a); // DA
    multiply(c, c, b); // CB
    add(x3, d, c);
    multiply(x3, x3, x3);
    subtract(z3, d, c);
    multiply(z3, z3, z3);
    multiply(z3, z3, x1);
    multiply(x2, aa, bb);
    multiplySmall(z2, e, A24);
    add(z2, z2, aa);
    multiply(z2, z2, e);
  }
  swap(swapped, x2, x3);
  swap(swapped, z2, z3);
  invert(a, z2);
  multiply(x2, x2, a);
  encode(out, x2, b);
}

function times(secret: Uint8Array, point: Uint8Array): Uint8Array {
  if (secret.length !== BYTES || point.length !== BYTES) throw new RangeError('a key has 32 bytes');
  const out = new Uint8Array(new ArrayBuffer(BYTES));
  try {
    ladder(out, secret, point);
  } finally {
    for (const scratch of SCRATCH) scratch.fill(0);
  }
  return out;
}

/**
 * The public key of a private one (§6.1).
 * @throws RangeError for other lengths than 32 bytes
 */
export function publicKeyOf(secret: Uint8Array): Uint8Array {
  return times(secret, BASE);
}

/**
 * What two keys agree on (§6.1), 32 bytes that do not move, so that wiping them wipes all of them.
 * @throws RangeError for other lengths than 32 bytes, and for a public key of small order, whose result would be zero
 */
export function agree(secret: Uint8Array, other: Uint8Array): Uint8Array {
  const shared = times(secret, other);
  let any = 0;
  for (const byte of shared) any |= byte;
  if (any === 0) throw new RangeError('this public key agrees on nothing');
  return shared;
}
