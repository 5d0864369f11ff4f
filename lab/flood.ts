// Datagrams in great numbers with forged addresses, by trafgen, from inside a host's namespace.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, type Lab, labProgram } from './lab.js';
import type { Process } from './process.js';

/** A UDP address; `many`: every datagram has another one, from a network that nobody is in. */
export type ForgedAddress = { readonly address: string; readonly port: number } | 'many';

/** What a datagram holds: bytes as they are, then so many that are random, of which the first eight again each time. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly random?: number;
}

const bytes = (values: Iterable<number>) => [...values].join(', ');
const mac = (text: string) => bytes(text.split(':').map((byte) => Number.parseInt(byte, 16)));
const ip = (text: string) => bytes(text.split('.').map(Number));

/** One frame of trafgen's language: Ethernet, IPv4, and UDP without a checksum. */
function frame(
  macs: { from: string; to: string },
  from: ForgedAddress,
  to: { address: string; port: number },
  payload: Payload,
): string {
  const random = payload.random ?? 0;
  const fresh = Math.min(8, random);
  const udp = 8 + payload.bytes.length + random;
  return `{ ${[
    mac(macs.to),
    mac(macs.from),
    'const16(0x0800), 0x45, 0',
    `const16(${20 + udp}), const16(1), const16(0), 64, 17, csumip(14, 33)`,
    from === 'many' ? '10, 99, drnd(2)' : ip(from.address),
    ip(to.address),
    from === 'many' ? 'drnd(2)' : `const16(${from.port})`,
    `const16(${to.port}), const16(${udp}), const16(0)`,
    ...(payload.bytes.length > 0 ? [bytes(payload.bytes)] : []),
    ...(fresh > 0 ? [`drnd(${fresh})`] : []),
    ...(random > fresh ? [`rnd(${random - fresh})`] : []),
  ].join(', ')} }`;
}

const device = (host: Host, far: Host) => (host.index === 0 ? `v${far.index}` : 'v0');

/** The address of the Ethernet device by which a host reaches another; one of them is the first host. */
function macOf(host: Host, far: Host): string {
  return host.run('cat', `/sys/class/net/${device(host, far)}/address`).trim();
}

let files = 0;

/**
 * Sends datagrams from one host to another, in turn, at a rate per second; ends by itself.
 * @param from whose address they claim to come from
 */
export function flood(
  lab: Lab,
  at: Host,
  towards: Host,
  from: ForgedAddress,
  to: { readonly address: string; readonly port: number },
  payloads: readonly Payload[],
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Process {
  const macs = { from: macOf(at, towards), to: macOf(towards, at) };
  const conf = join(lab.directory, `flood${files++}.cfg`);
  writeFileSync(conf, payloads.map((payload) => frame(macs, from, to, payload)).join('\n'));
  return at.start([
    ...['trafgen', '--dev', device(at, towards), '--conf', conf, '--cpus', '1', '--no-sock-mem'],
    ...['--rate', `${rate}pps`, '--num', String(rate * seconds), '--qdisc-path'],
  ]);
}

/**
 * Sends frames from a host on the inner network to another's address, or to all, in UDP that nobody answers; until it is stopped.
 * @param frame bytes of each, with Ethernet's header
 * @param rate frames per second; as many as can be when undefined
 * @param count how many; it ends then
 */
export function floodFrames(
  host: Host,
  to: string,
  frame: number,
  { rate = 0, count }: { readonly rate?: number; readonly count?: number } = {},
): Process {
  const most = count === undefined ? [] : [String(count)];
  return host.start([...labProgram('datagrams-out'), to, String(frame - HEADERS), String(rate), ...most]);
}

const PCAP = { file: 24, packet: 16, length: 8 } as const;
const HEADERS = 14 + 20 + 8;

/**
 * Records UDP over IPv4 that a host sends to another, as it is on the wire.
 * @param during makes what should be recorded, once the recorder is there
 * @returns what the datagrams hold
 */
export async function record(
  lab: Lab,
  at: Host,
  towards: Host,
  filter: string,
  count: number,
  during: () => Promise<unknown>,
): Promise<Payload[]> {
  const file = join(lab.directory, `record${files++}.pcap`);
  const recorder = at.start([
    ...['netsniff-ng', '--in', device(at, towards), '--out', file, '--num', String(count)],
    ...['--silent', '--type', 'outgoing', filter],
  ]);
  await recorder.prints(/Running/);
  const [status] = await Promise.all([recorder.exited, during()]);
  if (status !== 0) throw new Error(`netsniff-ng ended with ${status}: ${recorder.output}`);
  const pcap = readFileSync(file);
  const payloads: Payload[] = [];
  for (let at = PCAP.file; at < pcap.length; ) {
    const length = pcap.readUInt32LE(at + PCAP.length);
    at += PCAP.packet;
    payloads.push({ bytes: pcap.subarray(at + HEADERS, at + length) });
    at += length;
  }
  return payloads;
}
