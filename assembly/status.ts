// What became of a slot. The host names these in the same order (src/core/status.ts).

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
export const STATUS_COUNT: u32 = 10;
