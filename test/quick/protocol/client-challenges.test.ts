// CHALLENGEs that somebody forges: which of them a client answers (classic.md §2.8).
import { describe, expect, test } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { authOk, challenge, classify } from '../../../src/protocol/classic/messages.js';
import { rounds } from '../../support/rounds.js';
import { ClientFixture, DENY } from './client-fixture.js';
import { numbered } from './examples.js';
import { type Build, OriginalServer } from './original-server.js';
import { Network, PERFECT, SimulatedClient, SimulatedServer } from './simulated.js';

const other = (i: number) => challenge(numbered(128, 10 * i));

/** The CHALLENGEs that a client has answered, by their numbers. */
const answered = (b: ClientFixture) => b.sealed.map(({ challenge }) => (challenge[0] as number) / 10);

describe('of several CHALLENGEs for one LOGIN', () => {
  test('the first one is answered at once, and no other', () => {
    const b = new ClientFixture().logIn();
    expect(b.tellAll(other(1), other(2), other(3))).toEqual(['send response']);
    expect(answered(b)).toEqual([1]);
    expect(b.tell(authOk())).toEqual(['up']);
  });

  test('when its RESPONSE is denied, the second one of the next LOGIN is, a second later; then the third, in ever longer rounds', () => {
    const b = new ClientFixture().logIn();
    const turns = [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2];
    for (const _ of turns) {
      b.tellAll(...Array.from({ length: 9 }, (_, i) => other(i + 1)));
      expect([b.deny(), b.state]).toEqual([['contested', 'send login'], 'opening']);
    }
    expect(answered(b)).toEqual(turns);
    expect(new Set(b.gaps('send login'))).toEqual(new Set([1_000]));
    expect(b.all('denied')).toEqual([]);
  });

  test('the same one twice counts as one', () => {
    const b = new ClientFixture().logIn();
    b.tellAll(other(1), other(1));
    expect([b.deny(), b.timer()]).toEqual([['denied wrong key'], ['send login']]);
    b.tellAll(other(1), other(2));
    b.deny();
    expect(b.tellAll(other(3), other(3))).toEqual([]);
    expect(b.tell(other(4))).toEqual(['send response']);
  });

  test('the last one is answered 2 s after the LOGIN when fewer come than before; its DENY is believed', () => {
    const b = new ClientFixture().logIn();
    for (let i = 0; i < 3; i++) {
      b.tellAll(other(1), other(2), other(3), other(4));
      b.deny();
    }
    const loginAt = b.now;
    b.sealed.length = 0;
    expect(b.wait(100).tellAll(other(5), other(6))).toEqual([]);
    expect([b.timer(), b.now - loginAt, answered(b)]).toEqual([['send response'], 2_000, [6]]);
    expect([b.deny(), b.timer()]).toEqual([['denied wrong key'], ['send login']]);
    expect(b.tell(other(7))).toEqual(['send response']); // the first one again
  });

  test('a CHALLENGE that waits contradicts a DENY of the LOGIN', () => {
    const b = new ClientFixture().logIn();
    b.tellAll(other(1), other(2));
    b.deny();
    expect([b.tellAll(DENY, other(1)), b.state]).toEqual([[], 'opening']);
    expect([b.tell(DENY), b.state]).toEqual([[], 'opening']); // also one that comes after it
    expect(b.timer()).toEqual(['send response']);
  });

  test('a LOGIN that is not answered otherwise counts like one that is denied', () => {
    const b = new ClientFixture().logIn();
    b.tellAll(other(1), other(2));
    while (b.state === 'waiting') b.timer();
    b.tell('resolved');
    expect([b.tell(other(3)), b.tell(other(4))]).toEqual([[], ['send response']]);
  });

  test('each way to use the key is tried before the next one', () => {
    const b = new ClientFixture({ cipher: 'auto', mode: { kind: 'preshared', key: numbered(44) } }).logIn();
    for (let i = 0; i < 6; i++) {
      b.tellAll(other(1), other(2), other(3));
      expect(b.deny()).toEqual(['contested', 'send login']);
    }
    expect(answered(b)).toEqual([1, 1, 1, 2, 2, 2]);
    const ways = ['blowfish', 'chacha20 12', 'chacha20 0'];
    expect(b.sealed.map(({ suite }) => suite)).toEqual([...ways, ...ways]);
  });

  test('a key that was carried is not carried again for it', () => {
    const b = new ClientFixture({ mode: { kind: 'random' } }).logIn();
    b.tell('enrolled');
    for (let i = 0; i < 3; i++) {
      b.tellAll(other(1), other(2), other(3), other(4));
      b.deny();
    }
    expect(b.all('enrol')).toHaveLength(1);
  });

  test('once the cable was up it begins with the first one again', () => {
    const b = new ClientFixture().logIn();
    b.tellAll(other(1), other(2));
    b.deny();
    b.tellAll(other(1), other(2), authOk());
    b.wait(10_000).data();
    b.lose();
    expect(b.tell(other(1))).toEqual(['send response']);
  });
});

describe('a blind forger of 50 CHALLENGEs a second', () => {
  function forge(net: Network, client: SimulatedClient): void {
    const forged = challenge(net.random.bytes(128));
    net.deliver(forged, client.server.remote, client.remote);
    net.after(15 + net.random.below(11), () => forge(net, client));
  }

  /** The time that a client takes to come up, ms; and LOGINs and RESPONSEs. */
  function comesUp(from: number, delay: number, kind: 'preshared' | 'random', build: Build | 'ours') {
    const net = new Network(from, { ...PERFECT, delay: [delay, delay] });
    const key = kind === 'preshared' ? numbered(44) : undefined;
    const server = build === 'ours' ? new SimulatedServer(net, key) : new OriginalServer(net, build, key);
    const mode: ClientMode = key ? { kind: 'preshared', key: numbered(44) } : { kind: 'random' };
    const client = new SimulatedClient(net, server, { mode, cipher: 'auto' });
    net.after(net.random.below(20), () => forge(net, client));
    net.run(600_000, () => client.connected);
    const sent = net.sent
      .filter((one) => one.from === client.remote)
      .map(({ datagram }) => classify(datagram));
    return {
      up: client.connected ? net.now : Infinity,
      logins: sent.filter((what) => what === 'login').length,
    };
  }

  // The round trip is twice the delay, and so many forged ones come before the server's: 0, 1, 3, 12. Chance is the same each time.
  test.each([
    [20, 1, 'preshared', 'ours', 2],
    [20, 10, 'preshared', 'ours', 5],
    [20, 30, 'preshared', 'ours', 15],
    [3, 120, 'preshared', 'ours', 100],
    [20, 30, 'random', 'ours', 15],
    [20, 10, 'preshared', 'blowfish', 20],
    [20, 30, 'preshared', 'blowfish', 30],
    [20, 30, 'preshared', 'chacha20 0', 60],
  ] as const)(
    'does not keep %d clients down, %d ms away (%s, server: %s): up within %d s',
    (count, delay, kind, build, s) => {
      const all = Array.from({ length: rounds(count, Math.min(count, 5)) }, (_, i) =>
        comesUp(i, delay, kind, build),
      );
      for (const { up, logins } of all) {
        expect(up).toBeLessThanOrEqual(s * 1_000);
        expect(logins).toBeLessThanOrEqual(1 + up / 1_000);
      }
    },
  );
});
