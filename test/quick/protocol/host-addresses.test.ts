// The device's own addresses: looked for, used, announced, defended; asleep and gone (secure.md §6).
import { describe, expect, it } from 'vitest';
import { ASLEEP_MAX, CONFLICT_TIME, DEFEND_INTERVAL } from '../../../src/protocol/host/constants.js';
import { multicastMac } from '../../../src/protocol/host/mac.js';
import { advertisement, solicitation } from '../../../src/protocol/host/nd.js';
import {
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  effectText,
  ip,
  ipText,
  macText,
  net,
  station,
  World,
} from './host-fixture.js';

const OTHER = station(1);
const NOBODY_4 = ip('0.0.0.0');
const NOBODY_6 = ip('::');
const ALL = ip('ff02::1');
const SOLICITED = ip('ff02::1:ff00:7');

/** Somebody else has, or wants, the device's address. */
const FOREIGN = {
  4: {
    'asks from it': (world: World) => world.arp('request', OTHER.mac, DEVICE_4, OTHER.four),
    'announces it': (world: World) => world.arp('request', OTHER.mac, DEVICE_4, DEVICE_4),
    'answers for it': (world: World) => world.arp('reply', OTHER.mac, DEVICE_4, NOBODY_4, DEVICE),
    'looks for it': (world: World) => world.arp('request', OTHER.mac, NOBODY_4, DEVICE_4),
  },
  6: {
    'asks from it': (world: World) =>
      world.toGroup(solicitation(DEVICE_6, ip('ff02::1:ff00:1'), OTHER.six, OTHER.mac), OTHER.mac),
    'announces it': (world: World) =>
      world.toGroup(advertisement(DEVICE_6, ALL, OTHER.mac, false), OTHER.mac),
    'answers for it': (world: World) =>
      world.ip(advertisement(DEVICE_6, ip('fe80::ff:fe00:7'), OTHER.mac, true), OTHER.mac),
    'looks for it': (world: World) =>
      world.toGroup(solicitation(NOBODY_6, SOLICITED, DEVICE_6, undefined), OTHER.mac),
  },
} as const;

describe.each([4, 6] as const)('IPv%i', (family) => {
  const own = family === 4 ? DEVICE_4 : DEVICE_6;
  const other = family === 4 ? OTHER.four : OTHER.six;
  const addresses = [family === 4 ? net('10.0.0.7/24') : net('fd00::7/64')];
  const name = ipText(own);
  const probe =
    family === 4
      ? 'arp request 0.0.0.0 > 10.0.0.7 to ff:ff:ff:ff:ff:ff'
      : 'ns fd00::7 :: > ff02::1:ff00:7 to 33:33:ff:00:00:07';
  const announcement =
    family === 4
      ? 'arp request 10.0.0.7 > 10.0.0.7 to ff:ff:ff:ff:ff:ff'
      : 'na fd00::7 fd00::7 > ff02::1 to 33:33:00:00:00:01';
  const about = (lines: readonly string[]) => lines.filter((line) => line.includes(name) || /own/.test(line));

  it('an address is looked for, and announced twice when it is used', () => {
    const world = new World({ addresses, multicast: 'none' });
    world.machine.up(world.now);
    const first = about(world.took()).filter((line) => !line.startsWith('own'));
    expect(first).toEqual([probe]);
    const times = world.pass(60_000).filter((line) => line.endsWith(probe) || line.endsWith(announcement));
    expect(times).toEqual(
      family === 4
        ? [`400: ${probe}`, `800: ${probe}`, `1200: ${announcement}`, `3200: ${announcement}`]
        : [`1000: ${announcement}`, `3000: ${announcement}`],
    );
  });

  it('what the device sends before goes when it is used, in its order, and no more than eight packets', () => {
    const world = new World({ addresses, multicast: 'none' });
    world.machine.up(world.now);
    world.took();
    for (let i = 0; i < 10; i++) expect(world.device(datagram(own, other, i))).toEqual([]);
    expect(world.dropped('no room')).toBe(2);
    const said = world
      .pass(1_500)
      .filter((line) => line.includes(`> ${ipText(other)}`) || line.includes(`ns ${ipText(other)}`));
    expect(said).toHaveLength(1);
    if (family === 4) world.machine.frame(world.now, reply(world));
    else world.machine.frame(world.now, neighbour());
    const sent = world.took().filter((line) => line.startsWith('ip '));
    expect(sent).toEqual(Array(8).fill(`ip ${name} > ${ipText(other)} to ${macText(OTHER.mac)}`));
  });

  const reply = (_: World) =>
    Uint8Array.of(
      ...[...DEVICE, ...OTHER.mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
      ...[...OTHER.mac, ...OTHER.four, ...DEVICE, ...DEVICE_4],
    );
  const neighbour = () =>
    Uint8Array.of(
      ...[...DEVICE, ...OTHER.mac, 0x86, 0xdd],
      ...advertisement(OTHER.six, ip('fe80::ff:fe00:7'), OTHER.mac, true),
    );

  describe.each(Object.entries(FOREIGN[family]))('somebody else %s', (what, happens) => {
    it('while it is looked for: it is not used, and looked for again after a minute', () => {
      const world = new World({ addresses, multicast: 'none' });
      world.machine.up(world.now);
      world.device(datagram(own, other));
      world.took();
      const said = about(happens(world));
      expect(said).toContain(`conflict ${name} ${macText(OTHER.mac)} not used`);
      expect(world.dropped('source')).toBe(1);
      expect(world.device(datagram(own, other))).toEqual([]);
      expect(world.dropped('source')).toBe(2);
      const later = world.pass(CONFLICT_TIME + 10_000).filter((line) => line.includes(name));
      expect(later[0]).toBe(`${CONFLICT_TIME}: ${probe}`);
      expect(later.some((line) => line.endsWith(announcement))).toBe(true);
    });

    it('while it is used: it is defended every ten seconds at most, and told once', () => {
      const world = World.settled({ addresses, multicast: 'none' });
      if (what === 'looks for it') {
        // That is what the search is for: it is answered each time.
        for (let i = 0; i < 3; i++)
          expect(happens(world)).toEqual([
            family === 4
              ? `arp reply 10.0.0.7 > 0.0.0.0 to ${macText(OTHER.mac)}`
              : 'na fd00::7 fd00::7 > ff02::1 to 33:33:00:00:00:01',
          ]);
        return;
      }
      expect(happens(world)).toEqual([`conflict ${name} ${macText(OTHER.mac)} used`, announcement]);
      expect(happens(world)).toEqual([]);
      world.now += DEFEND_INTERVAL - 1;
      expect(happens(world)).toEqual([]);
      world.now += 1;
      expect(happens(world)).toEqual([announcement]);
      expect(world.device(datagram(own, other)).length).toBeGreaterThan(0);
    });

    it('is the device at another server: no conflict', () => {
      const world = World.settled({ addresses, multicast: 'none' });
      world.machine.frame(world.now, announcementFrame());
      expect(world.took()).toEqual([]);
      expect(world.dropped('not its own')).toBe(1);
    });
  });

  function announcementFrame(): Uint8Array {
    const world = new World({ addresses, multicast: 'none' });
    world.machine.up(world.now);
    world.machine.take();
    const used = () => effects.some((effect) => effect.do === 'frame' && effectText(effect) === announcement);
    let effects = world.machine.take();
    for (; !used(); effects = world.machine.take()) {
      world.now = world.machine.deadline;
      world.machine.tick(world.now);
    }
    const effect = effects.find((one) => one.do === 'frame' && effectText(one) === announcement);
    if (effect?.do !== 'frame') throw new Error('nothing is announced');
    return effect.frame;
  }

  it('a device that has been at another server is announced anew when it is back', () => {
    const world = World.settled({ addresses, multicast: 'none' });
    const back = () => {
      world.machine.frame(world.now, announcementFrame());
      expect(world.took()).toEqual([]);
      return about(world.device(datagram(own, other))).filter((line) => line === announcement).length;
    };
    expect(back()).toBe(1);
    expect(world.pass(DEFEND_INTERVAL - 1).filter((line) => line.endsWith(announcement))).toEqual([
      `2000: ${announcement}`,
    ]);
    expect(back()).toBe(0);
    world.now += 1;
    expect(back()).toBe(1);
  });

  const asked = (world: World) =>
    family === 4
      ? world.arp('request', OTHER.mac, OTHER.four, DEVICE_4)
      : world.toGroup(solicitation(OTHER.six, SOLICITED, DEVICE_6, OTHER.mac), OTHER.mac);
  const answer =
    family === 4
      ? `arp reply 10.0.0.7 > 10.0.0.1 to ${macText(OTHER.mac)}`
      : `na fd00::7 solicited fd00::7 > fd00::1 to ${macText(OTHER.mac)}`;

  /** A core leaves out only what is said by ARP. */
  const listens = family === 4 ? [`listens to ${ipText(other)}`] : [];

  it('who asks for it is answered, and is known then', () => {
    const world = World.settled({ addresses, multicast: 'none' });
    expect(asked(world)).toEqual([...listens, answer]);
    expect(world.device(datagram(own, other))).toEqual([
      `ip ${name} > ${ipText(other)} to ${macText(OTHER.mac)}`,
      `neighbour ${ipText(other)} ${macText(OTHER.mac)}`,
    ]);
  });

  it('who asks for another address is not answered', () => {
    const world = World.settled({ addresses, multicast: 'none' });
    expect(world.arp('request', OTHER.mac, OTHER.four, ip('10.0.0.8'))).toEqual([]);
    expect(world.toGroup(solicitation(OTHER.six, SOLICITED, ip('fd00:1::7'), OTHER.mac), OTHER.mac)).toEqual(
      [],
    );
    const wrong = family === 4 ? DEVICE_6 : DEVICE_4;
    if (wrong.length === 4) expect(world.arp('request', OTHER.mac, OTHER.four, wrong)).toEqual([]);
    else expect(world.toGroup(solicitation(OTHER.six, SOLICITED, wrong, OTHER.mac), OTHER.mac)).toEqual([]);
  });

  it('asleep, its address is answered for an hour, packets for it pass, multicasts do not', () => {
    const world = World.settled({ addresses, multicast: 'all' });
    world.machine.asleep(world.now);
    expect(asked(world)).toEqual([...listens, answer]);
    expect(world.ip(datagram(other, own), OTHER.mac)).toEqual([`device: ip ${ipText(other)} > ${name}`]);
    const group = family === 4 ? ip('224.0.0.251') : ip('ff02::fb');
    expect(world.toGroup(datagram(other, group), OTHER.mac)).toEqual([]);
    expect(world.dropped('asleep')).toBe(1);
    const said = world.pass(ASLEEP_MAX);
    expect(said.at(-1)).toBe(`${ASLEEP_MAX}: close`);
    expect(asked(world)).toEqual([]);
    expect(world.dropped('closed')).toBe(1);
    expect(world.machine.deadline).toBe(Infinity);
  });

  it('a packet of the device wakes it, and so does up', () => {
    for (const wake of [
      (world: World) => world.device(datagram(own, other)),
      (world: World) => world.machine.up(world.now),
    ]) {
      const world = World.settled({ addresses, multicast: 'all' });
      world.machine.asleep(world.now);
      world.now += ASLEEP_MAX - 1;
      wake(world);
      expect(world.took().filter((line) => line.includes('0.0.0.0 >'))).toEqual([]);
      expect(world.pass(2 * ASLEEP_MAX).filter((line) => line.endsWith('close'))).toEqual([]);
    }
  });

  it('asleep, it is quiet from when another server announces the same device', () => {
    const world = World.settled({ addresses, multicast: 'none' });
    world.machine.asleep(world.now);
    world.machine.frame(world.now, announcementFrame());
    expect(world.took()).toEqual(['own ; on link ', 'close']);
    expect(asked(world)).toEqual([]);
  });

  it('gone, it says nothing more, and up begins anew', () => {
    const world = World.settled({ addresses, multicast: 'none' });
    world.machine.gone(world.now);
    world.took();
    expect(asked(world)).toEqual([]);
    expect(world.device(datagram(own, other))).toEqual([]);
    expect(world.dropped('closed')).toBe(2);
    world.machine.gone(world.now);
    world.machine.asleep(world.now);
    world.machine.tick(world.now + ASLEEP_MAX);
    expect(world.took()).toEqual([]);
    world.machine.up(world.now);
    expect(world.took()).toContain(probe);
  });
});

it('the machine says what the core needs: addresses from the beginning, neighbours when they are in use', () => {
  const world = new World({ multicast: 'none', gateways: [ip('10.0.0.254')] });
  world.machine.up(world.now);
  expect(world.took().filter((line) => line.startsWith('own'))).toEqual([
    'own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10',
  ]);
  // The other family's is used a little earlier: what is known meanwhile is not told.
  world.pass(1_000);
  world.device(datagram(DEVICE_6, OTHER.six));
  const said = world.ip(advertisement(OTHER.six, ip('fe80::ff:fe00:7'), OTHER.mac, true), OTHER.mac);
  expect(said).toEqual([`ip fd00::7 > fd00::1 to ${macText(OTHER.mac)}`]);
  expect(world.pass(5_000).filter((line) => line.includes('own'))).toEqual([
    '200: own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10 10.0.0.7/24 fd00::7/64',
  ]);
  expect(world.device(datagram(DEVICE_6, OTHER.six))).toContain(`neighbour fd00::1 ${macText(OTHER.mac)}`);
});

it('an address given twice, or the link-local one given, is one address', () => {
  const world = World.settled({
    addresses: [net('fd00::7/64'), net('fd00::7/64'), net('fe80::ff:fe00:7/64')],
  });
  expect(world.took()).toEqual([]);
  expect(multicastMac(SOLICITED)).toEqual(Uint8Array.of(0x33, 0x33, 0xff, 0, 0, 7));
});
