// What became of a slot. The host names these in the same order (src/core/status.ts).
import { SESSION_ACTIVITY, SESSION_STATUS } from './layout';

export const STATUS_OK: u32 = 0;
/** The session has no key: the cable is not up. */
export const STATUS_NO_KEY: u32 = 1;
/** The datagram's length is not one that a sender can have made. */
export const STATUS_LENGTH: u32 = 2;
/** The padding is not PKCS#7: a wrong key, or damage. */
export const STATUS_PADDING: u32 = 3;
/** The CRC does not match: a wrong key, or damage. */
export const STATUS_CRC: u32 = 4;
/** The counter was taken before: a repetition. */
export const STATUS_REPLAYED: u32 = 5;
/** The counter is older than the window reaches. */
export const STATUS_TOO_OLD: u32 = 6;
/** The process has sealed 2^64 - 1 datagrams. */
export const STATUS_EXHAUSTED: u32 = 7;
/** The frame from the plug is shorter than FRAME_MIN. */
export const STATUS_FRAME_SHORT: u32 = 8;
/** The frame from the plug is longer than FRAME_MAX, or than what the peer takes. */
export const STATUS_FRAME_LONG: u32 = 9;
/** The tag is not this datagram's: a wrong key, or damage. */
export const STATUS_TAG: u32 = 10;
/** No keypair of the session has the receiver index that the datagram carries. */
export const STATUS_INDEX: u32 = 11;
// The following are counted, but are no slot's status: the datagram was authentic (secure.md §2.2).
/** A record that is not whole, or a fragment that fits no frame. */
export const STATUS_RECORD: u32 = 12;
/** An IPv4 or IPv6 packet. */
export const STATUS_IP: u32 = 13;
/** A payload of no known kind. */
export const STATUS_PAYLOAD: u32 = 14;
/** A frame of which fragments were missing for too long, or that had to make room for another. */
export const STATUS_INCOMPLETE: u32 = 15;
/** A frame from the plug that is a datagram of ours: sealed again it would go round for ever. */
export const STATUS_OWN: u32 = 16;
/** A datagram of a peer that brought more than its share: not opened, and no slot's status (src/protocol/fair-share.ts). */
export const STATUS_SHARE: u32 = 17;
/** A broadcast or multicast of a peer that has sent as many as it may (storm.ts). */
export const STATUS_STORM: u32 = 18;
/** A packet of a host's with a source address that is not its own (host.ts). */
export const STATUS_SOURCE: u32 = 19;
/** A frame from the switch that is not for the host at its port. */
export const STATUS_NOT_HOST: u32 = 20;
/** A frame or packet of a host's that is more than the main thread takes at a time. */
export const STATUS_HOST_BUSY: u32 = 21;
export const STATUS_COUNT: u32 = 22;

/** Counts one more of a session's slots, or frames, that ended so. @param record of the session */
export function tally(record: usize, status: u32): void {
  const at = record + SESSION_STATUS + ((<usize>status) << 3);
  store<u64>(at, load<u64>(at) + 1);
  active(record);
}

/** Shows that something was counted. @param record of the session */
export function active(record: usize): void {
  store<u32>(record, load<u32>(record, SESSION_ACTIVITY) + 1, SESSION_ACTIVITY);
}
