// Invites (secure.md §8): what becomes of one, and guests on a simulated network.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { GUEST_TIME, INVITE_KEPT, INVITES_MAX } from '../../../src/protocol/secure/constants.js';
import {
  type EnrolResult,
  enrol,
  enrolAnswer,
  type Introduction,
} from '../../../src/protocol/secure/control.js';
import { type Invite, Invites } from '../../../src/protocol/secure/invites.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import { randomnessOf } from '../../support/randomness.js';
import { seed } from '../../support/seed.js';
import { SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes } = randomnessOf(seed + 1); // not those of the ends

describe('invites', () => {
  const HOUR = 3_600_000;
  const fresh = (more: Partial<Invite> = {}): Invite => ({
    ...{ publicKey: bytes(32), name: 'alice', until: HOUR, uses: 1, used: [] },
    ...more,
  });
  const joined = (at: number, publicKey = bytes(32)) => ({ publicKey, at, from: '192.0.2.7:1' });
  /** One of each state, at the time of two hours. */
  const NOW = 2 * HOUR;
  const before = bytes(32);
  const states = {
    open: () => fresh({ until: 3 * HOUR }),
    'open, used once of twice': () => fresh({ until: 3 * HOUR, uses: 2, used: [joined(9, before)] }),
    used: () => fresh({ until: 3 * HOUR, used: [joined(9, before)] }),
    'used, and its time is over': () => fresh({ used: [joined(9, before)] }),
    over: () => fresh(),
    'over, used once of twice': () => fresh({ uses: 2, used: [joined(9, before)] }),
  } as const;
  type Cell = [keyof typeof states, string, string, number?];
  const cells: Cell[] = [
    ['open', 'another', 'open'],
    ['open', 'known elsewhere', 'open'],
    ['open, used once of twice', 'another', 'open'],
    ['open, used once of twice', 'the first', 'again'],
    ['open, used once of twice', 'the first, removed', 'open'],
    ['used', 'another', 'used', 9],
    ['used', 'the first', 'again'],
    ['used', 'the first, removed', 'used', 9],
    ['used', 'known elsewhere', 'used', 9],
    ['used, and its time is over', 'another', 'used', 9],
    ['used, and its time is over', 'the first', 'again'],
    ['over', 'another', 'over', HOUR],
    ['over, used once of twice', 'another', 'over', HOUR],
    ['over, used once of twice', 'the first', 'again'],
  ];

  test.each<Cell>(cells)('%s, asked by %s: %s', (state, who, result, since) => {
    const invites = new Invites();
    const one = states[state]();
    invites.add(NOW, one);
    const key = who.startsWith('the first') ? before : bytes(32);
    const known = who === 'the first' || who === 'known elsewhere';
    const verdict = invites.judge(NOW, one.publicKey, key, known);
    expect(verdict).toEqual({ result, invite: one, ...(since !== undefined && { since }) });
  });

  it('who is no guest is told nothing', () => {
    expect(new Invites().judge(0, bytes(32), bytes(32), false)).toBeUndefined();
  });

  it('is used as often as it may be, and no more', () => {
    const invites = new Invites();
    const one = fresh({ uses: 3 });
    invites.add(0, one);
    for (let i = 0; i < 3; i++) {
      expect(invites.judge(i, one.publicKey, bytes(32), false)?.result).toBe('open');
      invites.use(one.publicKey, joined(i));
    }
    expect(invites.judge(5, one.publicKey, bytes(32), false)).toMatchObject({ result: 'used', since: 2 });
    expect(invites.find(one.publicKey)?.used).toHaveLength(3);
  });

  it('is over at its very time', () => {
    const invites = new Invites();
    const one = fresh();
    invites.add(0, one);
    expect(invites.judge(HOUR - 1, one.publicKey, bytes(32), false)?.result).toBe('open');
    expect(invites.judge(HOUR, one.publicKey, bytes(32), false)?.result).toBe('over');
  });

  it('that is taken back is over, and others are not', () => {
    const invites = new Invites();
    const [mine, again, other, used] = [fresh(), fresh(), fresh({ name: 'bob' }), fresh()];
    for (const one of [mine, again, other, used]) invites.add(0, one);
    invites.use(used.publicKey, joined(1));
    expect(invites.cancel(5, 'alice')).toBe(2);
    expect(invites.judge(6, mine.publicKey, bytes(32), false)).toMatchObject({
      result: 'over',
      since: 5,
      invite: { cancelled: true },
    });
    expect(invites.judge(6, other.publicKey, bytes(32), false)?.result).toBe('open');
    expect(invites.judge(6, used.publicKey, bytes(32), false)?.result).toBe('used');
    expect([invites.cancel(7, 'alice'), invites.cancel(7, 'eve')]).toEqual([0, 0]);
  });

  it('is forgotten a week after its time', () => {
    const invites = new Invites();
    const [one, later] = [fresh(), fresh({ until: HOUR + 1 })];
    for (const each of [one, later]) invites.add(0, each);
    expect(invites.expire(HOUR + INVITE_KEPT - 1)).toEqual([]);
    expect(invites.expire(HOUR + INVITE_KEPT)).toEqual([one]);
    expect(invites.all).toEqual([later]);
  });

  it('of which there are many, the one that has been useless the longest goes first; of open ones none', () => {
    const invites = new Invites();
    const [over, used] = [fresh({ until: 20 }), fresh()];
    invites.add(0, over);
    invites.add(0, used);
    invites.use(used.publicKey, joined(10));
    for (let i = 2; i < INVITES_MAX; i++) expect(invites.add(0, fresh())).toBeUndefined();
    expect(invites.add(30, fresh())).toMatchObject({ publicKey: used.publicKey });
    expect(invites.add(30, fresh())).toEqual(over);
    expect(() => invites.add(30, fresh())).toThrow(/64 invites are open already/);
    expect(invites.all).toHaveLength(INVITES_MAX);
  });
});

const SPEAKS = { controls: true };

/** A server, and one that has its line. */
async function invited(more: { react?: (server: SecureNode) => EnrolResult | undefined } = {}) {
  const network = new Network(seed);
  const server = await SecureNode.make(network, '192.0.2.1', SPEAKS);
  const preshared = bytes(32);
  const asked: Introduction[] = [];
  const guestKey = bytes(32);
  const guest = server.end.add({
    publicKey: keyPair(guestKey).public,
    presharedKey: preshared,
    guest: true,
    name: 'invite alice',
  });
  server.react = (effect) => {
    if (effect.do !== 'enrol') return;
    asked.push(effect.introduction);
    const result = more.react === undefined ? 'enrolled' : more.react(server);
    if (result !== undefined) server.machine.answer(effect.peer, result, 5);
  };
  let address = 2;
  /** Somebody with the line. */
  const holder = async (introduction: Partial<Introduction> = {}) => {
    const node = await SecureNode.make(network, `192.0.2.${address++}`, SPEAKS);
    node.secret.set(guestKey);
    node.restart();
    const own = { publicKey: bytes(32), presharedKey: bytes(32), name: 'laptop', ...introduction };
    node.add(server, { endpoint: server.remote, eager: true, presharedKey: preshared, introduction: own });
    const answers = () => node.effects.flatMap((effect) => (effect.do === 'verdict' ? [effect.answer] : []));
    const call = () => {
      node.machine.wanted(network.now, node.peer);
      node.timer();
    };
    const leave = () => {
      node.machine.removePeer(node.peer);
      node.timer();
    };
    return { node, own, answers, call, leave };
  };
  return { network, server, guest, asked, holder };
}

const types = (node: SecureNode) =>
  node.effects.flatMap((effect) => (effect.do === 'control' ? [effect.payload[1]] : []));
const downs = (node: SecureNode) =>
  node.effects.flatMap((effect) => (effect.do === 'down' ? [effect.why] : []));

describe('a guest', () => {
  it('asks in the message that confirms the keys, is answered, and nobody says hello', async () => {
    const { network, server, asked, holder } = await invited();
    const one = await holder();
    one.call();
    network.run(500);
    expect(asked).toEqual([one.own]);
    expect(one.answers()).toEqual([{ result: 'enrolled', time: 5 }]);
    expect([types(one.node), types(server)]).toEqual([[5], [6]]);
    one.leave();
    network.run(100);
    expect(downs(server)).toEqual(['goodbye']);
    network.run(60_000);
    expect([types(one.node), types(server)]).toEqual([[5, 2], [6]]);
    expect(network.sent.filter(({ from }) => from === server.remote)).toHaveLength(2);
  });

  it('asks again each second while question or answer is lost, for the same', async () => {
    const { network, asked, holder } = await invited();
    const one = await holder();
    let lost = 0;
    network.loses = ({ length }) => (length === 41 || length === 107) && ++lost <= 3;
    one.call();
    network.run(4_500);
    expect(lost).toBeGreaterThan(3);
    for (const again of asked) expect(again).toEqual(one.own);
    expect(one.answers().length).toBeGreaterThan(0);
  });

  it('whose session ends without an answer calls again by itself', async () => {
    let deaf = true;
    const { network, server, asked, holder } = await invited({
      react: () => (deaf ? undefined : 'enrolled'),
    });
    const one = await holder();
    one.call();
    network.run(GUEST_TIME + 500);
    expect(downs(server)).toEqual(['disconnected']);
    deaf = false;
    network.run(2_000);
    expect(one.answers()).toEqual([{ result: 'enrolled', time: 5 }]);
    for (const again of asked) expect(again).toEqual(one.own);
  });

  it('whose session another holder of the line has taken over calls again, and so do many', async () => {
    const { network, holder, asked } = await invited();
    const all = await Promise.all(Array.from({ length: 8 }, () => holder()));
    network.faults = { ...network.faults, delay: [1, 60] };
    for (const { call } of all) call();
    network.run(50_000);
    for (const { answers } of all) expect(answers().length).toBeGreaterThan(0);
    expect(new Set(asked.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))).size).toBe(8);
  });

  it('is cut off after ten seconds, whatever it does, and can call again', async () => {
    const { network, server, holder } = await invited();
    const one = await holder();
    one.call();
    for (let i = 0; i < 98; i++) {
      one.node.send(bytes(60));
      network.run(100);
    }
    expect(server.count('down')).toBe(0);
    network.run(500);
    expect(downs(server)).toEqual(['disconnected']);
  });

  it('says hello, echo and other words for nothing; who is none enrols nobody', async () => {
    const { network, server, guest, holder, asked } = await invited();
    const one = await holder();
    one.call();
    network.run(200);
    const before = types(server).length;
    for (const payload of [
      [2, 1, 0, 5, 1, 0, 0, 0, 3],
      [2, 3, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8],
      [2, 6, 0, 5, 0, 0, 0, 0, 0],
    ]) {
      server.machine.control(network.now, guest, guest.sealing as number, Uint8Array.from(payload));
      server.timer();
    }
    expect(types(server)).toHaveLength(before);
    expect(guest.hello).toBeUndefined();
    // Another peer's ENROL, and an answer that nobody asked for.
    const peer = await SecureNode.make(network, '192.0.2.200', SPEAKS);
    const known = server.add(peer);
    peer.add(server, { endpoint: server.remote });
    peer.send(bytes(60));
    network.run(200);
    const effects = server.effects.length;
    server.machine.control(network.now, known, known.sealing as number, enrol(one.own));
    server.machine.control(network.now, known, known.sealing as number, enrolAnswer('enrolled', 0));
    server.timer();
    expect(server.effects).toHaveLength(effects);
    expect(asked).toHaveLength(1);
  });

  it('with a clock that is ahead does not keep out who comes after it', async () => {
    const { network, holder } = await invited();
    const [thief, rightful] = [await holder(), await holder()];
    thief.node.clock = 365 * 86_400_000;
    thief.call();
    network.run(200);
    expect(thief.answers()).toHaveLength(1);
    // It neither says goodbye nor goes on: it is forgotten after a while.
    network.detach(thief.node);
    rightful.call();
    network.run(GUEST_TIME + 11_000);
    expect(rightful.answers()).toHaveLength(1);
  });

  it('that never finishes its handshake does not keep out anybody either', async () => {
    const { network, server, holder } = await invited();
    const [thief, rightful] = [await holder(), await holder()];
    thief.node.clock = 365 * 86_400_000;
    network.loses = ({ length }) => length === 92; // no response reaches it
    thief.call();
    network.run(100);
    network.detach(thief.node);
    network.loses = () => false;
    expect(server.count('install')).toBe(1);
    network.run(GUEST_TIME);
    rightful.call();
    network.run(1_000);
    expect(rightful.answers()).toHaveLength(1);
  });

  it('whose datagrams are recorded and sent again enrols nobody a second time', async () => {
    const { network, server, asked, holder } = await invited();
    const one = await holder();
    one.call();
    network.run(200);
    one.leave();
    network.run(GUEST_TIME + 1_000);
    const recorded = network.sent
      .filter(({ from }) => from === one.node.remote)
      .map(({ datagram }) => datagram);
    network.detach(one.node);
    expect(recorded.length).toBeGreaterThanOrEqual(3);
    const attacker = { address: '192.0.2.99', port: 9 };
    const ups = server.count('up');
    for (let i = 0; i < 20; i++) {
      for (const datagram of recorded) server.receive(datagram, attacker);
      network.run(1_000);
    }
    expect([asked.length, server.count('up') - ups]).toEqual([1, 0]);
    const later = await holder();
    later.call();
    network.run(GUEST_TIME + 11_000);
    expect(later.answers()).toHaveLength(1);
  });

  it('with another private or preshared key than the line has is not let in', async () => {
    const { network, server, asked, holder } = await invited();
    const [wrongKey, wrongPsk] = [await holder(), await holder()];
    wrongKey.node.secret.set(bytes(32));
    wrongKey.node.restart();
    wrongKey.node.add(server, { endpoint: server.remote, introduction: wrongKey.own });
    wrongPsk.node.restart();
    wrongPsk.node.add(server, {
      endpoint: server.remote,
      presharedKey: bytes(32),
      introduction: wrongPsk.own,
    });
    for (const one of [wrongKey, wrongPsk]) {
      one.node.machine.wanted(network.now, one.node.peer);
      one.node.timer();
    }
    network.run(20_000);
    expect(asked).toEqual([]);
    expect(server.hints().map(({ what }) => what)).toEqual(
      expect.arrayContaining(['stranger', 'unfinished']),
    );
    expect(wrongPsk.node.hints().map(({ what }) => what)).toContain('preshared key');
  });

  it('any payload of a guest is taken or dropped, and nothing more', async () => {
    const { network, server, guest, holder } = await invited();
    const one = await holder();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 7 }), (raw, type) => {
        if (guest.sealing === undefined) {
          one.node.effects.length = 0;
          one.call();
          network.run(11_000);
          if (guest.sealing === undefined) return;
        }
        const payload = Uint8Array.of(2, type, 0, raw.length, ...raw);
        server.machine.control(network.now, guest, guest.sealing, payload);
        server.timer();
        for (const effect of server.effects.splice(0))
          expect([
            'enrol',
            'control',
            'refused',
            'down',
            'drop',
            'send',
            'install',
            'use',
            'up',
            'moved',
          ]).toContain(effect.do);
        expect(guest.hello).toBeUndefined();
      }),
      { numRuns: 200, seed },
    );
  });
});
