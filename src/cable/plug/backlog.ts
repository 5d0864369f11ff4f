/** Bytes of frames that may wait for what a plug is plugged into, on the portable path; past that, frames are dropped. */
export const BACKLOG_BYTES = 256 << 10;
