// Handshakes on the runtime that runs this: what one costs either end, and what it takes until many clients are back. Prints JSON.
import { cpuUsage } from 'node:process';
import { Pace } from '../src/protocol/handshake-pace.js';
import type { Remote } from '../src/protocol/remote.js';
import { SecureMachine } from '../src/protocol/secure/machine.js';
import { keyPair } from '../src/protocol/secure/noise.js';
import type { PeerState } from '../src/protocol/secure/peer.js';

const [clientsWanted = '10000', handshakes = '1000'] = process.argv.slice(2);
const SERVER: Remote = { address: '192.0.2.1', port: 7667 };
/** Between two looks at a machine's timers, as its host takes them, ms. */
const TICK = 250;
/** Clients notice within this time that their server has died, ms. */
const NOTICED = 1_000;
/** Nobody waits for longer, ms. */
const PATIENCE = 600_000;

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

function seconds(work: () => void): number {
  const { user, system } = cpuUsage();
  work();
  const after = cpuUsage();
  return (after.user - user + after.system - system) / 1e6;
}

interface Client {
  readonly machine: SecureMachine;
  readonly peer: PeerState;
  readonly from: Remote;
}

/** An address of its own for each, so that no limit of one source counts. */
const addressOf = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;

function makeClients(count: number, publicKey: Uint8Array): { clients: Client[]; keys: Uint8Array[] } {
  const clients: Client[] = [];
  const keys: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const privateKey = random(32);
    keys.push(keyPair(privateKey).public);
    const machine = new SecureMachine({ privateKey, random, unixTime: () => 1.7e12 });
    const peer = machine.addPeer(0, { publicKey, endpoint: SERVER, eager: true }) as PeerState;
    clients.push({ machine, peer, from: { address: addressOf(i), port: 7667 } });
  }
  return { clients, keys };
}

function makeServer(privateKey: Uint8Array, keys: readonly Uint8Array[]): SecureMachine {
  const server = new SecureMachine({ privateKey, random, unixTime: () => 1.7e12 });
  for (const publicKey of keys) server.addPeer(0, { publicKey });
  return server;
}

const sentBy = (machine: SecureMachine): Uint8Array[] =>
  machine.take().flatMap((effect) => (effect.do === 'send' ? [effect.datagram] : []));

/** Handshakes one after the other, never so many a second that a limit counts. */
function costs(count: number): { initiator: number; responder: number } {
  const privateKey = random(32);
  const { clients, keys } = makeClients(count, keyPair(privateKey.slice()).public);
  const server = makeServer(privateKey, keys);
  const spent = { initiator: 0, responder: 0 };
  const pass = (now: number, client: Client, counted: boolean) => {
    let message: Uint8Array | undefined;
    let answer: Uint8Array | undefined;
    const begun = seconds(() => {
      client.machine.wanted(now, client.peer);
      [message] = sentBy(client.machine);
    });
    const answered = seconds(() => {
      server.receive(now, client.from, message as Uint8Array);
      [answer] = sentBy(server);
    });
    const ended = seconds(() => {
      client.machine.receive(now, SERVER, answer as Uint8Array);
      client.machine.take();
    });
    if (client.peer.sealing === undefined) throw new Error('a handshake came to nothing');
    if (!counted) return;
    spent.initiator += begun + ended;
    spent.responder += answered;
  };
  const warm = count >> 2; // until all is compiled
  for (const [i, client] of clients.entries()) pass(100 * i, client, i >= warm);
  const counted = count - warm;
  return { initiator: counted / spent.initiator, responder: counted / spent.responder };
}

/** A server comes back that knows its clients' keys and nothing else; they try as who has lost a server does, on a clock of their own. */
function back(count: number): { listed: number; processor: number; took: number } {
  const privateKey = random(32);
  const { clients, keys } = makeClients(count, keyPair(privateKey.slice()).public);
  let server = makeServer(privateKey.slice(), []);
  const listed = seconds(() => {
    server = makeServer(privateKey, keys);
  });
  const pace = new Pace();
  const byAddress = new Map(clients.map((client) => [client.from.address, client]));
  let processor = 0;
  let up = 0;
  let now = 0;
  let queue: (readonly [Client, Uint8Array])[] = [];
  const say = (client: Client) => {
    for (const datagram of sentBy(client.machine)) queue.push([client, datagram]);
  };
  for (; up < count; now += 1) {
    if (now > PATIENCE) throw new Error(`${count - up} clients are not back`);
    for (const [i, client] of clients.entries()) {
      if (client.peer.sealing !== undefined) continue;
      const begins = (i * NOTICED) / count;
      if (now === Math.ceil(begins)) {
        client.peer.leftAt = now;
        client.machine.wanted(now, client.peer);
      } else if (now > begins && now % TICK === i % TICK) {
        client.machine.tick(now);
      } else {
        continue;
      }
      say(client);
    }
    const arrived = queue;
    queue = [];
    const answers: (readonly [Remote, Uint8Array])[] = [];
    processor += seconds(() => {
      for (const [{ from }, datagram] of arrived) {
        if (!pace.allows(now, datagram[0] as number, false)) continue;
        server.receive(now, from, datagram);
        for (const effect of server.take())
          if (effect.do === 'send') answers.push([effect.to, effect.datagram]);
      }
    });
    for (const [{ address }, datagram] of answers) {
      const client = byAddress.get(address) as Client;
      client.machine.receive(now, SERVER, datagram);
      if (client.peer.sealing !== undefined) up++;
      say(client);
    }
  }
  return { listed, processor, took: now / 1e3 };
}

console.log(JSON.stringify({ ...costs(Number(handshakes)), back: back(Number(clientsWanted)) }));
