// A counter is accepted once: the sliding window of RFC 6479, 8192 bits. The bitmap is a ring of 64-bit words addressed
// by the counter itself. The word that the highest counter is in has taken the place of one that is 128 words older, so
// that the window reaches 8192 - 64 counters back: one that is exactly 8128 behind is the last good one, as in Linux's
// WireGuard.

const BITS: u64 = 8192;
/** How far behind the highest a counter may be. */
const REACH: u64 = BITS - 64;

// A window: the highest counter taken, u64, then the bitmap.
const BITMAP: usize = 8;
const BITMAP_BYTES: usize = 1024;
export const REPLAY_BYTES: usize = BITMAP + BITMAP_BYTES;

export const FRESH: u32 = 0;
export const SEEN: u32 = 1;
export const TOO_OLD: u32 = 2;

function wordOf(window: usize, counter: u64): usize {
  return window + BITMAP + <usize>(((counter >>> 6) & (BITS / 64 - 1)) << 3);
}

function bitOf(counter: u64): u64 {
  return (<u64>1) << (counter & 63);
}

/** Forgets all counters: the next one may be any. */
export function replayReset(window: usize): void {
  memory.fill(window, 0, REPLAY_BYTES);
}

/** Whether a counter can be taken: FRESH, SEEN, or TOO_OLD. */
export function replayCheck(window: usize, counter: u64): u32 {
  const highest = load<u64>(window);
  if (counter > highest) return FRESH;
  if (highest - counter > REACH) return TOO_OLD;
  return load<u64>(wordOf(window, counter)) & bitOf(counter) ? SEEN : FRESH;
}

/** Takes a counter that replayCheck has found fresh. */
export function replayTake(window: usize, counter: u64): void {
  const highest = load<u64>(window);
  if (counter > highest) {
    // Clear the words between, at most all of them.
    const words = (counter >>> 6) - (highest >>> 6);
    if (words >= BITS / 64) {
      memory.fill(window + BITMAP, 0, BITMAP_BYTES);
    } else {
      for (let i: u64 = 1; i <= words; i++) store<u64>(wordOf(window, highest + (i << 6)), 0);
    }
    store<u64>(window, counter);
  }
  const word = wordOf(window, counter);
  store<u64>(word, load<u64>(word) | bitOf(counter));
}
