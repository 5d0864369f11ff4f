// Which addresses a device gets that is invited.
import { expect, test, vi } from 'vitest';
import {
  gatewaysOf,
  pickAddresses,
  takenAddresses,
  wishedNetworks,
} from '../../../src/cli/commands/invite-addresses.js';
import { prefixText } from '../../../src/network/host.js';
import { peerStatus } from '../../support/status.js';

const device = (name: string, dhcp: boolean, ...addresses: string[]) =>
  peerStatus({ peer: name, wireguard: { addresses, mac: '02:00:00:00:00:01', dhcp } });
const wish = (text: string | undefined, ...peers: ReturnType<typeof peerStatus>[]) => {
  const { networks, dhcp } = wishedNetworks(text, { peers });
  return [...(dhcp ? ['dhcp'] : []), ...networks.map(prefixText)];
};
/** What is picked where stations have these addresses. */
async function picked(text: string, stations: readonly string[], taken = new Map<string, string>()) {
  const inUse = vi.fn(async (all: readonly string[]) => new Set(all.filter((one) => stations.includes(one))));
  const addresses = await pickAddresses(wishedNetworks(text, { peers: [] }), taken, inUse);
  return { addresses: addresses.map(prefixText), asked: inUse.mock.calls.map(([all]) => all) };
}

test.each([
  ['224.0.0.0/24', /^--network 224\.0\.0\.0\/24: a device can have no address of this network/],
  ['127.0.0.0/24', /^--network 127\.0\.0\.0\/24: a device can have no address/],
  ['fe80::/64', /^--network fe80::\/64: a device can have no address/],
  ['10.0.0.0/24,::/64', /^--network ::\/64: a device can have no address/],
  ['::ffff:10.0.0.0/120', /^--network ::ffff:a00:0\/120: this is an IPv4 address in the form of IPv6/],
  ['10.0.0.255/24', /^--network 10\.0\.0\.255\/24: this is the broadcast address/],
  ['10.0.0.0/24,10.0.0.0/24', /^--network 10\.0\.0\.0\/24 is the same network as 10\.0\.0\.0\/24, or a part/],
  ['10.0.0.0/8,10.0.0.7/24', /^--network 10\.0\.0\.7\/24 is the same network as 10\.0\.0\.0\/8, or a part/],
  ['dhcp,10.0.0.0/24', /^--network dhcp leases the IPv4 address: leave 10\.0\.0\.0\/24 out/],
  ['dhcp,dhcp', /^--network names dhcp twice/],
  [
    '10.0.0.0/24,10.0.1.0/24,10.0.2.0/24,10.0.3.0/24,fd00::/64',
    /^--network is followed by 4 networks at most/,
  ],
  ['10.0.0.0', /^--network is followed by the networks of the switch/],
  [undefined, /^give --network .*: no device has been invited yet/],
])('--network %s: one line names the option, and says what is wrong', (text, why) => {
  expect(() => wish(text)).toThrow(why);
});

test('without --network the networks are those of the last device', () => {
  const phone = device('phone', false, '10.0.0.7/24', '10.0.0.8/24', 'fd00::7/64');
  expect(wish(undefined, phone)).toEqual(['10.0.0.0/24', 'fd00::/64']);
  // What was leased is the DHCP server's to give.
  expect(wish(undefined, phone, device('tablet', true, 'fd00::8/64', '10.0.0.9/24'))).toEqual([
    'dhcp',
    'fd00::/64',
  ]);
  expect(wish(undefined, device('tablet', true))).toEqual(['dhcp']);
});

test('an address of a network is one that no station, device, gateway or machine here has', async () => {
  const taken = takenAddresses(
    { peers: [device('phone', false, '10.0.0.3/24'), peerStatus()] },
    gatewaysOf('10.0.0.2,FD00:0::2'),
    ['10.0.0.4'],
  );
  const { addresses, asked } = await picked(
    '10.0.0.0/24,fd00::/64',
    ['10.0.0.5', '10.0.0.6', 'fd00::3'],
    taken,
  );
  expect(addresses).toEqual(['10.0.0.7/24', 'fd00::4/64']);
  expect(asked[0]).toHaveLength(16);
  expect(asked.flat()).not.toContain('10.0.0.3');
});

test('where stations have the first ones, the network is asked for more; where they have all, none is free', async () => {
  const stations = Array.from({ length: 252 }, (_, i) => `10.0.0.${2 + i}`);
  expect((await picked('10.0.0.0/24', stations)).addresses).toEqual(['10.0.0.254/24']);
  await expect(picked('10.0.0.0/24', [...stations, '10.0.0.254'])).rejects.toThrow(
    /^no address of 10\.0\.0\.0\/24 is free$/,
  );
});

test('an address with bits of its own behind the prefix is that one, or none', async () => {
  expect(await picked('10.99.0.77/24,fd00::7/64', [])).toEqual({
    addresses: ['10.99.0.77/24', 'fd00::7/64'],
    asked: [['10.99.0.77'], ['fd00::7']],
  });
  await expect(picked('10.99.0.77/24', ['10.99.0.77'])).rejects.toThrow(
    /^10\.99\.0\.77 is in use, by a station of the network: name another address with --network$/,
  );
  await expect(picked('10.99.0.77/24', [], new Map([['10.99.0.77', 'phone']]))).rejects.toThrow(
    /^10\.99\.0\.77 is in use, by phone: /,
  );
});

test('--gateway is followed by addresses', () => {
  expect(() => gatewaysOf('there')).toThrow(/^--gateway is followed by the addresses of routers/);
});
