// What many servers do with very many clients, by what one server was measured to do.

/** What the model is given. Rates are for one core. */
export interface FleetInputs {
  readonly servers: number;
  readonly clients: number;
  /** Initiations that a server answers a second. */
  readonly handshakes: number;
  /** Initiations that wait in a server's receive buffer; later ones are lost. */
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
  /** Of a server's core, for the handshakes of clients that are up. */
  readonly renewing: number;
  /** A server dies: half of its clients are back after so many s, and all. */
  readonly half: number;
  readonly all: number;
}

/** A step of the clock, s. */
const STEP = 0.01;
const PATIENCE = 3_600;

/**
 * A server dies, and its clients call the others, each of which answers one call after the other. A client that calls again has a new
 * call: an answer to the one before is of no use to it any more.
 */
export function simulate(inputs: FleetInputs): FleetOutcome {
  const { servers, clients, handshakes, queue, noticed, again, renewed, random } = inputs;
  const renewing = clients / servers / renewed / handshakes;
  const lost = Math.ceil(clients / servers);
  const left = servers - 1;
  // What those that are up already need comes first.
  const free = handshakes - clients / left / renewed;
  const calls = new Uint32Array(lost);
  const between = ([least, most]: readonly [number, number]) => least + (most - least) * random();
  const due = Float64Array.from({ length: lost }, () => between(noticed));
  const up = new Uint8Array(lost);
  const queues = Array.from({ length: left }, (): (readonly [number, number])[] => []);
  let back = 0;
  let half = Number.NaN;
  let credit = 0;
  for (let now = 0; now < PATIENCE && free > 0; now += STEP) {
    for (let i = 0; i < lost; i++) {
      if (up[i] === 1 || now < (due[i] as number)) continue;
      calls[i] = (calls[i] as number) + 1;
      due[i] = now + between(again);
      const at = queues[Math.floor(left * random())] as (readonly [number, number])[];
      if (at.length < queue) at.push([i, calls[i] as number]);
    }
    credit += free * STEP;
    const turns = Math.floor(credit);
    credit -= turns;
    for (const waiting of queues)
      for (const [client, call] of waiting.splice(0, turns)) {
        if (up[client] === 1 || calls[client] !== call) continue;
        up[client] = 1;
        back++;
      }
    if (Number.isNaN(half) && back >= lost / 2) half = now;
    if (back === lost) return { renewing, half, all: now };
  }
  return { renewing, half, all: Number.NaN };
}
