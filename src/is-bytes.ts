/**
 * Whether a value is a Uint8Array. A caller's may be of another realm, whose Uint8Array is not ours: a test runner, or a window,
 * gives programs globals of their own.
 */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && (value as Uint8Array)[Symbol.toStringTag] === 'Uint8Array';
}
