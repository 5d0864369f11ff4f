import type { Remote } from '../../protocol/remote.js';
import type { OpenUdp } from './udp.js';

/** A report of the network that comes at all comes within this, ms. */
const REPORT_MS = 1_000;

/**
 * Whether the network says that nobody listens at a remote (ICMP, port unreachable). The system reports that to a connected socket
 * alone, and a secure cable's is not (secure.md §4.1): so a datagram goes there from a socket of its own.
 * @param datagram one that the remote has been sent already: who listens does nothing with it
 * @param signal ends the wait
 */
export async function nobodyListens(
  open: OpenUdp,
  to: Remote,
  datagram: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  let answer = (_nobody: boolean) => {};
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const udp = await open(0, {
    datagram: () => answer(false),
    unreachable: () => answer(true),
    failed: () => answer(false),
  });
  const giveUp = () => answer(false);
  // One more turn: on a busy machine the time may be over before what has come is looked at.
  const timer = setTimeout(() => setImmediate(giveUp), REPORT_MS);
  signal.addEventListener('abort', giveUp);
  try {
    await udp.connect(to);
    udp.send(datagram, 0, datagram.length, to, () => {});
    return signal.aborted ? false : await answered;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    await udp.close();
  }
}
