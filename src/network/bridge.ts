import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { CryptcabError, messageOf } from '../error.js';
import { optionName } from '../options/name.js';
import { Filter } from './filter.js';
import { type Policy, policyText } from './policy.js';
import { tcLine, vlanLines } from './rules.js';
import type { TapNetwork } from './tap-network.js';
import { runTool, ToolError } from './tools.js';

/** What a bridge is marked with that one of these programs made: the last one that leaves takes it away. */
const MARK = 'made by cryptcab';
/** BR_MAX_PORTS of Linux, except for the number 0, which is nobody's. */
const PORTS_MAX = 1_023;
/** A device's name has at most 15 characters (IFNAMSIZ), and the kernel puts a number behind this one. */
const PREFIX_MAX = 9;

/** Taps that are taken away at a time: the kernel takes 4 ms for each of many, and 30 ms for one alone. */
const TOGETHER = 200;

/** How often it is looked whether ports are still ports, ms. */
const LOOK_MS = 1_000;

const onBridge = (name: string, file: string) => join('/sys/class/net', name, file);

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

interface BridgePort {
  readonly policy: Policy;
  /** The device's number: another one may have its name some day. */
  readonly index: string | undefined;
}

interface Going {
  readonly device: string;
  readonly index: string | undefined;
  close(): void;
}

const indexOf = (device: string) => read(onBridge(device, 'ifindex'));

/** A bridge of the kernel's, where each peer has a tap of its own. */
export class Bridge implements TapNetwork {
  readonly tap: string;
  readonly #name: string;
  readonly #filter = new Filter((line) => this.#say(line));
  #say: (line: string) => void = () => {};
  /** By device. */
  readonly #ports = new Map<string, BridgePort>();
  /** Taps that are to go. */
  readonly #going: Going[] = [];
  #dismissing: Promise<void> | undefined;
  #ready: Promise<void> | undefined;
  #used = false;
  /** Somebody else made it, and makes it again when it is gone. */
  #standing = false;
  #looking: NodeJS.Timeout | undefined;

  constructor(name: string) {
    this.#name = name;
    this.tap = `${name.slice(0, PREFIX_MAX)}p%d`;
  }

  /** Makes the bridge when it is not there. */
  async #make(): Promise<void> {
    const name = this.#name;
    if (!existsSync(onBridge(name, ''))) {
      if (this.#standing)
        throw new CryptcabError(
          `the bridge ${name} is gone: make it again, with ip link add ${name} type bridge`,
        );
      try {
        // Its own address: else it takes that of one port or another, as they come and go.
        const mac = [0x02, ...crypto.getRandomValues(new Uint8Array(5))];
        const address = mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
        await runTool('ip', ['link', 'add', 'name', name, 'address', address, 'type', 'bridge']);
        await runTool('ip', ['link', 'set', 'dev', name, 'alias', MARK]);
        await runTool('ip', ['link', 'set', 'dev', name, 'up']);
      } catch (error) {
        // Another one may have made it at the same time.
        if (!existsSync(onBridge(name, 'bridge'))) throw this.#failed('make', error);
      }
    }
    if (!existsSync(onBridge(name, 'bridge')))
      throw new CryptcabError(
        `${name} is there, and is no bridge: name another with ${optionName('plug')} bridge://NAME`,
      );
    this.#used = true;
    this.#standing = read(onBridge(name, 'ifalias')) !== MARK;
  }

  #isThere(): Promise<void> {
    if (this.#ready === undefined || !existsSync(onBridge(this.#name, 'bridge'))) {
      this.#ready = this.#make();
      this.#ready.catch(() => {
        this.#ready = undefined;
      });
    }
    return this.#ready;
  }

  #failed(what: string, error: unknown): CryptcabError {
    if (!(error instanceof ToolError))
      return error instanceof CryptcabError ? error : new CryptcabError(messageOf(error));
    if (/not permitted/i.test(error.why))
      return new CryptcabError(
        `may not ${what} the bridge ${this.#name}: be root, or have the capability CAP_NET_ADMIN`,
      );
    if (/exchange full/i.test(error.why))
      return new CryptcabError(
        `the bridge ${this.#name} has ${PORTS_MAX} ports, and takes no more: start another server with a bridge of its own, and join the two by a veth pair`,
      );
    return new CryptcabError(`cannot ${what} the bridge ${this.#name} (${error.why})`);
  }

  async admit(device: string, policyNow: () => Policy): Promise<void> {
    await Promise.all([this.#isThere(), this.#filter.begin(device)]);
    const policy = policyNow();
    const name = this.#name;
    const mtu = read(onBridge(name, 'mtu')) ?? '1500';
    try {
      // No address of this machine's on the port: it would speak to the peer by itself.
      const lines = [
        `link set dev ${device} mtu ${mtu} addrgenmode none`,
        `link set dev ${device} master ${name}`,
        ...(policy.isolated ? [`link set dev ${device} type bridge_slave isolated on`] : []),
      ];
      const up = `link set dev ${device} up`;
      // What other programs keep, they keep before it is up. Without, one program is started for a port, where many come at once.
      const kept = Object.keys(policy).some((field) => field !== 'isolated');
      await runTool('ip', ['-batch', '-'], [...lines, ...(kept ? [] : [up])].join('\n'));
      if (kept) {
        await this.#keep(device, policy, {});
        await runTool('ip', ['-batch', '-'], up);
      }
    } catch (error) {
      throw this.#failed('use', error);
    }
    this.#ports.set(device, { policy, index: indexOf(device) });
    const changed = policyNow(); // meanwhile nobody could know of the port
    if (policyText(changed) !== policyText(policy)) await this.govern(device, changed);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  tells(say: (line: string) => void): void {
    this.#say = say;
  }

  get gone(): string {
    return `its port of the bridge ${this.#name} is gone, or was taken out of the bridge`;
  }

  /**
   * A tap outlives its bridge, and what passes it then ends nowhere. So one that is no port any more is taken away, as if somebody
   * had deleted it, and the cable asks for another. One that was put into another bridge is left there.
   */
  async #look(): Promise<void> {
    let ports: string[] = [];
    try {
      ports = readdirSync(onBridge(this.#name, 'brif'));
      this.#standing = read(onBridge(this.#name, 'ifalias')) !== MARK; // another server may have just made it, and marks it next
    } catch {
      // the bridge is gone
    }
    const there = new Set(ports);
    for (const [device, { index }] of this.#ports) {
      if (there.has(device) || indexOf(device) !== index || existsSync(onBridge(device, 'master'))) continue;
      this.#ports.delete(device);
      await runTool('ip', ['link', 'del', 'dev', device]).catch(() => {}); // it may be gone
    }
  }

  async govern(device: string, policy: Policy): Promise<void> {
    const port = this.#ports.get(device);
    if (port === undefined) return;
    const before = port.policy;
    try {
      if (policy.isolated !== before.isolated)
        await runTool('ip', [
          ...['link', 'set', 'dev', device, 'type', 'bridge_slave'],
          ...['isolated', policy.isolated ? 'on' : 'off'],
        ]);
      await this.#keep(device, policy, before);
    } catch (error) {
      throw this.#failed('use', error);
    }
    this.#ports.set(device, { ...port, policy });
  }

  /** Has a port keep what the bridge itself does not. */
  async #keep(device: string, policy: Policy, before: Policy): Promise<void> {
    const line = tcLine(device, policy);
    if (line !== undefined) await runTool('tc', ['-batch', '-'], line);
    else if (before.rate !== undefined) await runTool('tc', ['qdisc', 'del', 'dev', device, 'root']);
    if (policy.vlan !== undefined || before.vlan !== undefined) {
      const why = await this.vlansRefused();
      if (why !== undefined) throw new CryptcabError(why);
      const first = Number(read(onBridge(this.#name, 'bridge/default_pvid')) ?? 1);
      await runTool('bridge', ['-batch', '-'], vlanLines(device, policy, { had: before.vlan, first }));
    }
    await this.#filter.keep(device, policy);
  }

  dismiss(device: string, close: () => void): void {
    this.#going.push({ device, index: this.#ports.get(device)?.index, close });
    this.#ports.delete(device);
    this.#filter.forget(device); // before another one can have its name
    this.#dismissing ??= this.#dismissAll();
  }

  async #dismissAll(): Promise<void> {
    await turn(); // many may go at once
    try {
      while (this.#going.length > 0) {
        const some = this.#going.splice(0, TOGETHER);
        if (some.length > 1)
          await this.#delete(some.filter(({ device, index }) => indexOf(device) === index));
        for (const { close } of some) close();
      }
    } finally {
      this.#dismissing = undefined; // at once: the next one that goes would wait for nobody
    }
  }

  /** Has the kernel take away many taps in one step, which it does for the devices of a group. */
  async #delete(taps: readonly Going[]): Promise<void> {
    const group = 2 ** 30 + ((crypto.getRandomValues(new Uint32Array(1))[0] as number) >>> 2); // nobody else's
    const lines = taps.map(({ device }) => `link set dev ${device} group ${group}`);
    try {
      await runTool('ip', ['-force', '-batch', '-'], [...lines, `link del group ${group}`].join('\n'));
    } catch {
      // some were gone, or may not be deleted: they go when they are closed
    }
  }

  async vlansRefused(): Promise<string | undefined> {
    await this.#isThere();
    const name = this.#name;
    if (read(onBridge(name, 'bridge/vlan_filtering')) === '1') return undefined;
    if (read(onBridge(name, 'ifalias')) !== MARK)
      return `the bridge ${name} does not filter VLANs: turn that on with ip link set ${name} type bridge vlan_filtering 1, or leave vlan= out`;
    try {
      await runTool('ip', ['link', 'set', 'dev', name, 'type', 'bridge', 'vlan_filtering', '1']);
      return undefined;
    } catch (error) {
      return `this system's bridges do not filter VLANs (${messageOf(error)}): leave vlan= out`;
    }
  }

  refused(device: string): ReadonlyMap<string, number> {
    return this.#filter.refused(device);
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#dismissing;
    await this.#filter.close();
    const name = this.#name;
    if (!this.#used || read(onBridge(name, 'ifalias')) !== MARK) return;
    try {
      if (readdirSync(onBridge(name, 'brif')).length > 0) return; // others use it
      await runTool('ip', ['link', 'del', 'dev', name]);
    } catch {
      // another one has just taken it away
    }
  }
}
