// Reports of groups: when they are joined, when somebody asks, when they are left (RFC 3376, RFC 3810; secure.md §6).
import { describe, expect, it } from 'vitest';
import { sum } from '../../../src/protocol/host/checksum.js';
import { icmpv6Of } from '../../../src/protocol/host/icmpv6.js';
import { timeIn } from '../../../src/protocol/host/igmp.js';
import { type Packet, packetOf, readPacket } from '../../../src/protocol/host/ip.js';
import { ip, ipText, net, station, World } from './host-fixture.js';

const ROUTER = station(254);
const NOBODY = { 4: ip('0.0.0.0'), 6: ip('::') };

/** A query: version 2 of IGMP and 1 of MLD are old. */
function query(
  family: 4 | 6,
  old: boolean,
  code: number,
  group: Uint8Array = NOBODY[family],
  from = ROUTER.link,
): Uint8Array {
  if (family === 4) {
    const payload = Uint8Array.of(0x11, code, 0, 0, ...group, ...(old ? [] : [2, 125, 0, 0]));
    const its = 0xffff ^ sum(payload);
    payload.set([its >> 8, its & 255], 2);
    const destination = group.every((byte) => byte === 0) ? ip('224.0.0.1') : group;
    return packetOf({ source: ROUTER.four, destination, protocol: 2, hops: 1, alert: true, payload });
  }
  const message = Uint8Array.of(
    130,
    0,
    0,
    0,
    code >> 8,
    code & 255,
    0,
    0,
    ...group,
    ...(old ? [] : [2, 125, 0, 0]),
  );
  const destination = group.every((byte) => byte === 0) ? ip('ff02::1') : group;
  return icmpv6Of(from, destination, message, { hops: 1, alert: true });
}

interface Report {
  readonly family: 4 | 6;
  readonly type: number;
  readonly at: number;
  readonly source: string;
  readonly to: string;
  readonly hops: number;
  /** Record types and groups. */
  readonly groups: readonly string[];
}

/** Reports among what a world does in a time. */
function reports(world: World, ms = 0): Report[] {
  const found: Report[] = [];
  const begin = world.now;
  const look = () => {
    for (const effect of world.machine.take()) {
      const packet = effect.do === 'frame' ? readPacket(effect.frame.subarray(14)) : undefined;
      const report = packet && reportIn(packet, world.now - begin);
      if (report !== undefined) found.push(report);
    }
  };
  look();
  while (world.machine.deadline <= begin + ms) {
    world.now = Math.max(world.now, world.machine.deadline);
    world.machine.tick(world.now);
    look();
  }
  world.now = begin + ms;
  return found;
}

function reportIn(
  { family, protocol, payload, source, destination, hops, bytes }: Packet,
  at: number,
): Report | undefined {
  const [type = 0] = payload;
  if (protocol !== 2 && ![131, 143].includes(protocol === 58 ? type : 0)) return undefined;
  // The router alert option (RFC 2113, RFC 2711).
  if (family === 4)
    expect([...bytes.subarray(0, 1), ...bytes.subarray(20, 24)]).toEqual([0x46, 0x94, 4, 0, 0]);
  else expect([bytes[6], ...bytes.subarray(40, 48)]).toEqual([0, 58, 0, 5, 2, 0, 0, 1, 0]);
  if (family === 4) expect(sum(payload)).toBe(0xffff);
  const size = family === 4 ? 4 : 16;
  const groups: string[] = [];
  if (type === 0x22 || type === 143)
    for (let i = 0; i < (((payload[6] as number) << 8) | (payload[7] as number)); i++) {
      const record = payload.subarray(8 + i * (4 + size));
      groups.push(`${record[0]} ${ipText(record.subarray(4, 4 + size))}`);
    }
  else groups.push(ipText(payload.subarray(family === 4 ? 4 : 8, family === 4 ? 8 : 24)));
  return { family, type, at, source: ipText(source), to: ipText(destination), hops, groups };
}

const SIX = ['ff02::1:ff00:7', 'ff02::fb'];

describe('groups are joined', () => {
  it('twice within a second when the port opens, and again from an address when there is one', () => {
    const world = new World();
    world.machine.up(world.now);
    const all = reports(world, 60_000);
    expect(all.every(({ hops }) => hops === 1)).toBe(true);
    for (const [family, nobody, own, to, groups, from] of [
      [4, '0.0.0.0', '10.0.0.7', '224.0.0.22', ['4 224.0.0.251'], 1_200],
      [6, '::', 'fe80::ff:fe00:7', 'ff02::16', SIX.map((group) => `4 ${group}`), 1_000],
    ] as const) {
      const its = all.filter((one) => one.family === family);
      expect(its.map(({ source }) => source)).toEqual([nobody, nobody, own, own]);
      expect(its.map(({ to }) => to)).toEqual([to, to, to, to]);
      for (const one of its) expect(one.groups).toEqual(groups);
      expect([its[0]?.at, its[2]?.at]).toEqual([0, from]);
      expect((its[1] as Report).at).toBeLessThan(1_000);
      expect((its[3] as Report).at).toBeLessThan(from + 1_000);
    }
  });

  it.each([
    ['none', [], SIX.slice(0, 1)],
    [['ssdp'], ['239.255.255.250'], ['ff02::1:ff00:7', 'ff02::c', 'ff05::c']],
    [
      'all',
      ['224.0.0.251', '239.255.255.250', '224.0.0.252'],
      ['ff02::1:ff00:7', 'ff02::fb', 'ff02::c', 'ff05::c', 'ff02::1:3'],
    ],
  ] as const)('multicast=%j: %j and %j', (multicast, four, six) => {
    const world = new World({ multicast });
    world.machine.up(world.now);
    const groups = (family: 4 | 6) =>
      new Set(
        reports(world, family === 4 ? 0 : 1).flatMap((one) => (one.family === family ? one.groups : [])),
      );
    const all = reports(world);
    expect(all.find(({ family }) => family === 4)?.groups ?? []).toEqual(four.map((group) => `4 ${group}`));
    expect(all.find(({ family }) => family === 6)?.groups).toEqual(six.map((group) => `4 ${group}`));
    expect(groups(4).size).toBe(0);
  });

  it('of each family that the device has', () => {
    const families = (addresses: readonly string[]) => {
      const world = new World({ addresses: addresses.map(net) });
      world.machine.up(world.now);
      return [...new Set(reports(world, 5_000).map(({ family }) => family))].sort();
    };
    expect(families(['10.0.0.7/24'])).toEqual([4]);
    expect(families(['fd00::7/64'])).toEqual([6]);
    expect(families(['10.0.0.7/24', 'fd00::7/64'])).toEqual([4, 6]);
  });
});

describe.each([4, 6] as const)('somebody asks, IPv%i', (family) => {
  const ask = (world: World, ...how: [old: boolean, code: number, group?: Uint8Array]) => {
    world.toGroup(query(family, ...how), ROUTER.mac);
  };
  const [group, other] =
    family === 4 ? [ip('224.0.0.251'), ip('224.0.0.252')] : [ip('ff02::fb'), ip('ff02::c')];
  const [type, oldType] = family === 4 ? [0x22, 0x16] : [143, 131];
  /** Ten seconds, in what a query has. */
  const code = family === 4 ? 100 : 10_000;
  const all = family === 4 ? ['224.0.0.251'] : SIX;

  it('for all groups: they are reported once, within the time that was named', () => {
    const times = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const world = World.settled({}, i);
      ask(world, false, code);
      const found = reports(world, 60_000);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject({ type, groups: all.map((one) => `2 ${one}`) });
      expect((found[0] as Report).at).toBeLessThan(10_000);
      times.add((found[0] as Report).at);
      for (let j = 0; j < 3; j++) ask(world, false, code);
      expect(reports(world, 60_000)).toHaveLength(1);
    }
    expect(times.size).toBeGreaterThan(10);
  });

  it('for one: that one is reported; for another: nothing', () => {
    const world = World.settled();
    ask(world, false, code, group);
    expect(reports(world, 60_000).map(({ groups }) => groups)).toEqual([[`2 ${ipText(group)}`]]);
    ask(world, false, code, other);
    expect(reports(world, 60_000)).toEqual([]);
  });

  it('for one and for all: all are reported', () => {
    const world = World.settled();
    ask(world, false, code, group);
    ask(world, false, code);
    expect(reports(world, 60_000).map(({ groups }) => groups.length)).toEqual([all.length]);
    ask(world, false, code, group);
    ask(world, false, code, group);
    expect(reports(world, 60_000).map(({ groups }) => groups.length)).toEqual([1]);
  });

  it('in the old version: each group is reported to itself', () => {
    const world = World.settled();
    ask(world, true, code);
    const found = reports(world, 60_000);
    expect(found.map(({ type, to, groups }) => [type, to, groups])).toEqual(
      all.map((one) => [oldType, one, [one]]),
    );
    expect(new Set(found.map(({ at }) => at)).size).toBe(1);
  });

  it('wrongly: nothing is reported', () => {
    const world = World.settled();
    const good = query(family, false, code);
    const bad = [
      good.map((byte, i) => (i === good.length - 1 ? byte ^ 1 : byte)), // checksum
      query(family, false, code, family === 4 ? ip('10.0.0.1') : ip('fd00::1')),
      good.slice(0, -6),
      ...(family === 6 ? [query(family, false, code, NOBODY[6], ROUTER.six)] : []),
    ];
    for (const packet of bad) world.ip(packet, ROUTER.mac);
    expect(reports(world, 60_000)).toEqual([]);
  });

  it('groups are left when the device goes', () => {
    const world = World.settled();
    world.machine.gone(world.now);
    const found = reports(world, 60_000).filter((one) => one.family === family);
    expect(found.map(({ type, groups }) => [type, groups])).toEqual([[type, all.map((one) => `3 ${one}`)]]);
  });
});

it('times of queries (RFC 3376 §4.1.1)', () => {
  expect([0, 1, 100, 127, 128, 0x8f, 0xff].map(timeIn)).toEqual([0, 1, 100, 127, 128, 248, 31744]);
});

it('a version 1 of IGMP, which names no time, is answered within ten seconds', () => {
  const world = World.settled();
  world.toGroup(query(4, true, 0), ROUTER.mac);
  expect(reports(world, 10_000).map(({ type }) => type)).toEqual([0x16]);
});
