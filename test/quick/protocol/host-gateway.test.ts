// Which router a device uses in IPv6 (secure.md §6).
import { describe, expect, it } from 'vitest';
import { icmpv6Of } from '../../../src/protocol/host/icmpv6.js';
import { advertisement } from '../../../src/protocol/host/nd.js';
import {
  acquainted,
  DEVICE_6,
  datagram,
  flipped,
  ip,
  macText,
  net,
  OTHER,
  ROUTER,
  station,
  World,
} from './host-fixture.js';

describe('the gateway of IPv6', () => {
  /** A router advertisement. @param networks the prefix, its flags and how long it holds */
  function announced(
    seconds: number,
    preference = 0,
    networks: readonly [string, number][] = [],
    from = ROUTER,
  ): Uint8Array {
    const options = networks.flatMap(([text, valid]) => {
      const { address, bits } = net(text);
      return [3, 4, bits, 0xc0, 0, 0, valid >> 8, valid & 255, ...new Uint8Array(8), ...address];
    });
    const message = Uint8Array.of(
      134,
      0,
      0,
      0,
      64,
      (preference & 3) << 3,
      seconds >> 8,
      seconds & 255,
      ...new Uint8Array(8),
      1,
      1,
      ...from.mac,
      ...options,
    );
    return icmpv6Of(from.link, ip('ff02::1'), message, { hops: 255 });
  }
  const away = datagram(DEVICE_6, ip('2001:db8::1'));

  it('is the router that has announced itself, until its time is over', () => {
    const world = World.settled();
    expect(world.device(away)).toEqual(['no gateway 6']);
    world.toGroup(announced(100), ROUTER.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(ROUTER.mac)}`);
    const said = world.pass(100_000);
    expect(said.at(-1)).toContain('gateway 6 unknown');
    expect(world.device(away)).toEqual(['no gateway 6']);
  });

  it('that says that it is none any more is none', () => {
    const world = World.settled();
    world.toGroup(announced(1800), ROUTER.mac);
    world.device(away);
    expect(world.toGroup(announced(0), ROUTER.mac)).toEqual(['gateway 6 unknown']);
    world.toGroup(announced(1800), ROUTER.mac);
    world.device(away);
    // An advertisement of a station without the flag of routers (RFC 4861 §7.2.5).
    expect(world.toGroup(advertisement(ROUTER.link, ip('ff02::1'), ROUTER.mac, false), ROUTER.mac)).toEqual([
      'gateway 6 unknown',
    ]);
  });

  it('is the preferred one, and another when that does not answer', () => {
    const world = World.settled();
    const better = station(253);
    world.toGroup(announced(1800), ROUTER.mac);
    world.toGroup(announced(1800, 1, [], better), better.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(better.mac)}`);
    for (const time of [9_000, 60_000]) {
      world.pass(time);
      world.toGroup(announced(1800), ROUTER.mac);
      expect(world.device(away)).toContain(`gateway 6 ${macText(ROUTER.mac)}`);
    }
    world.toGroup(announced(1800, 1, [], better), better.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(better.mac)}`);
  });

  it('is the one that was given, whatever routers say', () => {
    const world = acquainted({ gateways: [OTHER.six] });
    world.toGroup(announced(1800, 1), ROUTER.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(OTHER.mac)}`);
  });

  it('is not used for networks that a router says are on the link, as long as it says so', () => {
    const world = World.settled();
    expect(world.toGroup(announced(1800, 0, [['2001:db8::/64', 60]]), ROUTER.mac)).toEqual([
      'own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10 10.0.0.7/24 fd00::7/64 2001:db8::/64',
    ]);
    expect(world.device(away)).toEqual([
      'ns 2001:db8::1 fe80::ff:fe00:7 > ff02::1:ff00:1 to 33:33:ff:00:00:01',
    ]);
    expect(world.pass(60_000).at(-1)).toBe(
      '60000: own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10 10.0.0.7/24 fd00::7/64',
    );
    world.toGroup(announced(1800, 0, [['2001:db8::/64', 60]]), ROUTER.mac);
    world.took();
    expect(world.toGroup(announced(1800, 0, [['2001:db8::/64', 0]]), ROUTER.mac)).toHaveLength(1);
  });

  it.each([
    ['a message that a router let through', announced(1800).map((byte, i) => (i === 7 ? 254 : byte))],
    ['a wrong checksum', flipped(announced(1800), 50)],
    [
      'a source that is not link-local',
      icmpv6Of(ROUTER.six, ip('ff02::1'), announced(1800).slice(40), { hops: 255 }),
    ],
    [
      'an option of length 0',
      icmpv6Of(
        ROUTER.link,
        ip('ff02::1'),
        Uint8Array.of(134, ...new Uint8Array(5), 7, 8, ...new Uint8Array(8), 1, 0, ...ROUTER.mac),
        { hops: 255 },
      ),
    ],
  ])('%s is passed over', (_, packet) => {
    const world = World.settled();
    world.toGroup(packet, ROUTER.mac);
    expect(world.device(away)).toEqual(['no gateway 6']);
    expect(world.dropped('malformed')).toBe(1);
  });
});
