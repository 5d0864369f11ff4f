// Memory for keys. Small arrays are on the heap of the runtime, whose collector moves them and leaves what they held where
// they were; an ArrayBuffer of its own stays where it is, so that wiping it wipes the key.

/** Zeros that do not move. */
export function secretRoom(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(bytes));
}

/** A copy of a key, to be wiped on its own. */
export function copyKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = secretRoom(key.length);
  copy.set(key);
  return copy;
}
