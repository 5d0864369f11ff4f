// Every state of a peer, and everything that can happen in it: what the machine does in each cell.
import { expect, it } from 'vitest';
import type { Remote } from '../../../src/protocol/remote.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import type { SecureEffect } from '../../../src/protocol/secure/terms.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const HERE: Remote = { address: '192.0.2.1', port: 1 };
const THERE: Remote = { address: '192.0.2.2', port: 2 };

/** Two machines; `ours` is the one looked at. */
class World {
  now = 0;
  readonly ours = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => this.now });
  readonly #farKey = bytes(32);
  readonly far = new SecureMachine({ privateKey: this.#farKey, random: bytes, unixTime: () => this.now });
  readonly peer: Peer;
  readonly farPeer: Peer;
  /** Handshake messages of either end, by type, the last of each. */
  readonly sent: Record<'ours' | 'far', Record<number, Uint8Array>> = { ours: {}, far: {} };

  constructor(known: boolean) {
    this.peer = this.ours.addPeer(0, {
      publicKey: this.far.publicKey,
      ...(known ? { endpoint: THERE } : {}),
    });
    this.farPeer = this.far.addPeer(0, { publicKey: this.ours.publicKey, endpoint: HERE });
  }

  /** Effects of our end, as text. */
  collect(): string[] {
    const effects = this.ours.take();
    this.#keep('ours', effects);
    return effects.map((effect) => {
      if (effect.do === 'send') return `send ${effect.datagram[0]}`;
      if (effect.do === 'hint') return `hint: ${effect.hint.what}`;
      return effect.do === 'refused' || effect.do === 'down' ? `${effect.do}: ${effect.why}` : effect.do;
    });
  }

  #keep(which: 'ours' | 'far', effects: SecureEffect[]): void {
    for (const effect of effects)
      if (effect.do === 'send') this.sent[which][effect.datagram[0] as number] = effect.datagram;
  }

  /** The far end takes the last message of ours of this type. */
  farTakes(type: number): void {
    this.far.receive(this.now, HERE, this.sent.ours[type] as Uint8Array);
    this.#keep('far', this.far.take());
  }

  oursTakes(type: number): void {
    this.ours.receive(this.now, THERE, this.sent.far[type] as Uint8Array);
  }

  farBegins(): void {
    this.now += 6_000;
    // As after a restart: it has no key, whatever it had.
    const fresh = this.far.peers[0] as Peer;
    this.far.sealed(this.now, fresh, false, 2n ** 61n);
    this.far.wanted(this.now, fresh);
    this.#keep('far', this.far.take());
  }

  /** The far end as it is when it starts: with another clock, or another preshared key. */
  restarted(clock: number, presharedKey?: Uint8Array): SecureMachine {
    const unixTime = () => this.now + clock;
    const machine = new SecureMachine({ privateKey: this.#farKey, random: bytes, unixTime });
    machine.addPeer(this.now, {
      publicKey: this.ours.publicKey,
      endpoint: HERE,
      ...(presharedKey && { presharedKey }),
    });
    return machine;
  }

  weBegin(): void {
    this.now += 6_000;
    this.ours.sealed(this.now, this.peer, false, 2n ** 61n);
    this.ours.wanted(this.now, this.peer);
    this.collect();
  }

  opened(place: number | undefined, data = true): void {
    if (place !== undefined) this.ours.opened(this.now, this.peer, place, THERE, data);
  }

  place(role: 'previous' | 'current' | 'next'): number | undefined {
    return (this.peer as unknown as Record<typeof role, { place: number } | undefined>)[role]?.place;
  }
}

const weCompleted = (world: World): void => {
  world.weBegin();
  world.farTakes(1);
  world.oursTakes(2);
};
const theyBegan = (world: World): void => {
  world.farBegins();
  world.oursTakes(1);
};
const theyCompleted = (world: World): void => {
  theyBegan(world);
  world.collect();
  world.farTakes(2);
  world.opened(world.place('next'));
};

const STATES: Record<string, (world: World) => void> = {
  'no address': () => {},
  idle: () => {},
  initiated: (world) => world.weBegin(),
  next: theyBegan,
  'current, we began': weCompleted,
  'current, they began': theyCompleted,
  'current, initiated': (world) => {
    theyCompleted(world);
    world.ours.take();
    world.weBegin();
  },
  'current and next': (world) => {
    weCompleted(world);
    theyBegan(world);
  },
  'previous and current': (world) => {
    weCompleted(world);
    weCompleted(world);
  },
  'initiated and next': (world) => {
    world.weBegin();
    theyBegan(world);
  },
  expired: (world) => {
    weCompleted(world);
    world.now += 180_000;
    world.ours.tick(world.now);
  },
  'given up': (world) => {
    world.weBegin();
    for (let i = 0; i < 20; i++) {
      world.now += 6_000;
      world.ours.tick(world.now);
    }
  },
  removed: (world) => {
    weCompleted(world);
    world.ours.removePeer(world.peer);
  },
};

const EVENTS: Record<string, (world: World) => void> = {
  'a new initiation': theyBegan,
  'the last initiation again': (world) => {
    if (world.sent.far[1] === undefined) world.farBegins();
    else world.now += 6_000;
    world.oursTakes(1);
    world.oursTakes(1);
  },
  'initiations of a clock that is behind': (world) => {
    theyBegan(world);
    const machine = world.restarted(-3_600_000);
    for (let i = 0; i < 2; i++) {
      world.now += 5_100;
      machine.wanted(world.now, machine.peers[0] as Peer);
      for (const effect of machine.take())
        if (effect.do === 'send') world.ours.receive(world.now, THERE, effect.datagram);
    }
  },
  'initiations that come to nothing': (world) => {
    for (let i = 0; i < 3; i++) theyBegan(world);
  },
  'a response under another preshared key': (world) => {
    if (world.sent.ours[1] === undefined) return;
    const machine = world.restarted(0, bytes(32));
    machine.receive(world.now, HERE, world.sent.ours[1]);
    for (const effect of machine.take())
      if (effect.do === 'send') world.ours.receive(world.now, THERE, effect.datagram);
  },
  'a response': (world) => {
    if (world.sent.ours[1] === undefined) return;
    world.far.removePeer(world.farPeer);
    world.far.addPeer(world.now, { publicKey: world.ours.publicKey, endpoint: HERE });
    world.farTakes(1);
    world.oursTakes(2);
  },
  'an initiation under load': (world) => {
    world.farBegins();
    world.ours.overrun(world.now);
    world.oursTakes(1);
  },
  'data under next': (world) => world.opened(world.place('next')),
  'data under current': (world) => world.opened(world.place('current')),
  'data under previous': (world) => world.opened(world.place('previous')),
  'something to send': (world) => {
    world.now += 6_000;
    world.ours.wanted(world.now, world.peer);
  },
  '15 s of silence after data': (world) => {
    world.ours.sealed(world.now, world.peer, true, 1n);
    world.now += 15_400;
    world.ours.tick(world.now);
  },
  '180 s pass': (world) => {
    world.now += 180_000;
    world.ours.tick(world.now);
  },
  '540 s pass': (world) => {
    world.now += 540_000;
    world.ours.tick(world.now);
    world.ours.tick(world.now);
  },
  'the peer is removed': (world) => world.ours.removePeer(world.peer),
};

/** What it does; in the cells that are not here, nothing. */
const TABLE: Record<string, Record<string, string>> = {
  'no address': {
    'initiations of a clock that is behind':
      'moved, install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'moved, install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a new initiation': 'moved, install, send 2',
    'the last initiation again': 'moved, install, send 2, refused: replayed',
    'an initiation under load': 'refused: no cookie, send 3',
  },
  idle: {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'install, send 2, refused: replayed',
    'an initiation under load': 'refused: no cookie, send 3',
    'something to send': 'send 1',
    '15 s of silence after data': 'send 1',
  },
  initiated: {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: decrypt failed, hint: preshared key',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'install, send 2, refused: replayed',
    'a response': 'install, use, up, keepalive',
    'an initiation under load': 'refused: no cookie, send 3',
    'something to send': 'send 1',
    '15 s of silence after data': 'resolve, send 1',
    '180 s pass': 'unanswered',
    '540 s pass': 'unanswered',
  },
  next: {
    'initiations of a clock that is behind':
      'drop, install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'drop, install, send 2, drop, install, send 2, hint: unfinished, drop, install, send 2, hint: unfinished',
    'a new initiation': 'drop, install, send 2',
    'the last initiation again': 'refused: replayed, refused: replayed',
    'an initiation under load': 'refused: no cookie, send 3',
    'data under next': 'use, up',
    'something to send': 'send 1',
    '15 s of silence after data': 'send 1',
    '180 s pass': 'drop',
    '540 s pass': 'drop',
    'the peer is removed': 'drop',
  },
  'current, we began': {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'install, send 2, refused: replayed',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
    '15 s of silence after data': 'send 1',
    '180 s pass': 'drop, down: expired',
    '540 s pass': 'drop, down: expired',
    'the peer is removed': 'drop, down: removed',
  },
  'current, they began': {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'refused: replayed, refused: replayed',
    'an initiation under load': 'refused: no cookie, send 3',
    '15 s of silence after data': 'send 1',
    '180 s pass': 'drop, down: expired',
    '540 s pass': 'drop, down: expired',
    'the peer is removed': 'drop, down: removed',
  },
  'current, initiated': {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: decrypt failed, hint: preshared key',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'refused: replayed, refused: replayed',
    'a response': 'install, use, keepalive',
    'an initiation under load': 'refused: no cookie, send 3',
    '15 s of silence after data': 'resolve, send 1',
    '180 s pass': 'drop, down: expired, unanswered',
    '540 s pass': 'drop, down: expired, unanswered',
    'the peer is removed': 'drop, down: removed',
  },
  'current and next': {
    'initiations of a clock that is behind':
      'drop, install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'drop, install, send 2, drop, install, send 2, hint: unfinished, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'drop, install, send 2',
    'the last initiation again': 'refused: replayed, refused: replayed',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
    'data under next': 'use',
    '15 s of silence after data': 'send 1',
    '180 s pass': 'drop, down: expired, drop',
    '540 s pass': 'drop, down: expired, drop',
    'the peer is removed': 'drop, drop, down: removed',
  },
  'previous and current': {
    'initiations of a clock that is behind':
      'drop, install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'drop, install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'drop, install, send 2',
    'the last initiation again': 'drop, install, send 2, refused: replayed',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
    '15 s of silence after data': 'send 1',
    '180 s pass': 'drop, drop, down: expired',
    '540 s pass': 'drop, drop, down: expired',
    'the peer is removed': 'drop, drop, down: removed',
  },
  'initiated and next': {
    'initiations of a clock that is behind':
      'drop, install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'drop, install, send 2, drop, install, send 2, hint: unfinished, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: decrypt failed, hint: preshared key',
    'a new initiation': 'drop, install, send 2',
    'the last initiation again': 'refused: replayed, refused: replayed',
    'a response': 'install, use, up, keepalive',
    'an initiation under load': 'refused: no cookie, send 3',
    'data under next': 'use, up',
    'something to send': 'send 1',
    '15 s of silence after data': 'resolve, send 1',
    '180 s pass': 'drop, unanswered',
    '540 s pass': 'drop, unanswered',
    'the peer is removed': 'drop',
  },
  expired: {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'install, send 2, refused: replayed',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
    'something to send': 'send 1',
    '15 s of silence after data': 'send 1',
  },
  'given up': {
    'initiations of a clock that is behind':
      'install, send 2, refused: replayed, hint: clock, refused: replayed',
    'initiations that come to nothing':
      'install, send 2, drop, install, send 2, drop, install, send 2, hint: unfinished',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'install, send 2',
    'the last initiation again': 'install, send 2, refused: replayed',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
    'something to send': 'send 1',
    '15 s of silence after data': 'send 1',
  },
  removed: {
    'initiations of a clock that is behind':
      'hint: stranger, refused: unknown peer, refused: unknown peer, refused: unknown peer',
    'initiations that come to nothing':
      'hint: stranger, refused: unknown peer, refused: unknown peer, refused: unknown peer',
    'a response under another preshared key': 'refused: unknown receiver index',
    'a new initiation': 'hint: stranger, refused: unknown peer',
    'the last initiation again': 'hint: stranger, refused: unknown peer, refused: unknown peer',
    'a response': 'refused: unknown receiver index',
    'an initiation under load': 'refused: no cookie, send 3',
  },
};

function cell(state: string, event: string): string {
  const world = new World(state !== 'no address');
  (STATES[state] as (world: World) => void)(world);
  world.collect();
  (EVENTS[event] as (world: World) => void)(world);
  const effects = world.collect().join(', ');
  const keypairs = (world.peer as unknown as { keypairs: unknown[] }).keypairs.length;
  expect(keypairs).toBeLessThanOrEqual(3);
  return effects;
}
it('the table names no cell that there is not', () => {
  expect(Object.keys(TABLE)).toEqual(Object.keys(STATES));
  for (const row of Object.values(TABLE))
    expect(Object.keys(EVENTS)).toEqual(expect.arrayContaining(Object.keys(row)));
});

for (const state of Object.keys(STATES)) {
  it.each(Object.keys(EVENTS))(`${state}: %s`, (event) => {
    expect(cell(state, event)).toBe(TABLE[state]?.[event] ?? '');
  });
}
