// Reports of the groups that are in use, so that a switch that listens to them sends what is for these groups
// (secure.md §6.5; RFC 3376 §5, RFC 3810 §6).
import { sameBytes } from '../bytes.js';
import type { Random } from '../classic/session-key.js';
import type { Family } from './address.js';
import { REPORT_INTERVAL, REPORTS } from './constants.js';
import { igmpReports, type Query, RECORD } from './igmp.js';
import { multicastMac } from './mac.js';
import { mldReports } from './mld.js';
import type { HostOutbox } from './outbox.js';

/** One family's reports: igmpReports or mldReports. */
export type Reports = (
  source: Uint8Array,
  groups: readonly Uint8Array[],
  record: number,
  old: boolean,
) => readonly { readonly to: Uint8Array; readonly packet: Uint8Array }[];

interface Answer {
  readonly at: number;
  /** All that are in use when it is undefined. */
  readonly groups: readonly Uint8Array[] | undefined;
  readonly old: boolean;
}

/** What is to be reported of a family. */
export interface GroupsOf {
  /** The groups in use now. */
  inUse(family: Family): readonly Uint8Array[];
  /** The address that reports come from now. */
  reporter(family: Family): Uint8Array;
}

/** The groups of one family. */
export class Groups {
  readonly #out: HostOutbox;
  readonly #random: Random;
  readonly family: Family;
  readonly #of: GroupsOf;
  /** Reports that are still to be sent of what was joined, and when the next one is, ms. */
  #left = 0;
  #at = Infinity;
  #answer: Answer | undefined;

  constructor(out: HostOutbox, random: Random, family: Family, of: GroupsOf) {
    this.#out = out;
    this.#random = random;
    this.family = family;
    this.#of = of;
  }

  get deadline(): number {
    return Math.min(this.#at, this.#answer?.at ?? Infinity);
  }

  /** Groups were joined, or the address that reports come from is another one: at the next tick it is reported. */
  joined(now: number): void {
    this.#left = REPORTS;
    this.#at = now;
  }

  /** Somebody asks. What is asked for is reported once, at the earlier of the times that were drawn. */
  asked(now: number, { group, old, within }: Query): void {
    const wanted = group && this.#of.inUse(this.family).filter((one) => sameBytes(one, group));
    const at = now + this.#part(within);
    const earlier = this.#answer;
    if (earlier === undefined) {
      this.#answer = { at, groups: wanted, old };
      return;
    }
    const both = wanted && earlier.groups && [...earlier.groups, ...wanted];
    const groups = both?.filter((one, i) => both.findIndex((other) => sameBytes(one, other)) === i);
    this.#answer = { at: Math.min(at, earlier.at), groups, old };
  }

  /** A part of a time, at random. */
  #part(of: number): number {
    const [high = 0, low = 0] = this.#random(2);
    return Math.floor((of * (high * 256 + low)) / 65536);
  }

  tick(now: number): void {
    if (now >= this.#at) {
      this.#left--;
      this.#at = this.#left > 0 ? now + 1 + this.#part(REPORT_INTERVAL - 1) : Infinity;
      this.#report(this.#of.inUse(this.family), RECORD.JOINED, false);
    }
    if (this.#answer !== undefined && now >= this.#answer.at) {
      const { groups, old } = this.#answer;
      this.#answer = undefined;
      this.#report(groups ?? this.#of.inUse(this.family), RECORD.TAKEN, old);
    }
  }

  /** All groups are left. */
  leave(): void {
    this.#at = Infinity;
    this.#answer = undefined;
    this.#report(this.#of.inUse(this.family), RECORD.LEFT, false);
  }

  #report(groups: readonly Uint8Array[], record: number, old: boolean): void {
    if (groups.length === 0) return;
    const reports: Reports = this.family === 4 ? igmpReports : mldReports;
    for (const { to, packet } of reports(this.#of.reporter(this.family), groups, record, old))
      this.#out.ip(multicastMac(to), packet);
  }
}
