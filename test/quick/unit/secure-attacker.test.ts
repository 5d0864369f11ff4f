// Somebody has every datagram of a session, and sends them again: as they are, in another order, cut anywhere, with any
// bit turned, back to who sent them, to another peer. Both ends are whole: machine, core and cable.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { allRounds } from '../../support/rounds.js';
import { batch, End, LEFT, RIGHT } from '../../support/secure-ends.js';
import { randomness } from '../../support/seed.js';

const ATTACKER: Remote = { address: '203.0.113.66', port: 666 };
const THIRD: Remote = { address: '192.0.2.3', port: 1003 };
/** Handshakes that come no faster are no load: less than 20 a second. */
const CALM_MS = 60;

const { bytes, below } = randomness();
let left: End;
let right: End;

interface Heard {
  readonly datagram: Uint8Array;
  readonly from: End;
  readonly to: End;
  /** Where the sender is. */
  readonly source: Remote;
}
let heard: Heard[];

/** Brings what was sent, and hears it. */
async function carry(): Promise<void> {
  await batch(); // frames of one turn go together
  while (left.sent.length + right.sent.length > 0) {
    for (const [from, to, source] of [
      [left, right, LEFT],
      [right, left, RIGHT],
    ] as const) {
      for (const datagram of from.sent.splice(0)) {
        heard.push({ datagram: datagram.slice(), from, to, source });
        to.receive(datagram, source);
      }
    }
    await batch();
  }
}

/** A frame in a message of its own. */
async function send(end: End, length: number): Promise<void> {
  end.port.send(bytes(length));
  await batch();
}

async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await carry();
}

/** Fills the right end's load, so that it wants a cookie of the next one. */
function load(): void {
  const junk = heard.find(({ datagram, to }) => datagram[0] === 1 && to === right) as Heard;
  for (let i = 0; i < 60; i++) right.receive(junk.datagram, ATTACKER);
  right.sent.length = 0;
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'Date'] });
  [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
  heard = [];
  await left.open(LEFT);
  await right.open(RIGHT);
  right.side.add({ publicKey: publicKeyOf(left.privateKey) });
  left.side.add({ publicKey: publicKeyOf(right.privateKey) }, { host: RIGHT.address, port: RIGHT.port });
  while (left.sent.length === 0) await batch(); // its address is looked up
  await carry();
  const talk = async () => {
    for (const length of [60, 1514, 4000]) await send(left, length);
    for (const length of [61, 9216]) await send(right, length);
    await pass(250);
  };
  await talk();
  for (let i = 0; i < 121; i++) await pass(1_000);
  // Its keys are old: it asks for others, and needs a cookie for them.
  load();
  left.port.send(bytes(100));
  await carry();
  for (let i = 0; i < 24; i++) await pass(250);
  await talk();
  for (let i = 0; i < 44; i++) await pass(250); // they ask each other
  const kinds = new Set(heard.map(({ datagram }) => `${datagram[0]} ${Math.min(datagram.length, 148)}`));
  expect([...kinds]).toEqual(expect.arrayContaining(['1 148', '2 92', '3 64', '4 44', '4 55', '4 148']));
  expect([left.ups, right.ups, left.downs, right.downs]).toEqual([1, 1, 0, 0]);
  for (const end of [left, right]) end.frames.length = 0;
});

afterEach(async () => {
  await Promise.all([left.side.close(), right.side.close()]);
  vi.useRealTimers();
});

const opened = (end: End) => end.side.statistics().map((one) => [one.opened, one.openedBytes, one.address]);

/**
 * Sends something to an end, from somewhere. Nothing comes of it but, under load, a cookie, which is shorter.
 * @param to another end than those two: it has no session
 */
async function strike(to: End, datagram: Uint8Array, from: Remote): Promise<void> {
  const before = opened(to);
  to.receive(datagram, from);
  await batch();
  const answers = to.sent.splice(0);
  const bytes = answers.reduce((sum, { length }) => sum + length, 0);
  expect(bytes, `answer to ${datagram[0]} of ${datagram.length} bytes`).toBeLessThanOrEqual(datagram.length);
  for (const answer of answers) expect([...answer.subarray(0, 4), answer.length]).toEqual([3, 0, 0, 0, 64]);
  expect(to.frames).toEqual([]);
  expect(opened(to)).toEqual(before);
}

/** The cable is as it was: where it was, with the keys that it had. */
async function unharmed(): Promise<void> {
  const frame = bytes(600);
  for (const end of [left, right]) end.to.clear();
  const from = heard.length;
  right.port.send(frame);
  left.port.send(frame);
  await carry();
  expect([left.frames.splice(0), right.frames.splice(0)]).toEqual([[frame], [frame]]);
  expect([[...left.to], [...right.to]]).toEqual([[RIGHT.address], [LEFT.address]]);
  expect(heard.slice(from).map(({ datagram }) => datagram[0])).toEqual([4, 4]);
  expect([left.ups, right.ups, left.downs, right.downs]).toEqual([1, 1, 0, 0]);
}

/** Frames back and forth, so that the next ones find keys that are not due. */
async function renew(): Promise<void> {
  for (const end of [left, right]) end.port.send(bytes(60));
  await pass(250);
  for (const end of [left, right]) end.frames.length = 0;
}

/** So much time that handshakes are no load, and what the two have to say meanwhile. */
async function calm({ datagram }: { datagram: Uint8Array }): Promise<void> {
  if ((datagram[0] as number) < 4) await pass(CALM_MS);
}

test('replayed, one by one and all at once in any order', async () => {
  const all = [...heard];
  for (const from of [undefined, ATTACKER]) {
    for (const one of all) {
      await calm(one);
      await strike(one.to, one.datagram, from ?? one.source);
    }
  }
  await unharmed();
  const shuffled = all.map((one) => ({ one, at: below(2 ** 31) })).sort((a, b) => a.at - b.at);
  for (const { one } of shuffled) await strike(one.to, one.datagram, below(2) ? one.source : ATTACKER);
  await pass(2_000);
  await unharmed();
});

test('reflected to its sender', async () => {
  for (const one of [...heard]) {
    await calm(one);
    await strike(one.from, one.datagram, one.to === right ? RIGHT : LEFT);
    await strike(one.from, one.datagram, ATTACKER);
  }
  await unharmed();
});

test('sent to another peer, which knows both', async () => {
  const third = new End(newPrivateKey(bytes));
  await third.open(THIRD);
  for (const { privateKey } of [left, right]) third.side.add({ publicKey: publicKeyOf(privateKey) });
  for (const one of [...heard]) {
    await calm(one);
    await strike(third, one.datagram, one.source);
  }
  expect(third.ups).toBe(0);
  await third.side.close();
  await unharmed();
});

/** One datagram of each kind to each end: the shortest, as there are many ways to harm it. */
function kinds(): Heard[] {
  const found = new Map<string, Heard>();
  for (const one of heard) {
    const length = one.datagram.length;
    const kind = `${one.datagram[0]} ${one.to === left} ${length === 32 || length > 1000}`;
    const known = found.get(kind);
    if (length < 500 && (known === undefined || length < known.datagram.length)) found.set(kind, one);
  }
  return [...found.values()];
}

test('cut anywhere, and with something behind it', async () => {
  for (const one of kinds()) {
    for (let length = 0; length < one.datagram.length; length++) {
      await strike(one.to, one.datagram.subarray(0, length), one.source);
    }
    await strike(one.to, Buffer.concat([one.datagram, bytes(1)]), one.source);
  }
  await unharmed();
});

test('one bit turned, at every position', async () => {
  for (const one of kinds()) {
    for (let bit = 0; bit < 8 * one.datagram.length; bit += allRounds ? 1 : 5) {
      const bad = one.datagram.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      await calm({ datagram: bad });
      await strike(one.to, bad, bit & 1 ? one.source : ATTACKER);
    }
    await renew();
  }
  await unharmed();
}, 60_000);
