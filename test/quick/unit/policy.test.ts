// What a peer may do on the network, as it is written, and as the system's programs read it.
import { expect, test } from 'vitest';
import { unkept } from '../../../src/ends/policy-kept.js';
import { keyText, newPresharedKey } from '../../../src/keys/key-text.js';
import { parsePeers } from '../../../src/keys/peers-file.js';
import {
  changedFields,
  fieldsText,
  type Policy,
  type PolicyFields,
  parsePolicy,
  parsePolicyChange,
  policyOf,
  policyText,
} from '../../../src/network/policy.js';
import { needsNft, nftScript, tcLine, vlanLines } from '../../../src/network/rules.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();

/** A policy of a text that is one. */
function policy(text: string): Policy {
  const fields = parsePolicy(text);
  if (typeof fields === 'string') throw new Error(fields);
  return policyOf(fields);
}

test.each([
  ['', ''],
  ['isolated guard', 'isolated guard'],
  ['vlan=10', 'vlan=10'],
  ['vlan=20t,10,30t', 'vlan=10,20t,30t'],
  ['vlan=4094t', 'vlan=4094t'],
  ['macs=4 broadcast=100', 'macs=4 broadcast=100'],
  ['mac=02:00:00:00:00:0A,02:00:00:00:00:0b,02:00:00:00:00:0a', 'mac=02:00:00:00:00:0a,02:00:00:00:00:0b'],
  ['rate=20mbit', 'rate=20mbit'],
  ['rate=1000kbit/2gbit', 'rate=1mbit/2gbit'],
  ['rate=20mbit/20000kbit', 'rate=20mbit'],
  ['  guard   macs=1 ', 'macs=1 guard'],
])('%j is read, and said as %j', (text, said) => {
  expect(policyText(policy(text))).toBe(said);
  expect(policyText(policy(said))).toBe(said);
});

test.each([
  ['isolate', /^isolate is no field of a policy; there are isolated, vlan,/],
  ['isolated=yes', /^isolated is written isolated; isolated=no takes a default away/],
  ['vlan', /^vlan is written vlan=10/],
  ['vlan=0', /^vlan is written/],
  ['vlan=4095', /^vlan is written/],
  ['vlan=10,20', /^vlan is written/],
  ['vlan=10,10t', /^vlan is written/],
  ['macs=0', /^macs is written/],
  ['macs=65537', /^macs is written/],
  ['mac=02:00:00:00:00', /^mac is written/],
  ['mac=03:00:00:00:00:01', /^mac is written/],
  ['mac=02:00:00:00:00:01 macs=2', /^mac= and macs= exclude each other/],
  ['rate=20', /^rate is written/],
  ['rate=7kbit', /^rate is written/],
  ['rate=1mbit/2mbit/3mbit', /^rate is written/],
  ['rate=1mbit/', /^rate is written/],
  ['broadcast=0', /^broadcast is written/],
  ['guard guard', /^guard is there twice/],
])('%j is none', (text, why) => {
  expect(parsePolicy(text)).toMatch(why);
});

test.each([
  ['guard', 'rate=20mbit', 'rate=20mbit guard'],
  ['guard rate=10mbit', 'rate=20mbit', 'rate=20mbit guard'],
  ['guard rate=10mbit', 'rate= isolated', 'isolated guard'],
  ['guard', 'guard=no', 'guard=no'],
  ['mac=02:00:00:00:00:0a', 'mac= macs=2', 'macs=2'],
  ['guard', 'guard=', ''],
])('%j becomes by %j: %j', (before, text, after) => {
  const change = parsePolicyChange(text);
  if (typeof change === 'string') throw new Error(change);
  const fields = changedFields(parsePolicy(before) as PolicyFields, change);
  expect(fieldsText(fields as PolicyFields)).toBe(after);
});

test.each([
  ['rat=', /^rat is no field of a policy; there are/],
  ['rate= rate=1mbit', /^rate is there twice/],
  ['rate', /^rate is written/],
])('no change: %j', (text, why) => {
  expect(parsePolicyChange(text)).toMatch(why);
});

test('a change does not bring together what excludes each other', () => {
  const before = parsePolicy('mac=02:00:00:00:00:0a') as PolicyFields;
  expect(changedFields(before, { fields: { macs: 2 }, cleared: [] })).toMatch(/exclude each other/);
});

test('a field of its own counts before the default, and takes it away', () => {
  const defaults = parsePolicy('isolated rate=20mbit macs=4') as object;
  const own = (text: string) => policyText(policyOf(parsePolicy(text) as object, defaults));
  expect(own('')).toBe('isolated macs=4 rate=20mbit');
  expect(own('isolated=no rate=1mbit')).toBe('macs=4 rate=1mbit');
  expect(own('mac=02:00:00:00:00:01')).toBe('isolated mac=02:00:00:00:00:01 rate=20mbit');
});

test('a line of the peers file has fields, and is skipped where one is wrong', () => {
  const key = () => keyText(newPresharedKey(bytes));
  const { peers, wrong } = parsePeers(
    [
      `${key()} name=a isolated rate=1mbit`,
      `${key()} guard=no endpoint=h:1`,
      `${key()}`,
      `${key()} isolated=maybe`,
      `${key()} guarded`,
      `${key()} macs=1 mac=02:00:00:00:00:01`,
    ].join('\n'),
  );
  expect(peers.map((peer) => peer.policy)).toEqual([
    { isolated: true, rate: { to: 1e6, from: 1e6 } },
    { guard: null },
    undefined,
  ]);
  expect(wrong.map(({ line }) => line)).toEqual([4, 5, 6]);
});

test('what a plug does not keep is named', () => {
  const plug = Object.assign(() => undefined as never, { locator: '/run/vde.ctl' });
  expect(unkept(plug, { rate: { to: 1, from: 1 } })).toBe(
    'rate cannot be kept on /run/vde.ctl: plug into bridge://NAME, or leave rate out',
  );
  expect(unkept(plug, { rate: null })).toBe(undefined);
});

test('what the programs read: nothing for nothing', () => {
  expect(needsNft(policy('isolated vlan=10'))).toBe(false);
  expect(needsNft(policy('rate=1mbit'))).toBe(true);
  expect(tcLine('br0p0', policy('guard'))).toBe(undefined);
  expect(tcLine('br0p0', policy('rate=20mbit/100mbit'))).toBe(
    'qdisc replace dev br0p0 root tbf rate 20000000bit burst 65536b latency 50ms\n',
  );
  expect(nftScript('t', 'br0p0', policy('mac=02:00:00:00:00:01 broadcast=100 rate=20mbit/100mbit'))).toBe(
    [
      'add table netdev t',
      'add chain netdev t from_br0p0 { type filter hook ingress device "br0p0" priority 0; }',
      'flush chain netdev t from_br0p0',
      'add rule netdev t from_br0p0 ether saddr != { 02:00:00:00:00:01 } counter drop comment "mac"',
      'add rule netdev t from_br0p0 meta pkttype { broadcast, multicast } limit rate over 100/second burst 100 packets counter drop comment "broadcast"',
      'add rule netdev t from_br0p0 limit rate over 12500000 bytes/second burst 1250000 bytes counter drop comment "rate"',
      '',
    ].join('\n'),
  );
});

test('VLANs of a port, at first and when they change', () => {
  const lines = (now: string, had: string, first = 1) =>
    vlanLines('p', policy(now), { had: policy(had).vlan, first })
      .trim()
      .split('\n');
  const add = 'vlan add dev p vid';
  expect(lines('vlan=10,20t', '')).toEqual(['vlan del dev p vid 1', `${add} 10 pvid untagged`, `${add} 20`]);
  expect(lines('vlan=11', 'vlan=10,20t')).toEqual([
    ...['vlan del dev p vid 10', 'vlan del dev p vid 20', `${add} 11 pvid untagged`],
  ]);
  expect(lines('', 'vlan=10')).toEqual(['vlan del dev p vid 10', `${add} 1 pvid untagged`]);
  expect(lines('vlan=10', '', 100)).toEqual(['vlan del dev p vid 100', `${add} 10 pvid untagged`]);
  expect(lines('', 'vlan=10', 100)).toEqual(['vlan del dev p vid 10', `${add} 100 pvid untagged`]);
  expect(lines('vlan=10', '', 0)).toEqual([`${add} 10 pvid untagged`]);
  expect(lines('', 'vlan=10', 0)).toEqual(['vlan del dev p vid 10']);
});
