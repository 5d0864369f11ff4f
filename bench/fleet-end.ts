// What one server of a fleet costs: frames through the core, memory for a peer, questions to a directory. Prints JSON.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpuUsage } from 'node:process';
import { Core } from '../src/core/core.js';
import { askCommand, askUrl } from '../src/ends/peers/asks.js';
import type { AskPeer } from '../src/ends/peers/verifier.js';
import { SecureMachine } from '../src/protocol/secure/machine.js';
import { keyPair } from '../src/protocol/secure/noise.js';
import { ours, STOCK, stockOf } from './core-ways.js';

export interface ServerCosts {
  /** Full frames that it seals, and opens, for a second of processor time. */
  readonly sealed: number;
  readonly opened: number;
  /** Bytes for a peer that may connect, and for the session of one that is up. */
  readonly listed: number;
  readonly session: number;
  /** Questions a second, one after the other. */
  readonly exec: number;
  readonly https: number;
}

const FRAME = 1412;
const BATCH = 32;
const PEERS = 2_000;

function processor(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1e6;
}

/** How often something is done for a second of processor time. @param each how many times one call does it */
function rate(ms: number, each: number, work: () => void): number {
  const until = performance.now() + ms / 4;
  while (performance.now() < until) work(); // until it is compiled
  const [from, before] = [performance.now(), processor()];
  let times = 0;
  for (; performance.now() - from < ms; times += each) work();
  return times / (processor() - before);
}

async function frames(ms: number): Promise<{ sealed: number; opened: number }> {
  const way = await ours('secure');
  const frame = Buffer.alloc(FRAME, 0x5a);
  const stock = await stockOf('secure', frame);
  let next = STOCK;
  return {
    sealed: rate(ms, BATCH, () => way.seal(frame, BATCH)),
    opened: rate(ms, BATCH, () => {
      if (next + BATCH > STOCK) {
        way.rewind?.();
        next = 0;
      }
      way.open(stock, next, BATCH);
      next += BATCH;
    }),
  };
}

/** Resident bytes for each of many. */
function memory(make: () => void): number {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < PEERS; i++) make();
  globalThis.gc?.();
  return (process.memoryUsage.rss() - before) / PEERS;
}

async function perPeer(): Promise<{ listed: number; session: number }> {
  const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  const machine = new SecureMachine({ privateKey: random(32), random, unixTime: () => 1.7e12 });
  const keys = Array.from({ length: PEERS }, () => keyPair(random(32)).public);
  const core = await Core.load();
  const key = random(32);
  const kept: unknown[] = [machine, core];
  const costs = {
    listed: memory(() => machine.addPeer(0, { publicKey: keys.pop() as Uint8Array })),
    session: memory(() => {
      const session = core.openSession() as number;
      core.installKeypair(session, 0, { send: key, receive: key, local: session, remote: session });
    }),
  };
  return kept.length > 0 ? costs : { listed: 0, session: 0 };
}

/** Questions a second, one after the other. */
async function questions(ask: AskPeer, count: number): Promise<number> {
  const from = performance.now();
  for (let i = 0; i < count; i++) {
    const { failure } = await ask(`${'A'.repeat(43)}=`, '192.0.2.1:7667');
    if (failure !== undefined) throw new Error(failure);
  }
  return (1_000 * count) / (performance.now() - from);
}

async function directory(ms: number): Promise<{ exec: number; https: number }> {
  const server = createServer((_, response) => void response.end('name=alice\n')).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as AddressInfo;
  try {
    const count = Math.ceil(ms / 20);
    return {
      exec: await questions(askCommand('echo name=alice'), count),
      https: await questions(askUrl(`http://127.0.0.1:${port}/`), count),
    };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ms = Number(process.argv[2] ?? 1_000);
const costs: ServerCosts = { ...(await frames(ms)), ...(await perPeer()), ...(await directory(ms)) };
console.log(JSON.stringify(costs));
