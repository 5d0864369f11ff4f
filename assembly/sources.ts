// Who is where: the source addresses of the frames that came from a plug, the newest first, so that they can be announced where a
// switch does not know the way to them (secure.md §7.5); and those of the frames that came from the peer, so that people can see them.
import { SEEN_BYTES, SEEN_COUNT, SEEN_NOW, SESSION_SEEN, SESSION_SOURCES, SOURCES_COUNT } from './layout';

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

/** Where an address is that was not there before: those before it were seen more than once since they came. */
const NEW: u32 = SEEN_COUNT / 2;

/**
 * Notes where a frame of the peer came from. An address goes to the middle of the table, and to its front when it comes again: so
 * a flood of forged addresses pushes none out that is in use.
 * @param frame address of its first SOURCE_END bytes
 */
export function noteSeen(record: usize, frame: usize): void {
  const source = load<u64>(frame, SOURCE_END - 8) >>> 16;
  const first = record + SESSION_SEEN;
  const now = load<u32>(SEEN_NOW);
  if (load<u64>(first) == source) {
    store<u32>(first, now, 8);
    return;
  }
  if ((source & 1) != 0 || source == 0) return; // no group sends anything
  let i: u32 = 1;
  while (i < SEEN_COUNT && load<u64>(first + <usize>i * SEEN_BYTES) != source) i++;
  const to = i < SEEN_COUNT ? 0 : NEW;
  if (i == SEEN_COUNT) i--;
  const entry = first + <usize>to * SEEN_BYTES;
  memory.copy(entry + SEEN_BYTES, entry, <usize>(i - to) * SEEN_BYTES);
  store<u64>(entry, source);
  store<u32>(entry, now, 8);
}
