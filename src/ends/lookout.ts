// Looks at the network of a server through a port of its own, before a stock WireGuard device gets an address there.
import type { Cable } from '../cable/cable.js';
import type { Link } from '../cable/link.js';
import type { OpenPlug } from '../cable/plug/plug.js';
import { CryptcabError } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import { HostMachine } from '../protocol/host/host.js';
import type { HostNotice, HostOptions, Prefix } from '../protocol/host/terms.js';

/** Who looks for an address asks for at least 1 s before it announces that it has it (constants.ts): nothing is announced here. */
const PROBE_MS = 900;
/** A DHCP server may first ping what it offers, for 3 s. */
const LEASE_MS = 3_500;
/** For all, with the time in which the port opens: whoever asks at the control socket waits for 5 s. */
const ALL_MS = 4_500;
const TICK_MS = 50;
/** Of a public key that stands for no device. */
const NOBODY_BYTES = 32;
/** It sends to nobody. */
const NOWHERE = { address: '::', port: 0 };

/** What it looks through. */
export interface LookoutHost {
  readonly cable: Cable;
  readonly plug: OpenPlug;
  /** Largest UDP payload, bytes. */
  readonly path: number;
  /** A link's port is given back. */
  pulled(link: Link): void;
}

export class Lookout {
  readonly #host: LookoutHost;
  /** Ends each look that is under way. */
  readonly #looks = new Map<Link, () => void>();
  readonly #tasks = new Set<Promise<unknown>>();

  constructor(host: LookoutHost) {
    this.#host = host;
  }

  /** Whether a port is one of its own. */
  has(link: Link): boolean {
    return this.#looks.has(link);
  }

  /**
   * Asks the network for addresses, as a station does before it uses one.
   * @returns those that a station has
   * @throws CryptcabError where it cannot ask
   */
  async used(addresses: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const used: Uint8Array[] = [];
    const own = addresses.map((address) => ({ address, bits: 8 * address.length }));
    await this.#look(
      { publicKey: drawSecret(NOBODY_BYTES), addresses: own, dhcp: false },
      PROBE_MS,
      (notice) => {
        if (notice.what === 'conflict') used.push(notice.address);
        return false;
      },
    );
    return used;
  }

  /**
   * Leases an IPv4 address for a device, which will ask for it itself later: the DHCP server knows it by its public key.
   * @throws CryptcabError where no server gives one
   */
  async lease(publicKey: Uint8Array, name: string | undefined): Promise<Prefix> {
    let leased: Prefix | undefined;
    await this.#look({ publicKey, name, addresses: [], dhcp: true }, LEASE_MS, (notice) => {
      if (notice.what === 'lease') leased = notice.address;
      return leased !== undefined;
    });
    if (leased !== undefined) return leased;
    throw new CryptcabError(
      'no DHCP server gives an address to the device: see that there is one on the network, or name the network instead',
    );
  }

  /** @param heard returns whether nothing more is needed */
  #look(
    who: Pick<HostOptions, 'publicKey' | 'name' | 'addresses' | 'dhcp'>,
    ms: number,
    heard: (notice: HostNotice) => boolean,
  ): Promise<void> {
    const task = this.#through(who, ms, heard).finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
    return task;
  }

  async #through(
    who: Pick<HostOptions, 'publicKey' | 'name' | 'addresses' | 'dhcp'>,
    ms: number,
    heard: (notice: HostNotice) => boolean,
  ): Promise<void> {
    const { cable, plug, path } = this.#host;
    if (plug.alone !== undefined) throw new CryptcabError(plug.alone);
    const machine = new HostMachine({ ...who, multicast: 'none', packetMax: path }, drawSecret);
    let over = () => {};
    const step = (tell: (now: number) => void) => {
      tell(performance.now());
      for (const effect of machine.take()) {
        if (effect.do === 'frame') link?.inject(effect.frame);
        else if (effect.do === 'notice' && heard(effect.notice)) over();
      }
    };
    const nothing = () => {};
    const link = cable.join(NOWHERE, path, {
      ...{ wanted: nothing, opened: nothing, control: nothing, sealed: nothing },
      kept: (_, frame) => step((now) => machine.frame(now, frame)),
    });
    if (link === undefined) throw new CryptcabError('there is no memory for one more session');
    let timer: NodeJS.Timeout | undefined;
    const wait = (time: number) =>
      new Promise<'over'>((resolve) => {
        over = () => resolve('over');
        timer = setTimeout(over, time);
        this.#looks.set(link, over);
      });
    let ticks: NodeJS.Timeout | undefined;
    try {
      link.beHost(machine.mac, { own: [], onLink: [] });
      const from = performance.now();
      const late = wait(ALL_MS - PROBE_MS);
      if ((await Promise.race([link.plug(plug), late])) === 'over')
        throw new CryptcabError('its port of the switch does not open');
      clearTimeout(timer);
      const enough = wait(Math.min(ms, ALL_MS - (performance.now() - from))); // a busy machine opens a port slowly
      step((now) => machine.up(now));
      ticks = setInterval(() => step((now) => machine.tick(now)), TICK_MS);
      await enough;
    } finally {
      clearTimeout(timer);
      clearInterval(ticks);
      await link.close();
      this.#looks.delete(link);
      this.#host.pulled(link);
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    for (const over of this.#looks.values()) over();
    await Promise.allSettled(this.#tasks);
  }
}
