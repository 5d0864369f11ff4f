// Who is behind a plug: the source addresses of the frames that came from it, the newest first, so that they can be announced where a
// switch does not know the way to them (secure.md §7.5).
import { SESSION_SOURCES, SOURCES_COUNT } from './layout';

/** Bytes of a frame up to the end of its source address. */
export const SOURCE_END: u32 = 12;

/**
 * Notes where a frame came from.
 * @param record of the session
 * @param frame address of its first SOURCE_END bytes
 */
export function noteSource(record: usize, frame: usize): void {
  const source = load<u64>(frame, SOURCE_END - 8) >>> 16;
  const first = record + SESSION_SOURCES;
  if (load<u64>(first) == source || (source & 1) != 0) return; // no group sends anything
  let i: u32 = 1;
  while (i < SOURCES_COUNT - 1 && load<u64>(first + <usize>i * 8) != source) i++;
  memory.copy(first + 8, first, <usize>i * 8);
  store<u64>(first, source);
}
