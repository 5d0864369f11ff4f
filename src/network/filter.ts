import { existsSync } from 'node:fs';
import type { Policy } from './policy.js';
import { chainOf, needsNft, nftScript } from './rules.js';
import { runTool } from './tools.js';

/** How often it is looked at what the rules have refused, ms. */
const LOOK_MS = 10_000;
/** Of each process its own. A chain goes with its device, so that of a killed process an empty table is left. */
const TABLE = /^cryptcab_(\d+)$/;
const OWN = `cryptcab_${process.pid}`;

/** What is used of what nft lists in JSON. */
interface Listed {
  readonly nftables: readonly {
    readonly table?: { readonly name: string };
    readonly rule?: {
      readonly chain: string;
      readonly comment?: string;
      readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
    };
  }[];
}

const NOTHING: ReadonlyMap<string, number> = new Map();

/** The rules of nft that keep policies, in a table of this program's own: what others have is not touched. */
export class Filter {
  /** Devices that have a chain. */
  readonly #devices = new Set<string>();
  #refused = new Map<string, Map<string, number>>();
  #made = false;
  #looking: NodeJS.Timeout | undefined;

  /** @throws CryptcabError */
  async keep(device: string, policy: Policy): Promise<void> {
    if (!needsNft(policy) && !this.#devices.has(device)) return;
    if (!this.#made) await this.#sweep();
    this.#made = true;
    await runTool('nft', ['-f', '-'], nftScript(OWN, device, policy));
    this.#devices.add(device);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** A device is gone, and its chain with it. */
  forget(device: string): void {
    this.#devices.delete(device);
    this.#refused.delete(chainOf(device));
  }

  /** How many frames of a device were refused, by reason, as it was last looked. */
  refused(device: string): ReadonlyMap<string, number> {
    return this.#refused.get(chainOf(device)) ?? NOTHING;
  }

  async #look(): Promise<void> {
    let listed: Listed;
    try {
      listed = JSON.parse(await runTool('nft', ['-j', 'list', 'table', 'netdev', OWN]));
    } catch {
      return; // the next look may find it
    }
    const refused = new Map<string, Map<string, number>>();
    for (const { rule } of listed.nftables) {
      if (rule?.comment === undefined) continue;
      const of = refused.get(rule.chain) ?? new Map<string, number>();
      refused.set(rule.chain, of);
      const packets = rule.expr.find(({ counter }) => counter !== undefined)?.counter?.packets ?? 0;
      if (packets > 0) of.set(rule.comment, (of.get(rule.comment) ?? 0) + packets);
    }
    this.#refused = refused;
  }

  /** Takes away what killed processes have left. */
  async #sweep(): Promise<void> {
    const listed: Listed = JSON.parse(await runTool('nft', ['-j', 'list', 'tables', 'netdev']));
    for (const { table } of listed.nftables) {
      const owner = TABLE.exec(table?.name ?? '')?.[1];
      if (table === undefined || owner === undefined || (table.name !== OWN && existsSync(`/proc/${owner}`)))
        continue;
      await runTool('nft', ['delete', 'table', 'netdev', table.name]);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    if (this.#made) await runTool('nft', ['delete', 'table', 'netdev', OWN]).catch(() => {}); // it may be gone
    this.#made = false;
  }
}
