// What a payload of the secure cable looks like (secure.md §2.2); pack.ts makes them, unpack.ts reads them.
//
//     payload   0x01 ‖ records
//     record    length ‖ frame                                       length < 0x8000
//               0x8000 | length ‖ id ‖ index ‖ count ‖ fragment       length of the fragment alone
//
// Lengths and id are 16 bits, big-endian; index and count 8.

export const PAYLOAD_RECORDS: u8 = 0x01;
/** What the two ends say to each other besides frames: the host's to read (controls.ts). */
export const PAYLOAD_CONTROL: u8 = 0x02;
/** The lowest first byte of an IP packet, which the payloads of hosts are (host.ts). */
export const PACKET_MIN: u8 = 0x40;
/** Of a record's first word: it is a fragment. */
export const FRAGMENT: u32 = 0x8000;
/** Id, index and count of a fragment. */
export const FRAGMENT_HEADER: u32 = 4;
