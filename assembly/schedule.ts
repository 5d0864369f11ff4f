// The key slots: which session's schedule is where.
import {
  KEY_OWNER,
  KEY_P,
  KEY_P_BACK,
  KEY_SLOT_BYTES,
  KEY_SLOTS,
  LANE_COUNT,
  SCHEDULE_BYTES,
  SESSION_SCHEDULE,
  sessionAt,
} from './layout';

/** Words of P. */
const P_WORDS: usize = 18;

/** Puts a Blowfish session's schedule into a slot. */
export function scheduleInto(slot: u32, session: u32): void {
  const base = <usize>slot * KEY_SLOT_BYTES;
  if (load<u32>(base, KEY_OWNER) == session + 1) return;
  memory.copy(base + KEY_P, sessionAt(session) + SESSION_SCHEDULE, SCHEDULE_BYTES);
  for (let i: usize = 0; i < P_WORDS; i++) {
    store<u32>(base + (i << 2), load<u32>(base + ((P_WORDS - 1 - i) << 2), KEY_P), KEY_P_BACK);
  }
  store<u32>(base, session + 1, KEY_OWNER);
}

/** Wipes all slots. */
export function schedulesForget(): void {
  memory.fill(KEY_SLOTS, 0, KEY_SLOT_BYTES * LANE_COUNT);
}
