// The header that a tap puts before a frame, and takes before one, when it was opened with IFF_VNET_HDR: struct virtio_net_hdr
// (virtio 1.2, §5.1.6). It marks a frame that is many (a super-frame), and a checksum that is not finished: the field
// holds the sum of what stands outside of the bytes that are still to be added.
export const VNET_BYTES: u32 = 10;
export const VNET_FLAGS: usize = 0;
export const VNET_TYPE: usize = 1;
/** u16 each, little-endian: bytes of all headers; of payload in each frame; where the sum begins, and from there where it goes. */
export const VNET_HEADERS: usize = 2;
export const VNET_SIZE: usize = 4;
export const VNET_SUM_START: usize = 6;
export const VNET_SUM_OFFSET: usize = 8;

export const VNET_NEEDS_SUM: u32 = 1;
export const VNET_TCP4: u32 = 1;
export const VNET_TCP6: u32 = 4;
/** Of UDP, over IPv4 or IPv6: each frame is a datagram of its own. */
export const VNET_UDP: u32 = 5;
/** Beside one of TCP's: the first frame has CWR. */
export const VNET_ECN: u32 = 0x80;
