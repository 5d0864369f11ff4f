// A client by how it comes to its key: a random one, one given, none, or what the server turns out to speak.
import { describe, expect, test } from 'vitest';
import { CLIENT_STATES, type ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { authOk, loginId } from '../../../src/protocol/classic/messages.js';
import { newId } from '../../../src/protocol/classic/session-key.js';
import { randomnessOf } from '../../support/randomness.js';
import { CHALLENGE, ClientFixture, DENY, inState, keyText } from './client-fixture.js';
import { numbered } from './examples.js';

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
    const carried = { id: newId(randomnessOf(1).bytes), key: numbered(24, 50) };
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
    // A denied RESPONSE means another key, however often the LOGIN was sent.
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

  test('a wrong key is reported after both were denied', () => {
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
