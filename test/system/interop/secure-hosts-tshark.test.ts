// Wireshark reads what a host peer's server says, and finds nothing wrong in it: no field, no length, no checksum.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../lab/process.js';
import { ours } from '../../quick/vectors/files.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-tshark-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Step {
  readonly effects: readonly { readonly do: string; readonly frame?: string }[];
}

/** All frames that the vectors have the server send. */
function framesSent(): Buffer[] {
  const file = JSON.parse(ours.find(({ name }) => name === 'secure-hosts.json')?.text ?? '');
  const steps: Step[] = file.testGroups[0].tests.flatMap(({ steps }: { steps: Step[] }) => steps);
  const frames = steps.flatMap(({ effects }) => effects.flatMap(({ frame }) => frame ?? []));
  return frames.map((frame) => Buffer.from(frame, 'hex'));
}

/** A capture file of Ethernet frames. */
function capture(frames: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20); // Ethernet
  const packets = frames.flatMap((frame) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(frame.length, 8);
    head.writeUInt32LE(frame.length, 12);
    return [head, frame];
  });
  return Buffer.concat([header, ...packets]);
}

/** Of the frames that a filter lets through, their numbers and protocols. */
function seen(frames: readonly Buffer[], filter: string): string[] {
  const file = join(directory, 'capture.pcap');
  writeFileSync(file, capture(frames));
  const checks = ['ip', 'udp', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  const fields = ['-T', 'fields', '-e', 'frame.number', '-e', '_ws.col.Protocol', '-e', '_ws.col.Info'];
  const out = run('tshark', '-r', file, ...checks, '-Y', filter, ...fields);
  return out.split('\n').filter((line) => line !== '');
}

const WRONG = [
  '_ws.malformed',
  ...['ip', 'udp', 'tcp', 'icmp', 'icmpv6', 'igmp'].map((name) => `${name}.checksum.status == "Bad"`),
  '_ws.expert.severity >= "Error"',
].join(' || ');

test('it reads all of them', () => {
  const frames = framesSent();
  expect(seen(frames, WRONG)).toEqual([]);
  const protocols = new Set(seen(frames, 'frame').map((line) => line.split('\t')[1]));
  for (const name of ['ARP', 'ICMPv6', 'IGMPv3', 'IGMPv2', 'DHCP', 'ICMP', 'TCP', 'UDP'])
    expect([...protocols], name).toContain(name);
});

test('it sees a checksum that is wrong', () => {
  const frames = framesSent().filter((frame) => frame.readUInt16BE(12) === 0x86dd);
  for (const frame of frames) frame[frame.length - 1] = (frame[frame.length - 1] as number) ^ 1;
  expect(seen(frames, WRONG).length).toBeGreaterThan(frames.length / 2);
});
