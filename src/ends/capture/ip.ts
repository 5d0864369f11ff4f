// A datagram as the IP packet that it is on the wire. Nobody sees the real one's header here: what is not known of it is zero.

const UDP = 17;
const HOPS = 64;
const UDP_BYTES = 8;

/** The bytes of an address in text, 4 or 16 of them; a zone is left out. @returns undefined for what is none */
export function addressBytes(address: string): Uint8Array | undefined {
  const [host = ''] = address.split('%');
  if (!host.includes(':')) return ofV4(host);
  const [head = '', tail, more] = host.split('::');
  const front = wordsIn(head);
  const back = wordsIn(tail ?? '');
  if (front === undefined || back === undefined || more !== undefined) return undefined;
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 0) return undefined;
  const words = [...front, ...new Array<number>(missing).fill(0), ...back];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function ofV4(host: string): Uint8Array | undefined {
  const parts = host.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  return parts.length === 4 && parts.every((part) => part < 256) ? Uint8Array.from(parts) : undefined;
}

/** Words of 16 bits between colons; the last ones may be an IPv4 address. */
function wordsIn(text: string): number[] | undefined {
  if (text === '') return [];
  const words: number[] = [];
  for (const part of text.split(':')) {
    const four = part.includes('.') ? ofV4(part) : undefined;
    if (four !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = four;
      words.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return words;
}

/** The sum of RFC 1071, of 16-bit words. */
function sum(bytes: Uint8Array, from: number): number {
  let total = from;
  for (let i = 0; i + 1 < bytes.length; i += 2)
    total += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (bytes.length % 2 > 0) total += (bytes.at(-1) as number) << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

interface Side {
  readonly address: string;
  readonly port: number;
}

const V4_NOBODY = new Uint8Array(4);
const V6_NOBODY = new Uint8Array(16);

/**
 * A datagram with the headers of UDP and IP before it. An address that is not known, or of the other family, is written as
 * the unspecified one.
 */
export function ipPacket(from: Side, to: Side, datagram: Uint8Array): Uint8Array {
  const source = addressBytes(from.address);
  const target = addressBytes(to.address);
  const isKnown = (bytes: Uint8Array | undefined) => bytes?.some((byte) => byte !== 0) === true;
  const known = isKnown(source) ? source : target;
  const six = known?.length === 16;
  const asKnown = (bytes: Uint8Array | undefined) => {
    const nobody = six ? V6_NOBODY : V4_NOBODY;
    return bytes?.length === nobody.length ? bytes : nobody;
  };
  const header = six ? 40 : 20;
  const packet = new Uint8Array(header + UDP_BYTES + datagram.length);
  const view = new DataView(packet.buffer);
  const length = UDP_BYTES + datagram.length;
  if (six) {
    packet[0] = 0x60;
    view.setUint16(4, length);
    packet.set([UDP, HOPS], 6);
    packet.set(asKnown(source), 8);
    packet.set(asKnown(target), 24);
  } else {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet.set([HOPS, UDP], 8);
    packet.set(asKnown(source), 12);
    packet.set(asKnown(target), 16);
    view.setUint16(10, 0xffff ^ sum(packet.subarray(0, header), 0));
  }
  view.setUint16(header, from.port);
  view.setUint16(header + 2, to.port);
  view.setUint16(header + 4, length);
  packet.set(datagram, header + UDP_BYTES);
  // With IPv4 a checksum of zero says that there is none; with IPv6 there has to be one.
  if (six) view.setUint16(header + 6, 0xffff ^ sum(packet.subarray(8), length + UDP) || 0xffff);
  return packet;
}
