export const ETHERTYPE = { IPV4: 0x0800, ARP: 0x0806, IPV6: 0x86dd } as const;
export const HEADER_BYTES = 14;

/** An Ethernet frame without a tag. Its parts are views. */
export interface Frame {
  readonly to: Uint8Array;
  readonly from: Uint8Array;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** @returns undefined for less than a header, or a source address that is a group's */
export function readFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < HEADER_BYTES || isGroupMac(bytes.subarray(6))) return undefined;
  return {
    to: bytes.subarray(0, 6),
    from: bytes.subarray(6, 12),
    type: ((bytes[12] as number) << 8) | (bytes[13] as number),
    payload: bytes.subarray(HEADER_BYTES),
  };
}

export function frameOf(to: Uint8Array, from: Uint8Array, type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  frame.set(to);
  frame.set(from, 6);
  frame.set([type >> 8, type & 0xff], 12);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Whether a MAC address is of more than one station. */
export function isGroupMac([first = 0]: Uint8Array): boolean {
  return (first & 1) === 1;
}
