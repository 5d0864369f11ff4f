import { type CryptcabError, messageOf } from '../../error.js';
import type { Log } from '../../log.js';
import { fieldsText, type Policy, type PolicyFields, policyOf, policyText } from '../../network/policy.js';
import type { TapNetwork } from '../../network/tap-network.js';
import type { Peer } from '../../protocol/secure/peer.js';
import { peerText } from './peer-text.js';

/** What each peer may do on the network: its own fields, and the defaults for all. */
export class PeerPolicies {
  readonly #defaults: PolicyFields;
  readonly #network: TapNetwork | undefined;
  readonly #log: Log;
  readonly #own = new WeakMap<Peer, PolicyFields>();
  /** What is under way on a device: one change after the other. */
  readonly #changes = new Map<string, Promise<void>>();

  constructor(defaults: PolicyFields, network: TapNetwork | undefined, log: Log) {
    this.#defaults = defaults;
    this.#network = network;
    this.#log = log;
  }

  of(peer: Peer): Policy {
    return policyOf(this.fieldsOf(peer), this.#defaults);
  }

  /** Of a peer of which nothing is said. */
  get ofNew(): Policy {
    return policyOf({}, this.#defaults);
  }

  /** Its own fields. */
  fieldsOf(peer: Peer): PolicyFields {
    return this.#own.get(peer) ?? {};
  }

  /** Whether these are its own fields. */
  has(peer: Peer, fields: PolicyFields): boolean {
    return fieldsText(this.fieldsOf(peer)) === fieldsText(fields);
  }

  /** Resolves when what is under way on a device is done, or has failed. */
  async settled(device: string | undefined): Promise<void> {
    if (device !== undefined) await this.#changes.get(device);
  }

  /** These are a peer's own fields from now on. */
  set(peer: Peer, fields: PolicyFields = {}): void {
    this.#own.set(peer, fields);
  }

  /**
   * The same for a peer that has a port.
   * @param failed called when its port cannot keep that
   */
  change(peer: Peer, fields: PolicyFields | undefined, device: string | undefined, failed: () => void): void {
    this.set(peer, fields);
    const network = this.#network;
    if (network === undefined || device === undefined) return;
    const before = this.#changes.get(device) ?? Promise.resolve();
    const change = before
      .then(() => network.govern(device, this.of(peer)))
      .then(
        () => {
          const policy = policyText(this.of(peer)) || 'nothing is limited';
          this.#log.info({ peer: peerText(peer), policy }, 'what a peer may do has changed');
        },
        (error: CryptcabError) => {
          this.#log.warn(
            { peer: peerText(peer) },
            `cut off a peer, whose port does not keep its policy: ${messageOf(error)}`,
          );
          failed();
        },
      )
      .finally(() => {
        if (this.#changes.get(device) === change) this.#changes.delete(device);
      });
    this.#changes.set(device, change);
  }
}
