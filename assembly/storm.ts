// A bound on the broadcasts and multicasts of a peer: a switch copies each of these to all its ports, so that they cost all
// others as much as the peer. As many as a second brings may come at once.
import { SESSION_STORM_AT, SESSION_STORM_LEFT, SESSION_STORM_RATE, sessionAt } from './layout';

/**
 * Bounds what a session's peer may send to group addresses, for as long as the session lives.
 * @param rate frames per second; 0 for no bound
 */
export function sessionStormLimit(session: u32, rate: u32): void {
  const record = sessionAt(session);
  store<u32>(record, rate, SESSION_STORM_RATE);
  store<f64>(record, <f64>rate, SESSION_STORM_LEFT);
  store<f64>(record, 0, SESSION_STORM_AT);
}

/**
 * Whether an opened frame is one too many; if it is not, it counts.
 * @param record of the session
 * @param now ms, of a clock that does not jump
 */
export function isStorm(record: usize, frame: usize, now: f64): bool {
  const rate = load<u32>(record, SESSION_STORM_RATE);
  if (rate == 0 || (load<u8>(frame) & 1) == 0) return false; // the lowest bit of the first byte: a group's address
  const since = max(0, now - load<f64>(record, SESSION_STORM_AT));
  const left = min(<f64>rate, load<f64>(record, SESSION_STORM_LEFT) + (since * <f64>rate) / 1000);
  store<f64>(record, now, SESSION_STORM_AT);
  store<f64>(record, left < 1 ? left : left - 1, SESSION_STORM_LEFT);
  return left < 1;
}
