// When a client gives up, and how it goes on.
import { describe, expect, test } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { authOk, loginId } from '../../../src/protocol/classic/messages.js';
import { CHALLENGE, ClientFixture, DENY } from './client-fixture.js';
import { numbered } from './examples.js';

describe('giving up', () => {
  test.each([
    ['LOGIN', [], 'denied no key at server'],
    ['RESPONSE', [CHALLENGE], 'denied wrong key'],
  ] as const)('never because a %s is denied, which anybody can forge', (_, before, denied) => {
    const b = new ClientFixture().logIn();
    for (let i = 0; i < 100; i++) {
      b.tellAll(...before);
      expect([b.deny(), b.timer()]).toEqual([[denied], ['send login']]);
    }
    for (const gap of b.gaps('send login')) expect(gap).toBe(5_000);
  });

  test('never once it has been up', () => {
    const b = new ClientFixture().logIn().authenticate().wait(10_000).data();
    b.lose();
    for (let i = 0; i < 20; i++) {
      if (i % 2 === 0) b.tell(CHALLENGE);
      expect(b.deny()).toHaveLength(1);
      expect(b.timer()).toEqual(['send login']);
    }
  });

  test('never once a key was carried', () => {
    const b = new ClientFixture({ mode: { kind: 'random' } }).logIn();
    b.tell('enrolled');
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    expect([b.tell('enrolFailed'), b.timer()]).toEqual([['notCarried'], ['enrol']]);
  });

  test('never for want of an answer', () => {
    const b = new ClientFixture().logIn();
    for (let i = 0; i < 1_000; i++) {
      b.timer();
      b.tell('resolved');
    }
    expect(b.all('fail')).toEqual([]);
    expect(b.state).toBe('opening');
  });

  test.each(['preshared', 'random', 'plain'] as const)(
    'never for want of an address: %s, looked for again after 5 s, then every 15 s',
    (kind) => {
      const mode: ClientMode = kind === 'preshared' ? { kind, key: numbered(24) } : { kind };
      const b = new ClientFixture({ mode });
      b.tell('start');
      const waits = Array.from({ length: 100 }, () => {
        expect(b.tell('resolveFailed')).toEqual([]);
        expect(b.state).toBe('closed');
        const { due } = b;
        expect(b.timer()).toEqual(['resolve']);
        return due;
      });
      expect(waits).toEqual([5_000, ...Array<number>(99).fill(15_000)]);
      expect(b.tell('resolved')).toEqual([kind === 'random' ? 'enrol' : 'send login']);
    },
  );

  test('a name that was found once is looked for again after 5 s', () => {
    const b = new ClientFixture().logIn();
    b.timer();
    expect(b.tell('resolveFailed')).toEqual([]);
    expect([b.state, b.due]).toEqual(['closed', 5_000]);
    expect(b.timer()).toEqual(['send login']); // to the address that is known
    expect(b.timer()).toEqual(['unanswered', 'resolve']);
  });
});

describe('backing off, with a random key after having been up', () => {
  const lost = () => {
    const b = new ClientFixture({ mode: { kind: 'random' } }).logIn();
    b.tell('enrolled');
    b.authenticate().wait(10_000).data();
    b.lose(); // a restarted server
    return b;
  };
  const GROWING = [10_000, 20_000, 40_000, 60_000, 60_000, 60_000];

  test('a key that cannot be carried is tried again at once, then ever more seldom', () => {
    const b = lost();
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    const waits = GROWING.map(() => {
      expect(b.tell('enrolFailed')).toEqual(['notCarried']);
      const { due } = b;
      expect(b.timer()).toEqual(['enrol']);
      return due;
    });
    expect(waits).toEqual(GROWING);
    expect(new Set(b.all('enrol').map(({ id }) => id)).size).toBe(2); // the first, and the one after the DENY
  });

  test('so is a key that is denied', () => {
    const b = lost();
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    const waits = GROWING.map(() => {
      expect([b.tell('enrolled'), b.deny()]).toEqual([['send login'], ['denied no key at server']]);
      const { due } = b;
      expect(b.timer()).toEqual(['enrol']);
      return due;
    });
    expect(waits).toEqual(GROWING);
    expect(new Set(b.all('enrol').map(({ id }) => id)).size).toBe(2 + GROWING.length);
  });

  test('begins anew once it is up again', () => {
    const b = lost();
    for (const happening of [
      DENY,
      'timer',
      'enrolFailed',
      'timer',
      'enrolFailed',
      'timer',
      'enrolled',
    ] as const) {
      if (happening === 'timer') b.timer();
      else b.tell(happening);
    }
    b.authenticate().wait(10_000).data();
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    b.tell('enrolFailed');
    expect(b.due).toBe(10_000);
  });

  test('an older DENY that comes after the LOGIN does no harm', () => {
    const b = lost();
    expect(b.wait(20).tellAll(DENY, DENY, DENY)).toEqual([]);
    expect(b.wait(20).tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up']);
  });

  test('a LOGIN that was denied is tried again once under its id, then under another', () => {
    const b = lost();
    b.timer(); // no answer
    const { id } = b.last('enrol');
    expect(b.tell('resolved')).toEqual(['send login']);
    expect(b.deny()).toEqual(['denied no key at server']);
    expect(b.timer()).toEqual(['send login']);
    expect(loginId(b.last('send').datagram)).toBe(id);
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    expect(b.last('enrol').id).not.toBe(id);
  });
});
