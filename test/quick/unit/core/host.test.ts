// Sessions of hosts on the Ethernet (assembly/host.ts): packets become frames in their place, and frames packets.
import { describe, expect, it } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';
import { Transport } from './secure-twins.js';
import { encode, type Segment, sum } from './tap-twin.js';
import { parseStream, streamOf } from './twins.js';

const random = randomness();
const PATH = 1452;
const PACKET_MAX = PATH - 32;
const LOCAL = 7;
const REMOTE = 11;
const MAC = Buffer.from('026361620001', 'hex');
const NEIGHBOUR = Buffer.from('0a0b0c0d0e0f', 'hex');
const ROUTER = Buffer.from('0a0b0c0d0e01', 'hex');
const OWN4 = Buffer.of(10, 88, 0, 1);
const v6 = (host: number) => Buffer.from([0xfd, 0x88, host, ...new Uint8Array(13)]);
const OWN = [OWN4, v6(1)];
const ON_LINK = [
  { address: Buffer.of(10, 88, 0, 0), bits: 24 },
  { address: v6(0), bits: 16 },
];

async function scene({ keyed = true, path = PATH } = {}) {
  const made = await makeCore();
  const { core } = made;
  const [send, receive] = [random.bytes(32), random.bytes(32)];
  const session = made.session();
  core.setPath(session, path);
  core.installKeypair(session, 0, {
    send: send.slice(),
    receive: receive.slice(),
    local: LOCAL,
    remote: REMOTE,
  });
  if (keyed) core.useKeypair(session, 0);
  core.hosts.set(session, MAC, { own: OWN, onLink: ON_LINK });
  const theirs = new Transport(receive, LOCAL);
  const ours = new Transport(send, REMOTE);
  let counter = 0n;
  /** What becomes of a payload of the device's: the frames for the switch. */
  const says = (payload: Uint8Array): Buffer[] => {
    core.ring.pushTransport(session, theirs.seal(counter++, payload));
    const [result] = made.batch();
    const stream = Buffer.from(core.writeStream(session, 1, 0, false));
    core.ring.release(result?.index as number);
    return parseStream(stream).frames;
  };
  /** What becomes of frames from the switch: the packets for the device. */
  const hears = (...frames: Uint8Array[]): Buffer[] => {
    expect(core.readStream(session, streamOf(frames))).toBe(streamOf(frames).length);
    return made.drain().map(({ bytes }) => ours.open(bytes).payload);
  };
  const kept = () => core.hosts.kept().map(({ from, bytes }) => ({ from, bytes: Buffer.from(bytes) }));
  const refused = () => core.counts(session).refused;
  return { ...made, session: session as number, says, hears, kept, refused };
}

const segment = (more: Partial<Segment> = {}): Segment => ({
  version: 4,
  tags: [],
  tos: 0,
  id: 77,
  dontFragment: true,
  ttl: 64,
  flow: 0,
  host: 2,
  port: 4242,
  sequence: 1,
  acknowledged: 2,
  flags: 16,
  window: 1000,
  urgent: 0,
  options: Buffer.alloc(0),
  payload: Buffer.from(random.bytes(500)),
  ...more,
});
/** A frame for the host, and a packet of its own to the same station. */
const toHost = (more?: Partial<Segment>) => encode(segment(more));
function ofHost(more?: Partial<Segment>): Buffer {
  const packet = Buffer.from(toHost(more).subarray(14));
  const [at, size] = packet[0] === 0x45 ? [12, 4] : [8, 16];
  const source = Buffer.from(packet.subarray(at, at + size));
  packet.copyWithin(at, at + size, at + 2 * size);
  packet.set(source, at + size);
  return packet;
}
const framed = (packet: Uint8Array, to: Uint8Array) =>
  Buffer.concat([
    to,
    MAC,
    (packet[0] as number) >> 4 === 4 ? Buffer.of(8, 0) : Buffer.of(0x86, 0xdd),
    packet,
  ]);

/** The checksum of a TCP segment, as it has to be for its packet; and its MSS, in the first option. */
function segmentOf(packet: Buffer) {
  const four = packet[0] === 0x45;
  const tcp = packet.subarray(four ? 20 : 40);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(tcp.length, 2);
  head[1] = 6;
  const right = sum(packet.subarray(four ? 12 : 8, four ? 20 : 40), head, tcp) === 0xffff;
  const at = tcp.indexOf(Buffer.of(2, 4), 20);
  return { right, mss: at < 0 ? undefined : tcp.readUInt16BE(at + 2) };
}

describe.each([4, 6] as const)('IPv%i of a host', (version) => {
  const far = version === 4 ? OWN4 : v6(1);
  const station = version === 4 ? Buffer.of(10, 88, 0, 2) : v6(2);

  it('goes to a neighbour that is known, without what stands behind it', async () => {
    const { core, session, says, kept } = await scene();
    const packet = ofHost({ version });
    expect(says(packet)).toEqual([]);
    expect(kept()).toEqual([{ from: 'host', bytes: packet }]);
    core.hosts.neighbour(session, station, NEIGHBOUR);
    expect(says(Buffer.concat([packet, Buffer.alloc(15)])).map(hex)).toEqual([
      hex(framed(packet, NEIGHBOUR)),
    ]);
    core.hosts.neighbour(session, station, undefined);
    expect(says(packet)).toEqual([]);
    expect(core.counts(session)).toMatchObject({ opened: 1n, openedBytes: BigInt(14 + packet.length) });
  });

  it('goes to the gateway where it is for another network', async () => {
    const { core, session, says, kept } = await scene();
    const packet = ofHost({ version });
    packet.set(version === 4 ? [192, 0, 2, 1] : [0x20, 0x01, 0x0d, 0xb8], version === 4 ? 16 : 24);
    expect(says(packet)).toEqual([]);
    core.hosts.gateway(session, version, ROUTER);
    expect(says(packet).map(hex)).toEqual([hex(framed(packet, ROUTER))]);
    core.hosts.gateway(session, version === 4 ? 6 : 4, undefined);
    expect(says(packet)).toHaveLength(1);
    core.hosts.gateway(session, version, undefined);
    expect(says(packet)).toEqual([]);
    expect(kept()).toHaveLength(2);
  });

  it('never leaves under an address that is not its own', async () => {
    const { core, session, says, kept, refused } = await scene();
    core.hosts.neighbour(session, station, NEIGHBOUR);
    const at = version === 4 ? 12 : 8;
    for (let bit = 0; bit < far.length * 8; bit++) {
      const packet = ofHost({ version, payload: Buffer.alloc(0) });
      packet[at + (bit >> 3)] = (packet[at + (bit >> 3)] as number) ^ (1 << (bit & 7));
      expect(says(packet)).toEqual([]);
    }
    expect(kept()).toEqual([]);
    expect(refused()).toEqual({ 'not its address': BigInt(far.length * 8) });
  });

  it('is counted where it is no whole packet', async () => {
    const { says, kept, refused } = await scene();
    const packet = ofHost({ version });
    for (const cut of [1, 19, 39, packet.length - 1]) expect(says(packet.subarray(0, cut))).toEqual([]);
    expect(kept()).toEqual([]);
    expect(refused()).toEqual({ ip: 4n });
  });

  it('comes to it without its header, and without padding', async () => {
    const { core, session, hears } = await scene();
    const frame = toHost({ version, payload: Buffer.alloc(0) });
    const padded = Buffer.concat([frame, Buffer.alloc(20)]);
    expect(hears(padded).map(hex)).toEqual([hex(frame.subarray(14))]);
    expect(core.counts(session)).toMatchObject({ sealed: 1n, sealedBytes: BigInt(frame.length) });
  });

  it('is cut at any byte of a stream', async () => {
    const { core, session, drain } = await scene();
    const frames = [toHost({ version }), toHost({ version, id: 78 })];
    const stream = streamOf(frames);
    for (let at = 0; at < stream.length; at++) core.readStream(session, stream.subarray(at, at + 1));
    expect(drain()).toHaveLength(2);
  });

  it('is dropped where it is for another address, or another station', async () => {
    const { hears, kept, refused } = await scene();
    const other = toHost({ version });
    other[14 + (version === 4 ? 19 : 39)] = 9;
    const station = toHost({ version });
    station[5] = 9;
    const another = toHost({ version });
    another[12] = 9;
    expect(hears(other, station, another)).toEqual([]);
    expect(kept()).toEqual([]);
    expect(refused()).toEqual({ 'not for this host': 3n });
  });

  it('is kept where it is for a group, also in a frame for its own MAC address', async () => {
    const { hears, kept, refused } = await scene();
    const group = toHost({ version });
    group.set(version === 4 ? [224, 0, 0, 251] : [0xff, 0x02], version === 4 ? 30 : 38);
    expect(hears(group)).toEqual([]);
    expect(kept()).toHaveLength(1);
    expect(refused()).toEqual({});
  });

  it('is kept where it is too big, where there is no key, and where it is for many', async () => {
    const most = toHost({ version, payload: random.bytes(PACKET_MAX - (version === 4 ? 40 : 60)) });
    const big = toHost({ version, payload: random.bytes(PACKET_MAX + 1 - (version === 4 ? 40 : 60)) });
    const many = toHost({ version });
    many.set([1, 0, 0x5e]);
    const { hears, kept } = await scene();
    expect(hears(most)).toHaveLength(1);
    expect(hears(big, many)).toEqual([]);
    expect(kept().map(({ bytes }) => hex(bytes))).toEqual([hex(big), hex(many)]);
    const dark = await scene({ keyed: false });
    expect(dark.hears(most)).toEqual([]);
    expect(dark.kept()).toEqual([{ from: 'switch', bytes: most }]);
  });

  it.each([
    ['first', [2, 4, 0xff, 0xff]],
    ['at an odd place', [1, 2, 4, 0xff, 0xff, 0, 0, 0]],
    ['behind others', [3, 3, 7, 1, 2, 4, 0x23, 0x28]],
  ])('SYN: segments are no larger than the tunnel takes, the option %s', async (_, options) => {
    const { core, session, says, hears } = await scene();
    core.hosts.neighbour(session, station, NEIGHBOUR);
    const more = { version, flags: 2, options: Buffer.from(options), payload: Buffer.alloc(0) };
    const limit = PACKET_MAX - (version === 4 ? 40 : 60);
    for (const packet of [says(ofHost(more))[0]?.subarray(14), hears(toHost(more))[0]])
      expect(segmentOf(packet as Buffer)).toEqual({ right: true, mss: limit });
  });

  it('SYN: nothing else is touched', async () => {
    const { hears } = await scene();
    for (const options of [
      [],
      [2, 4, 0, 99],
      [2, 4],
      [2, 0, 0, 0],
      [2, 3, 9, 9],
      [0, 0, 0, 0],
      [8, 200, 1, 1],
    ]) {
      const frame = toHost({
        version,
        flags: 2,
        options: Buffer.from([...options, ...new Uint8Array((4 - (options.length % 4)) % 4)]),
      });
      expect(hears(frame).map(hex)).toEqual([hex(frame.subarray(14))]);
    }
    const later = toHost({ version, options: Buffer.from([2, 4, 0xff, 0xff]) });
    expect(hears(later).map(hex)).toEqual([hex(later.subarray(14))]);
  });
});

it('keeps what the main thread does: ARP, DHCP, and what is or may be neighbour discovery', async () => {
  const { core, session, hears, says, kept } = await scene();
  core.hosts.neighbour(session, v6(2), NEIGHBOUR);
  const arp = Buffer.concat([Buffer.alloc(6, 0xff), NEIGHBOUR, Buffer.of(8, 6), Buffer.alloc(28)]);
  const dhcp = toHost();
  dhcp[14 + 9] = 17;
  dhcp.writeUInt16BE(68, 14 + 20 + 2);
  const discovery = [133, 134, 135, 136, 137].map((type) => {
    const frame = toHost({ version: 6 });
    frame[14 + 6] = 58;
    frame[14 + 40] = type;
    return frame;
  });
  const hidden = [0, 43, 60].map((next) => {
    const frame = toHost({ version: 6 });
    frame[14 + 6] = next;
    return frame;
  });
  const all = [arp, dhcp, ...discovery, ...hidden];
  expect(hears(...all)).toEqual([]);
  expect(kept().map(({ bytes }) => hex(bytes))).toEqual(all.map(hex));
  for (const frame of [...discovery, ...hidden]) {
    const packet = ofHost({ version: 6 });
    packet[6] = frame[20] as number;
    packet[40] = frame[54] as number;
    expect(says(packet)).toEqual([]);
    expect(kept()).toEqual([{ from: 'host', bytes: packet }]);
  }
  const echo = ofHost({ version: 6 });
  echo[6] = 58;
  echo[40] = 128;
  expect(says(echo)).toHaveLength(1);
});

it('leaves out what stations ask one another by ARP, and keeps all of it that may concern the host', async () => {
  const { core, session, hears, kept, refused } = await scene();
  const [far, near] = [Buffer.of(10, 88, 0, 3), Buffer.of(10, 88, 0, 2)];
  core.hosts.listen(session, near, true);
  const arp = (sender: Buffer, target: Buffer, { operation = 1, to = 0xff, from = ROUTER, kind = 1 } = {}) =>
    Buffer.concat([
      ...[Buffer.alloc(6, to), from, Buffer.of(8, 6), Buffer.of(0, kind, 8, 0, 6, 4, 0, operation)],
      ...[from, sender, Buffer.alloc(6), target, Buffer.alloc(18)],
    ]);
  const other = Buffer.of(10, 88, 0, 4);
  expect(hears(arp(far, other), arp(Buffer.alloc(4), other))).toEqual([]);
  expect(kept()).toEqual([]);
  expect(refused()).toEqual({});
  const its = [
    arp(far, OWN4), // asks for the host
    arp(OWN4, other), // has the host's address
    arp(near, other), // it is remembered: it may have another MAC address now
    arp(far, far), // announces itself
    arp(far, other, { from: MAC }), // the host itself, at another server
    arp(far, other, { operation: 2 }), // answers
    arp(far, other, { kind: 2 }), // is none that the core knows
    arp(far, other).subarray(0, 14 + 27),
  ];
  expect(hears(...its)).toEqual([]);
  expect(kept().map(({ bytes }) => hex(bytes))).toEqual(its.map(hex));
  core.hosts.listen(session, near, false);
  expect(hears(arp(near, other))).toEqual([]);
  expect(kept()).toEqual([]);
});

it('hears each of the stations that are remembered until it is forgotten, however many there are', async () => {
  const { core, session, hears, kept } = await scene();
  const stations = Array.from({ length: 256 }, (_, i) => Buffer.of(10, i & 1, i & 7, i));
  const isHeard = (sender: Buffer): boolean => {
    const arp = Buffer.concat([
      ...[Buffer.alloc(6, 0xff), NEIGHBOUR, Buffer.of(8, 6), Buffer.of(0, 1, 8, 0, 6, 4, 0, 1)],
      ...[NEIGHBOUR, sender, Buffer.alloc(6), Buffer.of(10, 88, 0, 4), Buffer.alloc(18)],
    ]);
    expect(hears(arp)).toEqual([]);
    return kept().length === 1;
  };
  core.hosts.listen(session, stations[9] as Buffer, false); // of one that was never named
  for (const one of stations) core.hosts.listen(session, one, true);
  while (stations.length > 0) {
    expect(stations.every(isHeard)).toBe(true);
    for (const one of stations.splice(0, 64)) core.hosts.listen(session, one, false);
  }
  for (let i = 0; i < 256; i++) expect(isHeard(Buffer.of(10, i & 1, i & 7, i))).toBe(false);
});

it('keeps no more than there is room for, and counts the rest', async () => {
  const { hears, kept, refused } = await scene();
  const frames = Array.from({ length: 40 }, () => {
    const frame = toHost();
    frame.set([1, 0, 0x5e]);
    return frame;
  });
  hears(...frames);
  expect(kept()).toHaveLength(layout.HOST_KEPT_MAX);
  expect(refused()).toEqual({ 'too much at a time': BigInt(frames.length - layout.HOST_KEPT_MAX) });
  expect(kept()).toEqual([]);
});

it('takes no records and no control payloads of a host, and no packets of another peer', async () => {
  const { core, session, says, refused } = await scene();
  for (const payload of [
    Buffer.from([1, 0, 14, ...new Uint8Array(14)]),
    Buffer.of(2, 2, 0, 0),
    Buffer.of(0x70),
  ])
    expect(says(payload)).toEqual([]);
  expect(core.controls()).toEqual([]);
  expect(refused()).toEqual({ ip: 3n });
  expect(core.counts(session).opened).toBe(0n);
});

it('a neighbour that finds no room makes another one go to the main thread', async () => {
  const { core, session, says, kept } = await scene();
  for (let host = 2; host < 250; host++) core.hosts.neighbour(session, Buffer.of(10, 88, 0, host), NEIGHBOUR);
  let direct = 0;
  for (let host = 2; host < 250; host++) {
    const packet = ofHost({ payload: Buffer.alloc(0) });
    packet[19] = host;
    const frames = says(packet);
    direct += frames.length;
    if (frames.length === 0) expect(kept()).toEqual([{ from: 'host', bytes: packet }]);
  }
  expect(direct).toBe(32);
});

it('has no neighbours, and no addresses, of the session before', async () => {
  const { core, session } = await scene();
  core.hosts.neighbour(session, v6(2), NEIGHBOUR);
  core.closeSession(session);
  const record = layout.SESSIONS + session * layout.SESSION_BYTES;
  expect(core.ring.bytes.subarray(record, record + layout.SESSION_BYTES).some((byte) => byte !== 0)).toBe(
    false,
  );
});

it('borrows a place for a frame that came in no message', async () => {
  const { core, ring } = await scene();
  const frame = random.bytes(1500);
  const { place = 0, address = 0, length = 0 } = core.borrowFrame(frame) ?? {};
  expect(hex(ring.bytes.subarray(address, address + length))).toBe(hex(frame));
  const others = Array.from({ length: 511 }, () => core.borrowFrame(frame)?.place);
  expect(new Set([place, ...others]).size).toBe(512);
  expect(core.borrowFrame(frame)).toBeUndefined();
  core.releaseFrame(place);
  expect(core.borrowFrame(frame)?.place).toBe(place);
});

it('tells what is too much for a host', async () => {
  const { core, session } = await scene();
  expect(() => core.hosts.set(session, MAC, { own: Array(9).fill(OWN4), onLink: [] })).toThrow(RangeError);
  expect(() => core.hosts.set(session, MAC, { own: [], onLink: Array(15).fill(ON_LINK[0]) })).toThrow(
    RangeError,
  );
});
