import { describe, expect, it } from 'vitest';
import { keyText, newPresharedKey, newPrivateKey, parseKey } from '../../../src/keys/key-text.js';
import { parsePeers } from '../../../src/keys/peers-file.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { randomness } from '../../support/seed.js';
import { hex, unhex } from './core/harness.js';

const { bytes, below } = randomness();

describe('keys as text', () => {
  it('RFC 7748 §6.1, as `wg pubkey` tells it', () => {
    const secret = parseKey('XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=');
    expect(hex(secret as Uint8Array)).toBe(
      '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    );
    expect(keyText(publicKeyOf(secret as Uint8Array))).toBe('3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=');
  });

  it('any key reads back, with white space around it; nothing else does', () => {
    for (let i = 0; i < 200; i++) {
      const key = bytes(32);
      const text = keyText(key);
      expect(text).toHaveLength(44);
      expect(hex(parseKey(`\n ${text} \n`) as Uint8Array)).toBe(hex(key));
      const at = 1 + below(43);
      for (const wrong of [
        text.slice(0, 43),
        `${text}=`,
        `A${text}`,
        `${text.slice(0, at)} ${text.slice(at)}`,
        `${text.slice(0, at)}!${text.slice(at + 1)}`,
        text.slice(0, 42).concat('B='), // bits that no byte has
      ])
        expect(parseKey(wrong)).toBe(undefined);
    }
    expect(parseKey('')).toBe(undefined);
    expect(parseKey(keyText(bytes(31)))).toBe(undefined);
    expect(parseKey(keyText(bytes(33)))).toBe(undefined);
  });

  it('a private key is clamped, a preshared one is not', () => {
    expect(hex(newPrivateKey((length) => new Uint8Array(length).fill(255)))).toBe(`f8${'ff'.repeat(30)}7f`);
    expect(hex(newPrivateKey((length) => new Uint8Array(length)))).toBe(`${'00'.repeat(31)}40`);
    expect(hex(newPresharedKey((length) => new Uint8Array(length).fill(255)))).toBe('ff'.repeat(32));
    // The same public key with and without: X25519 clamps by itself.
    const raw = unhex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    expect(hex(publicKeyOf(newPrivateKey(() => Uint8Array.from(raw))))).toBe(hex(publicKeyOf(raw)));
  });
});

describe('the peers file', () => {
  const keys = Array.from({ length: 8 }, () => keyText(bytes(32)));
  const [a, b, c, d] = keys as [string, string, string, string];

  it('has a peer a line', () => {
    const { peers, wrong } = parsePeers(
      [
        '# who may connect',
        '',
        a,
        `  ${b}\tname=alice psk=/etc/alice.psk   endpoint=vpn.example.org:7667  # a comment`,
        `${c} endpoint=[2001:db8::1]:1 name=phone#1\r`,
        `   # ${d}`,
        '#',
      ].join('\n'),
    );
    expect(wrong).toEqual([]);
    expect(peers.map(({ publicKey, ...rest }) => ({ key: keyText(publicKey), ...rest }))).toEqual([
      { key: a, line: 3 },
      {
        key: b,
        line: 4,
        name: 'alice',
        presharedKeyFile: '/etc/alice.psk',
        endpoint: { host: 'vpn.example.org', port: 7667 },
      },
      {
        key: c,
        line: 5,
        name: 'phone#1',
        endpoint: { host: '2001:db8::1', port: 1 },
      },
    ]);
    expect(parsePeers('')).toEqual({ peers: [], wrong: [] });
  });

  it.each([
    ['a key that is cut', a.slice(0, 43), /public key/],
    ['no key', 'name=alice', /public key/],
    ['a key behind something', `ssh-ed25519 ${a}`, /public key/],
    [
      'an unknown option',
      `${a} nmae=alice`,
      /no option nmae=; there are name=, psk=, endpoint=, ip=, gateway=, multicast= and mac=, and where the server plugs into bridge:\/\/NAME isolated, /,
    ],
    ['an option as wg spells it', `${a} allowed-ips=10.0.0.0/24`, /no option allowed-ips=; /],
    ['a capital', `${a} Name=bob`, /no option Name=; /],
    ['an option without a value', `${a} name=`, /name=VALUE/],
    ['something that is no option', `${a} alice`, /name=VALUE/],
    ['an option twice', `${a} name=alice name=bob`, /name= is there twice/],
    ['a key twice', `${b} name=bob`, /in line 1 already/],
    ['an endpoint without a port', `${a} endpoint=example.org`, /HOST:PORT/],
    ['an endpoint with port 0', `${a} endpoint=example.org:0`, /HOST:PORT/],
    ['an endpoint with a large port', `${a} endpoint=example.org:65536`, /HOST:PORT/],
    ['an endpoint without brackets', `${a} endpoint=2001:db8::1:7667`, /HOST:PORT/],
    ['an endpoint with wrong brackets', `${a} endpoint=[example]:7667`, /HOST:PORT/],
  ])('a wrong line is named by its number, the others hold: %s', (_, line, why) => {
    const { peers, wrong } = parsePeers([b, line, c].join('\n'));
    expect(peers.map(({ line }) => line)).toEqual([1, 3]);
    expect(wrong).toEqual([{ line: 2, why: expect.stringMatching(why) }]);
  });

  it('may begin with a byte order mark, and end its lines as Windows does', () => {
    for (const text of [
      `\ufeff${a} name=alice\r\n${b}  \r\n`,
      `\ufeff# peers\r\n${a} name=alice\r\n${b}\t\r\n`,
    ]) {
      const { peers, wrong } = parsePeers(text);
      expect(peers.map(({ publicKey, name }) => [keyText(publicKey), name])).toEqual([
        [a, 'alice'],
        [b, undefined],
      ]);
      expect(wrong).toEqual([]);
    }
  });

  it('never repeats what could be a private key', () => {
    for (const key of keys) {
      const { wrong } = parsePeers(
        [key, key, `${key}x`, `x${key}`, `${d} ${key}`, `${d} psk=${key} psk=${key}`].join('\n'),
      );
      expect(JSON.stringify(wrong)).not.toContain(key.slice(0, 43));
      expect(wrong.length).toBeGreaterThanOrEqual(4);
    }
  });

  it('takes any text', () => {
    const pieces = [
      ...keys,
      '\n',
      '\n',
      ' ',
      ' ',
      '#',
      'name=',
      'ip=',
      'psk=',
      'endpoint=',
      '=',
      '1.2.3.4/5',
      '[::1]:5',
      '\0',
      'é',
    ];
    for (let i = 0; i < 2000; i++) {
      const text = Array.from({ length: below(30) }, () => pieces[below(pieces.length)]).join('');
      const { peers, wrong } = parsePeers(text);
      const lines = [...peers, ...wrong].map(({ line }) => line);
      expect(new Set(lines).size).toBe(lines.length);
    }
  });
});
