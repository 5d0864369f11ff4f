// A counter is accepted once: the sliding window of RFC 6479, 8192 bits. The bitmap is a ring of 64-bit
// words addressed by the counter itself; the word being filled is not yet wholly usable, so that the
// window reaches 8192 - 64 = 8128 counters back.
import { SESSION_HIGHEST, SESSION_WINDOW } from './layout';

const BITS: u64 = 8192;
const BYTES: usize = 1024;
const USABLE: u64 = BITS - 64;

export const FRESH: u32 = 0;
export const SEEN: u32 = 1;
export const TOO_OLD: u32 = 2;

function wordOf(record: usize, counter: u64): usize {
  return record + SESSION_WINDOW + <usize>(((counter >>> 6) & (BITS / 64 - 1)) << 3);
}

function bitOf(counter: u64): u64 {
  return (<u64>1) << (counter & 63);
}

/** Forgets all counters: the next one may be any but 0. */
export function replayReset(record: usize): void {
  store<u64>(record, 0, SESSION_HIGHEST);
  memory.fill(record + SESSION_WINDOW, 0, BYTES);
}

/** Whether a counter can be taken: FRESH, SEEN (0 is never sent, so it counts as seen), or TOO_OLD. */
export function replayCheck(record: usize, counter: u64): u32 {
  if (counter == 0) return SEEN;
  const highest = load<u64>(record, SESSION_HIGHEST);
  if (counter > highest) return FRESH;
  if (highest - counter >= USABLE) return TOO_OLD;
  return load<u64>(wordOf(record, counter)) & bitOf(counter) ? SEEN : FRESH;
}

/** Takes a counter that replayCheck has found fresh. */
export function replayTake(record: usize, counter: u64): void {
  const highest = load<u64>(record, SESSION_HIGHEST);
  if (counter > highest) {
    // Clear the words between, at most all of them.
    const words = (counter >>> 6) - (highest >>> 6);
    if (words >= BITS / 64) {
      memory.fill(record + SESSION_WINDOW, 0, BYTES);
    } else {
      for (let i: u64 = 1; i <= words; i++) store<u64>(wordOf(record, highest + (i << 6)), 0);
    }
    store<u64>(record, counter, SESSION_HIGHEST);
  }
  const word = wordOf(record, counter);
  store<u64>(word, load<u64>(word) | bitOf(counter));
}
