// Control payloads of the secure cable (secure.md §7): the host writes and reads them. They are rare and small, and
// do without the ring; those that are too long, or more than the host takes, are counted as unknown payloads are.
import { putKept } from './kept';
import {
  CONTROL_DATA,
  CONTROL_MAX,
  CONTROL_SPAN,
  CONTROLS,
  CONTROLS_BYTES,
  CONTROLS_COUNT,
  CONTROLS_MAX,
  STAGE_IN,
  sessionAt,
  TRANSPORT_HEADER,
} from './layout';
import { STATUS_OK, STATUS_PAYLOAD, tally } from './status';
import { transportSeal } from './transport';

/** Keeps a payload for the host. @param place of the keypair that opened it */
export function controlKeep(session: u32, place: u32, payload: usize, length: u32): void {
  const count = load<u32>(CONTROLS_COUNT);
  if (count == CONTROLS_MAX || length > CONTROL_MAX) {
    tally(sessionAt(session), STATUS_PAYLOAD);
    return;
  }
  putKept(CONTROLS + <usize>count * CONTROLS_BYTES, session, place, payload, length);
  store<u32>(CONTROLS_COUNT, count + 1);
}

/**
 * Seals a payload that is in the stage behind room for a header; an empty one is a keepalive.
 * @returns length of the message, which is where the stage begins; or the complement of the STATUS_* that refuses it
 */
export function controlSeal(session: u32, length: u32): i32 {
  store<u32>(CONTROL_SPAN, <u32>STAGE_IN + TRANSPORT_HEADER);
  store<u32>(CONTROL_SPAN, length, 4);
  const status = transportSeal(session, CONTROL_SPAN, CONTROL_DATA);
  tally(sessionAt(session), status);
  return status == STATUS_OK ? load<i32>(CONTROL_SPAN, 4) : ~(<i32>status);
}
