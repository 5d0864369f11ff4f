// A network that is not kind: what can be wrong with it, and the relay (relay.ts) that makes it so.
import { type Host, labProgram } from './lab.js';
import type { Process } from './process.js';

/** What the relay does to datagrams, either way. */
export interface Faults {
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
  /** Of having one bit flipped, any one. */
  readonly corruption: number;
  /** Of being held back for up to HOLD_MS, so that later ones overtake. */
  readonly reordering: number;
  /** ms, each way. */
  readonly delay: number;
  /** ms, either side of the delay, each datagram for itself: this alone puts them out of order, too. */
  readonly jitter: number;
}

export const NO_FAULTS: Faults = {
  loss: 0,
  duplication: 0,
  corruption: 0,
  reordering: 0,
  delay: 0,
  jitter: 0,
};

export const HOLD_MS = 10;

/** What it has done with the datagrams of one direction. */
export interface Done {
  /** Came in. */
  readonly seen: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly corrupted: number;
  /** Held back. */
  readonly reordered: number;
  /** Lost besides, because too many waited. */
  readonly overflowed: number;
}

export interface RelayCounts {
  /** Clients with an upstream socket. */
  readonly clients: number;
  /** From the clients to the server. */
  readonly up: Done;
  readonly down: Done;
}

export class Relay {
  readonly process: Process;
  #asked = 0;

  constructor(process: Process) {
    this.process = process;
  }

  async #ask(command: object): Promise<RelayCounts> {
    const id = ++this.#asked;
    this.process.write(`${JSON.stringify({ id, ...command })}\n`);
    return JSON.parse((await this.process.prints(new RegExp(`^\\{"id":${id},.*\\}$`, 'm')))[0]);
  }

  /** From now on these faults, and no others. */
  set(faults: Partial<Faults>): Promise<RelayCounts> {
    return this.#ask({ faults });
  }

  /** Carries nothing, until other faults are set. */
  cut(): Promise<RelayCounts> {
    return this.set({ loss: 1 });
  }

  /**
   * Forgets its clients, as a NAT does: they get other source ports upstream.
   * @param address of the client; all of them when empty
   */
  forget(address = ''): Promise<RelayCounts> {
    return this.#ask({ forget: address });
  }

  counts(): Promise<RelayCounts> {
    return this.#ask({});
  }
}

/** Starts a relay on the host where the server is, in front of its UDP port. */
export async function startRelay(
  host: Host,
  port: number,
  serverPort: number,
  seed: number,
  faults: Partial<Faults> = {},
): Promise<Relay> {
  const process = host.start([...labProgram('relay'), ...[port, serverPort, seed].map(String)]);
  await process.prints(/relaying/);
  const relay = new Relay(process);
  await relay.set(faults);
  return relay;
}
