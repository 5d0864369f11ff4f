// Frames and datagrams for people to read.
import { Core } from '../src/core/core.js';

/** Bytes in hexadecimal, 16 a line, with what is printable beside them; `most` of them at most. */
export function hexdump(bytes: Uint8Array, most = 64): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, most))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`    ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (bytes.length > most) lines.push(`    ... ${bytes.length - most} bytes more`);
  return lines.join('\n');
}

/** What a frame says of itself, in a line. */
export function describe(frame: Uint8Array): string {
  const mac = (at: number) =>
    [...frame.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const type = ((frame[12] as number) << 8) | (frame[13] as number);
  const address = (at: number) => frame.subarray(at, at + 4).join('.');
  const what =
    type === 0x0800
      ? `IPv4 ${address(26)} to ${address(30)}${frame[23] === 1 ? `, ICMP ${frame[34] === 8 ? 'echo request' : 'echo reply'}` : ''}`
      : type === 0x0806
        ? `ARP`
        : `type 0x${type.toString(16)}`;
  return `${frame.length} bytes, ${mac(6)} to ${mac(0)}, ${what}`;
}

/** Opens one DATA datagram with the key that both ends have. */
export async function openDatagram(key: Uint8Array, datagram: Uint8Array): Promise<Uint8Array> {
  const core = await Core.load();
  const session = core.openSession() as number;
  core.keySession(session, { suite: 'blowfish', key });
  core.ring.push(session, datagram);
  core.ring.process();
  const { status, address, length } = core.ring.processed(0);
  if (status !== 0) throw new Error(`the datagram does not open: status ${status}`);
  return core.ring.bytes.slice(address, address + length);
}
