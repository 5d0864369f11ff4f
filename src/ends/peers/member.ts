import type { SecureLink } from '../../cable/link.js';
import { forPeer, type OpenPlug } from '../../cable/plug/plug.js';
import { type Remote, remoteText } from '../../protocol/remote.js';
import type { Peer } from '../../protocol/secure/peer.js';
import type { Endpoint } from '../endpoint.js';
import type { HostEnd } from '../host-end.js';
import type { PeerFacts } from '../report/report.js';
import type { Resolver } from '../resolve.js';
import type { PeerStatistics } from '../running.js';
import { identityOf } from './peer-text.js';

/** One that may connect by the secure cable: where it is said to be, its link, its port of the switch. */
export class Member {
  readonly peer: Peer;
  /** Of a stock WireGuard device. */
  readonly host: HostEnd | undefined;
  link: SecureLink | undefined;
  up = false;
  /** Since when, of the clock that its machine has, ms. */
  upAt = -Infinity;
  #plugged = false;
  readonly #endpoint: Endpoint | undefined;
  readonly #resolver: Resolver | undefined;
  /** Ends the looking up of its name. */
  readonly #forgotten = new AbortController();
  #resolving = false;

  /** @param resolver of the endpoint's host; without an endpoint it is the one that calls */
  constructor(peer: Peer, endpoint?: Endpoint, resolver?: Resolver, host?: HostEnd) {
    this.peer = peer;
    this.#endpoint = endpoint;
    this.#resolver = resolver;
    this.host = host;
  }

  /** Whether its endpoint is known from elsewhere than from what it sends. */
  get called(): boolean {
    return this.#endpoint !== undefined;
  }

  /** Why its name has no address; undefined when it has one, or is none. */
  get trouble(): string | undefined {
    return this.#resolver?.trouble;
  }

  /**
   * Looks up where it is, however long that takes.
   * @returns undefined where that is under way already, or has no sense
   * @throws CryptcabError where no datagram of ours can go there; the signal's reason once it is forgotten
   */
  async addresses(): Promise<Remote[] | undefined> {
    if (this.#endpoint === undefined || this.#resolver === undefined || this.#resolving) return undefined;
    const { port } = this.#endpoint;
    this.#resolving = true;
    try {
      const found = await this.#resolver.wait(this.#forgotten.signal);
      return found.map((address) => ({ address, port }));
    } finally {
      this.#resolving = false;
    }
  }

  /** It may not connect any more. */
  forget(): void {
    this.#forgotten.abort();
    this.host?.gone(); // it may have been asleep
  }

  /**
   * Takes a port of the switch for its link, unless it has one.
   * @returns what the plug says of its first attempt
   */
  plug(link: SecureLink, open: OpenPlug): Promise<void> {
    if (this.#plugged) return Promise.resolve();
    this.#plugged = true;
    return link.plug(forPeer(open, identityOf(this.peer)));
  }

  /** Gives its port back. @returns undefined where it has none */
  pull(): Promise<void> | undefined {
    if (this.link === undefined || !this.#plugged) return undefined;
    this.#plugged = false;
    return this.link.pull();
  }

  /** What is known of it. @param now of the clock that its machine has */
  facts(now: number): PeerFacts {
    const { link } = this;
    const { endpoint, heardAt, roundTrip, loss } = this.peer;
    return {
      identity: identityOf(this.peer),
      cable: 'secure',
      address: endpoint,
      quiet: heardAt === undefined ? undefined : now - heardAt,
      roundTrip,
      loss,
      link,
      counts: link?.counts(),
      ...(this.host !== undefined && { host: this.host.facts }),
    };
  }

  /** What it has carried; undefined while it is not up. */
  statistics(): PeerStatistics | undefined {
    const { link, up } = this;
    if (!up || link === undefined) return undefined;
    const { roundTrip, loss } = this.peer;
    return {
      ...identityOf(this.peer),
      address: remoteText(link.remote),
      port: link.port,
      ...{ roundTrip, loss },
      ...link.counts(),
    };
  }
}
