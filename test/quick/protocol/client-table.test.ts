import { describe, expect, test } from 'vitest';
import { CLIENT_TABLE } from '../../../src/protocol/classic/client.js';
import {
  CLIENT_EVENTS,
  CLIENT_STATES,
  type ClientEvent,
  type ClientMode,
  type ClientState,
} from '../../../src/protocol/classic/client-terms.js';
import {
  authOk,
  challenge,
  loginId,
  MESSAGES,
  type Message,
} from '../../../src/protocol/classic/messages.js';
import { newId } from '../../../src/protocol/classic/session-key.js';
import { randomness } from '../../support/seed.js';
import { CHALLENGE, ClientFixture, DENY, type Happening, keyText } from './client-fixture.js';
import { EXAMPLES, numbered } from './examples.js';

type Input = Message | ClientEvent;
/** The next state, then the effects; 'nothing' when all stays as it was. */
type Cell = 'nothing' | readonly [ClientState, ...string[]];

// What classic.md §2.2 and §2.5 want of a client that answers keepalives and has a pre-shared key (in
// `enrolling`, where only the others come, one with a random key). Each state's time: closed between two
// LOGINs, up when the second KEEPALIVE has just been sent, the others as soon as they are reached.
const EXPECTED: Record<ClientState, Record<Input, Cell>> = {
  closed: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: ['resolving', 'resolve'],
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['opening', 'send login'],
  },
  resolving: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: ['opening', 'send login'],
    resolveFailed: ['closed'],
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: 'nothing',
  },
  enrolling: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: ['opening', 'send login'],
    enrolFailed: ['closed', 'fail key not carried'],
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: 'nothing',
  },
  opening: {
    login: 'nothing',
    challenge: ['waiting', 'send response'],
    response: 'nothing',
    authOk: 'nothing',
    deny: ['loginDenied'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: ['opening'], // there is one candidate; its timer is due sooner
    elsewhere: ['resolving', 'resolve'],
    sendFailed: ['opening'],
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['resolving', 'unanswered', 'resolve'],
  },
  loginDenied: {
    login: 'nothing',
    challenge: ['waiting', 'send response'],
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: ['opening'],
    elsewhere: 'nothing',
    sendFailed: ['opening'],
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['closed', 'denied no key at server'],
  },
  waiting: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: ['up', 'up', 'send keepalive'],
    deny: ['responseDenied', 'send response'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['waiting', 'send response'],
  },
  responseDenied: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: ['up', 'up', 'send keepalive'],
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['closed', 'denied wrong key'],
  },
  up: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: ['up', 'send response'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: ['up', 'send response'],
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: ['up', 'reconnect'],
    large: ['up', 'send other'],
    sent: ['up'], // see the tests of questions
    heard: ['up'],
    timer: ['up', 'send response'],
  },
};

/** With a pre-shared key no client ever comes to carry one. */
const modeFor = (state: ClientState): ClientMode =>
  state === 'enrolling' ? { kind: 'random' } : { kind: 'preshared', key: numbered(24) };

/** Brings a new machine into a state by what would bring it there. */
function inState(state: ClientState, mode = modeFor(state)): ClientFixture {
  const bench = new ClientFixture({ keepalive: true, mode });
  switch (state) {
    case 'closed':
      bench.logIn().wait(100).deny();
      break;
    case 'resolving':
      bench.tell('start');
      break;
    case 'enrolling':
    case 'opening':
      bench.logIn();
      break;
    case 'loginDenied':
      bench.logIn().wait(100).tell(DENY);
      break;
    case 'waiting':
      bench.logIn().tell(CHALLENGE);
      break;
    case 'responseDenied':
      bench.logIn().wait(100).tellAll(CHALLENGE, DENY);
      break;
    case 'up':
      bench.logIn().authenticate().heard().timer();
  }
  expect(bench.state).toBe(state);
  return bench;
}

/** What leads from each state to up, and through everything that comes after it. */
const ONWARD: Record<ClientState, readonly (Happening | 'wait')[]> = {
  closed: ['timer', CHALLENGE, 'timer', authOk(), 'timer'],
  resolving: ['resolved', CHALLENGE, 'timer', authOk(), 'timer'],
  enrolling: ['enrolled', CHALLENGE, 'timer', authOk(), 'timer'],
  opening: [CHALLENGE, 'timer', authOk(), 'timer'],
  loginDenied: [CHALLENGE, 'timer', authOk(), 'timer'],
  waiting: ['timer', authOk(), 'timer'],
  responseDenied: [authOk(), 'timer'],
  up: [DENY, 'timer', CHALLENGE, 'timer', authOk(), 'timer'],
};

/** Everything that a machine says on its way, with the bytes, the keys and the times. */
function onward(bench: ClientFixture, from: ClientState): unknown {
  const steps: unknown[] = [];
  for (const happening of ONWARD[from]) {
    if (happening === 'timer') bench.timer();
    else bench.tell(happening as Happening);
    steps.push([bench.state, bench.client.deadline]);
  }
  expect(bench.state).toBe('up');
  return { steps, log: bench.log, sealed: bench.sealed };
}

const isMessage = (input: Input): input is Message => (MESSAGES as readonly string[]).includes(input);

describe('the table of the client', () => {
  test('is expected in every cell', () => {
    const inputs = [...MESSAGES, ...CLIENT_EVENTS].sort();
    expect(Object.keys(EXPECTED).sort()).toEqual([...CLIENT_STATES].sort());
    expect(Object.keys(CLIENT_TABLE).sort()).toEqual([...CLIENT_STATES].sort());
    for (const state of CLIENT_STATES) {
      expect(Object.keys(EXPECTED[state]).sort()).toEqual(inputs);
      expect(Object.keys(CLIENT_TABLE[state]).sort()).toEqual(inputs);
    }
  });

  const cells = CLIENT_STATES.flatMap((state) =>
    [...MESSAGES, ...CLIENT_EVENTS].map((input) => [state, input] as const),
  );
  test.each(cells)('%s: %s', (state, input) => {
    const expected = EXPECTED[state][input];
    const ways: readonly Happening[] = isMessage(input) ? EXAMPLES[input] : [input];
    for (const happening of ways) {
      const bench = inState(state);
      const before = bench.client.deadline;
      if (input === 'timer') bench.now = before === Infinity ? bench.now + 600_000 : before;
      const effects = bench.tell(happening);
      if (expected === 'nothing') {
        expect([bench.state, bench.client.deadline, effects]).toEqual([state, before, []]);
        // Nor has anything changed that does not show yet: it goes on as one to whom nothing happened.
        const other = inState(state);
        other.now = bench.now;
        expect(onward(bench, state)).toEqual(onward(other, state));
      } else {
        expect([bench.state, ...effects]).toEqual(expected);
      }
    }
  });

  // Each state's timer, in ms after it was reached.
  test.each([
    ['closed', 4_000], // 5 s after the LOGIN
    ['resolving', Infinity],
    ['enrolling', Infinity],
    ['opening', 5_000],
    ['loginDenied', 900], // 1 s after the LOGIN
    ['waiting', 1_000],
    ['responseDenied', 1_000],
    ['up', 10_000],
  ] as const)('%s: the timer is due in %d ms', (state, due) => {
    expect(inState(state).due).toBe(due);
  });
});

describe('a client with a random key', () => {
  const bench = () => new ClientFixture({ mode: { kind: 'random' } });

  test('carries its key first, and logs in under the id that it was carried for', () => {
    const b = bench();
    expect(b.tellAll('start', 'resolved')).toEqual(['resolve', 'enrol']);
    const { id, key } = b.last('enrol');
    expect(key).toHaveLength(24);
    const carried = Buffer.from(key).toString('hex');
    key.fill(0); // the host wipes what it was given; the client still has its own
    expect(b.tell('enrolled')).toEqual(['send login']);
    expect(loginId(b.last('send').datagram)).toBe(id);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up']);
    expect(b.sealed).toEqual([{ suite: 'blowfish', key: carried, challenge: CHALLENGE.slice(1) }]);
    expect(keyText(b.last('up').keying)).toBe(carried);
  });

  test.each([
    ['LOGIN', [], ['denied no key at server', 'enrol']],
    ['RESPONSE', [CHALLENGE], ['denied wrong key', 'enrol']],
  ] as const)('makes another key and another id when its %s is denied', (_, before, denied) => {
    const b = bench().logIn();
    b.tellAll('enrolled', ...before);
    const first = b.last('enrol');
    expect(b.deny()).toEqual(denied);
    const second = b.last('enrol');
    expect(second.id).not.toBe(first.id);
    expect(second.key).not.toEqual(first.key);
    b.tell('enrolled');
    expect(loginId(b.last('send').datagram)).toBe(second.id);
    b.tell(CHALLENGE);
    expect(b.sealed.at(-1)?.key).toBe(Buffer.from(second.key).toString('hex'));
  });

  test('does not carry a key that was carried already', () => {
    const carried = { id: newId(randomness(1).bytes), key: numbered(24, 50) };
    const b = new ClientFixture({ mode: { kind: 'random', carried } });
    expect(b.tellAll('start', 'resolved')).toEqual(['resolve', 'send login']);
    expect(loginId(b.last('send').datagram)).toBe(carried.id);
    b.authenticate();
    expect(b.sealed[0]?.key).toBe(Buffer.from(numbered(24, 50)).toString('hex'));
  });

  test('carries a new one after a DENY of one that was carried already', () => {
    const carried = { id: 'vde_carried', key: numbered(24, 50) };
    const b = new ClientFixture({ mode: { kind: 'random', carried } }).logIn();
    expect(b.deny()).toEqual(['denied no key at server', 'enrol']);
    expect(b.last('enrol').id).not.toBe('vde_carried');
    expect(b.last('enrol').key).not.toEqual(numbered(24, 50));
    expect(carried.key).toEqual(new Uint8Array(24)); // the old one is wiped
  });

  test('logs in again under the same id when a repeated LOGIN is denied', () => {
    const b = bench().logIn();
    b.tell('enrolled');
    const { id } = b.last('enrol');
    expect(b.timer()).toEqual(['unanswered', 'resolve']);
    expect(b.tell('resolved')).toEqual(['send login']);
    // A C server denies what it gets twice, although it has the key.
    expect(b.wait(100).deny()).toEqual(['denied no key at server']);
    expect([b.state, b.due]).toEqual(['closed', 4_000]);
    expect(b.timer()).toEqual(['send login']);
    expect(b.all('send').map(({ datagram }) => loginId(datagram))).toEqual([id, id, id]);
    // Whereas a denied RESPONSE tells of another key, however often the LOGIN was sent.
    b.tell(CHALLENGE);
    expect(b.deny()).toEqual(['denied wrong key', 'enrol']);
  });
});

describe('a client without encryption', () => {
  const bench = () => new ClientFixture({ mode: { kind: 'plain' } });

  test('carries no key', () => {
    const b = bench();
    expect(b.tellAll('start', 'resolved', CHALLENGE, authOk())).toEqual([
      'resolve',
      'send login',
      'send response',
      'trial',
      'send other',
    ]);
    expect(b.last('trial').keying).toEqual({ suite: 'plain' });
    expect(b.sealed[0]?.suite).toBe('plain');
  });

  test('carries one when the server asks for it, and still encrypts nothing', () => {
    const b = bench().logIn();
    expect(b.deny()).toEqual(['enrol']);
    const { id, key } = b.last('enrol');
    expect(key).toHaveLength(24);
    expect(key).not.toEqual(new Uint8Array(24));
    expect(b.tell('enrolled')).toEqual(['send login']);
    expect(loginId(b.last('send').datagram)).toBe(id);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'trial', 'send other']);
    expect(b.last('trial').keying).toEqual({ suite: 'plain' });
    // After its restart the server asks again.
    b.wait(10_000).data();
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
    expect(b.wait(100).deny()).toEqual(['enrol']);
    expect(b.last('enrol').id).not.toBe(id);
  });

  test('goes on where the key that the server asks for cannot be carried: a LOGIN is tried without', () => {
    const b = bench().logIn();
    b.deny();
    expect([b.tell('enrolFailed'), b.timer()]).toEqual([['notCarried'], ['send login']]);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'trial', 'send other']);
  });

  test('says so when the server denies it all the same', () => {
    const b = bench().logIn();
    expect(b.deny()).toEqual(['enrol']);
    for (let i = 0; i < 10; i++) {
      b.tell('enrolled');
      expect(b.deny()[0]).toBe('denied no key at server');
      if (b.state === 'closed') expect(b.timer()).toEqual(['enrol']);
    }
  });

  test('says that the server wants encryption when its RESPONSE is denied; no key would help', () => {
    const b = bench().logIn();
    for (let i = 0; i < 10; i++) {
      b.tell(CHALLENGE);
      expect(b.deny()).toEqual(['denied wants encryption']);
      expect([b.state, b.timer()]).toEqual(['closed', ['send login']]);
    }
    expect(b.all('enrol')).toEqual([]);
  });
});

describe('a client without encryption that was let in', () => {
  const bench = () => {
    const b = new ClientFixture({ mode: { kind: 'plain' } }).logIn();
    b.authenticate();
    return b;
  };
  const since = (b: ClientFixture) => b.now - (b.times('trial').at(-1) as number);

  test('is up when a server of ours has not answered three probes', () => {
    const b = bench();
    expect(b.log.slice(-2).map(({ kind }) => kind)).toEqual(['trial', 'send other']);
    expect(b.state).toBe('up');
    expect([b.timer(), b.timer(), b.timer()]).toEqual([['send other'], ['send other'], ['up']]);
    expect([since(b), b.due]).toEqual([600, Infinity]);
    expect(b.wait(10_000).tell(authOk())).toEqual([]);
  });

  test('is up at once when DATA comes', () => {
    const b = bench().wait(50).heard();
    expect([b.times('up'), b.due]).toEqual([[b.now], Infinity]);
    b.heard();
    expect(b.times('up')).toHaveLength(1);
  });

  test('is not up while a C server, which answers a probe, has sent no DATA, and says so once', () => {
    const b = bench();
    expect([b.wait(20).tell(authOk()), b.state]).toEqual([[], 'up']);
    expect([b.timer(), since(b), b.due]).toEqual([['mute'], 3_000, Infinity]);
    b.data();
    expect(b.run(10 * 60_000)).toEqual([]);
    expect([b.all('mute').length, b.all('up').length]).toEqual([1, 0]);
    b.heard();
    expect(b.times('up')).toEqual([b.now]);
  });

  test('says nothing of a C server whose DATA comes in time', () => {
    const b = bench().wait(20);
    b.tell(authOk());
    b.wait(2_000).heard();
    expect([b.all('up').length, b.due]).toEqual([1, Infinity]);
    expect(b.run(10 * 60_000)).toEqual([]);
  });

  test('takes no second answer to a RESPONSE that was repeated for one to a probe', () => {
    const b = new ClientFixture({ mode: { kind: 'plain' } }).logIn();
    b.tell(CHALLENGE);
    b.timer(); // again
    expect(b.tell(authOk())).toEqual(['trial', 'send other']);
    b.tell(authOk());
    expect([b.timer(), b.timer(), b.timer()]).toEqual([['send other'], ['send other'], ['up']]);
  });

  test('nor the answer to a question, because of a DENY', () => {
    const b = new ClientFixture({ mode: { kind: 'plain' } }).logIn().wait(1_200); // sooner it is passed over
    b.authenticate();
    expect(b.tell(DENY)).toEqual(['send response']);
    b.wait(10).tell(authOk());
    expect([b.timer(), b.timer(), b.timer()]).toEqual([['send other'], ['send other'], ['up']]);
  });

  test('logs in again when the server has forgotten it, and is on trial again', () => {
    const b = bench().wait(20);
    b.tell(authOk());
    b.wait(3_000).tell('timer');
    b.data();
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'trial', 'send other']);
    expect([b.timer(), b.timer(), b.timer()]).toEqual([['send other'], ['send other'], ['up']]);
  });

  test('with encryption there is no trial', () => {
    const b = new ClientFixture().logIn().authenticate();
    expect([b.all('trial').length, b.all('up').length, b.due]).toEqual([0, 1, Infinity]);
  });
});

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

describe('the key', () => {
  const wiped = new Uint8Array(24);

  test.each(CLIENT_STATES)('is wiped at the end, in %s', (state) => {
    const key = numbered(24);
    const mode: ClientMode = state === 'enrolling' ? { kind: 'random' } : { kind: 'preshared', key };
    const bench = inState(state, mode);
    if (state === 'up') expect(bench.last('up').keying).toEqual({ suite: 'blowfish', key: numbered(24) });
    if (mode.kind === 'preshared') expect(key).toEqual(numbered(24));
    bench.client.end();
    if (mode.kind === 'preshared') expect(key).toEqual(wiped);
    expect([bench.state, bench.client.deadline, bench.client.take()]).toEqual(['closed', Infinity, []]);
  });

  test('is not carried again when the client has given up', () => {
    const b = new ClientFixture({ mode: { kind: 'random' } });
    expect(b.tellAll('start', 'resolved', 'enrolFailed')).toEqual([
      'resolve',
      'enrol',
      'fail key not carried',
    ]);
    expect([b.state, b.client.deadline]).toEqual(['closed', Infinity]);
  });

  test('of an earlier attempt is wiped when there is another', () => {
    const b = new ClientFixture({ mode: { kind: 'random' } }).logIn();
    b.tell('enrolled');
    b.authenticate().wait(10_000).data();
    const { keying } = b.last('up');
    b.lose();
    expect(keyText(keying)).not.toBe(keyText({ suite: 'blowfish', key: wiped })); // the server may have it yet
    b.tell(DENY);
    b.timer();
    expect(keying).toEqual({ suite: 'blowfish', key: wiped });
  });
});

describe('ChaCha20', () => {
  const make = (kind: 'preshared' | 'random') =>
    new ClientFixture({
      cipher: 'chacha20',
      mode: kind === 'random' ? { kind } : { kind, key: numbered(44) },
    });
  const blocks = (b: ClientFixture) => b.sealed.map(({ suite }) => suite);

  test('begins with block 12; after a DENY with block 0, at once', () => {
    const b = make('preshared').logIn();
    b.tell(CHALLENGE);
    expect([b.deny(), b.state]).toEqual([['tryNext', 'send login'], 'opening']);
    expect(b.gaps('send login')).toEqual([1_000]);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up', 'send keepalive']);
    expect(blocks(b)).toEqual(['chacha20 12', 'chacha20 0']);
  });

  test('stays with the block that held, after a restart of the server too', () => {
    const b = make('preshared').logIn();
    b.tell(CHALLENGE);
    b.deny();
    b.authenticate().wait(10_000).data();
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up', 'send keepalive']);
    expect(blocks(b)).toEqual(['chacha20 12', 'chacha20 0', 'chacha20 0']);
  });

  test('a wrong key is told after both were denied', () => {
    const b = make('preshared').logIn();
    for (let i = 0; i < 3; i++) {
      b.tell(CHALLENGE);
      expect(b.deny()).toEqual(['tryNext', 'send login']);
      b.tell(CHALLENGE);
      expect([b.deny(), b.timer()]).toEqual([['denied wrong key'], ['send login']]);
    }
  });

  test('carries a key of 44 bytes, and another one for the other block', () => {
    const b = make('random');
    b.tellAll('start', 'resolved');
    const first = b.last('enrol');
    expect(first.key).toHaveLength(44);
    b.tellAll('enrolled', CHALLENGE);
    expect(b.deny()).toEqual(['tryNext', 'enrol']);
    expect(b.last('enrol').id).not.toBe(first.id);
    b.tell('enrolled');
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up', 'send keepalive']);
    expect(blocks(b)).toEqual(['chacha20 12', 'chacha20 0']);
  });

  test('sends KEEPALIVEs without being asked to', () => {
    const b = make('preshared').logIn().authenticate();
    b.run(65_000);
    expect(b.gaps('send keepalive')).toEqual([30_000, 30_000]);
  });
});

describe('a client that finds out what its server speaks', () => {
  const make = (bytes: number | 'random') =>
    new ClientFixture({
      cipher: 'auto',
      mode: bytes === 'random' ? { kind: 'random' } : { kind: 'preshared', key: numbered(bytes) },
    });
  const tried = (b: ClientFixture) => b.sealed.map(({ suite }) => suite);
  /** A CHALLENGE, and DENY of its RESPONSE. */
  const denied = (b: ClientFixture) => {
    b.tell(CHALLENGE);
    return b.deny();
  };
  const ALL = ['blowfish', 'chacha20 12', 'chacha20 0'];

  test('tries Blowfish, and ChaCha20 from both blocks, in turn; then says that the key is another one', () => {
    const b = make(44).logIn();
    for (let i = 0; i < 3; i++) {
      expect(denied(b)).toEqual(['tryNext', 'send login']);
      expect(denied(b)).toEqual(['tryNext', 'send login']);
      expect([denied(b), b.timer()]).toEqual([['denied wrong key'], ['send login']]);
    }
    expect(tried(b)).toEqual([...ALL, ...ALL, ...ALL]);
  });

  test.each([24, 43])('has Blowfish alone with a key of %d bytes', (bytes) => {
    const b = make(bytes).logIn();
    for (let i = 0; i < 3; i++)
      expect([denied(b), b.timer()]).toEqual([['denied wrong key'], ['send login']]);
    expect(tried(b)).toEqual(['blowfish', 'blowfish', 'blowfish']);
  });

  test('carries keys of 44 bytes, another one for each way', () => {
    const b = make('random').logIn();
    for (let i = 0; i < 2; i++) {
      b.tell('enrolled');
      expect(denied(b)).toEqual(['tryNext', 'enrol']);
    }
    b.tell('enrolled');
    b.authenticate();
    expect(b.state).toBe('up');
    expect(tried(b)).toEqual(ALL);
    expect(b.all('enrol').map(({ key }) => key.length)).toEqual([44, 44, 44]);
    expect(new Set(b.all('enrol').map(({ id }) => id)).size).toBe(3);
  });

  test.each(ALL)('keeps to what worked: %s', (suite) => {
    const b = make(44).logIn();
    for (let i = 0; i < ALL.indexOf(suite); i++) denied(b);
    b.authenticate().wait(10_000).data();
    for (let i = 0; i < 3; i++) {
      b.lose();
      b.authenticate().wait(10_000).data();
    }
    expect(tried(b).slice(-3)).toEqual([suite, suite, suite]);
    // And tries the others when the server has become another one.
    b.lose();
    for (let i = 0; i < 2; i++) expect(denied(b)).toEqual(['tryNext', 'send login']);
    expect(denied(b)).toEqual(['denied wrong key']);
    b.timer();
    expect(b.authenticate().state).toBe('up');
    expect(tried(b).at(-1)).toBe(suite);
  });

  test('tries nothing else for a denied LOGIN, nor for a DENY that the server contradicts', () => {
    const b = make(44).logIn();
    expect([b.deny(), b.timer()]).toEqual([['denied no key at server'], ['send login']]);
    b.tellAll(DENY, CHALLENGE, DENY, DENY, authOk());
    expect([b.state, ...tried(b)]).toEqual(['up', 'blowfish']);
  });

  test('sends KEEPALIVEs where it has found ChaCha20, and none with Blowfish', () => {
    const b = make(44).logIn().authenticate();
    expect(b.run(65_000)).toEqual([]);
    const other = make(44).logIn();
    denied(other);
    other.authenticate().run(65_000);
    expect(other.gaps('send keepalive')).toEqual([30_000, 30_000]);
  });
});
