// What a client says and believes on its way up: LOGIN, RESPONSE, DENY, KEEPALIVE.
import { describe, expect, test } from 'vitest';
import { CLIENT_EVENTS } from '../../../src/protocol/classic/client-terms.js';
import { authOk, challenge, MESSAGES } from '../../../src/protocol/classic/messages.js';
import { randomness } from '../../support/seed.js';
import { CHALLENGE, ClientFixture, DENY } from './client-fixture.js';
import { EXAMPLES, numbered } from './examples.js';

describe('LOGIN', () => {
  test('is repeated every 5 s while there is no answer, to an address that is looked up anew', () => {
    const b = new ClientFixture().logIn();
    for (let i = 0; i < 4; i++) {
      expect(b.timer()).toEqual(['unanswered', 'resolve']);
      b.tell('resolved');
    }
    expect(b.gaps('send login')).toEqual([5_000, 5_000, 5_000, 5_000]);
  });

  test('waits for its time when the address is there sooner', () => {
    const b = new ClientFixture().logIn();
    b.deny();
    b.wait(1_000).tellAll('start', 'resolved');
    expect([b.state, b.due]).toEqual(['closed', 3_000]);
    b.run(5_000);
    expect(b.gaps('send login')).toEqual([5_000]);
  });

  // Not sooner than 5 s after the last; than 1 s where that one was answered, or reached nobody.
  test.each(['answers', 'unreachable'] as const)('keeps its distance, whatever happens: %s', (what) => {
    const random = randomness();
    const pick = <T>(all: readonly T[]) => all[random.below(all.length)] as T;
    const nobody = what === 'answers' ? ['unreachable', 'sendFailed'] : [];
    const not = ['timer', 'start', 'elsewhere', ...nobody];
    const events = CLIENT_EVENTS.filter((event) => !not.includes(event));
    const messages = MESSAGES.flatMap((message) => EXAMPLES[message].slice(0, 3));
    const b = new ClientFixture({ keepalive: true }).logIn().authenticate();
    for (let i = 0; i < 4_000; i++) {
      if (random.below(4) === 0) b.data();
      if (random.below(3) === 0) b.run(random.below(3_000));
      else if (random.below(2) === 0) b.tell(pick(events));
      else b.tell(pick(messages));
    }
    const ups = b.times('up');
    const logins = b.times('send login');
    expect(logins.length).toBeGreaterThan(20);
    for (const [i, at] of logins.slice(1).entries()) {
      const last = logins[i] as number;
      const excused = what === 'unreachable' || ups.some((up) => up >= last && up <= at);
      expect(at - last).toBeGreaterThanOrEqual(excused ? 1_000 : 5_000);
    }
  });

  test('is sent at once to each other address where nobody listens, then to the first one after 1 s', () => {
    const b = new ClientFixture();
    b.candidates = 3;
    b.logIn();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 2; i++) {
        expect(b.wait(10).tell('unreachable')).toEqual(['resolve']);
        expect(b.tell('resolved')).toEqual(['send login']);
      }
      expect(b.wait(10).tell('unreachable')).toEqual([]);
      expect([b.state, b.due]).toEqual(['opening', 1_000]);
      expect(b.timer()).toEqual(['unanswered', 'resolve']);
      expect(b.tell('resolved')).toEqual(['send login']);
    }
    expect(b.gaps('send login')).toEqual([10, 10, 1_010, 10, 10, 1_010, 10, 10, 1_010]);
  });

  test('is sent at once to an address that answers while this one is silent, once a second at most', () => {
    const b = new ClientFixture();
    b.candidates = 3;
    b.logIn().wait(300);
    for (let i = 0; i < 3; i++) {
      expect(b.tellAll('elsewhere', 'resolved')).toEqual(['resolve', 'send login']);
      expect(b.wait(999).tell('elsewhere')).toEqual([]);
      b.wait(1);
    }
    expect(b.gaps('send login')).toEqual([300, 1_000, 1_000]);
    expect(b.tellAll(CHALLENGE, 'elsewhere', authOk())).toEqual(['send response', 'up']);
  });

  test('goes to each address again after the cable was up', () => {
    const b = new ClientFixture();
    b.candidates = 2;
    b.logIn().tellAll('unreachable', 'resolved');
    b.authenticate().wait(10_000).data();
    b.lose();
    expect(b.tell('unreachable')).toEqual(['resolve']);
  });

  test('that reached nobody is no first one: the next is the first, and its DENY asks for another key', () => {
    const b = new ClientFixture({ mode: { kind: 'random' } }).logIn();
    b.tellAll('enrolled', 'unreachable');
    b.timer();
    expect([b.tell('resolved'), b.deny()]).toEqual([['send login'], ['denied no key at server', 'enrol']]);
  });
});

describe('RESPONSE', () => {
  test('is repeated each second, the same bytes and not encrypted again, until it is time for a LOGIN', () => {
    const b = new ClientFixture().logIn().wait(1_300);
    b.tell(CHALLENGE);
    for (let i = 0; i < 3; i++) expect(b.timer()).toEqual(['send response']);
    expect(b.due).toBe(700); // 5 s after the LOGIN
    expect(b.timer()).toEqual(['unanswered', 'resolve']);
    expect(b.gaps('send response')).toEqual([1_000, 1_000, 1_000]);
    const sent = b.all('send').filter(({ datagram }) => datagram.length === 137);
    expect(sent).toHaveLength(4);
    for (const { datagram } of sent) expect(datagram).toEqual(sent[0]?.datagram);
    expect(b.sealed).toHaveLength(1);
    expect(b.sealed[0]?.challenge).toEqual(CHALLENGE.slice(1));
  });

  test('is made for one CHALLENGE of each LOGIN, and for none where there is no LOGIN', () => {
    const b = new ClientFixture();
    expect(b.tellAll(CHALLENGE, 'start', CHALLENGE)).toEqual(['resolve']);
    b.tellAll('resolved', CHALLENGE);
    expect(b.tellAll(CHALLENGE, challenge(numbered(128, 9)))).toEqual([]);
    b.tell(authOk());
    expect(b.tell(CHALLENGE)).toEqual([]);
    expect(b.sealed).toHaveLength(1);
    b.wait(6_000).data().lose();
    expect(b.tell(challenge(numbered(128, 9)))).toEqual(['send response']);
    expect(b.sealed[1]?.challenge).toEqual(numbered(128, 9));
  });
});

describe('DENY', () => {
  test.each([
    ['LOGIN', [], 'denied no key at server'],
    ['RESPONSE', [CHALLENGE], 'denied wrong key'],
  ] as const)(
    'of a %s is believed when the server does not contradict it within 1 s',
    (_, before, denied) => {
      const b = new ClientFixture().logIn();
      b.tellAll(...before);
      b.wait(10).tell(DENY);
      expect([b.tellAll(DENY, DENY), b.due]).toEqual([[], 990]);
      expect(b.timer()).toEqual([denied]);
      expect([b.state, b.tellAll(DENY, DENY)]).toEqual(['closed', []]);
      expect(b.timer()).toEqual(['send login']);
      b.tellAll(...before);
      expect(b.deny()).toEqual([denied]);
    },
  );

  test('of a LOGIN is forged when a CHALLENGE follows, and of a RESPONSE when AUTH_OK does', () => {
    const b = new ClientFixture().logIn();
    b.tell(DENY);
    expect(b.wait(999).tell(CHALLENGE)).toEqual(['send response']);
    const response = b.last('send').datagram;
    expect(b.wait(10).tell(DENY)).toEqual(['send response']); // the question whether the server knows it
    expect(b.last('send').datagram).toEqual(response);
    expect(b.wait(989).tell(authOk())).toEqual(['up']);
    expect(b.sealed).toHaveLength(1);
  });

  test('that comes late leaves the server half a second to contradict it', () => {
    const login = new ClientFixture().logIn().wait(3_000);
    login.tell(DENY);
    expect(login.due).toBe(500);
    const response = new ClientFixture().logIn();
    response.tell(CHALLENGE);
    response.wait(900).tell(DENY);
    expect(response.due).toBe(500);
  });

  test('of a LOGIN counts no more when the network says that nobody got it', () => {
    const b = new ClientFixture().logIn();
    b.tellAll(DENY, 'unreachable');
    expect(b.timer()).toEqual(['unanswered', 'resolve']);
  });

  // The host's timer may be late; until it rings, the state is the same.
  test.each([
    [5_000, 'loginDenied'],
    [5_001, 'opening'],
  ])('of a LOGIN that is %d ms old: %s', (age, state) => {
    const b = new ClientFixture().logIn().wait(age);
    b.tell(DENY);
    expect(b.state).toBe(state);
  });

  test.each([
    [5_000, 'responseDenied'],
    [5_001, 'waiting'],
  ])('of a RESPONSE that is %d ms old: %s', (age, state) => {
    const b = new ClientFixture().logIn().wait(2_000);
    b.tell(CHALLENGE);
    b.wait(age).tell(DENY);
    expect(b.state).toBe(state);
  });

  test.each([
    [5_000, ['send response']],
    [5_001, []],
  ])('while up, of DATA that is %d ms old: %j', (age, effects) => {
    expect(new ClientFixture().logIn().authenticate().wait(60_000).data().wait(age).tell(DENY)).toEqual(
      effects,
    );
  });

  test('while up is passed over sooner than 1 s after the LOGIN, and believed when it comes again', () => {
    const b = new ClientFixture().logIn().wait(500).authenticate().wait(499).data();
    expect(b.tell(DENY)).toEqual([]);
    expect(b.state).toBe('up');
    expect(b.wait(1).lose()).toEqual(['send response', 'down unknown', 'send login']);
  });

  test('after the state that waited for it is nobody’s answer', () => {
    const b = new ClientFixture().logIn();
    b.timer();
    b.tell('resolveFailed');
    expect([b.state, b.due]).toEqual(['closed', 5_000]);
    expect([b.tell(DENY), b.state, b.due]).toEqual([[], 'closed', 5_000]);
  });

  test('while up, when nothing was sent, is nobody’s answer', () => {
    expect(new ClientFixture().logIn().authenticate().wait(60_000).tell(DENY)).toEqual([]);
  });

  test('while up is believed when the server has not said otherwise within 0.5 s', () => {
    const b = new ClientFixture().logIn().authenticate().wait(60_000).data();
    const accepted = b.last('send').datagram;
    expect(b.tell(DENY)).toEqual(['send response']);
    expect(b.last('send').datagram).toEqual(accepted);
    expect([b.state, b.due]).toEqual(['up', 500]);
    expect(b.timer()).toEqual(['down unknown', 'send login']);
  });

  test.each(['AUTH_OK', 'DATA'])('while up is not believed when %s follows', (what) => {
    const b = new ClientFixture().logIn().authenticate().wait(60_000).data();
    b.tell(DENY);
    b.wait(499);
    if (what === 'DATA') b.heard();
    else expect(b.tell(authOk())).toEqual([]);
    expect([b.state, b.due]).toEqual(['up', Infinity]);
  });

  test('while up, again and again, costs one question each second', () => {
    const b = new ClientFixture().logIn().authenticate().wait(60_000);
    const from = b.log.length;
    for (let i = 0; i < 600; i++) {
      b.wait(100).data();
      if (b.tell(DENY).length > 0) b.tell(authOk());
    }
    expect(b.state).toBe('up');
    expect(new Set(b.log.slice(from).map(({ kind }) => kind))).toEqual(new Set(['send response']));
    expect(b.gaps('send response').slice(1)).toEqual(Array.from({ length: 59 }, () => 1_000));
  });

  test('again and again, from a server that does not know us any more, costs one handshake each second', () => {
    const b = new ClientFixture().logIn().authenticate();
    for (let i = 0; i < 600; i++) {
      b.wait(100).data().tell(DENY);
      if (b.due <= 0) b.tell('timer');
      if (b.state === 'opening') b.authenticate();
    }
    const gaps = b.gaps('send login');
    expect(gaps.length).toBeGreaterThan(30);
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(1_000);
  });
});

describe('KEEPALIVE', () => {
  test('follows AUTH_OK, and each KEEPALIVE after 30 s', () => {
    const b = new ClientFixture({ keepalive: true }).logIn().authenticate();
    b.run(95_000);
    expect(b.gaps('send keepalive')).toEqual([30_000, 30_000, 30_000]);
    expect(b.times('send keepalive')[0]).toBe(b.times('send response')[0]);
    expect(b.state).toBe('up');
  });

  test('does not wait while DATA is sent: some C servers count nothing else', () => {
    const b = new ClientFixture({ keepalive: true }).logIn().authenticate();
    for (let i = 0; i < 24; i++) {
      b.run(5_000);
      b.data().heard();
    }
    expect(b.gaps('send keepalive')).toEqual([30_000, 30_000, 30_000, 30_000]);
  });

  test('is not sent unless asked for', () => {
    const b = new ClientFixture().logIn().authenticate();
    expect(b.due).toBe(Infinity);
    expect(b.run(600_000)).toEqual([]);
  });
});
