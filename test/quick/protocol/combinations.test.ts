// Every way to start a client with every way to start a server: which come up, and what both ends take the others for.
import { describe, expect, test } from 'vitest';
import type { ClientDenial, ClientMode } from '../../../src/protocol/classic/client-terms.js';
import type { ServerRefusal } from '../../../src/protocol/classic/server.js';
import { CIPHER_CHOICES, type CipherChoice } from '../../../src/protocol/classic/session-key.js';
import { seed } from '../../support/seed.js';
import { numbered } from './examples.js';
import { Network, SimulatedClient, SimulatedServer } from './simulated.js';

type ClientKind = '-P' | '-P of 24 bytes' | '-P other' | 'scp' | '-x';
type ServerKind = '-P' | '-P of 24 bytes' | 'scp' | '-x';
/** What the client says, and what the server says. */
type Words = 'up' | readonly [ClientDenial, ServerRefusal];

const WRONG: Words = ['wrong key', 'wrong key'];
const NO_KEY: Words = ['no key at server', 'no key'];
const ENCRYPTED: Words = ['wrong key', 'encrypted'];
const BARE: Words = ['wants encryption', 'not encrypted'];

/** With a cipher that does for the key. */
const EXPECTED: Record<ClientKind, Record<ServerKind, Words>> = {
  '-P': { '-P': 'up', '-P of 24 bytes': 'up', scp: NO_KEY, '-x': ENCRYPTED },
  '-P of 24 bytes': { '-P': 'up', '-P of 24 bytes': 'up', scp: NO_KEY, '-x': ENCRYPTED },
  '-P other': { '-P': WRONG, '-P of 24 bytes': WRONG, scp: NO_KEY, '-x': ENCRYPTED },
  scp: { '-P': WRONG, '-P of 24 bytes': WRONG, scp: 'up', '-x': ENCRYPTED },
  '-x': { '-P': BARE, '-P of 24 bytes': BARE, scp: BARE, '-x': 'up' },
};

const KEYS = { '-P': numbered(44), '-P of 24 bytes': numbered(24), '-P other': numbered(44, 99) } as const;

function modeOf(kind: ClientKind): ClientMode {
  if (kind === 'scp') return { kind: 'random' };
  return kind === '-x' ? { kind: 'plain' } : { kind: 'preshared', key: KEYS[kind].slice() };
}

const serverKey = (kind: ServerKind) =>
  kind === 'scp' ? undefined : kind === '-x' ? ('none' as const) : KEYS[kind];

const clients = Object.keys(EXPECTED) as ClientKind[];
const servers = Object.keys(EXPECTED['-P']) as ServerKind[];

describe.each(clients)('a client with %s', (client) => {
  const ciphers = client === '-x' ? (['auto'] as const) : CIPHER_CHOICES;
  const cases = servers.flatMap((server) => ciphers.map((cipher) => [server, cipher] as const));
  test.each<readonly [ServerKind, CipherChoice]>(cases)('a server with %s, --cipher %s', (server, cipher) => {
    if (client === '-P of 24 bytes' && cipher === 'chacha20') return; // refused before it starts: the key is too short
    const net = new Network(seed);
    const there = new SimulatedServer(net, serverKey(server));
    const here = new SimulatedClient(net, there, { mode: modeOf(client), cipher });
    net.run(30_000);
    let expected = EXPECTED[client][server];
    // A ChaCha20 RESPONSE where the key has 24 bytes.
    if (cipher === 'chacha20' && server === '-P of 24 bytes' && client !== '-x')
      expected = ['wrong key', 'short key'];
    if (expected === 'up') {
      expect([here.machine.state, there.sessions.size, ...here.denials, ...there.refusals]).toEqual([
        'up',
        1,
      ]);
      return;
    }
    const [denial, refusal] = expected;
    expect([here.ups, here.failed, [...here.denials][0]]).toEqual([0, undefined, denial]);
    // With -x, the key that it was asked for and that was of no use is asked for again: what is said names -x, too.
    if (client !== '-x') expect(here.denials.size).toBe(1);
    expect(there.refusals).toContain(refusal);
    // The other words of the server's are of LOGINs that came on the way there, or of another way to use the key.
    const more = [...there.refusals].filter((why) => why !== refusal && why !== 'not logged in');
    const allowed: ServerRefusal[] =
      client === '-x' ? ['no key'] : server === '-P of 24 bytes' ? ['short key'] : [];
    expect(more.filter((why) => !allowed.includes(why))).toEqual([]);
  });
});
