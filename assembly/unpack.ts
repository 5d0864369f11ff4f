// Payloads into frames (secure-protocol §2; see records.ts). A payload is authentic, so that what
// is wrong in it is its sender's fault. What comes before a malformed record is handed on: its frames were whole. What
// comes after is dropped if the record does not tell where it ends.
import { fragmentTake } from './fragments';
import { FRAME_HEADER, handOn } from './frames';
import { FRAME_MIN, sessionAt } from './layout';
import { FRAGMENT, FRAGMENT_HEADER, PAYLOAD_RECORDS } from './records';
import { STATUS_FRAME_SHORT, STATUS_IP, STATUS_PAYLOAD, STATUS_RECORD, tally } from './status';

/**
 * Writes the frames of a payload to `out`, as a stream.
 * @param now ms
 * @returns where the stream goes on
 */
export function unpack(session: u32, payload: usize, length: u32, out: usize, now: f64): usize {
  if (length == 0) return out; // a keepalive
  const record = sessionAt(session);
  const kind = load<u8>(payload);
  if (kind != PAYLOAD_RECORDS) {
    tally(record, kind >> 4 == 4 || kind >> 4 == 6 ? STATUS_IP : STATUS_PAYLOAD);
    return out;
  }
  const end = payload + length;
  let at = payload + 1;
  while (at < end) {
    const left = <u32>(end - at);
    const word = left < FRAME_HEADER ? FRAGMENT : ((<u32>load<u8>(at)) << 8) | load<u8>(at, 1);
    const size = word & ~FRAGMENT;
    const whole = FRAME_HEADER + (word >= FRAGMENT ? FRAGMENT_HEADER : 0) + size;
    if (left < whole) {
      tally(record, STATUS_RECORD);
      break;
    }
    if (word >= FRAGMENT) {
      out = fragmentTake(session, at + FRAME_HEADER, size, out, now);
    } else if (size < FRAME_MIN) {
      tally(record, STATUS_FRAME_SHORT);
    } else {
      // No longer than FRAME_MAX: the largest datagram holds no more.
      memory.copy(out + FRAME_HEADER, at + FRAME_HEADER, size);
      out = handOn(record, out, size);
    }
    at += whole;
  }
  return out;
}
