// What the core keeps for the host, which takes it and forgets it: control payloads (controls.ts), frames and packets (host.ts). Both lists
// have the same head before the bytes.
import { KEPT_HEAD } from './layout';

/** Writes an entry. @param at where it begins */
export function putKept(at: usize, session: u32, what: u32, bytes: usize, length: u32): void {
  store<u32>(at, session);
  store<u32>(at, what, 4);
  store<u32>(at, length, 8);
  memory.copy(at + KEPT_HEAD, bytes, length);
}
