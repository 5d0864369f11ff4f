// What is said at a control socket, as lines.
import { describe, expect, test } from 'vitest';
import { parseCancelled, parseInvited } from '../../../src/control/invite.js';
import {
  answerLine,
  errorIn,
  parseChanged,
  parseEnrolled,
  parsePong,
  parseRequest,
  parseStatus,
  REQUEST_BYTES,
  requestLine,
} from '../../../src/control/message.js';
import { keyText } from '../../../src/keys/key-text.js';
import { endStatus, peerStatus } from '../../support/status.js';
import { presharedKey, publicKey } from './control-fixture.js';

describe('words', () => {
  test('of a request that was read the preshared key is gone', () => {
    const line = requestLine({ do: 'enrol', publicKey, presharedKey });
    expect(Buffer.from(line).toString()).toContain(keyText(presharedKey));
    parseRequest(line);
    expect(Buffer.from(line).toString()).not.toContain(keyText(presharedKey).slice(0, 8));
  });

  test('a request comes back as it went', () => {
    const enrol = { do: 'enrol', publicKey, presharedKey } as const;
    expect(parseRequest(requestLine(enrol))).toEqual(enrol);
    const publicText = keyText(publicKey);
    for (const request of [
      { do: 'status' },
      { ...enrol, name: 'alice', by: { user: 'foo', address: '2001:db8::1' } },
      { do: 'invite', publicKey, presharedKey, name: 'a'.repeat(63), seconds: 60, uses: 1 },
      { do: 'cancel', name: 'a' },
      { do: 'ping', peer: publicText },
      { do: 'log', follow: true },
      { do: 'remove', peer: publicText },
      { do: 'kick', peer: '192.0.2.1:5' },
      { do: 'rename', peer: publicText, name: 'bob' },
      { do: 'limit', peer: publicText, policy: 'guard rate=' },
      { do: 'add', publicKey: publicText, name: 'bob', presharedKeyFile: '/etc/bob.psk' },
      { do: 'add', publicKey: publicText, name: 'phone', host: 'ip=10.0.0.7/24' },
      { do: 'add', publicKey: publicText, policy: 'guard rate=1mbit' },
    ] as const)
      expect(parseRequest(requestLine(request))).toEqual(request);
    expect(parseRequest(Buffer.from('{"do":"status"}'))).toEqual({ do: 'status' });
    expect(Buffer.from(requestLine(enrol)).toString()).toMatch(/^[^\n]+\n$/);
    expect(requestLine(enrol).length).toBeLessThan(REQUEST_BYTES);
  });

  test('an answer comes back as it went', () => {
    expect(parseEnrolled(answerLine({ publicKey, port: 7667 }))).toEqual({ publicKey, port: 7667 });
    const invited = { publicKey, port: 7667, until: 1_800_000_000, addresses: ['192.0.2.1'] };
    expect(parseInvited(answerLine(invited))).toEqual(invited);
    expect(parseCancelled(answerLine({ taken: 2 }))).toBe(2);
    const wireguard = { addresses: ['10.0.0.7/24', 'fd00::7/64'], mac: '02:00:00:00:00:07', dhcp: false };
    const told = endStatus({ peers: [peerStatus(), peerStatus({ wireguard })] });
    expect(parseStatus(answerLine(told))).toEqual(told);
    const changed = { peer: 'alice', untilEnd: null };
    expect(parseChanged(answerLine(changed))).toEqual(changed);
    expect(parseChanged(answerLine({ ...changed, policy: '' }))).toEqual({ ...changed, policy: '' });
    for (const roundTrip of [null, 1.5]) expect(parsePong(answerLine({ roundTrip }))).toEqual({ roundTrip });
    expect(errorIn(answerLine({ error: 'so' }))).toBe('so');
    expect(errorIn(answerLine({ publicKey, port: 7667 }))).toBeUndefined();
  });

  const key = keyText(publicKey);
  const invitation = (rest: string) => `{"do":"invite","publicKey":"${key}","presharedKey":"${key}",${rest}}`;
  test.each<readonly [string, RegExp]>([
    ['', /^this is not a request/],
    ['{', /^this is not a request/],
    ['null', /^this is not a request/],
    ['[]', /^this is not a request/],
    ['7', /^this is not a request/],
    [`"${key}"`, /^this is not a request/],
    ['{}', /^this is not a request/],
    ['{"do":"reboot"}', /^there is no such request/],
    ['{"do":["enrol"]}', /^this is not a request/],
    ['{"version":2,"do":"status"}', /^this end understands version 1 of requests/],
    ['{"do":"kick"}', /^peer is not a text/],
    ['{"do":"rename","peer":"a"}', /^name is missing/],
    ['{"do":"rename","peer":"a","name":"b c"}', /^name is not a valid name/],
    ['{"do":"rename","peer":"a","name":"../b"}', /^name is not a valid name/],
    ['{"do":"limit","policy":"guard"}', /^peer is not a text/],
    ['{"do":"limit","peer":"a","policy":["guard"]}', /^policy is not a text/],
    ['{"do":"add","publicKey":"a"}', /^publicKey is not/],
    [`{"do":"add","publicKey":"${key}","policy":7}`, /^policy is not a text/],
    ['{"do":"enrol"}', /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key.slice(1)}","presharedKey":"${key}"}`, /^publicKey is not/],
    [`{"do":"enrol","publicKey":"${key}"}`, /^presharedKey is not/],
    [`{"do":"enrol","publicKey":"${key}","presharedKey":["${key}"]}`, /^presharedKey is not/],
    [`{"do":"invite","publicKey":"${key}"}`, /^presharedKey is not/],
    ...['"name":7', '"name":"a b"', '"name":""', `"name":"${'a'.repeat(64)}"`].map(
      (name) => [invitation(name), /^name is (not a valid name|missing)/] as const,
    ),
    ...['"seconds":1', '"seconds":"60"', '"seconds":1e99'].map(
      (one) => [invitation(`"name":"a",${one}`), /^seconds/] as const,
    ),
    ...['"uses":0', '"uses":1.5', '"uses":1001'].map(
      (one) => [invitation(`"name":"a","seconds":60,${one}`), /^uses/] as const,
    ),
    ['{"do":"log"}', /^follow is neither true nor false/],
    ['{"do":"cancel"}', /^name is (not a valid name|missing)/],
  ])('no request: %s', (line, says) => {
    expect(parseRequest(Buffer.from(line))).toMatch(says);
    expect(parseRequest(Buffer.from(line))).not.toContain(key);
  });

  test.each([
    ['', '{"publicKey":1}', `{"publicKey":"${key}"}`, `{"publicKey":"${key}","port":0}`],
    [
      `{"publicKey":"${key}","port":65536}`,
      `{"publicKey":"${key}","port":1.5}`,
      `{"publicKey":"x","port":1}`,
    ],
  ])('no answer: %s %s %s %s', (...lines) => {
    for (const line of lines) if (line !== undefined) expect(parseEnrolled(line)).toBeUndefined();
  });

  test.each([
    '',
    '{"port":1}',
    JSON.stringify({ ...endStatus(), version: 2 }),
    JSON.stringify({ ...endStatus(), peers: [1] }),
    JSON.stringify({ ...endStatus(), peers: [{}] }),
    JSON.stringify({ ...endStatus(), handshakes: -1 }),
    JSON.stringify({ ...endStatus(), since: 'now' }),
    JSON.stringify({ ...endStatus(), plug: null }),
  ])('no status: %s, and no answer about invites', (line) => {
    expect(parseStatus(line)).toBeUndefined();
    expect([parseCancelled(line), parseInvited(line)]).toEqual([undefined, undefined]);
  });
});
