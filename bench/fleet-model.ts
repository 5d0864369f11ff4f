// What many servers do with very many clients, by what one server was measured to do.
import { RateLimit } from '../src/protocol/rate-limit.js';
import { LOAD, LOAD_LINGERS, PROVEN_RATE } from '../src/protocol/secure/constants.js';

/** What the model is given. */
export interface FleetInputs {
  readonly servers: number;
  readonly clients: number;
  /** Initiations that a core answers a second. */
  readonly handshakes: number;
  /** Of a core, for each client that comes, besides its handshake, s: the port of its switch, what the ends say to each other. */
  readonly arrival: number;
  /** Cores that each server has. */
  readonly cores: number;
  /** Calls that wait at a server; later ones are lost. */
  readonly queue: number;
  /** A client notices after so many to so many s that its server has died, and calls again after so many to so many. */
  readonly noticed: readonly [number, number];
  readonly again: readonly [number, number];
  /** Between the handshakes of a client that is up, s. */
  readonly renewed: number;
  /** A number between 0 and 1, each time another. */
  readonly random: () => number;
}

export interface FleetOutcome {
  /** Of a server's cores, for the handshakes of clients that are up. */
  readonly renewing: number;
  /** A server dies: half of its clients are back after so many s, and all. */
  readonly half: number;
  readonly all: number;
}

/** A step of the clock, s. */
const STEP = 0.01;
const PATIENCE = 3_600;

interface Call {
  readonly client: number;
  /** Which of the client's calls it is. */
  readonly number: number;
}

/** A server that is left: its calls, and whether it wants cookies (secure.md §1.6, §1.7). */
class Server {
  readonly waiting: Call[] = [];
  readonly #load = new RateLimit(LOAD, LOAD, 1);
  readonly #proven = new RateLimit(PROVEN_RATE, PROVEN_RATE, 1);
  #loadedUntil = -Infinity;
  /** Seconds of a core that it has left over; less than none while it is at something. */
  credit = 0;

  /** @param now s */
  judge(now: number, cookie: boolean): 'answered' | 'given a cookie' | 'dropped' {
    const ms = 1_000 * now;
    if (!this.#load.allow(ms, '')) this.#loadedUntil = ms + LOAD_LINGERS;
    if (ms >= this.#loadedUntil) return 'answered';
    if (!cookie) return 'given a cookie';
    return this.#proven.allow(ms, '') ? 'answered' : 'dropped';
  }
}

/**
 * A server dies, and its clients call the others, each always the same one, which takes one call after the other. A client that calls again
 * has a new call: an answer to the one before is of no use to it any more. Under load a server gives a cookie first, for nothing, and the client
 * has to call again. Each client has an address of its own, and the network takes no time.
 */
export function simulate(inputs: FleetInputs): FleetOutcome {
  const { servers, clients, handshakes, arrival, cores, queue, noticed, again, renewed, random } = inputs;
  const renewing = clients / servers / renewed / handshakes / cores;
  const lost = Math.ceil(clients / servers);
  const left = servers - 1;
  // What those that are up already need comes first.
  const free = cores - clients / left / renewed / handshakes;
  const between = ([least, most]: readonly [number, number]) => least + (most - least) * random();
  const calls = new Uint32Array(lost);
  const cookies = new Uint8Array(lost);
  const up = new Uint8Array(lost);
  const due = Float64Array.from({ length: lost }, () => between(noticed));
  const all = Array.from({ length: left }, () => new Server());
  let back = 0;
  let half = Number.NaN;

  const take = (server: Server, now: number, { client, number }: Call) => {
    const verdict = server.judge(now, cookies[client] === 1);
    const current = up[client] === 0 && calls[client] === number;
    if (verdict === 'given a cookie' && current) cookies[client] = 1;
    if (verdict !== 'answered') return;
    server.credit -= 1 / handshakes;
    if (!current) return;
    server.credit -= arrival;
    up[client] = 1;
    back++;
  };

  for (let now = 0; now < PATIENCE && free > 0; now += STEP) {
    for (let client = 0; client < lost; client++) {
      if (up[client] === 1 || now < (due[client] as number)) continue;
      const number = (calls[client] as number) + 1;
      calls[client] = number;
      due[client] = now + between(again);
      const { waiting } = all[client % left] as Server;
      if (waiting.length < queue) waiting.push({ client, number });
    }
    for (const server of all) {
      server.credit = Math.min(server.credit + free * STEP, free * STEP);
      let taken = 0;
      for (; taken < server.waiting.length && server.credit > 0; taken++)
        take(server, now, server.waiting[taken] as Call);
      server.waiting.splice(0, taken);
    }
    if (Number.isNaN(half) && back >= lost / 2) half = now;
    if (back === lost) return { renewing, half, all: now };
  }
  return { renewing, half, all: Number.NaN };
}
