// How often a key is in the memory of a process, in the forms that it may have there. Needs to be root, or its parent.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Read at a time, and what is kept of it in case that a key goes on in the next piece. */
const PIECE_BYTES = 4 << 20;
const KEPT_BYTES = 256;

/** The forms of a key: its bytes, the other way round as in a number of any size, and as text. */
function formsOf(key: Uint8Array): Record<string, Buffer> {
  const bytes = Buffer.from(key);
  const reversed = Buffer.from(key).reverse();
  const base64 = bytes.toString('base64').replace(/.?=*$/, '');
  return {
    raw: bytes,
    reversed,
    base64: Buffer.from(base64),
    'base64, two bytes a character': Buffer.from(base64, 'utf16le'),
    hex: Buffer.from(bytes.toString('hex')),
    'hex, reversed': Buffer.from(reversed.toString('hex')),
  };
}

/** Calls back with the readable memory of a process, in pieces that overlap. `fresh`: where what is new of it begins. */
function eachPiece(pid: number, look: (piece: Buffer, fresh: number) => void): void {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.alloc(KEPT_BYTES + PIECE_BYTES);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to, name = ''] = /^(\w+)-(\w+) r\S+ \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
      if (from === undefined || name.startsWith('[v')) continue; // vvar and vsyscall cannot be read so
      const end = BigInt(`0x${to}`);
      let kept = 0;
      for (let at = BigInt(`0x${from}`); at < end; at += BigInt(PIECE_BYTES)) {
        const want = Math.min(PIECE_BYTES, Number(end - at));
        let got = 0;
        try {
          got = readSync(memory, piece, kept, want, at);
        } catch {
          // given back to the system meanwhile, or never used
        }
        if (got < want) {
          kept = 0;
          continue;
        }
        const all = piece.subarray(0, kept + got);
        look(all, kept);
        kept = Math.min(KEPT_BYTES, all.length);
        all.copyWithin(0, all.length - kept);
      }
    }
  } finally {
    closeSync(memory);
  }
}

/**
 * Counts keys in the memory of a process.
 * @returns how often each is there, by its name and form; those that are nowhere are left out
 */
export function keysIn(pid: number, keys: Readonly<Record<string, Uint8Array>>): Record<string, number> {
  const forms = Object.entries(keys).flatMap(([name, key]) =>
    Object.entries(formsOf(key)).map(([form, bytes]) => [`${name} ${form}`, bytes] as const),
  );
  const counts: Record<string, number> = {};
  eachPiece(pid, (piece, fresh) => {
    for (const [name, bytes] of forms) {
      for (let at = piece.indexOf(bytes); at >= 0; at = piece.indexOf(bytes, at + 1))
        if (at + bytes.length > fresh) counts[name] = (counts[name] ?? 0) + 1;
    }
  });
  return counts;
}
