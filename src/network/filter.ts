import { existsSync, readdirSync } from 'node:fs';
import { messageOf } from '../error.js';
import type { Policy } from './policy.js';
import { chainOf, forgetScript, needsNft, nftScript, ruleCount } from './rules.js';
import { runTool } from './tools.js';

/** How often it is looked at what the rules have refused, and whether they are there, ms. */
const LOOK_MS = 10_000;
/** What others have left is looked for this seldom, ms: many ports may open at once. */
const SWEEP_MS = 1_000;
/** Of each process its own. In another container one may have our number. */
const TABLE = /^cryptcab_(\d+)(?:_|$)/;

/** What is used of what nft lists in JSON. */
interface Listed {
  readonly nftables: readonly {
    readonly table?: { readonly name: string };
    readonly chain?: { readonly table: string; readonly name: string };
    readonly rule?: {
      readonly chain: string;
      readonly comment?: string;
      readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
    };
  }[];
}

const NOTHING: ReadonlyMap<string, number> = new Map();

/** Runs nft; returns what it printed. */
type Nft = (args: readonly string[], input?: string) => Promise<string>;

/** A device for as long as it is there; the next one of its name is another. */
interface Device {
  /** What it keeps, once nft has taken that. */
  kept?: Policy;
}

/** What nft has for a device, or may have: of one that is gone, too, until that is taken away. */
interface Chain {
  readonly of: Device;
  readonly policy: Policy;
}

/** The rules of nft that keep policies, in a table of this program's own: what others have is not touched. */
export class Filter {
  readonly #table =
    `cryptcab_${process.pid}_${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex')}`;
  readonly #say: (line: string) => void;
  readonly #nft: Nft;
  /** This program's, by name; most keep nothing. */
  readonly #devices = new Map<string, Device>();
  readonly #chains = new Map<string, Chain>();
  /** One change after the other: each rests on what the one before has left. */
  #queue: Promise<unknown> = Promise.resolve();
  #looks = false;
  #swept = -Infinity;
  #refused = new Map<string, Map<string, number>>();
  /** Looks in a row that found rules gone which could not be made again. */
  #failed = 0;
  #made = false;
  #closed = false;
  #looking: NodeJS.Timeout | undefined;

  /** @param say tells people what they should know */
  constructor(say: (line: string) => void, nft: Nft = (args, input) => runTool('nft', args, input)) {
    this.#say = say;
    this.#nft = nft;
  }

  /**
   * A device is this program's from now on, and who has rules for its name loses them: a chain stays when its device goes (since Linux
   * 6.16), and rules the next one of that name.
   * @throws CryptcabError when one of our own stays
   */
  begin(device: string): Promise<void> {
    this.#devices.set(device, {});
    return this.#next(async () => {
      await this.#clear().catch((error: unknown) => {
        if (this.#chains.has(device)) throw error;
      });
      if (performance.now() - this.#swept < SWEEP_MS) return;
      this.#swept = performance.now();
      await this.#sweep().catch(() => {}); // without nft there is nothing
    });
  }

  /** @throws CryptcabError */
  keep(device: string, policy: Policy): Promise<void> {
    const its = this.#devices.get(device);
    return this.#next(async () => {
      if (its === undefined || this.#devices.get(device) !== its) return; // it is gone
      const before = this.#chains.get(device);
      if (!needsNft(policy) && before === undefined) return;
      this.#made = true;
      this.#chains.set(device, before ?? { of: its, policy }); // it may have taken that, whatever it says
      await this.#nft(['-f', '-'], nftScript(this.#table, device, policy, before?.policy));
      this.#chains.set(device, { of: its, policy });
      its.kept = policy;
      this.#looking ??= setInterval(() => this.#lookSoon(), LOOK_MS).unref();
    });
  }

  /** A device is gone: its chain goes as well. */
  forget(device: string): void {
    this.#devices.delete(device);
    this.#refused.delete(chainOf(device));
    // The first of many that go at once takes the chains of all away. What is refused is tried again when the next device begins.
    this.#next(() => this.#clear()).catch(() => {});
  }

  /** How many frames of a device were refused, by reason, as it was last looked. */
  refused(device: string): ReadonlyMap<string, number> {
    return this.#refused.get(chainOf(device)) ?? NOTHING;
  }

  #next(job: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(() => (this.#closed ? undefined : job()));
    this.#queue = done.catch(() => {});
    return done;
  }

  /** Takes the chains away whose devices are gone. */
  async #clear(): Promise<void> {
    const gone = [...this.#chains].filter(([device, { of }]) => this.#devices.get(device) !== of);
    if (gone.length === 0) return;
    const script = gone.map(([device, { policy }]) => forgetScript(this.#table, device, policy)).join('');
    await this.#nft(['-f', '-'], script);
    for (const [device] of gone) this.#chains.delete(device);
  }

  async #list(...what: string[]): Promise<Listed['nftables']> {
    return (JSON.parse(await this.#nft(['-j', 'list', ...what])) as Listed).nftables;
  }

  #lookSoon(): void {
    if (this.#looks) return;
    this.#looks = true;
    const looked = () => {
      this.#looks = false;
    };
    this.#next(() => this.#look()).then(looked, looked);
  }

  async #look(): Promise<void> {
    let listed: Listed['nftables'];
    try {
      listed = await this.#list('table', 'netdev', this.#table);
    } catch (error) {
      if (!/No such file/.test(messageOf(error))) return; // the next look may find it
      listed = [];
    }
    const refused = new Map<string, Map<string, number>>();
    const rules = new Map<string, number>();
    for (const { rule } of listed) {
      if (rule === undefined) continue;
      rules.set(rule.chain, (rules.get(rule.chain) ?? 0) + 1);
      if (rule.comment === undefined) continue;
      const of = refused.get(rule.chain) ?? new Map<string, number>();
      refused.set(rule.chain, of);
      const packets = rule.expr.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0;
      if (packets > 0) of.set(rule.comment, (of.get(rule.comment) ?? 0) + packets);
    }
    this.#refused = refused;
    const lost = [...this.#devices].flatMap(([device, { kept }]) =>
      kept !== undefined && (rules.get(chainOf(device)) ?? 0) !== ruleCount(kept) ? [{ device, kept }] : [],
    );
    if (lost.length > 0) await this.#restore(lost);
  }

  /** Somebody has taken rules away: whoever loads a firewall anew may flush all that is there. */
  async #restore(lost: readonly { readonly device: string; readonly kept: Policy }[]): Promise<void> {
    const script = lost.map(({ device, kept }) => nftScript(this.#table, device, kept, kept)).join('');
    const peers = `${lost.length} ${lost.length === 1 ? 'peer' : 'peers'}`;
    try {
      await this.#nft(['-f', '-'], script);
    } catch (error) {
      // A device may have gone a moment ago; then the next look finds nothing to do.
      if (++this.#failed === 2)
        this.#say(
          `somebody has taken away rules of nft that keep what ${peers} may do, and they cannot be made again: ${messageOf(error)}; still trying`,
        );
      return;
    }
    this.#failed = 0;
    this.#say(
      `somebody has taken away rules of nft that keep what peers may do; those of ${peers} are there again`,
    );
  }

  /** Takes away what killed processes have left, and what rules devices of ours beside our own table. */
  async #sweep(): Promise<void> {
    const tables = (await this.#list('tables', 'netdev')).flatMap(({ table }) => table?.name ?? []);
    const others = tables.filter((name) => TABLE.test(name) && name !== this.#table);
    if (others.length === 0) return;
    const chains = (await this.#list('chains', 'netdev')).flatMap(({ chain }) => chain ?? []);
    const taken = readdirSync('/sys/class/net').filter((device) => !this.#devices.has(device));
    const used = new Set(taken.map(chainOf));
    for (const table of others) {
      const its = chains.filter((chain) => chain.table === table);
      const left = its.filter(({ name }) => !used.has(name));
      const owner = TABLE.exec(table)?.[1];
      const ended = owner === String(process.pid) || !existsSync(`/proc/${owner}`);
      const all = ended && left.length === its.length;
      const away = all ? [['table', table]] : left.map(({ name }) => ['chain', table, name]);
      for (const [kind = '', ...names] of away)
        await this.#nft(['delete', kind, 'netdev', ...names]).catch(() => {}); // others may be quicker
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    await this.#queue;
    if (this.#made) await this.#nft(['delete', 'table', 'netdev', this.#table]).catch(() => {}); // it may be gone
    this.#made = false;
  }
}
