// What a peer's line says of a stock WireGuard device, and addresses as text.
import { describe, expect, it, test } from 'vitest';
import { keyText } from '../../../src/keys/key-text.js';
import { parsePeers } from '../../../src/keys/peers-file.js';
import { addressBytes, addressText } from '../../../src/network/address.js';
import { freeAddress, macText, parseHostText, parseNetwork, prefixText } from '../../../src/network/host.js';
import { within } from '../../../src/protocol/host/address.js';
import { randomness } from '../../support/seed.js';

const { bytes, below } = randomness();
const key = keyText(bytes(32));
const read = (words: string) => parsePeers(`${key} ${words}`);
const hostOf = (words: string) => {
  const { peers, wrong } = read(words);
  expect(wrong).toEqual([]);
  const { host, policy } = peers[0] ?? {};
  return {
    policy,
    host: host && {
      ...host,
      addresses: host.addresses.map(prefixText),
      gateways: host.gateways?.map(addressText),
      mac: host.mac && macText(host.mac),
    },
  };
};

describe('a line with ip=', () => {
  it('says which host its peer is', () => {
    expect(hostOf('name=phone ip=10.0.0.7/24,fd00::7/64')).toEqual({
      policy: undefined,
      host: {
        addresses: ['10.0.0.7/24', 'fd00::7/64'],
        dhcp: false,
        gateways: [],
        mac: undefined,
        multicast: ['mdns', 'ssdp'],
      },
    });
    const words = 'isolated ip=fd00::7/64,dhcp gateway=192.0.2.1,fe80::1 mac=02:00:00:00:00:0A multicast=all';
    expect(hostOf(words)).toEqual({
      policy: { isolated: true },
      host: {
        addresses: ['fd00::7/64'],
        dhcp: true,
        gateways: ['192.0.2.1', 'fe80::1'],
        mac: '02:00:00:00:00:0a',
        multicast: 'all',
      },
    });
    expect(hostOf('ip=dhcp multicast=none').host).toMatchObject({
      addresses: [],
      dhcp: true,
      multicast: 'none',
    });
    expect(hostOf('ip=10.0.0.7/24 multicast=ssdp').host).toMatchObject({ multicast: ['ssdp'] });
  });

  it('is none without: mac= is what a peer may have then', () => {
    expect(hostOf('mac=02:00:00:00:00:01')).toEqual({
      host: undefined,
      policy: { mac: ['02:00:00:00:00:01'] },
    });
  });

  it.each([
    'ip=10.0.0.7',
    'ip=10.0.0.7/0',
    'ip=10.0.0.7/33',
    'ip=fd00::7/129',
    'ip=fd00::7/64%eth0',
    'ip=10.0.0.7/24,10.0.0.7/24',
    'ip=10.0.0.1/24,10.0.0.2/24,10.0.0.3/24,10.0.0.4/24,10.0.0.5/24',
    'ip=dhcp,dhcp',
    'ip=DHCP',
    'ip=,',
  ])('%s: one line says how it is written', (words) => {
    expect(read(words)).toMatchObject({
      peers: [],
      wrong: [{ line: 1, why: expect.stringMatching(/^ip= is written/) }],
    });
  });

  it.each([
    ['ip=dhcp,10.0.0.7/24', /leases the IPv4 address/],
    ['gateway=10.0.0.1', /give ip= as well/],
    ['multicast=all', /give ip= as well/],
    ['ip=224.0.0.1/24', /^ip=224\.0\.0\.1\/24: no single machine/],
    ['ip=127.0.0.1/8', /^ip=127\.0\.0\.1\/8: no single machine/],
    ['ip=10.0.0.7/24,ff02::1/64', /^ip=ff02::1\/64: no single machine/],
    ['ip=::1/128', /^ip=::1\/128: no single machine/],
    ['ip=fe80::1/64', /^ip=fe80::1\/64: a device has the link-local address of its MAC address/],
    ['ip=10.66.0.255/24', /^ip=10\.66\.0\.255\/24: this is the broadcast address of its network$/],
    ['ip=10.66.0.0/24', /^ip=10\.66\.0\.0\/24: this is a network: name an address in it$/],
    ['ip=fd00::/64', /^ip=fd00::\/64: this is a network: name an address in it$/],
    ['ip=::ffff:10.0.0.1/64', /IPv4 address in the form of IPv6/],
    ['ip=10.0.0.7/24 gateway=10.0.0.7', /^gateway=10\.0\.0\.7: 10\.0\.0\.7 is the device's own address$/],
    ['ip=10.0.0.7/24 gateway=10.0.0.255', /^gateway=10\.0\.0\.255: .* broadcast address/],
    ['ip=10.0.0.7/24 gateway=224.0.0.1', /^gateway=224\.0\.0\.1: no single machine/],
    [
      'ip=10.0.0.7/24 gateway=10.0.1.1',
      /^gateway=10\.0\.1\.1: .* is in no network of the device's addresses/,
    ],
    [
      'ip=10.0.0.7/24 gateway=10.0.0.1,10.0.0.2',
      /^gateway=10\.0\.0\.1,10\.0\.0\.2: one gateway of each family/,
    ],
    ['ip=10.0.0.7/24 gateway=there', /^gateway= is written/],
    ['ip=10.0.0.7/24 multicast=mdns,chat', /^multicast= is written/],
    ['ip=10.0.0.7/24 multicast=all,mdns', /^multicast= is written/],
    ['ip=10.0.0.7/24 mac=02:00:00:00:00:01,02:00:00:00:00:02', /^mac= of a host is one/],
    ['ip=10.0.0.7/24 ip=10.0.0.8/24', /there twice/],
    ['ip', /name=VALUE/],
  ])('%s is refused', (words, why) => {
    expect(read(words)).toMatchObject({ peers: [], wrong: [{ line: 1, why: expect.stringMatching(why) }] });
  });
});

test.each(['10.66.0.0/31', '10.66.0.1/31', '10.66.0.255/32', 'fd00::/127', 'fd00::/128', '10.66.0.255/16'])(
  '%s is an address of a machine',
  (ip) => {
    expect(hostOf(`ip=${ip}`).host?.addresses).toEqual([ip]);
  },
);

describe('what an option or a request says of a host', () => {
  it('reads as a line does', () => {
    const { peers } = parsePeers(
      `${key} ip=10.0.0.7/24 gateway=10.0.0.1 mac=02:00:00:00:00:01 multicast=none`,
    );
    const text = ' ip=10.0.0.7/24  gateway=10.0.0.1 mac=02:00:00:00:00:01 multicast=none ';
    expect(parseHostText(text)).toEqual(peers[0]?.host);
  });

  it.each([
    ['', /^a host is written/],
    ['gateway=10.0.0.1', /give ip= as well/],
    ['ip=10.0.0.7/24 name=phone', /^a host is written/],
    ['ip=10.0.0.7/24 ip=10.0.0.8/24', /there twice/],
    ['ip=10.0.0.7', /^ip= is written/],
    ['ip=10.0.0.7/24 mac=02', /^mac= of a host/],
    ['mac=02:00:00:00:00:01', /^ip= is written/],
  ])('%j is refused', (text, why) => {
    expect(parseHostText(text)).toMatch(why);
  });
});

describe('a free address of a network', () => {
  const free = (network: string, ...taken: string[]) => {
    const found = freeAddress(parseNetwork(network) as NonNullable<ReturnType<typeof parseNetwork>>, (one) =>
      taken.includes(addressText(one)),
    );
    return found && addressText(found);
  };

  it('is the first that nobody has, and not the first of all', () => {
    expect(free('10.0.0.0/24')).toBe('10.0.0.2');
    expect(free('10.0.0.77/24', '10.0.0.2', '10.0.0.3')).toBe('10.0.0.4');
    expect(free('10.1.0.0/16', ...Array.from({ length: 300 }, (_, i) => `10.1.${i >> 8}.${i & 255}`))).toBe(
      '10.1.1.44',
    );
    expect(free('fd00::/64', 'fd00::2')).toBe('fd00::3');
  });

  it('is none where all are taken, and never that of all stations', () => {
    expect(free('192.0.2.0/30', '192.0.2.2')).toBe(undefined);
    expect(free('192.0.2.4/30')).toBe('192.0.2.6');
  });

  it.each(['10.0.0.0', '10.0.0.0/31', '10.0.0.0/0', 'fd00::/127', 'there/24', '10.0.0.0/a'])(
    '%s is no network',
    (text) => {
      expect(parseNetwork(text)).toBe(undefined);
    },
  );
});

describe('addresses', () => {
  it.each([
    '::',
    '::1',
    'fd00::',
    'fd00::7',
    '2001:db8::1:0:0:1',
    '2001:0:0:1::1',
    'fe80::1:2:3:4',
    '1:2:3:4:5:6:7:8',
    '1:0:3:4:5:6:7:8',
    '192.0.2.1',
  ])('%s is written as it was', (text) => {
    expect(addressText(addressBytes(text) as Uint8Array)).toBe(text);
  });

  it('any reads back', () => {
    for (let i = 0; i < 500; i++) {
      const address = bytes(below(2) === 0 ? 4 : 16);
      for (let zeros = below(12); zeros > 0; zeros--) address[below(address.length)] = 0;
      expect(addressBytes(addressText(address))).toEqual(Uint8Array.from(address));
    }
  });

  it('are in a network by its bits', () => {
    const network = (text: string, bits: number) => ({ address: addressBytes(text) as Uint8Array, bits });
    const is = (text: string, ...of: Parameters<typeof network>) =>
      within(addressBytes(text) as Uint8Array, network(...of));
    expect(is('10.0.0.254', '10.0.0.7', 24)).toBe(true);
    expect(is('10.0.1.7', '10.0.0.7', 24)).toBe(false);
    expect(is('10.0.1.7', '10.0.0.7', 23)).toBe(true);
    expect(is('fd00::1', 'fd00::', 64)).toBe(true);
    expect(is('fd00:0:0:1::1', 'fd00::', 64)).toBe(false);
    expect(is('fd00:0:0:1::1', 'fd00::', 63)).toBe(true);
    expect(is('10.0.0.7', 'fd00::', 8)).toBe(false);
  });
});
