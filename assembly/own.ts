// Datagrams of ours that come back as frames, because the route to a peer leads into the cable itself. Sealed again they
// would go round for ever, so they are known here and refused.
//
// Of each datagram that is sent, eight bytes are noted. A frame with UDP from our port whose payload has such bytes is one
// of those: addresses do not matter, nor for which session it was sealed, and what another cable behind the switch sends
// from the same port passes. Where IP has cut it, the first fragment decides, and names the others by IP's identification.
import {
  IPV4,
  IPV4_BYTES,
  IPV4_FRAGMENT,
  IPV4_ID,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_NEXT,
  ipOffset,
  ipVersion,
  load16,
} from './headers';
import {
  OWN_FRAGMENT_NEXT,
  OWN_FRAGMENTS,
  OWN_FRAGMENTS_COUNT,
  OWN_NOTE_NEXT,
  OWN_NOTES,
  OWN_NOTES_COUNT,
  OWN_PORT,
} from './layout';

const UDP: u32 = 17;
const FRAGMENT: u32 = 44;
const UDP_BYTES: u32 = 8;
const FRAGMENT_BYTES: u32 = 8;
/**
 * Where the noted bytes are: behind what consecutive datagrams have in common. Blowfish's third block depends on all before
 * it; with -x they are the frame's length, identification and protocol, if it is IPv4.
 */
const NOTE: usize = 17;
/** Of a datagram that is too short for that, such as a LOGIN: right behind the type. */
const NOTE_SHORT: usize = 1;
const NOTE_BYTES: u32 = 8;
/** The largest part of a frame that is looked at: Ethernet, two tags, IP with options, UDP, the noted bytes. */
export const OWN_HEAD: u32 = 14 + 8 + 60 + UDP_BYTES + <u32>NOTE + NOTE_BYTES;

/** Says from which UDP port our datagrams leave. */
export function ownPort(port: u32): void {
  store<u16>(OWN_PORT, bswap<u16>(<u16>port));
}

/** The noted bytes of a datagram; 0 for one too short to have any. */
function noteOf(at: usize, length: u32): u64 {
  if (length >= <u32>NOTE + NOTE_BYTES) return load<u64>(at + NOTE);
  return length >= <u32>NOTE_SHORT + NOTE_BYTES ? load<u64>(at + NOTE_SHORT) : 0;
}

/** Notes a datagram that is sent. */
export function ownNote(at: usize, length: u32): void {
  const next = load<u32>(OWN_NOTE_NEXT);
  store<u64>(OWN_NOTES + <usize>(next & (OWN_NOTES_COUNT - 1)) * 8, noteOf(at, length));
  store<u32>(OWN_NOTE_NEXT, next + 1);
}

/** Whether one of `count` u64 is this one, the latest first. @param next position after the latest; the table goes round */
function holds(table: usize, count: u32, next: u32, wanted: u64): bool {
  for (let i: u32 = 1; i <= count; i++) {
    if (load<u64>(table + <usize>((next - i) & (count - 1)) * 8) == wanted) return true;
  }
  return false;
}

/** Bytes of a frame that mayBeOwn() looks at. */
export const OWN_LOOK: u32 = 14 + <u32>IPV4_PROTOCOL + 1;

/** Whether a frame is UDP in IP, or in a VLAN: two loads tell most frames from datagrams of ours. */
export function mayBeOwn(frame: usize): bool {
  const type = load<u16>(frame, 12); // as it is in memory
  if (type == 0x0008) return load<u8>(frame, 14 + IPV4_PROTOCOL) == UDP;
  if (type == 0xdd86) {
    const next = load<u8>(frame, 14 + IPV6_NEXT);
    return next == UDP || next == FRAGMENT;
  }
  return type == 0x0081 || type == 0xa888;
}

/** Whether a frame is a datagram of ours, or a fragment of one. @param frame of which OWN_HEAD bytes can be read */
export function isOwn(frame: usize, length: u32): bool {
  if (!mayBeOwn(frame)) return false;
  const at = ipOffset(frame, length);
  const version = ipVersion(frame, at, length);
  if (version == 0) return false;
  return version == IPV4 ? isOwn4(frame + at, length - at) : isOwn6(frame + at, length - at);
}

function isOwn4(ip: usize, length: u32): bool {
  const own = (<u32>load<u8>(ip) & 15) << 2;
  if (load<u8>(ip, IPV4_PROTOCOL) != UDP || own < IPV4_BYTES) return false;
  const field = load16(ip + IPV4_FRAGMENT);
  const offset = field & 0x1fff;
  const more = (field & 0x2000) != 0;
  if (offset == 0 && !more) return isNoted(ip + own, length - min(own, length));
  const name = ((<u64>(load<u32>(ip, 12) ^ (load<u32>(ip, 16) * 31))) << 32) | load<u16>(ip, IPV4_ID);
  return isFragment(ip + own, length - min(own, length), name, offset == 0, more);
}

function isOwn6(ip: usize, length: u32): bool {
  const payload = ip + IPV6_BYTES;
  if (load<u8>(ip, IPV6_NEXT) == UDP) return isNoted(payload, length - IPV6_BYTES);
  if (load<u8>(ip, IPV6_NEXT) != FRAGMENT || load<u8>(payload) != UDP || length < IPV6_BYTES + FRAGMENT_BYTES)
    return false;
  const field = load16(payload + 2);
  const name = ((<u64>(load<u32>(ip, 20) ^ (load<u32>(ip, 36) * 31))) << 32) | load<u32>(payload, 4);
  const rest = length - IPV6_BYTES - FRAGMENT_BYTES;
  return isFragment(payload + FRAGMENT_BYTES, rest, name, field >>> 3 == 0, (field & 1) != 0);
}

/** Whether a UDP datagram, or its beginning, is one of ours. */
function isNoted(udp: usize, length: u32): bool {
  if (length < UDP_BYTES || load<u16>(udp) != load<u16>(OWN_PORT)) return false;
  const note = noteOf(udp + UDP_BYTES, length - UDP_BYTES);
  return note != 0 && holds(OWN_NOTES, OWN_NOTES_COUNT, load<u32>(OWN_NOTE_NEXT), note);
}

/**
 * The same of a fragment.
 * @param name of the packet that was cut: addresses and identification
 * @param first whether it is the beginning, which is sent first
 */
function isFragment(udp: usize, length: u32, name: u64, first: bool, more: bool): bool {
  const next = load<u32>(OWN_FRAGMENT_NEXT);
  if (first) {
    if (!isNoted(udp, length)) return false;
    store<u64>(OWN_FRAGMENTS + <usize>(next & (OWN_FRAGMENTS_COUNT - 1)) * 8, name);
    store<u32>(OWN_FRAGMENT_NEXT, next + 1);
    return true;
  }
  if (next == 0) return false;
  for (let i: u32 = 0; i < OWN_FRAGMENTS_COUNT; i++) {
    const at = OWN_FRAGMENTS + <usize>i * 8;
    if (load<u64>(at) != name) continue;
    if (!more) store<u64>(at, 0); // identifications come round
    return true;
  }
  return false;
}
