// Frames that say where Ethernet addresses are, so that switches learn at once when these have moved (secure.md §7.5).
import { CONTROL_MAX_BYTES } from './control.js';

const PAYLOAD_RECORDS = 0x01;
const RECORD_HEADER = 2;
const FRAME_BYTES = 60;
/** RFC 903: an Ethernet address asks for its own protocol address. Nobody answers it any more; switches see where it came from. */
const RARP = [0x80, 0x35, 0, 1, 0x08, 0, 6, 4, 0, 3] as const;

/** A broadcast of an address. @param address 6 bytes */
export function announcement(address: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  frame.fill(0xff, 0, 6);
  frame.set(address, 6);
  frame.set(RARP, 12);
  frame.set(address, 22);
  frame.set(address, 32);
  return frame;
}

/** Payloads with announcements of addresses, their kind first. */
export function announcements(addresses: readonly Uint8Array[]): Uint8Array[] {
  const each = Math.floor((CONTROL_MAX_BYTES - 1) / (RECORD_HEADER + FRAME_BYTES));
  const payloads: Uint8Array[] = [];
  for (let i = 0; i < addresses.length; i += each) {
    const some = addresses.slice(i, i + each);
    const payload = new Uint8Array(1 + some.length * (RECORD_HEADER + FRAME_BYTES));
    payload[0] = PAYLOAD_RECORDS;
    for (const [n, address] of some.entries()) {
      const at = 1 + n * (RECORD_HEADER + FRAME_BYTES);
      payload.set([FRAME_BYTES >> 8, FRAME_BYTES & 0xff], at);
      payload.set(announcement(address), at + RECORD_HEADER);
    }
    payloads.push(payload);
  }
  return payloads;
}
