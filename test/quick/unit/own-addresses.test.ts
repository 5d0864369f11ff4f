import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { isPrivate, ownAddresses } from '../../../src/ends/own-addresses.js';

const at = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;
const machine = {
  lo: [at('127.0.0.1', true), at('::1', true)],
  eth0: [at('192.168.1.5'), at('fe80::1'), at('fd00::5'), at('2001:db8::5'), at('203.0.113.5')],
  docker0: [at('172.17.0.1'), at('169.254.3.4'), at('203.0.113.5')],
  none: undefined,
};

test('what the internet reaches comes first, what means nothing elsewhere not at all', () => {
  const all = ['203.0.113.5', '2001:db8::5', '192.168.1.5', '172.17.0.1', 'fd00::5'];
  expect(ownAddresses('::', machine)).toEqual(all);
  expect(ownAddresses('0.0.0.0', machine)).toEqual(['203.0.113.5', '192.168.1.5', '172.17.0.1']);
  expect(ownAddresses('::', {})).toEqual([]);
});

test('a socket that has one address is there alone', () => {
  expect(ownAddresses('192.0.2.1', machine)).toEqual(['192.0.2.1']);
  expect(ownAddresses('fe80::1%eth0', machine)).toEqual([]);
  expect(ownAddresses('fea::1', machine)).toEqual(['fea::1']); // 0fea
});

test.each([
  ['10.0.0.1', true],
  ['172.16.0.1', true],
  ['172.31.255.1', true],
  ['172.32.0.1', false],
  ['192.168.0.1', true],
  ['192.169.0.1', false],
  ['100.64.0.1', true],
  ['100.128.0.1', false],
  ['fd12::1', true],
  ['fc00::1', true],
  ['fd::1', false], // 00fd
  ['2001:db8::1', false],
  ['8.8.8.8', false],
])('%s is of a site alone: %s', (address, is) => expect(isPrivate(address)).toBe(is));
