// Whether somebody still reads standard output.
import { type Libc, loadLibc, POLL } from '../cable/native/linux/libc.js';

/** How often the kernel is asked, ms. */
const LOOK_MS = 500;

/**
 * Says it when nobody reads standard output any more. A write would show it, but a quiet cable has nothing to write. Asks the kernel, which
 * needs the C library; without it, the next write shows it.
 * @returns what stops asking
 */
export async function whenUnread(unread: () => void): Promise<() => void> {
  let libc: Libc;
  try {
    libc = await loadLibc();
  } catch {
    return () => {};
  }
  // struct pollfd: the descriptor, then what is asked for (nothing: the kernel reports trouble all the same), and what there is.
  const pollfd = new Uint8Array(new ArrayBuffer(8)); // a buffer of its own does not move
  const view = new DataView(pollfd.buffer);
  view.setInt32(0, 1, true);
  const timer = setInterval(() => {
    const found = libc.poll(libc.address(pollfd), 1, 0);
    if (found < 1 || (view.getInt16(6, true) & (POLL.ERR | POLL.HUP)) === 0) return;
    clearInterval(timer);
    unread();
  }, LOOK_MS);
  return () => clearInterval(timer);
}
