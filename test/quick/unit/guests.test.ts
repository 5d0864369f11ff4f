// What the log of a server says of those whose invite is of no use any more, before and after a restart.
import { rmSync } from 'node:fs';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { temporaryDirectory } from '../../../lab/temporary.js';
import { Guests } from '../../../src/ends/peers/guests.js';
import type { Roster } from '../../../src/ends/peers/roster.js';
import { ServerState } from '../../../src/ends/peers/server-state.js';
import type { SecureSide } from '../../../src/ends/secure-side.js';
import { SeldomLog } from '../../../src/log.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { quiet } from '../../support/quiet.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const directory = temporaryDirectory('guests');
const [privateKey, serverKey] = [bytes(32), bytes(32)];
afterEach(() => vi.useRealTimers());
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The guests of a server with that state. */
function start() {
  const warned: string[] = [];
  const answers: string[] = [];
  const log = { ...quiet, warn: (_: object, line: string) => warned.push(line) };
  const state = new ServerState({ directory, privateKey, publicKey: serverKey, random: bytes, log });
  const side = {
    add: () => ({}) as Peer,
    find: () => undefined,
    *peers() {},
    answer: (_: Peer, result: string) => answers.push(result),
  } as unknown as SecureSide;
  const roster = {
    sealForGuest: (key: Uint8Array, psk: Uint8Array) => state.sealForGuest(key, psk),
    write() {
      state.changed(() => ({ peers: [], invites: guests.kept }));
      return state.save();
    },
  } as unknown as Roster;
  const guests: Guests = new Guests(side, roster, log, new SeldomLog());
  guests.restore(state.load().invites);
  const comes = (publicKey: Uint8Array) => {
    const guest = { publicKey, endpoint: { address: '192.0.2.7', port: 5 } } as unknown as Peer;
    guests.asked(guest, { publicKey: bytes(32), presharedKey: bytes(32), name: '' });
  };
  return { guests, warned, answers, comes };
}

test.each([
  ['cancelled', (guests: Guests) => guests.cancel('yan'), /, which was cancelled at [-\d]+ [:\d]+ UTC$/],
  [
    'over',
    () => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 }),
    /, which was over at .*: make another one for them$/,
  ],
] as const)('an invite that is %s', (_, end, says) => {
  const first = start();
  const publicKey = bytes(32);
  first.guests.invite({ publicKey, presharedKey: bytes(32), name: 'yan', seconds: 60, uses: 1 });
  end(first.guests);
  for (const server of [first, start()]) {
    server.comes(publicKey);
    expect(server.warned).toEqual([expect.stringMatching(says)]);
    expect(server.answers).toEqual(['over']);
  }
});
