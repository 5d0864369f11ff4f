import { expect, test } from 'vitest';
import { bindAddress } from '../../../src/cable/udp/bind.js';
import { usableAddress } from '../../../src/ends/usable-address.js';
import { optionName } from '../../../src/options/name.js';
import { isLinkLocal } from '../../../src/protocol/address-scope.js';

test.each([
  ['fe80::1', true],
  ['FE80::1%eth0', true],
  ['fe80:0:0:0:1:2:3:4', true],
  ['febf:ffff::1', true],
  ['fe7f::1', false],
  ['fec0::1', false],
  ['fe8::1', false], // 0fe8
  ['fea::1', false],
  ['2001:fe80::1', false],
  ['192.0.2.1', false],
])('%s is link-local: %s', (address, is) => expect(isLinkLocal(address)).toBe(is));

test('one without its interface cannot be used, as ours or as another one', () => {
  const why = 'is link-local: name its interface, as in fe80::1%eth0';
  expect(bindAddress('fe80:0::1')).toEqual({ why: `it ${why}` });
  expect(usableAddress('fe80::1', '::', () => ({}))).toEqual({ why: `fe80::1 ${why}`, forGood: true });
});

test('another one has none', () => {
  expect(bindAddress('fea::1')).toEqual({ address: 'fea::1' });
  expect(bindAddress('0fea::1%eth0')).toEqual({ why: 'only a link-local address has a %interface' });
  expect(usableAddress('fea::1', '::', () => ({}))).toBe('fea::1');
});

test('a socket on a loopback address reaches this machine alone', () => {
  const own = {
    address: '192.0.2.1',
    netmask: '',
    family: 'IPv4',
    mac: '',
    internal: false,
    cidr: null,
  } as const;
  const beyond = (address: string, from: string) => usableAddress(address, from, () => ({ eth0: [own] }));
  const why = `192.0.2.2 cannot be reached from 127.0.0.1, a loopback address: leave ${optionName('bind')} out, or name another address of this machine`;
  expect(beyond('192.0.2.2', '127.0.0.1')).toEqual({ why, forGood: true });
  expect(beyond('2001:db8::1', '::1')).toMatchObject({ forGood: true });
  for (const near of ['192.0.2.1', '127.0.0.9']) expect(beyond(near, '127.0.0.1')).toBe(near);
  expect(beyond('192.0.2.2', '::')).toBe('192.0.2.2');
  expect(usableAddress('192.0.2.2', '127.0.0.1', () => undefined)).toBe('192.0.2.2');
});
