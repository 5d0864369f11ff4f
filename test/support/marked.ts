// Frames that are told apart by bytes that only they have: bare Ethernet, IPv4 and IPv6.
import { expect } from 'vitest';
import type { Wire } from '../../lab/wire.js';
import { randomness } from './seed.js';

const random = randomness();

/** A MAC address as it stands in a frame. */
export const mac = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex');

/** A frame, and bytes that only it has. */
export interface Marked {
  readonly frame: Buffer;
  readonly mark: Buffer;
}

/** @param after of the Ethernet header: type and what follows */
export function marked(
  source: string,
  target: string,
  after: Buffer = Buffer.from('88b5', 'hex'),
  length = 60,
): Marked {
  const mark = Buffer.from(random.bytes(12));
  const filled = Buffer.concat([mac(target), mac(source), after, mark]);
  return { frame: Buffer.concat([filled, Buffer.alloc(Math.max(0, length - filled.length))]), mark };
}

/** UDP in IPv4 or IPv6, behind the Ethernet header. */
export function udp(version: 4 | 6, from: number, to: number): Buffer {
  const ports = Buffer.alloc(8);
  ports.writeUInt16BE(from, 0);
  ports.writeUInt16BE(to, 2);
  ports.writeUInt16BE(20, 4);
  return Buffer.concat([version === 4 ? ip4(17, 20) : ip6(17, 20), ports]);
}
/** @param length of what follows the header */
function ip4(protocol: number, length: number): Buffer {
  const packet = Buffer.from('08004500000000000000400000000a5800010a5800ff', 'hex');
  packet.writeUInt16BE(20 + length, 4);
  packet[10] = 64;
  packet[11] = protocol;
  // A bridge of a system with br_netfilter looks at it.
  let sum = 0;
  for (let at = 2; at < 22; at += 2) sum += packet.readUInt16BE(at);
  sum = (sum & 0xffff) + (sum >> 16);
  packet.writeUInt16BE(~sum & 0xffff, 12);
  return packet;
}
function ip6(protocol: number, length: number): Buffer {
  const packet = Buffer.alloc(42);
  packet.writeUInt16BE(0x86dd, 0);
  packet[2] = 0x60;
  packet.writeUInt16BE(length, 6);
  packet[8] = protocol;
  packet[9] = 255;
  packet.set([0xfe, 0x80], 10);
  packet.set([0xff, 0x02], 26);
  packet[41] = 1;
  return packet;
}
export function icmp6(type: number): Buffer {
  return Buffer.concat([ip6(58, 20), Buffer.from([type, 0, 0, 0, 0, 0, 0, 0])]);
}

/** A packet of IPv6 with an extension header of 8 bytes before what is in it. @param rest its bytes but the first, which says what follows */
export function extended(packet: Buffer, header: number, rest: string): Buffer {
  const [before, after] = [Buffer.from(packet.subarray(0, 42)), packet.subarray(42)];
  const follows = before[8] as number;
  before.writeUInt16BE(before.readUInt16BE(6) + 8, 6);
  before[8] = header;
  return Buffer.concat([before, Buffer.of(follows), Buffer.from(rest, 'hex'), after]);
}
/** What follows the addresses of a frame, behind a VLAN's tag. */
export function tag(id: number, after: Buffer, type = 0x8100): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 0xff, id >> 8, id & 0xff), after]);
}

/** Bare Ethernet, IPv4 and IPv6. */
export const kinds = (source: string, target: string) => [
  marked(source, target),
  marked(source, target, udp(4, 1000, 2000)),
  marked(source, target, udp(6, 1000, 2000)),
];

/** Sends all of them; those that must pass come, and then none of the others has. */
export async function sees(
  from: Wire,
  to: Wire,
  passes: readonly Marked[],
  stays: readonly Marked[],
): Promise<void> {
  from.send([...stays, ...passes].map(({ frame }) => frame));
  for (const { mark } of passes) await to.comes(mark);
  for (const { mark } of stays) expect(to.count(mark)).toBe(0);
}
