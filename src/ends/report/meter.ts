import { type Flow, type Rates, rounded, type Traffic } from '../../control/status.js';
import type { SessionCounts } from '../../core/terms.js';

/** How often counts are looked at, ms. */
export const SAMPLE_MS = 1_000;

export const NOTHING: Flow = { in: { frames: 0, bytes: 0 }, out: { frames: 0, bytes: 0 } };
export const STILL: Rates = { over5s: NOTHING, over60s: NOTHING };

export function flowOf(counts: SessionCounts): Flow {
  return {
    in: { frames: Number(counts.opened), bytes: Number(counts.openedBytes) },
    out: { frames: Number(counts.sealed), bytes: Number(counts.sealedBytes) },
  };
}

function each(one: Flow, other: Flow, make: (one: number, other: number) => number): Flow {
  const both = (a: Traffic, b: Traffic) => ({
    frames: make(a.frames, b.frames),
    bytes: make(a.bytes, b.bytes),
  });
  return { in: both(one.in, other.in), out: both(one.out, other.out) };
}

export function sum(one: Flow, other: Flow): Flow {
  return each(one, other, (a, b) => a + b);
}

/** Counts of the last so many looks. */
class Window {
  readonly #spacing: number;
  readonly #length: number;
  readonly #looks: { readonly at: number; readonly flow: Flow }[] = [];

  constructor(spacing: number, length: number) {
    this.#spacing = spacing;
    this.#length = length;
  }

  look(at: number, flow: Flow): void {
    const last = this.#looks.at(-1);
    // A timer may ring a little early.
    if (last !== undefined && at - last.at < this.#spacing - SAMPLE_MS / 2) return;
    this.#looks.push({ at, flow });
    if (this.#looks.length > this.#length + 1) this.#looks.shift();
  }

  /** @param flow as it is now */
  rate(at: number, flow: Flow): Flow {
    const [first] = this.#looks;
    if (first === undefined || at <= first.at) return NOTHING;
    const seconds = (at - first.at) / 1_000;
    // Counts that start again are no negative rate.
    return each(flow, first.flow, (now, then) => rounded(Math.max(0, now - then) / seconds));
  }
}

/** Measures how much is carried per second, from counts that are looked at once in SAMPLE_MS. */
export class Meter {
  readonly #short = new Window(SAMPLE_MS, 5);
  readonly #long = new Window(5 * SAMPLE_MS, 12);

  look(at: number, flow: Flow): void {
    this.#short.look(at, flow);
    this.#long.look(at, flow);
  }

  /** @param flow as it is now */
  rates(at: number, flow: Flow): Rates {
    return { over5s: this.#short.rate(at, flow), over60s: this.#long.rate(at, flow) };
  }
}
