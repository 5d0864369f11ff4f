// A frame on its way to a plug.
import { SESSION_OPENED, SESSION_OPENED_BYTES } from './layout';

/** The length before a frame in a stream, u16, big-endian. */
export const FRAME_HEADER: u32 = 2;

/**
 * Makes the frame that is FRAME_HEADER bytes behind `at` the next one of a stream. In a stream that should be
 * `even` one of odd length gets one zero byte more (Ethernet allows trailing padding): vde_plug reads 9234 bytes at a time
 * and loses its place when a read ends between the two bytes of a length, which it cannot where everything is even.
 * @returns where the stream goes on
 */
export function putFrame(at: usize, length: u32, even: bool): usize {
  const size = even ? length + (length & 1) : length;
  store<u8>(at, <u8>(size >>> 8));
  store<u8>(at, <u8>size, 1);
  if (size != length) store<u8>(at + FRAME_HEADER + length, 0);
  return at + FRAME_HEADER + size;
}

/** Counts a frame that was opened. @param record of its session */
export function countOpened(record: usize, length: u32): void {
  store<u64>(record, load<u64>(record, SESSION_OPENED) + 1, SESSION_OPENED);
  store<u64>(record, load<u64>(record, SESSION_OPENED_BYTES) + length, SESSION_OPENED_BYTES);
}
