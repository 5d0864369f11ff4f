// The table of neighbours, cell by cell: what is known, what happens, what follows (secure.md §6).
import { describe, expect, it } from 'vitest';
import {
  NEGATIVE_TIME,
  NEIGHBOURS_MAX,
  PROBE_DELAY,
  REACHABLE_TIME,
  REQUEST_INTERVAL,
  REQUESTS,
  WAITING_ALL_MAX,
  WAITING_MAX,
} from '../../../src/protocol/host/constants.js';
import { type NeighbourState, Neighbours } from '../../../src/protocol/host/neighbours.js';
import { HostOutbox } from '../../../src/protocol/host/outbox.js';
import { DEVICE, DEVICE_4, datagram, ip, mac, macText, station } from './host-fixture.js';

const { four: ADDRESS, mac: OLD } = station(1);
const NEW = mac('52:54:00:00:00:99');

class Table {
  now = 0;
  readonly out = new HostOutbox(DEVICE);
  readonly said: string[] = [];
  /** How many stations it has said that it remembers. */
  remembered = 0;
  readonly all = new Neighbours(this.out, {
    ask: (_, to) => this.said.push(to === undefined ? 'ask all' : `ask ${this.#name(to)}`),
    known: (_, to) => this.said.push(to === undefined ? 'untell' : `tell ${this.#name(to)}`),
    remembered: (_, is) => {
      this.remembered += is ? 1 : -1;
    },
  });

  #name(to: Uint8Array): string {
    return macText(to) === macText(OLD) ? 'old' : macText(to) === macText(NEW) ? 'new' : macText(to);
  }

  send(): void {
    this.all.send(this.now, ADDRESS, datagram(DEVICE_4, ADDRESS));
  }

  heard(from: Uint8Array, answers: boolean, overrides = true, remember = false): void {
    this.all.heard(this.now, ADDRESS, from, { answers, overrides, remember });
  }

  due(): void {
    if (this.all.deadline === Infinity) return;
    this.now = this.all.deadline;
    this.all.tick(this.now);
  }

  /** What was done since it was asked last. */
  took(): string {
    const frames = this.out.take().map((effect) => {
      if (effect.do !== 'frame') throw new Error('what is this?');
      return `send ${this.#name(effect.frame.subarray(0, 6))}`;
    });
    return [...frames, ...this.said.splice(0)].join(', ');
  }

  /** Brings it into a state. */
  reach(state: NeighbourState | undefined): void {
    if (state === undefined) return;
    this.send();
    if (state === 'incomplete') return;
    if (state === 'negative') {
      for (let i = 0; i < REQUESTS; i++) this.due();
      return;
    }
    this.heard(OLD, true);
    if (state === 'reachable') return;
    this.due();
    if (state === 'stale') return;
    this.send();
    if (state === 'delay') return;
    this.due();
  }
}

const EVENTS = {
  'a packet': (table: Table) => table.send(),
  'an answer': (table: Table) => table.heard(OLD, true),
  'an answer of another': (table: Table) => table.heard(NEW, true),
  'an answer of another that does not override': (table: Table) => table.heard(NEW, true, false),
  'a claim': (table: Table) => table.heard(OLD, false, true, true),
  'a claim of another': (table: Table) => table.heard(NEW, false, true, true),
  'a claim of another that does not override': (table: Table) => table.heard(NEW, false, false, true),
  'hearsay of another': (table: Table) => table.heard(NEW, false),
  'its time': (table: Table) => table.due(),
} as const;

type Row = readonly [event: keyof typeof EVENTS, after: NeighbourState | undefined, said: string];

const TABLE: readonly [state: NeighbourState | undefined, rows: readonly Row[]][] = [
  [
    undefined,
    [
      ['a packet', 'incomplete', 'ask all'],
      ['an answer', undefined, ''],
      ['an answer of another', undefined, ''],
      ['an answer of another that does not override', undefined, ''],
      ['a claim', 'stale', ''],
      ['a claim of another', 'stale', ''],
      ['a claim of another that does not override', 'stale', ''],
      ['hearsay of another', undefined, ''],
      ['its time', undefined, ''],
    ],
  ],
  [
    'incomplete',
    [
      ['a packet', 'incomplete', ''],
      ['an answer', 'reachable', 'send old, tell old'],
      ['an answer of another', 'reachable', 'send new, tell new'],
      ['an answer of another that does not override', 'reachable', 'send new, tell new'],
      ['a claim', 'delay', 'send old, tell old'],
      ['a claim of another', 'delay', 'send new, tell new'],
      ['a claim of another that does not override', 'delay', 'send new, tell new'],
      ['hearsay of another', 'delay', 'send new, tell new'],
      ['its time', 'incomplete', 'ask all'],
    ],
  ],
  [
    'reachable',
    [
      ['a packet', 'reachable', 'send old, tell old'],
      ['an answer', 'reachable', ''],
      ['an answer of another', 'reachable', 'tell new'],
      ['an answer of another that does not override', 'stale', 'untell'],
      ['a claim', 'reachable', ''],
      ['a claim of another', 'stale', 'untell'],
      ['a claim of another that does not override', 'stale', 'untell'],
      ['hearsay of another', 'stale', 'untell'],
      ['its time', 'stale', 'untell'],
    ],
  ],
  [
    'stale',
    [
      ['a packet', 'delay', 'send old, tell old'],
      ['an answer', 'reachable', ''],
      ['an answer of another', 'reachable', ''],
      ['an answer of another that does not override', 'stale', ''],
      ['a claim', 'stale', ''],
      ['a claim of another', 'stale', ''],
      ['a claim of another that does not override', 'stale', ''],
      ['hearsay of another', 'stale', ''],
      ['its time', 'stale', ''],
    ],
  ],
  [
    'delay',
    [
      ['a packet', 'delay', 'send old, tell old'],
      ['an answer', 'reachable', ''],
      ['an answer of another', 'reachable', 'tell new'],
      ['an answer of another that does not override', 'delay', ''],
      ['a claim', 'delay', ''],
      ['a claim of another', 'stale', 'untell'],
      ['a claim of another that does not override', 'delay', ''],
      ['hearsay of another', 'stale', 'untell'],
      ['its time', 'probe', 'ask old'],
    ],
  ],
  [
    'probe',
    [
      ['a packet', 'probe', 'send old, tell old'],
      ['an answer', 'reachable', ''],
      ['an answer of another', 'reachable', 'tell new'],
      ['an answer of another that does not override', 'probe', ''],
      ['a claim', 'probe', ''],
      ['a claim of another', 'stale', 'untell'],
      ['a claim of another that does not override', 'probe', ''],
      ['hearsay of another', 'stale', 'untell'],
      ['its time', 'probe', 'ask old'],
    ],
  ],
  [
    'negative',
    [
      ['a packet', 'negative', ''],
      ['an answer', 'reachable', ''],
      ['an answer of another', 'reachable', ''],
      ['an answer of another that does not override', 'reachable', ''],
      ['a claim', 'stale', ''],
      ['a claim of another', 'stale', ''],
      ['a claim of another that does not override', 'stale', ''],
      ['hearsay of another', 'stale', ''],
      ['its time', undefined, ''],
    ],
  ],
];

describe.each(TABLE)('a neighbour that is %s', (state, rows) => {
  it('has a cell for each event', () => {
    expect(rows.map(([event]) => event)).toEqual(Object.keys(EVENTS));
  });

  it.each(rows)('%s: %s, %s', (event, after, said) => {
    const table = new Table();
    table.reach(state);
    expect(table.all.stateOf(ADDRESS)).toBe(state);
    table.took();
    EVENTS[event](table);
    expect([table.all.stateOf(ADDRESS), table.took()]).toEqual([after, said]);
    expect(table.remembered).toBe(after === undefined ? 0 : 1);
  });
});

describe('times', () => {
  it('who does not answer is asked three times, a second apart, and then nothing is sent there for five seconds', () => {
    const table = new Table();
    table.send();
    const asked = [0];
    for (; table.all.stateOf(ADDRESS) === 'incomplete'; table.due()) {
      if (table.took() !== '' && table.now > 0) asked.push(table.now);
    }
    expect(asked).toEqual([0, REQUEST_INTERVAL, 2 * REQUEST_INTERVAL]);
    expect(table.now).toBe(REQUESTS * REQUEST_INTERVAL);
    expect(table.out.dropped.get('unreachable')).toBe(1n);
    expect(table.all.send(table.now, ADDRESS, new Uint8Array(20))).toBe(true);
    expect(table.took()).toBe('');
    expect(table.all.deadline).toBe(table.now + NEGATIVE_TIME);
    table.due();
    table.send();
    expect(table.took()).toBe('ask all');
  });

  it('who has answered is asked again, at its address, when it is needed after half a minute', () => {
    const table = new Table();
    table.reach('reachable');
    expect(table.all.deadline).toBe(REACHABLE_TIME);
    table.due();
    expect(table.all.deadline).toBe(Infinity);
    table.now += 1_000_000;
    table.send();
    table.took();
    expect(table.all.deadline).toBe(table.now + PROBE_DELAY);
    for (let i = 0; i < REQUESTS; i++) {
      table.due();
      expect(table.took()).toBe('ask old');
    }
    table.due();
    expect([table.all.stateOf(ADDRESS), table.took()]).toEqual(['negative', 'untell']);
  });
});

describe('bounds', () => {
  it('of packets for one neighbour the last eight wait, in their order', () => {
    const table = new Table();
    for (let i = 0; i < WAITING_MAX + 3; i++) table.all.send(0, ADDRESS, datagram(DEVICE_4, ADDRESS, i));
    expect([table.all.waiting, table.out.dropped.get('no room')]).toEqual([WAITING_MAX, 3n]);
    table.heard(OLD, true);
    const lengths = table.out.take().map((effect) => (effect.do === 'frame' ? effect.frame.length - 42 : -1));
    expect(lengths).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(table.all.waiting).toBe(0);
  });

  it('a device that sends to everybody fills no memory', () => {
    const table = new Table();
    for (let i = 0; i < 2000; i++)
      table.all.send(0, ip(`10.0.${i >> 8}.${i & 255}`), datagram(DEVICE_4, ADDRESS));
    expect([table.all.size, table.remembered]).toEqual([NEIGHBOURS_MAX, NEIGHBOURS_MAX]);
    expect(table.all.waiting).toBeLessThanOrEqual(WAITING_ALL_MAX);
    table.all.clear();
    expect([table.all.size, table.all.waiting, table.remembered]).toEqual([0, 0, 0]);
    const dropped = [...table.out.dropped.values()].reduce((sum, one) => sum + one, 0n);
    expect(dropped).toBe(2000n);
  });

  it('stations that claim addresses push nobody out', () => {
    const table = new Table();
    table.reach('reachable');
    for (let i = 0; i < 2000; i++)
      table.all.heard(0, ip(`10.1.${i >> 8}.${i & 255}`), NEW, {
        answers: false,
        overrides: true,
        remember: true,
      });
    expect([table.all.size, table.all.stateOf(ADDRESS)]).toEqual([NEIGHBOURS_MAX, 'reachable']);
    table.all.send(0, ip('10.2.0.1'), datagram(DEVICE_4, ADDRESS));
    table.all.send(0, ip('10.2.0.2'), datagram(DEVICE_4, ADDRESS));
    expect(table.all.stateOf(ADDRESS)).toBe(undefined);
    expect(table.all.size).toBe(NEIGHBOURS_MAX);
  });
});
