// Text files that an editor has saved in another way than as plain text.

const UTF8_MARK = [0xef, 0xbb, 0xbf];
const UTF16_MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

function begins(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, i) => bytes[i] === byte);
}

/** Whether every other byte, from the first or the second one on, is zero: ASCII as UTF-16, without a mark. */
function alternates(bytes: Uint8Array): boolean {
  return [0, 1].some((from) => {
    const half = bytes.filter((_, i) => i % 2 === from);
    return half.length > 1 && half.every((byte) => byte === 0);
  });
}

/**
 * What a file begins with that is invisible in an editor: a byte order mark of UTF-8.
 * @returns what is wrong and what to do, as the predicate of a sentence; undefined if it has none
 */
export function markFault(bytes: Uint8Array): string | undefined {
  return begins(bytes, UTF8_MARK)
    ? 'begins with a byte order mark (BOM), which is not part of a key: save it as UTF-8 without BOM'
    : undefined;
}

/** The same for UTF-16, and for NUL bytes, which no text has. */
export function encodingFault(bytes: Uint8Array): string | undefined {
  if (UTF16_MARKS.some((mark) => begins(bytes, mark)) || alternates(bytes))
    return 'is saved as UTF-16: save it as plain text (UTF-8 without BOM)';
  return bytes.includes(0) ? 'holds NUL bytes, so it is no text: save it as plain text' : undefined;
}
