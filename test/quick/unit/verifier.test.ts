// Who is let in by somebody else, asked with the public key.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readAnswer, Verifier } from '../../../src/ends/peers/verifier.js';
import type { Outcome } from '../../../src/ends/shell.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import type { PeerLine } from '../../../src/keys/peers-file.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { SILENT } from '../../../src/log.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const newKey = () => keyText(publicKeyOf(newPrivateKey(bytes)));
const key = newKey();
const yes = (more = ''): Outcome => ({ failure: undefined, printed: `${key} name=anna ${more}\n` });
const NO: Outcome = { failure: undefined, printed: '\n' };
const AWAY: Outcome = { failure: 'failed with status 1', printed: '' };

let asked: string[];
let answer: Outcome;
let peers: Map<string, Peer>;
let up: boolean;
let changed: PeerLine[];
let verifier: Verifier;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answer = yes();
  peers = new Map();
  up = true;
  changed = [];
  verifier = new Verifier(
    {
      who: '--verify',
      from: '--verify',
      ask: async (publicKey) => {
        asked.push(publicKey);
        return answer;
      },
    },
    {
      strangers: () => ({ strangers: [], now: 0 }),
      admit({ publicKey, name }) {
        const peer = { publicKey, name } as Peer;
        peers.set(keyText(publicKey), peer);
        return peer;
      },
      change: (_peer, line) => changed.push(line),
      remove: (peer) => peers.delete(keyText(peer.publicKey)),
      has: (peer) => peers.get(keyText(peer.publicKey)) === peer,
      isUp: () => up,
    },
    SILENT,
  );
});
afterEach(() => {
  verifier.close();
  vi.useRealTimers();
});

async function calls(): Promise<void> {
  verifier.stranger(key, '192.0.2.1:1');
  await vi.advanceTimersByTimeAsync(0);
}

test('an answer is a peer’s line, nothing, or no answer', () => {
  const line = readAnswer(`\n${key} name=anna isolated ttl=7\nmore`, key);
  expect(line).toMatchObject({ ttl: 7_000, line: { name: 'anna', policy: { isolated: true } } });
  expect(readAnswer(`${key}`, key)).toMatchObject({ ttl: 300_000 });
  expect(readAnswer(' \n\n', key)).toBe(undefined);
  expect(readAnswer('yes', key)).toMatch(/does not begin with a public key/);
  for (const ttl of ['ttl=x', 'ttl=99999999', 'ttl=', 'ttl=-1'])
    expect(readAnswer(`${key} ${ttl}`, key)).toBe(
      'ttl= is followed by a number of seconds, from 0 to 9999999',
    );
  expect(readAnswer(newKey(), key)).toBe('it is about another public key');
});

test('who is answered for is let in, and asked for again when the time is over', async () => {
  answer = yes('ttl=60');
  await calls();
  expect([asked.length, peers.has(key)]).toEqual([1, true]);
  answer = yes('isolated');
  await vi.advanceTimersByTimeAsync(62_000);
  expect(asked).toHaveLength(2);
  expect(changed.at(-1)?.policy).toEqual({ isolated: true });
  answer = NO;
  await vi.advanceTimersByTimeAsync(302_000);
  expect([asked.length, peers.has(key)]).toEqual([3, false]);
});

test('while nobody answers, whoever was let in stays, and nobody else is let in', async () => {
  await calls();
  answer = AWAY;
  await vi.advanceTimersByTimeAsync(330_000);
  expect(asked.length).toBeGreaterThan(2);
  expect(peers.has(key)).toBe(true);
  peers.clear();
  await vi.advanceTimersByTimeAsync(20_000);
  await calls();
  expect(peers.has(key)).toBe(false);
});

test('who is refused is not asked for within 10 s', async () => {
  answer = NO;
  await calls();
  await calls();
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10_001);
  answer = yes();
  await calls();
  expect([asked.length, peers.has(key)]).toEqual([2, true]);
});

test('who is away stays as one who is up, also while nobody answers', async () => {
  await calls();
  up = false;
  await vi.advanceTimersByTimeAsync(302_000);
  expect([asked.length, peers.has(key)]).toEqual([2, true]);
  answer = AWAY;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(peers.has(key)).toBe(true);
  answer = NO;
  await vi.advanceTimersByTimeAsync(12_000);
  expect(peers.has(key)).toBe(false);
});

test('who has been away for an hour is forgotten without a question', async () => {
  await calls();
  up = false;
  await vi.advanceTimersByTimeAsync(3_590_000);
  const before = asked.length;
  expect(peers.has(key)).toBe(true);
  await vi.advanceTimersByTimeAsync(310_000);
  expect([asked.length, peers.has(key)]).toEqual([before, false]);
});

test('64 questions at a time, no more', async () => {
  let open = 0;
  let most = 0;
  const slow = new Verifier(
    {
      who: '--verify',
      from: '--verify',
      ask: async () => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        open--;
        return NO;
      },
    },
    {
      strangers: () => ({ strangers: [], now: 0 }),
      admit: () => ({}) as Peer,
      change() {},
      remove() {},
      has: () => true,
      isUp: () => true,
    },
    SILENT,
  );
  for (let i = 0; i < 200; i++) slow.stranger(`key ${i}`, '192.0.2.1:1');
  await vi.advanceTimersByTimeAsync(1_000);
  slow.close();
  expect(most).toBe(64);
});
