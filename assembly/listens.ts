// Whose questions to others a host hears (secure.md §6.4): those of the stations of IPv4 that the main thread remembers, which may
// have another MAC address now. There are more of them than the table of neighbours holds, and it need not know which one asks: so
// they are counted by a part of their addresses. One that falls on the same place is heard as well, and costs time alone.
import { SESSION_LISTENS, sessionAt } from './layout';

/** The place of an address, as it is in memory: the networks of stations differ in the last bytes. */
function placeOf(record: usize, address: u32): usize {
  return record + SESSION_LISTENS + <usize>((address >>> 24) ^ ((address >>> 16) & 0xff));
}

/** Whether what this station asks others is for the main thread. */
export function listensTo(record: usize, address: u32): bool {
  return load<u8>(placeOf(record, address)) != 0;
}

/**
 * The main thread remembers a station, or has forgotten it.
 * @param address its 4 bytes, as they are in memory
 */
export function hostListen(session: u32, address: u32, on: bool): void {
  const place = placeOf(sessionAt(session), address);
  const count = <u32>load<u8>(place);
  if (on) store<u8>(place, min(count + 1, 0xff));
  else if (count > 0) store<u8>(place, count - 1);
}
