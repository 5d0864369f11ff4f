// Many clients of several servers with one key, in one process, each with a UDP port of its own:
//   node fleet-load.js SERVER PORT PUBLIC-KEY KEYS ADDRESS...
// KEYS is a file with a private key in each line. The clients are the state machines and the core that a client has; what they lack is a
// switch. Each sends a frame a second to its own address, which is for nobody else, so that it notices when its server is gone. Prints a
// line of JSON when all are up; and for a line `lost SERVER-ID` on its standard input, how long it takes until all of that server's
// clients are at another one.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SecureEnd } from '../lab/secure-end.js';
import { Core } from '../src/core/index.js';
import { parseKey } from '../src/keys/key-text.js';
import type { Peer } from '../src/protocol/secure/peer.js';

/** Between two looks at the clients' timers, ms. */
const TICK_MS = 20;
const FRAME_MS = 1_000;
/** Within so long they begin, ms. */
const BEGIN_MS = 200;
/** So many clients begin at a time: the others would wait in the servers' sockets. */
const TOGETHER = 50;

const [address, port, publicKey, keys, ...sources] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...string[],
];
const server = { address, port: Number(port) };
const core = await Core.load();
const random = (length: number) => new Uint8Array(randomBytes(length));

interface Client {
  readonly end: SecureEnd;
  readonly peer: Peer;
  readonly frame: Uint8Array;
  /** Which server it is at; 0 before it is at any. */
  at: number;
  next: number;
}

const clients: Client[] = [];
/** Those of a server that was lost that are not at another one yet. */
const missing = new Set<Client>();
let lostAt = 0;
let lost = 0;
let half = 0;

const say = (what: string, more: object) => console.log(JSON.stringify({ says: what, ...more }));

/** How many clients are at each server. */
function shares(): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { at } of clients) all[at] = (all[at] ?? 0) + 1;
  return all;
}

/** A client has keys with a server, which the highest byte of its index names (secure.md §4.4). */
function arrived(client: Client, at: number): void {
  client.at = at;
  if (!missing.delete(client)) return;
  const now = performance.now() - lostAt;
  if (half === 0 && missing.size <= lost / 2) half = now;
  if (missing.size === 0) say('back', { lost, half: half / 1_000, all: now / 1_000, shares: shares() });
}

async function open(text: string, i: number): Promise<void> {
  const privateKey = parseKey(text) as Uint8Array;
  const socket = createSocket('udp4');
  const end = new SecureEnd(core, {
    ...{ privateKey, random, unixTime: Date.now, now: () => performance.now(), controls: true },
    send: (datagram) => socket.send(datagram, server.port, server.address),
    effect(effect) {
      if (effect.do === 'install') arrived(client, effect.keys.remote >>> 24);
      if (effect.do === 'down') queueMicrotask(() => end.send(client.peer, client.frame));
    },
  });
  const frame = random(60);
  frame.set([2, 0x66, 0, 0, i >> 8, i & 255], 0);
  frame.set(frame.subarray(0, 6), 6);
  const peer = end.add({ publicKey: Buffer.from(publicKey, 'base64'), endpoint: server, eager: true });
  const client: Client = { end, peer, frame, at: 0, next: Infinity };
  socket.on('message', (message) => end.receive(message, server));
  await new Promise<void>((done) => socket.bind(0, sources[i % sources.length], done));
  clients.push(client);
}

function look(): void {
  const now = performance.now();
  for (const client of clients) {
    if (client.end.machine.deadline <= now) client.end.timer();
    if (client.next > now) continue;
    client.end.send(client.peer, client.frame);
    client.next = now + FRAME_MS;
  }
}

const from = performance.now();
for (const [i, text] of readFileSync(keys, 'utf8').trim().split('\n').entries()) await open(text, i);
setInterval(look, TICK_MS);
for (let i = 0; i < clients.length; i += TOGETHER) {
  const some = clients.slice(i, i + TOGETHER);
  for (const client of some) client.next = performance.now() + BEGIN_MS * Math.random();
  while (some.some(({ at }) => at === 0)) await new Promise((done) => setTimeout(done, TICK_MS));
}
say('up', { seconds: (performance.now() - from) / 1_000, shares: shares() });

createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, id] = line.split(' ');
  if (what === 'end') process.exit(0);
  if (what !== 'lost') return;
  [lostAt, half] = [performance.now(), 0];
  for (const client of clients) if (client.at === Number(id)) missing.add(client);
  lost = missing.size;
});
