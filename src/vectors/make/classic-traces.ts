// Traces of the classic protocol's state machines (classic.md §2 and §5).
import type { Keying } from '../../core/terms.js';
import { CHALLENGE_BYTES, KEY_FILE_BYTES } from '../../protocol/classic/constants.js';
import { authOk, challenge, deny, keepalive, login } from '../../protocol/classic/messages.js';
import type { Random } from '../../protocol/classic/session-key.js';
import type { Tools } from '../tools.js';
import { tracedClient, tracedServer } from '../traces.js';
import { type Draft, type DraftTest, flipped, type Maker } from './draft.js';
import { model, openssl, zlib } from './oracles.js';
import { hex, Recording, sentOf, unhex } from './recording.js';

const AUTH_OK = hex(authOk());
const DENY = hex(deny(17));

/** A client, and what a test does with it. */
class ClientRecording extends Recording {
  readonly #random: Random;

  constructor(random: Random, tools: Tools, fields: Record<string, unknown>) {
    super(random, fields, (all, draw) => tracedClient(all, draw, tools));
    this.#random = random;
  }

  receive(datagram: string) {
    return this.tell('receive', { datagram });
  }

  /** As far as its LOGIN. */
  logIn() {
    this.tell('start');
    return this.tell('resolved', { candidates: 1 });
  }

  challenge() {
    return this.receive(hex(challenge(this.#random(CHALLENGE_BYTES))));
  }

  /** As far as up. */
  up() {
    this.logIn();
    this.now += 20;
    this.challenge();
    this.now += 20;
    return this.receive(AUTH_OK);
  }
}

function clientTests(random: Random, tools: Tools): DraftTest[] {
  const tests: DraftTest[] = [];
  const key = hex(random(KEY_FILE_BYTES.blowfish));
  const trace = (
    comment: string,
    fields: Record<string, unknown>,
    play: (client: ClientRecording) => void,
  ) => {
    const client = new ClientRecording(random, tools, fields);
    play(client);
    tests.push(client.test(comment, 'Client'));
  };
  const preshared = { mode: 'preshared', key };
  trace('logs in', preshared, (client) => {
    client.up();
    client.after(100, 'sent');
    client.after(50, 'heard');
  });
  trace('repeats a LOGIN that nobody answers, every 5 s', preshared, (client) => {
    let waits = client.logIn();
    for (let i = 0; i < 3; i++) {
      client.due('timer', waits);
      waits = client.tell('resolved', { candidates: 1 });
    }
  });
  trace('repeats a RESPONSE that nobody answers, every second, and logs in again', preshared, (client) => {
    client.logIn();
    client.now += 20;
    let waits = client.challenge();
    for (let i = 0; i < 4; i++) waits = client.due('timer', waits);
    client.due('timer', waits);
    client.tell('resolved', { candidates: 1 });
  });
  trace('answers one CHALLENGE for each LOGIN, and that of its exact length', preshared, (client) => {
    client.challenge();
    client.logIn();
    client.receive(hex(challenge(random(CHALLENGE_BYTES - 1))));
    client.receive(hex(challenge(random(CHALLENGE_BYTES + 1))));
    client.challenge();
    client.challenge();
    client.receive(AUTH_OK);
    client.challenge();
  });
  trace('believes no AUTH_OK before it has answered', preshared, (client) => {
    client.receive(AUTH_OK);
    client.logIn();
    client.receive(AUTH_OK);
    client.receive(hex(keepalive()));
    client.receive('ff');
    client.receive('');
  });
  trace('asks a silent server, three times, and looks its name up again', preshared, (client) => {
    client.up();
    let waits = client.after(10, 'sent');
    for (let i = 0; i < 4; i++) waits = client.due('timer', waits);
    client.tell('resolved', { candidates: 1 });
  });
  trace('stays up when the server says that it knows it', preshared, (client) => {
    client.up();
    client.due('timer', client.after(10, 'sent'));
    client.now += 5;
    client.receive(AUTH_OK);
  });
  trace('asks before it believes a DENY, which is forged', preshared, (client) => {
    client.up();
    client.after(2000, 'sent');
    client.now += 10;
    client.receive(DENY);
    client.now += 10;
    client.receive(DENY);
    client.receive(AUTH_OK);
  });
  trace('logs in again after a DENY that the server does not take back', preshared, (client) => {
    client.up();
    client.after(2000, 'sent');
    client.now += 10;
    const doubts = client.receive(DENY);
    client.due('timer', doubts);
    client.now += 20;
    client.challenge();
    client.receive(AUTH_OK);
  });
  trace('passes over a DENY long after it sent something', preshared, (client) => {
    client.up();
    client.after(10, 'sent');
    client.tell('heard');
    client.now += 5001;
    client.receive(DENY);
  });
  trace('tries on when its key is denied', preshared, (client) => {
    client.logIn();
    for (let i = 0; i < 3; i++) {
      client.challenge();
      client.due('timer', client.due('timer', client.receive(DENY)));
    }
  });
  trace('tries on when its LOGIN is denied', preshared, (client) => {
    client.logIn();
    for (let i = 0; i < 4; i++) client.due('timer', client.due('timer', client.receive(DENY)));
  });
  trace('passes over a forged DENY of its LOGIN, and of its RESPONSE', preshared, (client) => {
    client.logIn();
    client.now += 10;
    client.receive(DENY);
    client.receive(DENY);
    client.now += 50;
    client.challenge();
    client.now += 10;
    client.receive(DENY);
    client.receive(DENY);
    client.now += 50;
    client.receive(AUTH_OK);
  });
  trace('-k: says that it is alive every 30 s', { ...preshared, keepalive: true }, (client) => {
    let waits = client.up();
    client.tell('heard');
    for (let i = 0; i < 4; i++) {
      waits = client.due('timer', waits);
      waits = client.tell('heard');
    }
  });
  trace('a random key is carried first, and another one when it is denied', { mode: 'random' }, (client) => {
    client.tell('start');
    client.tell('resolved', { candidates: 2 });
    client.after(300, 'enrolled');
    client.challenge();
    client.due('timer', client.receive(DENY));
    client.after(300, 'enrolled');
    client.challenge();
    client.receive(AUTH_OK);
  });
  trace('a key that cannot be carried', { mode: 'random' }, (client) => {
    client.tell('start');
    client.tell('resolved', { candidates: 1 });
    client.after(300, 'enrolFailed');
  });
  trace('looks for its server until it has an address', preshared, (client) => {
    client.tell('start');
    client.after(20, 'resolveFailed');
    client.due('timer', client.after(20, 'resolveFailed'));
    client.tell('resolved', { candidates: 1 });
  });
  trace('tries the other address where nobody listens', preshared, (client) => {
    client.tell('start');
    client.tell('resolved', { candidates: 2 });
    client.after(1, 'unreachable');
    client.tell('resolved', { candidates: 2 });
    client.due('timer', client.after(1, 'unreachable'));
  });
  trace('-x: carries a key when a C server wants one', { mode: 'plain' }, (client) => {
    client.logIn();
    client.due('timer', client.receive(DENY));
    client.after(300, 'enrolled');
    client.challenge();
    client.receive(AUTH_OK);
    client.now += 20;
    client.due('timer', client.receive(AUTH_OK)); // the answer to a probe
    client.after(1000, 'heard');
  });
  trace('-x: is up when its server answers no probe', { mode: 'plain' }, (client) => {
    let waits = client.up();
    for (let i = 0; i < 3; i++) waits = client.due('timer', waits);
  });
  trace('finds out that a C server cuts datagrams', preshared, (client) => {
    client.up();
    client.tell('large');
    client.after(6000, 'large');
    client.receive(AUTH_OK);
  });
  const chacha20 = { mode: 'preshared', key: hex(random(KEY_FILE_BYTES.chacha20)), cipher: 'chacha20' };
  trace('ChaCha20: logs in, and says at once that it is alive', chacha20, (client) => client.up());
  trace('ChaCha20: tries the other build after a DENY', chacha20, (client) => {
    client.logIn();
    client.challenge();
    client.due('timer', client.receive(DENY));
    client.challenge();
    client.receive(AUTH_OK);
  });
  const auto = { mode: 'preshared', key: hex(random(KEY_FILE_BYTES.chacha20)), cipher: 'auto' };
  trace('finds out that the server speaks ChaCha20, of the other build', auto, (client) => {
    client.logIn();
    for (let i = 0; i < 2; i++) {
      client.challenge();
      client.due('timer', client.receive(DENY));
    }
    client.challenge();
    client.receive(AUTH_OK);
  });
  trace('ChaCha20: a KEEPALIVE every 30 s, whatever else is sent', chacha20, (client) => {
    let waits = client.up();
    for (let i = 0; i < 6; i++) {
      client.now += 9_000;
      client.tell('sent');
      waits = client.tell('heard');
      if (i % 3 === 2) waits = client.due('timer', waits);
    }
  });
  trace('a clock that is set back by a day', preshared, (client) => {
    const waits = client.logIn();
    client.now -= 86_400_000;
    const still = client.tell('sent');
    client.due('timer', { ...waits, deadline: still.deadline ?? null });
    client.tell('resolved', { candidates: 1 });
  });
  return tests;
}

const [ALICE, BOB] = ['192.0.2.2:40000', '192.0.2.3:40000'];

/** A server, and clients that answer it. */
class ServerRecording extends Recording {
  readonly #tools: Tools;

  constructor(random: Random, tools: Tools, fields: Record<string, unknown>) {
    super(random, fields, (all, draw) => tracedServer(all, draw, tools.core));
    this.#tools = tools;
  }

  receive(from: string, datagram: Uint8Array | string) {
    return this.tell('receive', { from, datagram: typeof datagram === 'string' ? datagram : hex(datagram) });
  }

  /** A LOGIN, and the RESPONSE to the CHALLENGE that comes of it. */
  response(from: string, id: string, keying: Keying): Uint8Array {
    const challenge = unhex(sentOf(this.receive(from, login(id)))).slice(1);
    this.#tools.nextCounter = 1n;
    return this.#tools.core.sealResponse(keying, challenge);
  }

  logIn(from: string, id: string, keying: Keying) {
    return this.receive(from, this.response(from, id, keying));
  }
}

function serverTests(random: Random, tools: Tools): DraftTest[] {
  const tests: DraftTest[] = [];
  const key = random(KEY_FILE_BYTES.chacha20);
  const [alice, bob] = ['vde_Alice1', 'vde_Bob001'];
  const keys = { [alice]: hex(key), [bob]: hex(random(KEY_FILE_BYTES.blowfish)) };
  const blowfish: Keying = { suite: 'blowfish', key };
  const trace = (
    comment: string,
    fields: Record<string, unknown>,
    play: (server: ServerRecording) => void,
  ) => {
    const server = new ServerRecording(random, tools, fields);
    play(server);
    tests.push(server.test(comment, 'Server'));
  };
  trace('a client logs in, and is heard no more for 120 s', { keys }, (server) => {
    server.logIn(ALICE, alice, blowfish);
    server.after(119_999, 'tick');
    server.after(1, 'tick');
    server.receive(ALICE, keepalive());
  });
  trace('KEEPALIVE and DATA prolong a session', { keys }, (server) => {
    server.logIn(ALICE, alice, blowfish);
    server.now += 100_000;
    server.receive(ALICE, keepalive());
    server.after(100_000, 'tick');
    server.tell('heard', { from: ALICE });
    server.after(119_999, 'tick');
    server.after(1, 'tick');
  });
  trace('a CHALLENGE that is not answered is forgotten after 20 s', { keys }, (server) => {
    server.receive(ALICE, login(alice));
    server.after(19_999, 'tick');
    server.receive(ALICE, login(alice));
    server.after(20_000, 'tick');
    server.receive(ALICE, keepalive());
  });
  trace('a RESPONSE to the CHALLENGE before the last one', { keys: { '*': hex(key) } }, (server) => {
    const late = server.response(ALICE, alice, blowfish);
    server.now += 1000;
    const last = server.response(ALICE, bob, blowfish);
    server.receive(ALICE, late);
    server.receive(ALICE, last);
    server.receive(ALICE, login(bob));
    server.receive(ALICE, last);
  });
  trace('one DENY a second for one address and port', { keys }, (server) => {
    for (let i = 0; i < 5; i++) {
      server.receive(ALICE, new Uint8Array(80).fill(0x20));
      server.receive('192.0.2.2:40001', new Uint8Array(80).fill(0x20));
      server.now += 500;
    }
  });
  trace('a C client whose OpenSSL has no Blowfish answers with nothing', { keys }, (server) => {
    server.receive(ALICE, login(alice));
    server.receive(ALICE, new Uint8Array());
  });
  trace('the same CHALLENGE for the same LOGIN', { keys }, (server) => {
    server.receive(ALICE, login(alice));
    server.now += 10;
    server.logIn(ALICE, alice, blowfish);
  });
  trace('an id that nobody has a key for', { keys }, (server) => {
    server.receive(ALICE, login('vde_Nobody'));
    server.receive(ALICE, login('other'));
  });
  trace('an id that is none is not answered', { keys }, (server) => {
    const path = new Uint8Array(17);
    path.set([0x41, 0x2e, 0x2e, 0x2f, 0x61]); // ../a
    server.receive(ALICE, path);
    server.receive(ALICE, login(alice).slice(0, -1));
  });
  trace('nobody is told more than he said', { keys }, (server) => {
    for (const datagram of [keepalive(), new Uint8Array(14).fill(0x20), new Uint8Array(16).fill(0x20)]) {
      server.receive(ALICE, datagram);
      server.now += 1000;
    }
    server.receive(ALICE, new Uint8Array());
  });
  trace('what only a server says is not answered', { keys }, (server) => {
    server.receive(ALICE, authOk());
    server.receive(ALICE, deny(15));
    server.receive(ALICE, challenge(new Uint8Array(CHALLENGE_BYTES)));
  });
  trace('a RESPONSE with a wrong key, and one with a bit flipped', { keys }, (server) => {
    server.logIn(ALICE, alice, { suite: 'blowfish', key: random(KEY_FILE_BYTES.blowfish) });
    server.receive(ALICE, flipped(server.response(ALICE, alice, blowfish), 100));
    server.receive(ALICE, server.response(ALICE, alice, { suite: 'plain' }));
  });
  trace('a RESPONSE again, whose AUTH_OK was lost', { keys }, (server) => {
    const response = server.response(ALICE, alice, blowfish);
    server.receive(ALICE, response);
    server.now += 1000;
    server.receive(ALICE, response);
  });
  trace('clients of both generations, and both builds', { keys: { '*': hex(key) } }, (server) => {
    server.logIn(ALICE, alice, { suite: 'chacha20', key, block: 12 });
    server.logIn(BOB, bob, { suite: 'chacha20', key, block: 0 });
    server.logIn('192.0.2.4:40000', 'other', blowfish);
  });
  trace('a ChaCha20 client where the key is one of Blowfish', { keys }, (server) => {
    server.logIn(BOB, bob, { suite: 'chacha20', key, block: 12 });
  });
  trace('a client whose address has changed', { keys }, (server) => {
    server.logIn(ALICE, alice, blowfish);
    server.now += 5000;
    server.logIn(BOB, alice, blowfish);
    server.receive(ALICE, keepalive());
  });
  trace('a client that is up logs in again; one that does not answer stays up', { keys }, (server) => {
    server.logIn(ALICE, alice, blowfish);
    server.now += 1000;
    server.logIn(ALICE, alice, blowfish);
    server.now += 1000;
    server.receive(ALICE, login(alice));
    server.after(20_000, 'tick');
  });
  trace('-x', {}, (server) => {
    server.logIn(ALICE, alice, { suite: 'plain' });
    server.receive(BOB, server.response(BOB, bob, blowfish));
  });
  trace('more LOGINs than 20 at once from one address', { keys }, (server) => {
    for (let i = 0; i < 21; i++) server.receive(`192.0.2.2:${40000 + i}`, login(alice));
    server.now += 100;
    for (let i = 0; i < 2; i++) server.receive(`192.0.2.2:${50000 + i}`, login(alice));
  });
  return tests;
}

export const classicTraces: Maker = (random, tools): Draft => ({
  algorithm: 'VDE-CRYPTCAB-TRACES',
  header: [
    'The state machines of the classic protocol: each step says what happened and when, in milliseconds,',
    'and what the machine did then. random is all that it draws, in this order.',
    'Its timers and some of what it does of its own are not part of the protocol: another implementation may do otherwise',
    'where the peer, on the wire, cannot tell.',
  ],
  oracles: [
    openssl('bf-cbc and chacha20: every RESPONSE'),
    zlib('every checksum'),
    model('that every datagram, and its time, is one that the protocol has there'),
  ],
  notes: { Client: 'What a client does.', Server: 'What a server does.' },
  groups: [
    { type: 'ClassicClientTrace', name: 'clients', tests: clientTests(random, tools) },
    { type: 'ClassicServerTrace', name: 'servers', tests: serverTests(random, tools) },
  ],
});
