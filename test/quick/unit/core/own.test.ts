// Datagrams of ours that come back as frames: known whatever they are sealed with and however they come, and nothing else is
// taken for one.
import { beforeEach, describe, expect, test } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { makeCore, type TestCore } from './harness.js';

const random = randomness();
const OURS = 7667;
const THEIRS = 7700;
const NOTED = 2_048;

type Suite = 'plain' | 'blowfish' | 'chacha20' | 'secure';
const SUITES: readonly Suite[] = ['plain', 'blowfish', 'chacha20', 'secure'];
/** Before the IP packet: Ethernet's header, with up to two tags. */
const LINKS = { untagged: '', tagged: '8100002a', 'twice tagged': '88a800058100002a' } as const;
type Version = 4 | 6;

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);

function udp(payload: Uint8Array, from = OURS): Buffer {
  return Buffer.concat([u16(from), u16(THEIRS), u16(8 + payload.length), u16(0), payload]);
}

/** IP packets with a UDP datagram: one, or fragments of `size` bytes. */
function packets(
  version: Version,
  datagram: Buffer,
  size = 65_528,
  id = random.bytes(4),
  options = 0,
): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < datagram.length; at += size) {
    const part = datagram.subarray(at, at + size);
    const more = at + size < datagram.length ? 1 : 0;
    if (version === 4) {
      const header = Buffer.alloc(20 + options);
      header[0] = 0x40 | ((20 + options) / 4);
      u16(header.length + part.length).copy(header, 2);
      Buffer.from(id.subarray(0, 2)).copy(header, 4);
      u16((more << 13) | (at >> 3)).copy(header, 6);
      header[8] = 64;
      header[9] = 17;
      Buffer.from('0a4d01020a4d0101', 'hex').copy(header, 12);
      parts.push(Buffer.concat([header, part]));
    } else {
      const cut = size < datagram.length;
      const header = Buffer.from(
        `6000000000001140${'fd770001'.padEnd(32, '0')}${'fd770002'.padEnd(32, '1')}`,
        'hex',
      );
      u16(part.length + (cut ? 8 : 0)).copy(header, 4);
      if (cut) header[6] = 44;
      const fragment = cut ? Buffer.concat([Buffer.from([17, 0]), u16(at | more), id]) : Buffer.alloc(0);
      parts.push(Buffer.concat([header, fragment, part]));
    }
  }
  return parts;
}

function framed(link: keyof typeof LINKS, version: Version, packet: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`020000000001020000000002${LINKS[link]}${version === 4 ? '0800' : '86dd'}`, 'hex'),
    packet,
  ]);
}

let core: TestCore;

beforeEach(async () => {
  core = await makeCore();
  core.core.knowPort(OURS);
});

function session(suite: Suite): number {
  const number = core.session();
  if (suite === 'secure') {
    core.core.setPath(number, 1452);
    const [send, receive] = [random.bytes(32), random.bytes(32)];
    core.core.installKeypair(number, 0, { send, receive, local: 7, remote: 8 });
    core.core.useKeypair(number, 0);
  } else {
    const key = random.bytes(44);
    core.core.keySession(number, suite === 'chacha20' ? { suite, key, block: 0 } : { suite, key });
  }
  return number;
}

/** Something that is no IP. */
const frame = (length: number) =>
  Buffer.concat([Buffer.from('02000000000102000000000288b5', 'hex'), random.bytes(length - 14)]);

const statuses = () => core.drain().map(({ status }) => status);

/** What becomes of frames from the switch. */
function offer(number: number, ...frames: Uint8Array[]): string[] {
  core.pushFrames(number, ...frames);
  return statuses();
}

describe.each(SUITES)('%s', (suite) => {
  const cases = (Object.keys(LINKS) as (keyof typeof LINKS)[]).flatMap((link) =>
    ([4, 6] as const).map((version) => [link, version] as const),
  );
  test.each(cases)('%s, IPv%d: whole, and in fragments', (link, version) => {
    const [one, other] = [session(suite), session(suite)];
    for (const length of [26, 27, 60, 100, 1400]) {
      const { bytes } = core.seal(one, frame(length));
      const whole = packets(version, udp(bytes)).map((packet) => framed(link, version, packet));
      // Also where it comes to another session's switch port.
      for (const number of [one, other]) expect(offer(number, ...whole)).toEqual(['own datagram']);
      if (bytes.length < 48) continue;
      const cut = packets(version, udp(bytes), 48).map((packet) => framed(link, version, packet));
      for (const number of [one, other]) expect(offer(number, ...cut)).toEqual(cut.map(() => 'own datagram'));
    }
  });

  test('as many as a tap holds come back, and all are known', () => {
    const number = session(suite);
    const sent = Array.from({ length: NOTED }, () => core.seal(number, frame(100)).bytes);
    for (const bytes of sent) {
      const [packet] = packets(4, udp(bytes)) as [Buffer];
      expect(offer(number, framed('untagged', 4, packet))).toEqual(['own datagram']);
    }
    const counts = core.core.counts(number);
    expect(counts.refused['own datagram']).toBe(BigInt(NOTED));
    expect(counts.sealed).toBe(BigInt(NOTED));
  });

  test.each([4, 6] as const)('IPv%d: what is like one passes', (version) => {
    const [ours, theirs] = [session(suite), session(suite)];
    const { bytes } = core.seal(ours, frame(200));
    const pass = (datagram: Buffer, size?: number): void => {
      const all = packets(version, datagram, size).map((packet) => framed('untagged', version, packet));
      expect(offer(ours, ...all).every((status) => status === 'ok')).toBe(true);
    };
    // Of another cable behind the switch, from the same port.
    const other = Buffer.from(bytes);
    for (let i = 17; i < 25; i++) other[i] = (other[i] as number) ^ 0xff;
    pass(udp(other));
    pass(udp(other), 48);
    // From another port; a piece of what was sent; what is too short to be anything.
    pass(udp(bytes, OURS + 1));
    pass(udp(bytes.subarray(0, 20)));
    pass(udp(new Uint8Array(1)));
    // Fragments with an identification that has come round: the earlier packet is done with.
    const id = random.bytes(4);
    const cut = packets(version, udp(bytes), 48, id).map((packet) => framed('untagged', version, packet));
    expect(offer(ours, ...cut).every((status) => status === 'own datagram')).toBe(true);
    const again = packets(version, udp(other), 48, id).map((packet) => framed('untagged', version, packet));
    expect(offer(theirs, ...again).every((status) => status === 'ok')).toBe(true);
  });

  test('IPv4 with options', () => {
    const number = session(suite);
    const { bytes } = core.seal(number, frame(300));
    const [packet] = packets(4, udp(bytes), undefined, undefined, 40) as [Buffer];
    expect(offer(number, framed('twice tagged', 4, packet))).toEqual(['own datagram']);
  });

  test('a stream that is cut anywhere', () => {
    const number = session(suite);
    const { bytes } = core.seal(number, frame(200));
    const [packet] = packets(4, udp(bytes)) as [Buffer];
    const own = framed('tagged', 4, packet);
    const stream = Buffer.concat([u16(own.length), own]);
    for (let at = 1; at < 140; at++) {
      core.core.readStream(number, stream.subarray(0, at));
      core.core.readStream(number, stream.subarray(at));
      expect(statuses(), `cut at ${at}`).toEqual(['own datagram']);
    }
  });

  test('any frame, cut short anywhere, is either known or carried', () => {
    const number = session(suite);
    const { bytes } = core.seal(number, frame(80));
    for (const version of [4, 6] as const) {
      const [packet] = packets(version, udp(bytes)) as [Buffer];
      const whole = framed('tagged', version, packet);
      for (let length = 14; length <= whole.length; length++)
        expect(['ok', 'own datagram']).toContain(offer(number, whole.subarray(0, length))[0]);
    }
  });
});

test('frames that are packed by the core: the others between them are carried', () => {
  const number = session('secure');
  const { bytes } = core.seal(number, frame(200));
  const [packet] = packets(4, udp(bytes)) as [Buffer];
  const own = framed('untagged', 4, packet);
  [frame(60), own, frame(61), own, frame(62)].forEach((one, i) => {
    core.ring.bytes.set(one, core.core.fetchedAt(i));
    core.core.setFetched(i, one.length);
  });
  core.core.pack(number, 5);
  expect(statuses()).toEqual(['ok', 'own datagram', 'ok', 'own datagram', 'ok']);
});

test('handshakes that were sent beside the ring are known, also while there is no key', () => {
  const number = core.session();
  const login = Buffer.concat([Buffer.from([0x10]), Buffer.from('abcdefgh12345678')]);
  for (const datagram of [login, random.bytes(129), random.bytes(148)]) {
    const [packet] = packets(4, udp(datagram)) as [Buffer];
    expect(offer(number, framed('untagged', 4, packet))).toEqual(['no key']);
    core.core.noteSent(datagram);
    expect(offer(number, framed('untagged', 4, packet))).toEqual(['own datagram']);
  }
});
