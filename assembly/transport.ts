// The transport message of WireGuard (secure.md §2.1; whitepaper §5.4.6), and the keypairs that it is sealed and
// opened with.
//
//     4, u32 ‖ receiver's index, u32 ‖ counter, u64 ‖ sealed payload ‖ tag, 16 bytes          little-endian
//
// A peer has up to three keypairs at a time: previous, current and next. All three are in the one session of the
// peer, and a message finds its own by the receiver's index that it carries. So the plug's stream, the frames that lack
// fragments and the counts, which are the peer's and not a keypair's, go on over every change of keys.
import { aeadDecrypt, aeadSeal, aeadVerify, TAG_BYTES } from './aead';
import { FRAME_HEADER } from './frames';
import { ETHERNET } from './headers';
import {
  AEAD_NONCE,
  DATAGRAM_MAX,
  KEYPAIR_BYTES,
  KEYPAIR_COUNTER,
  KEYPAIR_LOCAL,
  KEYPAIR_RECEIVE,
  KEYPAIR_REMOTE,
  KEYPAIR_REPLAY,
  KEYPAIR_SEND,
  KEYPAIR_THERE,
  KEYPAIRS,
  SESSION_CURRENT,
  SESSION_KEYPAIRS,
  SESSION_NEWS,
  SESSION_PATH,
  SESSION_SEALED,
  SESSION_SEALED_BYTES,
  sessionAt,
  TRANSPORT_HEADER,
} from './layout';
import { FRAGMENT, FRAGMENT_HEADER, PACKET_MIN, PAYLOAD_CONTROL, PAYLOAD_RECORDS } from './records';
import { FRESH, replayCheck, replayTake, SEEN } from './replay';
import { scratchWipe, sessionPath } from './session';
import {
  STATUS_EXHAUSTED,
  STATUS_INDEX,
  STATUS_LENGTH,
  STATUS_NO_KEY,
  STATUS_OK,
  STATUS_REPLAYED,
  STATUS_TAG,
  STATUS_TOO_OLD,
} from './status';

const TYPE_TRANSPORT: u32 = 4;
/** Bytes of a transport message that are not payload. */
export const TRANSPORT_OVERHEAD: u32 = TRANSPORT_HEADER + TAG_BYTES;
/** 2^64 - 2^13 - 1: messages under one key (secure.md §1.5). */
const REJECT_AFTER: u64 = ~(<u64>0x2000);
const KEY_BYTES: usize = 32;
/** Largest UDP payload until the path is known to carry more or less. */
const PATH_DEFAULT: u32 = 1452;

// What has happened in a session since the host last asked, as far as its timers need it: messages that were opened and
// sealed, whether some had a payload, and which of the two came last. Of the other kind what came before counts.
export const NEWS_OPENED: u32 = 1;
export const NEWS_OPENED_DATA: u32 = 2;
export const NEWS_SEALED: u32 = 4;
export const NEWS_SEALED_DATA: u32 = 8;
export const NEWS_SEALED_LAST: u32 = 16;

/** Notes a message that was opened or sealed. @param record of its session */
function note(record: usize, sealed: bool, data: bool): void {
  let news = load<u32>(record, SESSION_NEWS);
  const own = sealed ? NEWS_SEALED | NEWS_SEALED_DATA : NEWS_OPENED | NEWS_OPENED_DATA;
  const last = (news & NEWS_SEALED_LAST) != 0;
  if (last != sealed) news &= ~own; // the other kind came in between
  news |= sealed ? NEWS_SEALED : NEWS_OPENED;
  if (data) news |= sealed ? NEWS_SEALED_DATA : NEWS_OPENED_DATA;
  store<u32>(record, sealed ? news | NEWS_SEALED_LAST : news & ~NEWS_SEALED_LAST, SESSION_NEWS);
}

/** What has happened since this was asked last: NEWS_*. */
export function sessionNews(session: u32): u32 {
  const record = sessionAt(session);
  const news = load<u32>(record, SESSION_NEWS);
  store<u32>(record, 0, SESSION_NEWS);
  return news;
}

function keypairAt(session: u32, place: u32): usize {
  return sessionAt(session) + SESSION_KEYPAIRS + <usize>place * KEYPAIR_BYTES;
}

/**
 * Puts a keypair into a place of the session, which becomes one of the secure cable; it opens from now on. The keys at `keys` are wiped.
 * @param place 0 to KEYPAIRS - 1
 * @param keys address of the sending and the receiving key, 32 bytes each
 * @param local index that its datagrams bear
 * @param remote index that ours bear
 */
export function keypairInstall(session: u32, place: u32, keys: usize, local: u32, remote: u32): void {
  if (load<u32>(sessionAt(session), SESSION_PATH) == 0) sessionPath(session, PATH_DEFAULT);
  keypairDrop(session, place);
  const keypair = keypairAt(session, place);
  memory.copy(keypair + KEYPAIR_SEND, keys, KEY_BYTES);
  memory.copy(keypair + KEYPAIR_RECEIVE, keys + KEY_BYTES, KEY_BYTES);
  memory.fill(keys, 0, 2 * KEY_BYTES);
  store<u32>(keypair, local, KEYPAIR_LOCAL);
  store<u32>(keypair, remote, KEYPAIR_REMOTE);
  store<u32>(keypair, 1, KEYPAIR_THERE);
}

/** From now on the keypair at this place seals. */
export function keypairUse(session: u32, place: u32): void {
  store<u32>(sessionAt(session), place + 1, SESSION_CURRENT);
}

/** Takes a keypair away and wipes it. If it was the one that seals, none does. */
export function keypairDrop(session: u32, place: u32): void {
  const record = sessionAt(session);
  if (load<u32>(record, SESSION_CURRENT) == place + 1) store<u32>(record, 0, SESSION_CURRENT);
  memory.fill(keypairAt(session, place), 0, KEYPAIR_BYTES);
  scratchWipe();
}

/** How many messages a keypair has sealed. */
export function keypairSealed(session: u32, place: u32): u64 {
  return load<u64>(keypairAt(session, place), KEYPAIR_COUNTER);
}

/** The nonce: 4 zero bytes, then the counter. */
function nonceOf(counter: u64): usize {
  store<u32>(AEAD_NONCE, 0);
  store<u64>(AEAD_NONCE, counter, 4);
  return AEAD_NONCE;
}

/** Whether a payload is for the peer's switch. What the two ends say to each other asks for no answer by a timer's end. */
function isData(payload: usize, length: u32): bool {
  return length > 0 && load<u8>(payload) != PAYLOAD_CONTROL;
}

/** Counts the frames of a payload of our own making; one in fragments with its last. An IP packet was one (host.ts). */
function countSealed(record: usize, payload: usize, length: u32): void {
  if (length == 0) return;
  const kind = load<u8>(payload);
  if (kind >= PACKET_MIN) {
    store<u64>(record, load<u64>(record, SESSION_SEALED) + 1, SESSION_SEALED);
    store<u64>(record, load<u64>(record, SESSION_SEALED_BYTES) + length + ETHERNET, SESSION_SEALED_BYTES);
  }
  if (kind != PAYLOAD_RECORDS) return;
  const end = payload + length;
  for (let at = payload + 1; at < end; ) {
    const word = ((<u32>load<u8>(at)) << 8) | load<u8>(at, 1);
    const size = word & ~FRAGMENT;
    const fragment = word >= FRAGMENT;
    const last = !fragment || load<u8>(at, 4) + 1 == load<u8>(at, 5);
    if (last) store<u64>(record, load<u64>(record, SESSION_SEALED) + 1, SESSION_SEALED);
    store<u64>(record, load<u64>(record, SESSION_SEALED_BYTES) + size, SESSION_SEALED_BYTES);
    at += FRAME_HEADER + (fragment ? FRAGMENT_HEADER : 0) + size;
  }
}

/**
 * Makes a transport message of a payload in place; an empty one is a keepalive.
 * @param span address of two u32, address and length: of the payload before, of the message after
 * @param data address of a u32: set to whether the payload is for the peer's switch
 * @returns STATUS_*
 */
export function transportSeal(session: u32, span: usize, data: usize): u32 {
  const record = sessionAt(session);
  const current = load<u32>(record, SESSION_CURRENT);
  if (current == 0) return STATUS_NO_KEY;
  const keypair = keypairAt(session, current - 1);
  const counter = load<u64>(keypair, KEYPAIR_COUNTER);
  if (counter >= REJECT_AFTER) return STATUS_EXHAUSTED;
  store<u64>(keypair, counter + 1, KEYPAIR_COUNTER);
  const payload: usize = load<u32>(span);
  const length = load<u32>(span, 4);
  countSealed(record, payload, length);
  const message = payload - TRANSPORT_HEADER;
  store<u32>(message, TYPE_TRANSPORT);
  store<u32>(message, load<u32>(keypair, KEYPAIR_REMOTE), 4);
  store<u64>(message, counter, 8);
  const forSwitch = isData(payload, length);
  store<u32>(data, <u32>forSwitch);
  note(record, true, forSwitch);
  aeadSeal(payload, length, keypair + KEYPAIR_SEND, nonceOf(counter));
  store<u32>(span, <u32>message);
  store<u32>(span, length + TRANSPORT_OVERHEAD, 4);
  return STATUS_OK;
}

/**
 * Opens a transport message in place. Nothing of what is refused is written, nor does it move anything.
 * @param span address of two u32, address and length: of the message before, of the payload after
 * @param place address of a u32: set to the place of the message's keypair
 * @param data address of a u32: set to whether the payload is for the switch
 * @returns STATUS_*
 */
export function transportOpen(session: u32, span: usize, place: usize, data: usize): u32 {
  const message: usize = load<u32>(span);
  const length = load<u32>(span, 4);
  if (length < TRANSPORT_OVERHEAD || length > DATAGRAM_MAX) return STATUS_LENGTH;
  if (load<u32>(message) != TYPE_TRANSPORT) return STATUS_INDEX;
  const index = load<u32>(message, 4);
  let keypair: usize = 0;
  let any = false;
  for (let i: u32 = 0; i < KEYPAIRS; i++) {
    const candidate = keypairAt(session, i);
    if (load<u32>(candidate, KEYPAIR_THERE) == 0) continue;
    any = true;
    if (load<u32>(candidate, KEYPAIR_LOCAL) != index) continue;
    keypair = candidate;
    store<u32>(place, i);
  }
  if (keypair == 0) return any ? STATUS_INDEX : STATUS_NO_KEY;
  const counter = load<u64>(message, 8);
  if (counter >= REJECT_AFTER) return STATUS_EXHAUSTED;
  const fresh = replayCheck(keypair + KEYPAIR_REPLAY, counter);
  if (fresh != FRESH) return fresh == SEEN ? STATUS_REPLAYED : STATUS_TOO_OLD;
  const payload = message + TRANSPORT_HEADER;
  const payloadLength = length - TRANSPORT_OVERHEAD;
  const key = keypair + KEYPAIR_RECEIVE;
  const nonce = nonceOf(counter);
  if (!aeadVerify(payload, payloadLength, key, nonce)) return STATUS_TAG;
  replayTake(keypair + KEYPAIR_REPLAY, counter);
  aeadDecrypt(payload, payloadLength);
  store<u32>(span, <u32>payload);
  store<u32>(span, payloadLength, 4);
  const forSwitch = isData(payload, payloadLength);
  store<u32>(data, <u32>forSwitch);
  note(sessionAt(session), false, forSwitch);
  return STATUS_OK;
}
