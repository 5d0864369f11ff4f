import type { PeerIdentity } from '../../cable/plug/plug.js';
import type { Dropped, Flow, Rates, Why } from '../../control/status.js';
import type { SessionCounts } from '../../core/terms.js';
import type { PeerDown, PeerUp, Watcher } from '../running.js';
import { flowOf, Meter, NOTHING, SAMPLE_MS, STILL, sum } from './meter.js';

/** What is known of a peer's comings and goings. */
export interface Presence {
  readonly up: boolean;
  /** ms since 1970. */
  readonly since: number;
  readonly why: Why | undefined;
  readonly cipher: string | undefined;
  readonly portTrouble: string | undefined;
}

interface Entry {
  /** Whether its handshake is done and its port has been open. */
  agreed: boolean;
  since: number;
  why: Why;
  cipher: string | undefined;
  portTrouble: string | undefined;
  meter: Meter | undefined;
  counts: (() => SessionCounts) | undefined;
}

/** What peers have carried that are gone, and all of them together. */
interface Totals {
  readonly flow: Flow;
  readonly refused: Readonly<Record<string, number>>;
  readonly dropped: Dropped;
}

export const NO_DROPS: Dropped = { bySwitch: 0, unopened: 0 };

export function dropsOf(counts: SessionCounts): Dropped {
  return { bySwitch: Number(counts.droppedBySwitch), unopened: Number(counts.droppedUnopened) };
}

/** Adds how often, by reason. */
export function addReasons(
  one: Readonly<Record<string, number>>,
  more: Readonly<Record<string, bigint | number | undefined>>,
): Record<string, number> {
  const all = { ...one };
  for (const [why, times] of Object.entries(more)) {
    const count = Number(times ?? 0);
    if (count > 0) all[why] = (all[why] ?? 0) + count;
  }
  return all;
}

export function plus(totals: Totals, counts: SessionCounts): Totals {
  const drops = dropsOf(counts);
  return {
    flow: sum(totals.flow, flowOf(counts)),
    refused: addReasons(totals.refused, counts.refused),
    dropped: {
      bySwitch: totals.dropped.bySwitch + drops.bySwitch,
      unopened: totals.dropped.unopened + drops.unopened,
    },
  };
}

/**
 * Keeps who has been up since when, and how much is carried per second. It is a Watcher, and passes all on to another one.
 */
export class Attendance {
  /** ms since 1970. */
  readonly began = Date.now();
  readonly #watcher: Watcher | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #up = new Set<Entry>();
  readonly #meter = new Meter();
  #timer: NodeJS.Timeout | undefined;
  /** Of peers that are gone. */
  #gone: Totals = { flow: NOTHING, refused: {}, dropped: NO_DROPS };
  /** Handshakes that came to new keys. */
  handshakes = 0;
  /** Handshakes refused, where nobody else counts them. */
  readonly refused = new Map<string, number>();
  /** Whether a port could be had when it was last tried, and why not. */
  plug: { readonly open: boolean; readonly trouble: string | undefined } | undefined;

  readonly #all: () => Iterable<SessionCounts>;
  readonly #alone: boolean;

  /**
   * @param all counts of all peers that there are
   * @param alone whether there is one peer, whatever it is called
   */
  constructor(watcher: Watcher | undefined, all: () => Iterable<SessionCounts>, alone = false) {
    this.#watcher = watcher;
    this.#all = all;
    this.#alone = alone;
  }

  /** From now on there are counts to be looked at. */
  begin(): void {
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
    this.#timer.unref();
  }

  /** @param counts what its link has carried */
  up(peer: PeerUp, counts: () => SessionCounts): void {
    const entry = this.#entry(peer);
    entry.agreed = true;
    entry.since = Date.now();
    entry.cipher = peer.cipher;
    entry.meter = new Meter();
    entry.meter.look(performance.now(), flowOf(counts()));
    entry.counts = counts;
    this.#up.add(entry);
    this.#watcher?.up(peer);
  }

  down(peer: PeerIdentity, why: PeerDown): void {
    this.interrupted(peer, why);
    this.#watcher?.down(peer, why);
  }

  /** A peer is down, which the watcher need not know: it is called again at once. */
  interrupted(peer: PeerIdentity, why: PeerDown): void {
    const entry = this.#entry(peer);
    entry.agreed = false;
    entry.since = Date.now();
    entry.why = why === 'expired' ? 'silent' : why;
    this.#up.delete(entry);
  }

  unplugged(peer: PeerIdentity, why: string): void {
    const entry = this.#entry(peer);
    if (entry.agreed && entry.portTrouble === undefined) entry.since = Date.now();
    entry.portTrouble = why;
    this.plug = { open: false, trouble: why };
    this.#watcher?.unplugged(peer, why);
  }

  plugged(peer: PeerIdentity): void {
    const entry = this.#entry(peer);
    if (entry.agreed && entry.portTrouble !== undefined) entry.since = Date.now();
    entry.portTrouble = undefined;
    this.#watcher?.plugged(peer);
  }

  /** A peer's port was given back: there is nothing to be missed. */
  pulled(peer: PeerIdentity): void {
    const entry = this.#entries.get(this.#id(peer));
    if (entry !== undefined) entry.portTrouble = undefined;
  }

  /** A peer is not known any more. @param counts what its link has carried */
  gone(peer: PeerIdentity, counts: SessionCounts | undefined): void {
    if (!this.#alone) this.#entries.delete(this.#id(peer));
    if (counts !== undefined) this.#gone = plus(this.#gone, counts);
  }

  /** A handshake was refused. */
  refuse(why: string, times = 1): void {
    this.refused.set(why, (this.refused.get(why) ?? 0) + times);
  }

  presence(peer: PeerIdentity): Presence | undefined {
    const entry = this.#entries.get(this.#id(peer));
    if (entry === undefined) return undefined;
    const { agreed, since, cipher, portTrouble, why } = entry;
    const up = agreed && portTrouble === undefined;
    const shown = up ? undefined : portTrouble === undefined ? why : 'no port';
    return { up, since, why: shown, cipher, portTrouble };
  }

  /** @param counts of the peer, now */
  rates(peer: PeerIdentity, counts: SessionCounts): Rates {
    const entry = this.#entries.get(this.#id(peer));
    if (entry?.meter === undefined || !entry.agreed) return STILL;
    return entry.meter.rates(performance.now(), flowOf(counts));
  }

  /** Of all peers, those included that are gone. */
  totals(): Totals {
    let totals = this.#gone;
    for (const counts of this.#all()) totals = plus(totals, counts);
    return totals;
  }

  /** @param flow of all peers, now */
  totalRates(flow: Flow): Rates {
    return this.#meter.rates(performance.now(), flow);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #id({ peer, publicKey }: PeerIdentity): string {
    return this.#alone ? '' : (publicKey ?? peer);
  }

  #entry(peer: PeerIdentity): Entry {
    const id = this.#id(peer);
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = {
        agreed: false,
        since: Date.now(),
        why: 'waiting',
        cipher: undefined,
        portTrouble: undefined,
        meter: undefined,
        counts: undefined,
      };
      this.#entries.set(id, entry);
    }
    return entry;
  }

  #look(): void {
    const now = performance.now();
    let flow = this.#gone.flow;
    for (const counts of this.#all()) flow = sum(flow, flowOf(counts));
    this.#meter.look(now, flow);
    for (const { meter, counts } of this.#up) if (counts) meter?.look(now, flowOf(counts()));
  }
}
