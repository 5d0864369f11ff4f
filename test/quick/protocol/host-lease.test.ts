// The client of DHCP: its states, cell by cell, against a server that the test plays byte by byte (RFC 2131 §4.4).
import { describe, expect, it } from 'vitest';
import { DHCP_PAUSE } from '../../../src/protocol/host/constants.js';
import { udpOf } from '../../../src/protocol/host/udp.js';
import { BROADCAST, DEVICE, datagram, ip, macText, net, World } from './host-fixture.js';
import {
  ACK,
  ADDRESS,
  type Asked,
  DECLINE,
  DISCOVER,
  Leasing,
  LONG,
  NAK,
  OFFER,
  OTHER_SERVER,
  RELEASE,
  REQUEST,
  SERVER,
} from './host-leasing.js';

const text = (bytes: Uint8Array | undefined) => bytes && String.fromCharCode(...bytes);

describe('a lease', () => {
  it('is asked of all, taken from one, looked for, used', () => {
    const one = new Leasing();
    expect(one.asked).toHaveLength(1);
    expect(one.last).toMatchObject({
      type: DISCOVER,
      source: '0.0.0.0',
      to: '255.255.255.255',
      mac: macText(BROADCAST),
      own: '0.0.0.0',
    });
    expect(one.last.options.get(61)).toEqual(Uint8Array.of(0, ...new Uint8Array(32).fill(9)));
    expect(text(one.last.options.get(12))).toBe('phone');
    expect(one.last.options.has(50)).toBe(false);
    one.answer(OFFER);
    expect(one.last).toMatchObject({
      type: REQUEST,
      source: '0.0.0.0',
      to: '255.255.255.255',
      own: '0.0.0.0',
    });
    expect([one.last.options.get(50), one.last.options.get(54)]).toEqual([ADDRESS, SERVER.four]);
    expect(one.last.transaction).toEqual(one.asked[0]?.transaction);
    one.answer(ACK);
    expect(one.notices).toEqual(['lease']);
    expect(one.usable).toBe(false);
    one.pass(1_200);
    expect(one.usable).toBe(true);
    expect(one.asked).toHaveLength(2);
  });

  it('has the router that the server names for a gateway', () => {
    const { world } = new Leasing().lease();
    expect(world.device(datagram(ADDRESS, ip('192.0.2.1')))).toEqual([
      'listens to 10.0.0.254',
      'arp request 10.0.0.50 > 10.0.0.254 to ff:ff:ff:ff:ff:ff',
    ]);
  });

  it('asks first for the address that it had, or that it was told', () => {
    const one = new Leasing({ wanted: ip('10.0.0.77') });
    expect(one.last.options.get(50)).toEqual(ip('10.0.0.77'));
    one.lease();
    one.world.machine.gone(one.world.now);
    one.world.machine.up(one.world.now);
    one.look();
    expect([one.last.type, one.last.options.get(50)]).toEqual([DISCOVER, ADDRESS]);
  });

  it.each([
    ["Anna's phone", 'Anna-s-phone'],
    ['-x-', 'x'],
    ['ä', undefined],
    [undefined, undefined],
    ['n'.repeat(80), 'n'.repeat(63)],
  ])('the host name of %j is %j', (name, told) => {
    expect(text(new Leasing({ name }).last.options.get(12))).toBe(told);
  });

  it('is asked for again and again while nobody answers, more seldom each time, and that is told once', () => {
    const one = new Leasing();
    one.pass(400_000);
    const waits = one.asked.slice(1).map(({ at }, i) => Math.round((at - (one.asked[i] as Asked).at) / 1000));
    for (const [i, wait] of [4, 8, 16, 32, 64, 64, 64].entries())
      expect(Math.abs((waits[i] as number) - wait), `${i}`).toBeLessThanOrEqual(1);
    expect(one.notices).toEqual(['no dhcp']);
    expect(new Set(one.asked.map(({ type }) => type))).toEqual(new Set([DISCOVER]));
    one.lease();
    expect(one.notices).toEqual(['no dhcp', 'lease']);
  });

  it('that was offered is requested four times, and then all begins anew', () => {
    const one = new Leasing();
    one.answer(OFFER);
    one.pass(70_000);
    expect(one.asked.slice(0, 6).map(({ type }) => type)).toEqual([
      DISCOVER,
      REQUEST,
      REQUEST,
      REQUEST,
      REQUEST,
      DISCOVER,
    ]);
  });

  it('is renewed at half its time, of its server', () => {
    const one = new Leasing().lease();
    one.pass(LONG * 500 - 2_001);
    expect(one.asked).toHaveLength(2);
    one.pass(1);
    expect(one.last).toMatchObject({
      type: REQUEST,
      source: '10.0.0.50',
      to: '10.0.0.2',
      mac: macText(SERVER.mac),
      own: '10.0.0.50',
    });
    expect([one.last.options.has(50), one.last.options.has(54)]).toEqual([false, false]);
    one.answer(ACK, { to: ADDRESS });
    one.pass(LONG * 500 - 1);
    expect(one.asked).toHaveLength(3);
    expect(one.notices).toEqual(['lease']);
    expect(one.usable).toBe(true);
  });

  it('is asked of all servers at seven eighths of its time, and is over at its end', () => {
    const one = new Leasing().lease();
    one.pass(LONG * 1000);
    const after = one.asked.slice(2).map(({ type, to, at }) => [type, to, at]);
    expect(after).toEqual([
      [REQUEST, '10.0.0.2', 300_000],
      [REQUEST, '10.0.0.2', 412_500],
      [REQUEST, '10.0.0.2', 472_500],
      [REQUEST, '255.255.255.255', 525_000],
      [REQUEST, '255.255.255.255', 585_000],
      [DISCOVER, '255.255.255.255', 600_000],
    ]);
    expect(one.notices).toEqual(['lease', 'no lease']);
    expect(one.usable).toBe(false);
  });

  it('can go on with another server, or with another address', () => {
    const one = new Leasing().lease();
    one.pass(LONG * 900);
    one.answer(ACK, { server: OTHER_SERVER });
    expect(one.usable).toBe(true);
    one.pass(LONG * 500);
    expect(one.last.to).toBe('10.0.0.3');
    one.answer(ACK, { server: OTHER_SERVER, address: ip('10.0.0.51') });
    expect(one.usable).toBe(false);
    expect(one.notices).toEqual(['lease', 'no lease', 'lease']);
  });

  it.each([
    ['the server names', [58, 4, 0, 0, 0, 100, 59, 4, 0, 0, 0, 200], 100],
    [
      'follow from the time, if those that the server names make no sense',
      [58, 4, 0, 0, 0, 250, 59, 4, 0, 0, 0, 200],
      300,
    ],
    ['follow from the time, if they are later than its end', [58, 4, 0, 0, 9, 9, 59, 4, 0, 0, 9, 10], 300],
  ] as const)('its times are those that %s', (_, extra, at) => {
    const one = new Leasing().lease(LONG, extra);
    one.pass(at * 1000 - 2_001);
    expect(one.asked).toHaveLength(2);
    one.pass(1);
    expect(one.asked).toHaveLength(3);
  });

  it('for ever is never asked for again', () => {
    const one = new Leasing().lease(0xffffffff);
    one.pass(10 ** 9);
    expect([one.asked.length, one.usable]).toEqual([2, true]);
  });

  it('is given back when the device goes', () => {
    const one = new Leasing().lease();
    one.world.machine.gone(one.world.now);
    one.look();
    expect(one.last).toMatchObject({
      type: RELEASE,
      source: '10.0.0.50',
      to: '10.0.0.2',
      mac: macText(SERVER.mac),
      own: '10.0.0.50',
    });
    expect(one.last.options.get(54)).toEqual(SERVER.four);
    expect(one.usable).toBe(false);
    expect(one.world.machine.deadline).toBe(Infinity);
  });

  it('is renewed while the device is asleep, and given back when the port is', () => {
    const one = new Leasing().lease();
    one.world.machine.asleep(one.world.now);
    one.pass(LONG * 500);
    one.answer(ACK);
    for (let i = 0; i < 20; i++) {
      one.pass(LONG * 500);
      if (one.last.type === REQUEST) one.answer(ACK);
    }
    expect(one.last.type).toBe(RELEASE);
  });

  it('of an address that somebody has is declined, and another one is asked for', () => {
    const one = new Leasing();
    one.answer(OFFER);
    one.answer(ACK);
    one.world.machine.frame(
      one.world.now,
      Uint8Array.of(
        ...BROADCAST,
        ...SERVER.mac,
        8,
        6,
        0,
        1,
        8,
        0,
        6,
        4,
        0,
        2,
        ...SERVER.mac,
        ...ADDRESS,
        ...DEVICE,
        ...ADDRESS,
      ),
    );
    one.look();
    expect(one.last).toMatchObject({
      type: DECLINE,
      source: '0.0.0.0',
      own: '0.0.0.0',
      to: '255.255.255.255',
    });
    expect([one.last.options.get(50), one.last.options.get(54)]).toEqual([ADDRESS, SERVER.four]);
    expect(one.notices).toEqual(['lease', 'conflict']);
    one.pass(DHCP_PAUSE - 1);
    expect(one.last.type).toBe(DECLINE);
    one.pass(1);
    expect([one.last.type, one.last.options.has(50)]).toEqual([DISCOVER, false]);
    one.lease();
    expect(one.usable).toBe(true);
  });

  it('stands beside an IPv6 address, and never takes a given address away', () => {
    const one = new Leasing({ addresses: [net('10.0.0.50/24'), net('fd00::7/64')] });
    one.pass(2_000);
    one.lease();
    one.pass(LONG * 1000);
    expect(one.notices).toContain('no lease');
    expect(one.usable).toBe(true);
  });
});

describe('what a server says', () => {
  type Cell = readonly [what: string, says: (one: Leasing) => void, after: number];
  const junk: readonly Cell[] = [
    ['with another number', (one) => one.answer(OFFER, { transaction: new Uint8Array(4) }), DISCOVER],
    ['to another client', (one) => one.answer(OFFER, { chaddr: SERVER.mac }), DISCOVER],
    ['an offer of no address', (one) => one.answer(OFFER, { address: ip('0.0.0.0') }), DISCOVER],
    ['an offer of a group', (one) => one.answer(OFFER, { address: ip('224.0.0.1') }), DISCOVER],
    ['options that are cut off', (one) => one.answer(OFFER, { extra: [12, 200] }), DISCOVER],
    ['an acknowledgement of nothing', (one) => one.answer(ACK), DISCOVER],
    ['a refusal of nothing', (one) => one.answer(NAK), DISCOVER],
  ];
  it.each(junk)('while it is asked for: %s does nothing', (_, says, after) => {
    const one = new Leasing();
    says(one);
    expect([one.last.type, one.asked.length, one.notices]).toEqual([after, 1, []]);
  });

  it.each([
    ['another server', { server: OTHER_SERVER }],
    ['nobody: the address is none', { address: ip('127.0.0.1') }],
    ['a server that gives no time', { seconds: 0 }],
  ] as const)('while it is requested: an acknowledgement of %s does nothing', (_, change) => {
    const one = new Leasing();
    one.answer(OFFER);
    one.answer(ACK, change);
    one.answer(OFFER, { server: OTHER_SERVER });
    expect([one.asked.length, one.notices]).toEqual([2, []]);
  });

  it('while it is requested: a server that refuses what it has offered is asked anew 10 s later', () => {
    const one = new Leasing();
    one.answer(OFFER);
    one.answer(NAK);
    expect([one.asked.length, one.notices]).toEqual([2, []]);
    one.pass(10_000);
    expect([one.last.type, one.asked.length]).toEqual([DISCOVER, 3]);
    one.lease();
    expect(one.usable).toBe(true);
  });

  it('while it is leased: nothing is heard', () => {
    const one = new Leasing().lease();
    for (const type of [OFFER, ACK, NAK]) one.answer(type, { address: ip('10.0.0.99') });
    expect([one.asked.length, one.notices, one.usable]).toEqual([2, ['lease'], true]);
  });

  it('while it is renewed: a refusal takes it away, and another is asked for', () => {
    for (const at of [0.6, 0.9]) {
      const one = new Leasing().lease();
      one.pass(LONG * 1000 * at - 2_000);
      one.answer(NAK);
      expect([one.last.type, one.notices, one.usable]).toEqual([DISCOVER, ['lease', 'no lease'], false]);
    }
  });

  it('options may stand in the fields of names (RFC 2132 §9.3)', () => {
    const one = new Leasing();
    one.answer(OFFER, { extra: [52, 1, 3] });
    expect(one.last.type).toBe(REQUEST);
  });

  it('is what the device gets, where none is wanted', () => {
    const world = World.settled();
    const packet = udpOf(SERVER.four, ip('10.0.0.7'), { from: 67, to: 68, data: new Uint8Array(240) });
    expect(world.ip(packet, SERVER.mac)).toHaveLength(1);
  });
});
