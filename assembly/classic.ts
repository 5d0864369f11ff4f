// Sealing and opening of the classic datagrams (classic.md §3); counter is a u64, crc a u32.
//
//     Blowfish  DATA      0x20 ‖ CBC(frame ‖ counter ‖ crc of frame ‖ counter)
//               RESPONSE  0x44 ‖ CBC(challenge)
//     ChaCha20  either    type ‖ ChaCha20(frame or challenge) ‖ crc of frame or challenge ‖ counter;
//                         these last 12 bytes are the nonce as well
//     with -x   either    type ‖ frame or challenge
import { cbcEncryptSpans, cbcOpen, cbcOpenEnd, cbcOpenRest, cbcPad, cbcSeal } from './cbc';
import { chacha20 } from './chacha20';
import { crc32 } from './crc32';
import {
  FRAME_MAX,
  FRAME_MIN,
  LANE_SPAN_BYTES,
  LANE_SPANS,
  SEND_COUNTER,
  SESSION_BLOCK,
  SESSION_FRAME_MAX,
  SESSION_IV,
  SESSION_OPENED,
  SESSION_OPENED_BYTES,
  SESSION_REPLAY,
  SESSION_SCHEDULE,
  SESSION_SEALED,
  SESSION_SEALED_BYTES,
  SESSION_WEAR,
  sessionAt,
} from './layout';
import { isOwn } from './own';
import { FRESH, replayCheck, replayTake, SEEN } from './replay';
import { scheduleInto } from './schedule';
import { SUITE_BLOWFISH, SUITE_CHACHA20, SUITE_NONE, SUITE_PLAIN, suiteOf } from './session';
import { noteSeen } from './sources';
import {
  STATUS_CRC,
  STATUS_EXHAUSTED,
  STATUS_FRAME_LONG,
  STATUS_FRAME_SHORT,
  STATUS_LENGTH,
  STATUS_NO_KEY,
  STATUS_OK,
  STATUS_OWN,
  STATUS_PADDING,
  STATUS_REPLAYED,
  STATUS_STORM,
  STATUS_TOO_OLD,
} from './status';
import { isStorm } from './storm';

export const TYPE_DATA: u8 = 0x20;
const TYPE_RESPONSE: u8 = 0x44;
/** Counter and CRC. */
const TAIL: u32 = 12;
const CHALLENGE_BYTES: u32 = 128;
const SEALED_CHALLENGE_BYTES: u32 = 136;

function count(record: usize, datagrams: usize, bytes: usize, length: u32): void {
  store<u64>(record + datagrams, load<u64>(record + datagrams) + 1);
  store<u64>(record + bytes, load<u64>(record + bytes) + length);
}

/** Counts what has gone under a Blowfish key (classic.md §5.2). */
function wear(session: u32, bytes: u32): void {
  const record = sessionAt(session);
  store<u64>(record, load<u64>(record, SESSION_WEAR) + bytes, SESSION_WEAR);
}

/** The counter of the next datagram, or 0 when there are no more. */
function nextCounter(): u64 {
  const counter = load<u64>(SEND_COUNTER) + 1;
  if (counter != 0) store<u64>(SEND_COUNTER, counter);
  return counter;
}

/** Encrypts `length` bytes in place, and puts the tail behind them; returns the length with it. */
function sealChaCha20(session: u32, at: usize, length: u32, counter: u64): u32 {
  store<u32>(at + length, crc32(at, length));
  store<u64>(at + length, counter, 4);
  cryptChaCha20(session, at, length);
  return length + TAIL;
}

/** Encrypts or decrypts `length` bytes in place; the tail behind them is the nonce. */
function cryptChaCha20(session: u32, at: usize, length: u32): void {
  const record = sessionAt(session);
  chacha20(at, length, record + SESSION_SCHEDULE, at + length, load<u32>(record, SESSION_BLOCK));
}

/**
 * Makes a datagram of a frame in place, all but Blowfish's encryption, which wants company: it begins one byte before the frame and ends
 * at most 20 bytes after it.
 * @param span address of two u32, address and length: of the frame before, of the datagram after
 * @returns STATUS_*
 */
export function classicPrepare(session: u32, span: usize): u32 {
  const frame: usize = load<u32>(span);
  const length = load<u32>(span, 4);
  if (length < FRAME_MIN) return STATUS_FRAME_SHORT;
  if (isOwn(frame, length)) return STATUS_OWN;
  const most = load<u32>(sessionAt(session), SESSION_FRAME_MAX);
  if (length > (most == 0 ? FRAME_MAX : most)) return STATUS_FRAME_LONG;
  const suite = suiteOf(session);
  if (suite == SUITE_NONE) return STATUS_NO_KEY;
  let body = length;
  if (suite != SUITE_PLAIN) {
    const counter = nextCounter();
    if (counter == 0) return STATUS_EXHAUSTED;
    if (suite == SUITE_BLOWFISH) {
      store<u64>(frame + length, counter);
      store<u32>(frame + length, crc32(frame, length + 8), 8);
      body = cbcPad(frame, length + TAIL);
      wear(session, body);
    } else {
      body = sealChaCha20(session, frame, length, counter);
    }
  }
  store<u8>(frame - 1, TYPE_DATA);
  store<u32>(span, <u32>(frame - 1));
  store<u32>(span, body + 1, 4);
  count(sessionAt(session), SESSION_SEALED, SESSION_SEALED_BYTES, length);
  return STATUS_OK;
}

/** Puts a prepared datagram's body among the spans that classicEncrypt works on; returns how many there are. */
export function classicQueue(session: u32, spans: u32, span: usize): u32 {
  if (suiteOf(session) != SUITE_BLOWFISH) return spans;
  const at = LANE_SPANS + <usize>spans * LANE_SPAN_BYTES;
  store<u32>(at, load<u32>(span) + 1);
  store<u32>(at, load<u32>(span, 4) - 1, 4);
  store<u32>(at, session, 8);
  return spans + 1;
}

/** Encrypts the queued bodies. */
export function classicEncrypt(spans: u32): void {
  cbcEncryptSpans(spans);
}

/**
 * Opens a DATA datagram in place: the frame begins one byte after it. What is refused is wiped.
 * @param span address of two u32, address and length: of the datagram before, of the frame after
 * @param now ms, of a clock that does not jump: see storm.ts
 * @returns STATUS_*
 */
export function classicOpen(session: u32, span: usize, now: f64): u32 {
  if (load<u32>(span, 4) == 0) return STATUS_LENGTH;
  const body: usize = load<u32>(span) + 1;
  const length = load<u32>(span, 4) - 1;
  let frame = length;
  let status = STATUS_OK;
  const suite = suiteOf(session);
  if (suite == SUITE_NONE) {
    status = STATUS_NO_KEY;
  } else if (suite == SUITE_PLAIN) {
    if (length < FRAME_MIN || length > FRAME_MAX) status = STATUS_LENGTH;
  } else if (suite == SUITE_BLOWFISH) {
    status = openBlowfish(session, body, length);
    // The padding has been checked, so that its last byte is its length.
    if (status == STATUS_OK) frame = length - load<u8>(body + length - 1) - TAIL;
  } else {
    status = openChaCha20(session, body, length);
    frame = length - TAIL;
  }
  if (status == STATUS_OK && isStorm(sessionAt(session), body, now)) status = STATUS_STORM;
  if (status != STATUS_OK) {
    memory.fill(body, 0, length);
    return status;
  }
  store<u32>(span, <u32>body);
  store<u32>(span, frame, 4);
  if (suite == SUITE_BLOWFISH) wear(session, length);
  noteSeen(sessionAt(session), body);
  count(sessionAt(session), SESSION_OPENED, SESSION_OPENED_BYTES, frame);
  return STATUS_OK;
}

// The counter is looked at as soon as it can be read: what is replayed or made up, and mostly comes in great
// numbers, is thrown away for the price of four blocks, or of none.

function openBlowfish(session: u32, body: usize, length: u32): u32 {
  // 1 to 8 bytes of padding behind the frame and its tail.
  if (length & 7 || length < FRAME_MIN + TAIL + 1 || length > FRAME_MAX + TAIL + 8) return STATUS_LENGTH;
  const record = sessionAt(session);
  scheduleInto(0, session);
  const plain = cbcOpenEnd(body, length, record + SESSION_IV);
  if (plain < 0) return STATUS_PADDING;
  const frame = plain - <i32>TAIL;
  if (frame < <i32>FRAME_MIN || frame > <i32>FRAME_MAX) return STATUS_LENGTH;
  const counter = load<u64>(body + frame);
  const status = counterStatus(record, counter);
  if (status != STATUS_OK) return status;
  cbcOpenRest(body, length, record + SESSION_IV);
  if (crc32(body, frame + 8) != load<u32>(body + frame, 8)) return STATUS_CRC;
  replayTake(record + SESSION_REPLAY, counter);
  return STATUS_OK;
}

function openChaCha20(session: u32, body: usize, length: u32): u32 {
  if (length < FRAME_MIN + TAIL || length > FRAME_MAX + TAIL) return STATUS_LENGTH;
  const frame = length - TAIL;
  const record = sessionAt(session);
  const counter = load<u64>(body + frame, 4);
  const status = counterStatus(record, counter);
  if (status != STATUS_OK) return status;
  cryptChaCha20(session, body, frame);
  if (crc32(body, frame) != load<u32>(body + frame)) return STATUS_CRC;
  replayTake(record + SESSION_REPLAY, counter);
  return STATUS_OK;
}

function counterStatus(record: usize, counter: u64): u32 {
  if (counter == 0) return STATUS_REPLAYED; // the first one sent is 1
  const fresh = replayCheck(record + SESSION_REPLAY, counter);
  return fresh == FRESH ? STATUS_OK : fresh == SEEN ? STATUS_REPLAYED : STATUS_TOO_OLD;
}

/**
 * Makes the RESPONSE to a challenge, in place.
 * @param at address of a byte for the type, then the 128 bytes of the challenge, then 12 bytes of room
 * @returns the length of the RESPONSE at `at`; 0 when the session has no key, or counters have run out
 */
export function responseSeal(session: u32, at: usize): u32 {
  const suite = suiteOf(session);
  if (suite == SUITE_NONE) return 0;
  store<u8>(at, TYPE_RESPONSE);
  if (suite == SUITE_PLAIN) return 1 + CHALLENGE_BYTES;
  if (suite == SUITE_CHACHA20) {
    const counter = nextCounter();
    return counter == 0 ? 0 : 1 + sealChaCha20(session, at + 1, CHALLENGE_BYTES, counter);
  }
  scheduleInto(0, session);
  return 1 + cbcSeal(at + 1, CHALLENGE_BYTES, sessionAt(session) + SESSION_IV);
}

/** The one length that a RESPONSE can have, its type byte included. */
function responseLength(suite: u32): u32 {
  if (suite == SUITE_PLAIN) return 1 + CHALLENGE_BYTES;
  return 1 + (suite == SUITE_BLOWFISH ? SEALED_CHALLENGE_BYTES : CHALLENGE_BYTES + TAIL);
}

/**
 * Opens a RESPONSE in place; the challenge is then at `at` + 1. What is refused is wiped.
 * @returns STATUS_*
 */
export function responseOpen(session: u32, at: usize, length: u32): u32 {
  const suite = suiteOf(session);
  let status = STATUS_OK;
  if (suite == SUITE_NONE) {
    status = STATUS_NO_KEY;
  } else if (length != responseLength(suite)) {
    status = STATUS_LENGTH;
  } else if (suite == SUITE_BLOWFISH) {
    scheduleInto(0, session);
    const plain = cbcOpen(at + 1, length - 1, sessionAt(session) + SESSION_IV);
    if (plain != <i32>CHALLENGE_BYTES) status = STATUS_PADDING;
  } else if (suite == SUITE_CHACHA20) {
    cryptChaCha20(session, at + 1, CHALLENGE_BYTES);
    if (crc32(at + 1, CHALLENGE_BYTES) != load<u32>(at + 1 + CHALLENGE_BYTES)) status = STATUS_CRC;
  }
  if (status != STATUS_OK) memory.fill(at, 0, length);
  return status;
}
