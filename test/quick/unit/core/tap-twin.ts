/**
 * A slow twin of what the core does between a tap and the ring, from the definitions alone: RFC 768, 791, 1071, 8200, 9293, and
 * struct virtio_net_hdr.
 */

export interface Vnet {
  flags: number;
  type: number;
  headers: number;
  size: number;
  sumStart: number;
  sumOffset: number;
}

export const NOTHING: Vnet = { flags: 0, type: 0, headers: 0, size: 0, sumStart: 0, sumOffset: 0 };
export const TCP4 = 1;
export const TCP6 = 4;
export const UDP = 5;
export const ECN = 0x80;
export const FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const;

export function encodeVnet({ flags, type, headers, size, sumStart, sumOffset }: Vnet): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.set([flags, type]);
  for (const [i, value] of [headers, size, sumStart, sumOffset].entries())
    bytes.writeUInt16LE(value, 2 + 2 * i);
  return bytes;
}

export function decodeVnet(bytes: Buffer): Vnet {
  const [headers, size, sumStart, sumOffset] = [2, 4, 6, 8].map((at) => bytes.readUInt16LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  return { flags: bytes[0] as number, type: bytes[1] as number, headers, size, sumStart, sumOffset };
}

/** RFC 1071, as it is written: words of 16 bits, the carry put back. */
export function sum(...parts: Uint8Array[]): number {
  let total = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) {
      total += ((part[i] as number) << 8) | (part[i + 1] ?? 0);
      if (total > 0xffff) total -= 0xffff;
    }
  }
  return total;
}

/** What is where in a frame of IPv4 or IPv6. */
export function layers(frame: Buffer): { ip: number; version: 4 | 6 } | undefined {
  let ip = 14;
  for (let tags = 0; ; tags++) {
    if (ip + 20 > frame.length) return undefined;
    const type = frame.readUInt16BE(ip - 2);
    if (type === 0x8100 || type === 0x88a8) {
      if (tags === 2) return undefined;
      ip += 4;
    } else {
      const version = (frame[ip] as number) >> 4;
      if (type === 0x0800 && version === 4) return { ip, version };
      if (type === 0x86dd && version === 6 && ip + 40 <= frame.length) return { ip, version };
      return undefined;
    }
  }
}

function pseudo(frame: Buffer, ip: number, version: 4 | 6, protocol: number, length: number): Uint8Array {
  const addresses = version === 4 ? frame.subarray(ip + 12, ip + 20) : frame.subarray(ip + 8, ip + 40);
  const rest = Buffer.alloc(8);
  rest.writeUInt32BE(length);
  rest[7] = protocol;
  return Buffer.concat([addresses, rest]);
}

/** A segment of TCP; or a datagram of UDP, which has a part of it. */
export interface Segment {
  udp?: boolean;
  version: 4 | 6;
  tags: number[];
  tos: number;
  id: number;
  dontFragment: boolean;
  ttl: number;
  flow: number;
  host: number;
  port: number;
  sequence: number;
  acknowledged: number;
  flags: number;
  window: number;
  urgent: number;
  /** Bytes of options, a multiple of 4, 40 at most. */
  options: Uint8Array;
  payload: Uint8Array;
}

/** The header of TCP or UDP, without its checksum. */
function transportOf({ udp, options, payload, ...segment }: Segment): Buffer {
  const header = Buffer.alloc(udp ? 8 : 20 + options.length);
  header.writeUInt16BE(segment.port, 0);
  header.writeUInt16BE(5201, 2);
  if (udp) {
    header.writeUInt16BE(8 + payload.length, 4);
    return header;
  }
  header.writeUInt32BE(segment.sequence >>> 0, 4);
  header.writeUInt32BE(segment.acknowledged, 8);
  header[12] = (header.length / 4) << 4;
  header[13] = segment.flags;
  header.writeUInt16BE(segment.window, 14);
  header.writeUInt16BE(segment.urgent, 18);
  header.set(options, 20);
  return header;
}

/** A whole frame with a segment. @param partial whether the checksum is left to whoever takes it */
export function encode(segment: Segment, partial = false): Buffer {
  const { version, udp, tags, payload } = segment;
  const protocol = udp ? 17 : 6;
  const ethernet = Buffer.from('0263616200010263616200028100', 'hex').subarray(0, 12);
  const types = tags.flatMap((tag) => [0x81, 0x00, tag >> 8, tag & 255]);
  const type = version === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const transport = transportOf(segment);
  const length = transport.length + payload.length;
  const ip = Buffer.alloc(version === 4 ? 20 : 40);
  if (version === 4) {
    ip[0] = 0x45;
    ip[1] = segment.tos;
    ip.writeUInt16BE(20 + length, 2);
    ip.writeUInt16BE(segment.id & 0xffff, 4);
    ip.writeUInt16BE(segment.dontFragment ? 0x4000 : 0, 6);
    ip[8] = segment.ttl;
    ip[9] = protocol;
    ip.set([10, 88, 0, segment.host, 10, 88, 0, 1], 12);
    ip.writeUInt16BE(0xffff - sum(ip), 10);
  } else {
    ip.writeUInt32BE(((6 << 28) | (segment.tos << 20) | segment.flow) >>> 0, 0);
    ip.writeUInt16BE(length, 4);
    ip[6] = protocol;
    ip[7] = segment.ttl;
    ip.set([0xfd, 0x88, segment.host], 8);
    ip.set([0xfd, 0x88, 1], 24);
  }
  const frame = Buffer.concat([ethernet, Buffer.from([...types, ...type]), ip, transport, payload]);
  const at = frame.length - length;
  const words = [pseudo(frame, at - ip.length, version, protocol, length)];
  if (!partial) words.push(frame.subarray(at));
  const value = partial ? sum(...words) : 0xffff - sum(...words);
  frame.writeUInt16BE(value === 0 && udp ? 0xffff : value, at + (udp ? 6 : 16));
  return frame;
}

/** What a tap says of a segment that should be cut into frames of `size` bytes of payload. */
export function vnetOf(segment: Segment, size: number): Vnet {
  const sumStart = 14 + 4 * segment.tags.length + (segment.version === 4 ? 20 : 40);
  if (segment.udp) return { flags: 1, type: UDP, headers: sumStart + 8, size, sumStart, sumOffset: 6 };
  const headers = sumStart + 20 + segment.options.length;
  return { flags: 1, type: segment.version === 4 ? TCP4 : TCP6, headers, size, sumStart, sumOffset: 16 };
}

/** Where TCP or UDP and its payload begin, if this is a super-frame that can be cut. */
function superFrame(vnet: Vnet, frame: Buffer): { ip: number; version: 4 | 6; data: number } | undefined {
  const found = layers(frame);
  const { sumStart: start } = vnet;
  const udp = (vnet.type & 0x7f) === UDP;
  const protocol = udp ? 17 : 6;
  const least = udp ? 8 : 20;
  if (found === undefined || vnet.flags % 2 === 0 || vnet.size === 0) return undefined;
  if (vnet.sumOffset !== (udp ? 6 : 16) || start + least > frame.length) return undefined;
  const { ip, version } = found;
  if (udp ? vnet.type !== UDP : (vnet.type & 0x7f) !== (version === 4 ? TCP4 : TCP6)) return undefined;
  if (version === 6 && start < ip + 40) return undefined;
  if (version === 6 && start === ip + 40 && frame[ip + 6] !== protocol) return undefined;
  const own = 4 * ((frame[ip] as number) & 15);
  if (version === 4 && (own < 20 || ip + own !== start || frame[ip + 9] !== protocol)) return undefined;
  const header = udp ? 8 : 4 * ((frame[start + 12] as number) >> 4);
  if (header < least || start + header >= frame.length) return undefined;
  return { ip, version, data: start + header };
}

/** The frames that one from a tap stands for; none when it is refused: datagrams of UDP that cannot be told apart. */
export function cut(vnet: Vnet, given: Uint8Array): Buffer[] {
  const frame = Buffer.from(given);
  const found = vnet.type === 0 ? undefined : superFrame(vnet, frame);
  const { sumStart, sumOffset } = vnet;
  const udp = (vnet.type & 0x7f) === UDP;
  if (found === undefined) {
    if (udp) return [];
    if (vnet.flags % 2 === 1 && sumStart + sumOffset + 2 <= frame.length) {
      const value = 0xffff - sum(frame.subarray(sumStart));
      frame.writeUInt16BE(value === 0 && sumOffset === 6 ? 0xffff : value, sumStart + sumOffset);
    }
    return [frame];
  }
  const { ip, version, data } = found;
  const frames: Buffer[] = [];
  // What is in the field is the pseudo header's sum, with the length of all.
  const whole = frame.length - sumStart;
  const checksum = sumStart + (udp ? 6 : 16);
  const outside = (frame.readUInt16BE(checksum) + 0xffff - whole) % 0xffff;
  for (let at = data; at < frame.length; at += vnet.size) {
    const payload = frame.subarray(at, at + vnet.size);
    const one = Buffer.concat([frame.subarray(0, data), payload]);
    if (version === 4) {
      one.writeUInt16BE(one.length - ip, ip + 2);
      one.writeUInt16BE((frame.readUInt16BE(ip + 4) + frames.length) & 0xffff, ip + 4);
      one.writeUInt16BE(0, ip + 10);
      one.writeUInt16BE(0xffff - sum(one.subarray(ip, sumStart)), ip + 10);
    } else {
      one.writeUInt16BE(one.length - ip - 40, ip + 4);
    }
    if (udp) {
      one.writeUInt16BE(one.length - sumStart, sumStart + 4);
    } else {
      one.writeUInt32BE((frame.readUInt32BE(sumStart + 4) + at - data) % 2 ** 32, sumStart + 4);
      let flags = frame[sumStart + 13] as number;
      if (at > data) flags &= ~FLAG.CWR;
      if (at + vnet.size < frame.length) flags &= ~(FLAG.FIN | FLAG.PSH);
      one[sumStart + 13] = flags;
    }
    one.writeUInt16BE(0, checksum);
    const length = Buffer.alloc(2);
    const sumOfPseudo = Buffer.alloc(2);
    length.writeUInt16BE(one.length - sumStart);
    sumOfPseudo.writeUInt16BE(outside);
    const value = 0xffff - sum(sumOfPseudo, length, one.subarray(sumStart));
    one.writeUInt16BE(value === 0 && udp ? 0xffff : value, checksum);
    frames.push(one);
  }
  return frames;
}

/** Whether the checksums of a frame with TCP or UDP, without options of IP, hold. */
export function holds(frame: Buffer): boolean {
  const found = layers(frame);
  if (found === undefined) return false;
  const { ip, version } = found;
  const tcp = ip + (version === 4 ? 20 : 40);
  if (version === 4 && sum(frame.subarray(ip, tcp)) !== 0xffff) return false;
  const length = frame.length - tcp;
  const protocol = frame[ip + (version === 4 ? 9 : 6)] as number;
  return sum(pseudo(frame, ip, version, protocol, length), frame.subarray(tcp)) === 0xffff;
}
