// Traces of the secure cable's state machine (secure.md §1): both ends of a pair, each as a trace of its own.

import type { Random } from '../../protocol/classic/session-key.js';
import { keyPair } from '../../protocol/secure/noise.js';
import type { Outcome } from '../traces.js';
import { tracedSecure } from '../traces.js';
import { type Draft, type DraftTest, flipped, type Maker } from './draft.js';
import { hashlib, model, openssl } from './oracles.js';
import { hex, Recording, sentOf, unhex } from './recording.js';

const [LEFT, RIGHT] = ['192.0.2.2:40000', '192.0.2.1:7667'];
const UNIX_TIME = 1_700_000_000_000;
const PLACE = { peer: 'other' };

interface Pair {
  readonly left: Recording;
  readonly right: Recording;
  /** Both go on by so much time, ms. */
  pass(ms: number): void;
}

/** The place of the keypair that an outcome installs. */
function placeOf({ effects }: Outcome): number {
  const place = (effects as { do: string; place?: number }[]).find(
    (effect) => effect.do === 'install',
  )?.place;
  if (place === undefined) throw new RangeError('no keypair');
  return place;
}

function makePair(random: Random, options: { known?: boolean; controls?: boolean } = {}): Pair {
  const [left, right] = [random(32), random(32)];
  const presharedKey = hex(random(32));
  const controls = options.controls && { controls: true };
  const end = (own: Uint8Array, other: Uint8Array, from: string | undefined) =>
    new Recording(
      random,
      {
        privateKey: hex(own),
        unixTime: UNIX_TIME,
        ...controls,
        peers: [
          {
            name: 'other',
            publicKey: hex(keyPair(other).public),
            presharedKey,
            from,
            ...(controls && from !== undefined && { eager: true }),
          },
        ],
      },
      tracedSecure,
    );
  const ends = {
    left: end(left, right, RIGHT),
    right: end(right, options.known === false ? random(32) : left, undefined),
  };
  return {
    ...ends,
    pass(ms) {
      ends.left.now += ms;
      ends.right.now += ms;
    },
  };
}

const from = (remote: string, datagram: string) => ({ from: remote, datagram });

/** The left end begins; both are up. */
function bringUp({ left, right }: Pair): { left: number; right: number } {
  const initiation = sentOf(left.tell('wanted', PLACE));
  const answered = right.tell('receive', from(LEFT, initiation));
  const confirmed = left.tell('receive', from(RIGHT, sentOf(answered)));
  const places = { left: placeOf(confirmed), right: placeOf(answered) };
  left.tell('sealed', { ...PLACE, data: false, count: '1' });
  right.tell('opened', { ...PLACE, place: places.right, from: LEFT, data: false });
  return places;
}

function pairTests(random: Random): DraftTest[] {
  const tests: DraftTest[] = [];
  const trace = (comment: string, play: (pair: Pair) => void, options?: { known?: boolean }) => {
    const pair = makePair(random, options);
    play(pair);
    tests.push(pair.left.test(`${comment}: who begins`, 'Initiator'));
    tests.push(pair.right.test(`${comment}: who answers`, 'Responder'));
  };
  trace('a handshake', bringUp);
  trace('keys are renewed after 120 s', (pair) => {
    const places = bringUp(pair);
    const { left, right } = pair;
    pair.pass(119_999);
    left.tell('sealed', { ...PLACE, data: true, count: '2' });
    right.tell('opened', { ...PLACE, place: places.right, from: LEFT, data: true });
    right.tell('sealed', { ...PLACE, data: true, count: '1' });
    left.tell('opened', { ...PLACE, place: places.left, from: RIGHT, data: true });
    pair.pass(1);
    const initiation = sentOf(left.tell('sealed', { ...PLACE, data: true, count: '3' }));
    const answered = right.tell('receive', from(LEFT, initiation));
    left.tell('receive', from(RIGHT, sentOf(answered)));
    left.tell('sealed', { ...PLACE, data: false, count: '1' });
    right.tell('opened', { ...PLACE, place: placeOf(answered), from: LEFT, data: false });
  });
  trace('a quiet cable: its keys are used no longer after 180 s', (pair) => {
    bringUp(pair);
    pair.pass(179_999);
    for (const end of [pair.left, pair.right]) end.tell('tick');
    pair.pass(1);
    for (const end of [pair.left, pair.right]) end.tell('tick');
    pair.pass(360_000);
    for (const end of [pair.left, pair.right]) end.tell('tick');
  });
  trace('a keepalive answers data after 10 s', (pair) => {
    const places = bringUp(pair);
    pair.pass(1000);
    pair.left.tell('sealed', { ...PLACE, data: true, count: '2' });
    pair.right.tell('opened', { ...PLACE, place: places.right, from: LEFT, data: true });
    pair.pass(9999);
    pair.right.tell('tick');
    pair.pass(1);
    pair.right.tell('tick');
    pair.right.tell('sealed', { ...PLACE, data: false, count: '1' });
    pair.left.tell('opened', { ...PLACE, place: places.left, from: RIGHT, data: false });
  });
  trace('a peer that is silent for 15 s after data is called again', (pair) => {
    bringUp(pair);
    pair.pass(1000);
    const sealed = pair.left.tell('sealed', { ...PLACE, data: true, count: '2' });
    const called = pair.left.due('tick', sealed);
    pair.right.now = pair.left.now;
    pair.right.tell('receive', from(LEFT, sentOf(called)));
  });
  trace('an address that has changed', (pair) => {
    const places = bringUp(pair);
    pair.pass(1000);
    pair.right.tell('opened', { ...PLACE, place: places.right, from: '198.51.100.7:1024', data: true });
  });
  trace('a response that is damaged, and then whole', ({ left, right }) => {
    const initiation = sentOf(left.tell('wanted', PLACE));
    const response = sentOf(right.tell('receive', from(LEFT, initiation)));
    left.tell('receive', from(RIGHT, hex(flipped(unhex(response), 400))));
    left.tell('receive', from(RIGHT, response.slice(0, -2)));
    left.tell('receive', from(RIGHT, response));
    left.tell('receive', from(RIGHT, response));
  });
  trace('an initiation that is repeated', ({ left, right }) => {
    const initiation = sentOf(left.tell('wanted', PLACE));
    right.tell('receive', from(LEFT, initiation));
    right.now += 100;
    right.tell('receive', from(LEFT, initiation));
  });
  trace(
    'a stranger',
    ({ left, right }) => void right.tell('receive', from(LEFT, sentOf(left.tell('wanted', PLACE)))),
    {
      known: false,
    },
  );
  trace('under load: a cookie', (pair) => {
    const { left, right } = pair;
    const called = left.tell('wanted', PLACE);
    right.tell('overrun');
    left.tell('receive', from(RIGHT, sentOf(right.tell('receive', from(LEFT, sentOf(called))))));
    const again = left.due('tick', called);
    right.now = left.now;
    right.tell('overrun');
    left.tell('receive', from(RIGHT, sentOf(right.tell('receive', from(LEFT, sentOf(again))))));
  });
  trace('a peer that is removed', (pair) => {
    bringUp(pair);
    for (const end of [pair.left, pair.right]) end.tell('remove', PLACE);
  });
  return tests;
}

/** The one control payload that an outcome says. */
function saidOf({ effects }: Outcome): string {
  const said = (effects as { do: string; payload?: string }[]).filter((effect) => effect.do === 'control');
  const [only] = said;
  if (only?.payload === undefined || said.length > 1)
    throw new RangeError(`${said.length} control payloads, not one`);
  return only.payload;
}

/** Brings a control payload to the other end; what that says to it. */
function carry(pair: Pair, from: 'left' | 'right', place: number, outcome: Outcome, count: string): Outcome {
  const [sender, receiver] = from === 'left' ? [pair.left, pair.right] : [pair.right, pair.left];
  sender.tell('sealed', { ...PLACE, data: false, count });
  receiver.tell('opened', { ...PLACE, place, from: from === 'left' ? LEFT : RIGHT, data: false });
  return receiver.tell('control', { ...PLACE, place, payload: saidOf(outcome) });
}

/** Both are up and have said hello. */
function meet(pair: Pair): { left: number; right: number } {
  const { left, right } = pair;
  const initiation = sentOf(left.tell('wanted', PLACE));
  const answered = right.tell('receive', from(LEFT, initiation));
  const confirmed = left.tell('receive', from(RIGHT, sentOf(answered)));
  const places = { left: placeOf(confirmed), right: placeOf(answered) };
  left.tell('sealed', { ...PLACE, data: false, count: '1' });
  const greeted = right.tell('opened', { ...PLACE, place: places.right, from: LEFT, data: false });
  carry(pair, 'left', places.right, carry(pair, 'right', places.left, greeted, '1'), '2');
  return places;
}

function controlTests(random: Random): DraftTest[] {
  const tests: DraftTest[] = [];
  const trace = (comment: string, play: (pair: Pair) => void) => {
    const pair = makePair(random, { controls: true });
    play(pair);
    tests.push(pair.left.test(`${comment}: who begins`, 'Initiator'));
    tests.push(pair.right.test(`${comment}: who answers`, 'Responder'));
  };
  trace('both say hello', (pair) => void meet(pair));
  trace('a hello without an answer is said three times', ({ left, right }) => {
    const initiation = sentOf(left.tell('wanted', PLACE));
    const answered = right.tell('receive', from(LEFT, initiation));
    left.tell('receive', from(RIGHT, sentOf(answered)));
    left.tell('sealed', { ...PLACE, data: false, count: '1' });
    let waits = right.tell('opened', { ...PLACE, place: placeOf(answered), from: LEFT, data: false });
    for (let i = 0; i < 3; i++) waits = right.due('tick', waits);
  });
  trace('frames and no answer: a question after 1 s, which is answered', (pair) => {
    const places = meet(pair);
    pair.pass(20_000);
    const sealed = pair.left.tell('sealed', { ...PLACE, data: true, count: '3' });
    const asked = pair.left.due('tick', sealed);
    pair.pass(pair.left.now - pair.right.now);
    pair.left.now = pair.right.now;
    const answered = carry(pair, 'left', places.right, asked, '4');
    carry(pair, 'right', places.left, answered, '2');
  });
  trace('frames and no answer at all: the peer is called after 3 s', (pair) => {
    meet(pair);
    pair.pass(20_000);
    let waits = pair.left.tell('sealed', { ...PLACE, data: true, count: '3' });
    for (let i = 0; i < 4; i++) waits = pair.left.due('tick', waits);
  });
  trace('a keepalive is a question', (pair) => {
    const places = meet(pair);
    pair.pass(25_000);
    const answered = carry(pair, 'left', places.right, pair.left.tell('keepalive', PLACE), '3');
    carry(pair, 'right', places.left, answered, '2');
  });
  trace('who answers says goodbye, and is called again', (pair) => {
    const places = meet(pair);
    pair.pass(30_000);
    const payload = saidOf(pair.right.tell('remove', PLACE));
    pair.left.tell('opened', { ...PLACE, place: places.left, from: RIGHT, data: false });
    let waits = pair.left.tell('control', { ...PLACE, place: places.left, payload });
    for (let i = 0; i < 3; i++) waits = pair.left.due('tick', waits);
  });
  trace('who began says goodbye, and is not called', (pair) => {
    const places = meet(pair);
    pair.pass(30_000);
    const payload = saidOf(pair.left.tell('remove', PLACE));
    pair.right.tell('opened', { ...PLACE, place: places.right, from: LEFT, data: false });
    pair.right.tell('control', { ...PLACE, place: places.right, payload });
    pair.pass(30_000);
    pair.right.tell('tick');
  });
  trace('what is malformed, or of an earlier session, does nothing', (pair) => {
    const places = meet(pair);
    for (const payload of ['0201', '02030007000000000000', '02010001ff'])
      pair.right.tell('control', { ...PLACE, place: places.right, payload });
    pair.right.tell('control', { ...PLACE, place: (places.right + 1) % 3, payload: '02020000' });
  });
  return tests;
}

/** A call that nobody answers: every five seconds and a bit, for 90 s. */
function unanswered(random: Random): DraftTest {
  const { left } = makePair(random);
  let waits = left.tell('wanted', PLACE);
  while (typeof waits.deadline === 'number') waits = left.due('tick', waits);
  left.tell('wanted', PLACE);
  return left.test('a call that nobody answers', 'Initiator');
}

export const secureTraces: Maker = (random): Draft => ({
  algorithm: 'CRYPTCAB-SECURE-TRACES',
  header: [
    'The state machine of the secure cable: each step says what happened and when, in milliseconds, and what the machine did then.',
    'random is all that it draws, in this order; its clock shows unixTime, in milliseconds since 1970, when now is 0.',
    'opened and sealed are transport messages, which the machine does not see; data is false for a keepalive and a control payload.',
    'controls is true where the end carries control payloads, and its timestamps say so; a peer that is eager is called again at once when it went away.',
  ],
  oracles: [
    openssl(
      'x25519, chacha20-poly1305, blake2s256, chacha20 for XChaCha20-Poly1305: every message, and every key',
    ),
    hashlib('each mac1, mac2 and cookie'),
    model('the times of WireGuard: 5 s, 10 s, 15 s, 90 s, 120 s, 180 s; of control records: 1 s and 3 s'),
  ],
  notes: { Initiator: 'What the end does that begins.', Responder: 'What the other end does.' },
  groups: [
    { type: 'SecureTrace', name: 'both ends', tests: [...pairTests(random), unanswered(random)] },
    { type: 'SecureTrace', name: 'control records', tests: controlTests(random) },
  ],
});
