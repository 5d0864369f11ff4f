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

async function list(...what: string[]): Promise<Listed['nftables']> {
  return (JSON.parse(await runTool('nft', ['-j', 'list', ...what])) as Listed).nftables;
}

/** The rules of nft that keep policies, in a table of this program's own: what others have is not touched. */
export class Filter {
  readonly #table =
    `cryptcab_${process.pid}_${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex')}`;
  /** What each device keeps that has a chain. */
  readonly #kept = new Map<string, Policy>();
  /** All devices of this program's, whether or not they have one. */
  readonly #own = new Set<string>();
  /** Those whose rules change now. */
  readonly #changing = new Set<string>();
  /** Those that are gone, and whose chains are not yet. */
  readonly #gone = new Map<string, Policy>();
  #forgetting: Promise<void> | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #swept = -Infinity;
  #refused = new Map<string, Map<string, number>>();
  #made = false;
  #closed = false;
  #looking: NodeJS.Timeout | undefined;
  readonly #say: (line: string) => void;
  #saidWhy = false;

  /** @param say tells people what they should know */
  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /**
   * A device is this program's: nobody has rules for it. A chain stays when its device goes (since Linux 6.16), and rules of the next one that
   * has the name.
   */
  async begin(device: string): Promise<void> {
    this.#own.add(device);
    await this.#forgetting;
    if (performance.now() - this.#swept >= SWEEP_MS) {
      this.#swept = performance.now();
      this.#sweeping = this.#sweep().catch(() => {}); // without nft there is nothing
    }
    await this.#sweeping;
  }

  /** @throws CryptcabError */
  async keep(device: string, policy: Policy): Promise<void> {
    const before = this.#kept.get(device);
    if (!needsNft(policy) && before === undefined) return;
    this.#made = true;
    this.#changing.add(device);
    try {
      await runTool('nft', ['-f', '-'], nftScript(this.#table, device, policy, before));
    } finally {
      this.#changing.delete(device);
    }
    this.#kept.set(device, policy);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** A device is gone: its chain goes as well. */
  forget(device: string): void {
    this.#own.delete(device);
    this.#refused.delete(chainOf(device));
    const policy = this.#kept.get(device);
    if (policy === undefined) return;
    this.#kept.delete(device);
    this.#gone.set(device, policy);
    this.#forgetting ??= this.#forgetAll().finally(() => {
      this.#forgetting = undefined;
    });
  }

  async #forgetAll(): Promise<void> {
    await Promise.resolve(); // many may go at once
    while (this.#gone.size > 0 && !this.#closed) {
      const all = [...this.#gone];
      this.#gone.clear();
      const script = all.map(([device, policy]) => forgetScript(this.#table, device, policy)).join('');
      await runTool('nft', ['-f', '-'], script).catch(() => {}); // the next sweep finds them
    }
  }

  /** How many frames of a device were refused, by reason, as it was last looked. */
  refused(device: string): ReadonlyMap<string, number> {
    return this.#refused.get(chainOf(device)) ?? NOTHING;
  }

  async #look(): Promise<void> {
    const kept = [...this.#kept].filter(([device]) => !this.#changing.has(device));
    let listed: Listed['nftables'];
    try {
      listed = await list('table', 'netdev', this.#table);
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
    const lost = kept.filter(([device, policy]) => (rules.get(chainOf(device)) ?? 0) !== ruleCount(policy));
    if (lost.length > 0) await this.#restore(lost);
  }

  /** Somebody has taken rules away: whoever loads a firewall anew may flush all that is there. */
  async #restore(lost: readonly (readonly [string, Policy])[]): Promise<void> {
    let peers = 0;
    for (const [device, policy] of lost) {
      // It may have gone, or have another policy by now.
      const same = () => this.#kept.get(device) === policy && !this.#changing.has(device) && !this.#closed;
      if (!same()) continue;
      try {
        await this.keep(device, policy);
        peers++;
      } catch (error) {
        if (!same() || this.#saidWhy) continue;
        this.#saidWhy = true;
        this.#say(
          `somebody has taken away rules of nft that keep what peers may do, and they cannot be made again: ${messageOf(error)}; still trying`,
        );
      }
    }
    if (peers === 0) return;
    this.#saidWhy = false;
    this.#say(
      `somebody has taken away rules of nft that keep what peers may do; those of ${peers} ${peers === 1 ? 'peer' : 'peers'} are there again`,
    );
  }

  /** Takes away what killed processes have left, and what rules devices of ours beside our own table. */
  async #sweep(): Promise<void> {
    const tables = (await list('tables', 'netdev')).flatMap(({ table }) => table?.name ?? []);
    const others = tables.filter((name) => TABLE.test(name) && name !== this.#table);
    if (others.length === 0) return;
    const chains = (await list('chains', 'netdev')).flatMap(({ chain }) => chain ?? []);
    const taken = readdirSync('/sys/class/net').filter((device) => !this.#own.has(device));
    const used = new Set(taken.map(chainOf));
    for (const table of others) {
      const its = chains.filter((chain) => chain.table === table);
      const left = its.filter(({ name }) => !used.has(name));
      const owner = TABLE.exec(table)?.[1];
      const ended = owner === String(process.pid) || !existsSync(`/proc/${owner}`);
      const all = ended && left.length === its.length;
      const away = all ? [['table', table]] : left.map(({ name }) => ['chain', table, name]);
      for (const [kind = '', ...names] of away)
        await runTool('nft', ['delete', kind, 'netdev', ...names]).catch(() => {}); // others may be quicker
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    await this.#forgetting;
    if (this.#made) await runTool('nft', ['delete', 'table', 'netdev', this.#table]).catch(() => {}); // it may be gone
    this.#made = false;
  }
}
