// Parts of the secure cable's handshake by themselves: cookies, timestamps, sources, lengths.
import { describe, expect, it } from 'vitest';
import type { Remote } from '../../../src/protocol/remote.js';
import { CookieGiver, CookieHolder } from '../../../src/protocol/secure/cookie.js';
import { handshakeType, initiation, isTransport, macsOf } from '../../../src/protocol/secure/messages.js';
import { sourceOf } from '../../../src/protocol/secure/source.js';
import { isMarked, later, Timestamps } from '../../../src/protocol/secure/tai64n.js';
import { same } from '../../support/same.js';
import { randomness } from '../../support/seed.js';
import { hex } from './core/harness.js';

const { bytes, below } = randomness();
const here: Remote = { address: '192.0.2.1', port: 1 };
const message = () =>
  initiation(below(2 ** 32), { ephemeral: bytes(32), sealedStatic: bytes(48), sealedPayload: bytes(28) });

describe('cookies', () => {
  const own = bytes(32);
  const make = () => {
    const giver = new CookieGiver(own, bytes);
    const holder = new CookieHolder(own);
    const first = message();
    holder.sign(0, first);
    expect(giver.hasMac1(first)).toBe(true);
    expect(macsOf(first).mac2.every((byte) => byte === 0)).toBe(true);
    return { giver, holder, first };
  };

  it('a cookie that was taken signs, for 120 s, from its address alone', () => {
    const { giver, holder, first } = make();
    expect(giver.hasMac2(0, here, first)).toBe(false);
    expect(holder.take(0, giver.reply(0, here, first))).toBe(true);
    for (const [now, good] of [
      [0, true],
      [119_999, true],
      [120_000, false],
    ] as const) {
      const next = message();
      holder.sign(now, next);
      expect(giver.hasMac1(next)).toBe(true);
      expect(giver.hasMac2(now, here, next)).toBe(good);
      expect(macsOf(next).mac2.every((byte) => byte === 0)).toBe(!good);
      for (const other of [
        { ...here, port: 2 },
        { ...here, address: '192.0.2.2' },
      ])
        expect(giver.hasMac2(now, other, next)).toBe(false);
    }
  });

  it('the secret is another one after 120 s', () => {
    const { giver, holder, first } = make();
    giver.reply(0, here, first);
    expect(holder.take(100_000, giver.reply(100_000, here, first))).toBe(true);
    const next = message();
    holder.sign(119_999, next);
    expect(giver.hasMac2(119_999, here, next)).toBe(true);
    expect(giver.hasMac2(120_000, here, next)).toBe(false);
    giver.reply(120_000, here, first);
    expect(giver.hasMac2(120_000, here, next)).toBe(false);
  });

  it('a reply holds for the last message alone, once, whole', () => {
    const { giver, holder, first } = make();
    const reply = giver.reply(0, here, first);
    for (let byte = 8; byte < 64; byte++) {
      const bad = reply.slice();
      bad[byte] = (bad[byte] as number) ^ (1 << below(8));
      expect(holder.take(0, bad)).toBe(false);
    }
    expect(holder.take(0, reply)).toBe(true);
    expect(holder.take(0, reply)).toBe(false);
    holder.sign(0, message());
    expect(holder.take(0, reply)).toBe(false);
  });

  it('any bit of a message turned: the MACs before it do not hold', () => {
    const { giver, holder, first } = make();
    holder.take(0, giver.reply(0, here, first));
    const signed = message();
    holder.sign(0, signed);
    for (let bit = 0; bit < 8 * signed.length; bit++) {
      const bad = signed.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(giver.hasMac1(bad)).toBe(bit >= 8 * 132);
      expect(giver.hasMac2(0, here, bad)).toBe(false);
    }
    const other = new CookieGiver(bytes(32), bytes);
    expect(other.hasMac1(signed)).toBe(false);
  });
});

describe('timestamps', () => {
  it('are TAI64N, no finer than 2^24 ns', () => {
    // 2^62 + 10 s, and 0.5 s without what is finer than the step.
    expect(hex(new Timestamps(false).next(0))).toBe('400000000000000a00000000');
    const stamp = Buffer.from(new Timestamps(false).next(1_700_000_000_500));
    expect(stamp.readBigUInt64BE() - 2n ** 62n - 10n).toBe(1_700_000_000n);
    expect(500_000_000 - stamp.readUInt32BE(8)).toBeGreaterThanOrEqual(0);
    expect(500_000_000 - stamp.readUInt32BE(8)).toBeLessThan(2 ** 24);
  });

  it('say below the step whether control records are understood; a stock WireGuard has zeros there', () => {
    for (let ms = 0; ms < 2_000; ms++) {
      const [marked, plain] = [true, false].map((mark) => new Timestamps(mark).next(1_700_000_000_000 + ms));
      same(isMarked(marked as Uint8Array), true);
      same(isMarked(plain as Uint8Array), false);
      same(Buffer.from(plain as Uint8Array).readUInt32BE(8) % 2 ** 24, 0);
      same(Buffer.from(marked as Uint8Array).readUInt32BE(8) < 1e9, true);
      same(later(marked as Uint8Array, plain as Uint8Array), true);
    }
  });

  it('each is later than the one before, whatever the clock does', () => {
    const timestamps = new Timestamps(below(2) === 1);
    let last: Uint8Array = new Uint8Array(12);
    for (let i = 0; i < 1000; i++) {
      const next = timestamps.next(1_700_000_000_000 + below(10_000) - i * below(3));
      same(later(next, last), true);
      same(later(last, next), false);
      same(later(next, next), false);
      same(Buffer.from(next).readUInt32BE(8) < 1e9, true);
      last = next;
    }
  });
});

describe('the source of a datagram', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1::5', '2001:db8:0:1'],
    ['2001:db8:0:1:ffff:ffff:ffff:ffff', '2001:db8:0:1'],
    ['2001:DB8::1', '2001:db8:0:0'],
    ['2001:0db8::1:2:3:4:5', '2001:db8:0:1'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
    ['1::', '1:0:0:0'],
  ])('%s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});

describe('what a datagram is', () => {
  it('is told by type, reserved bytes and length', () => {
    const lengths = { 1: 148, 2: 92, 3: 64 } as const;
    for (let type = 0; type < 256; type++) {
      for (const length of [0, 3, 4, 31, 32, 64, 92, 148, 149]) {
        const datagram = new Uint8Array(length);
        datagram[0] = type;
        const right = lengths[type as 1 | 2 | 3] === length;
        same(handshakeType(datagram), right ? type : undefined);
        same(isTransport(datagram), type === 4 && length >= 32);
        for (let i = 1; i < Math.min(4, length); i++) {
          const bad = datagram.slice();
          bad[i] = 1;
          same(handshakeType(bad), undefined);
          same(isTransport(bad), false);
        }
      }
    }
  });
});
