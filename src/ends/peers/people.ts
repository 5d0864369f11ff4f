import type { OpenPlug } from '../../cable/plug/plug.js';
import type { AddedPeer, Changed } from '../../control/message.js';
import { CryptcabError, messageOf } from '../../error.js';
import { keyText, parseKey } from '../../keys/key-text.js';
import { lineText, type PeersStore } from '../../keys/peers-store.js';
import { textKey } from '../../keys/read-key.js';
import type { Log } from '../../log.js';
import { addressBytes, addressText } from '../../network/address.js';
import { parseHostText, prefixText } from '../../network/host.js';
import { changedFields, parsePolicy, parsePolicyChange, policyText } from '../../network/policy.js';
import { optionName, optionWithValue } from '../../options/name.js';
import type { Peer } from '../../protocol/secure/peer.js';
import type { Lookout } from '../lookout.js';
import { mustKeep } from '../policy-kept.js';
import type { SecureSide } from '../secure-side.js';
import type { PeerPolicies } from './peer-policies.js';
import { peerText, SHORT_KEY } from './peer-text.js';
import type { PeersDirectory } from './peers-option.js';
import { putThere, type ReadOnlyLine } from './read-only.js';

/** The secure half of a server, as far as people change who its peers are. */
export interface PeopleHost {
  readonly side: SecureSide;
  /** What peers are plugged into, and what they may do there. */
  readonly plug: OpenPlug;
  readonly policies: PeerPolicies;
  /** Looks at the network that peers are plugged into. */
  readonly lookout: Lookout;
  /** Where peers are listed; undefined where that is nowhere, or this server only reads it. */
  readonly store: PeersStore | undefined;
  /** What this server only reads; undefined where that is nothing. */
  readonly directory: PeersDirectory | undefined;
  /** Where a peer's line is, where this server cannot change it. */
  readOnly(peer: Peer): ReadOnlyLine | undefined;
  /** A line of this peer, once there is one, takes its place. */
  untilListed(peer: Peer): void;
  /** Whether it keeps a peer over a restart that no list has: one that has enrolled, or joined. */
  keeps(peer: Peer): boolean;
  isListed(peer: Peer): boolean;
  /** Reads again what lists peers. */
  reload(): void;
  /** Something about a peer is another than it was. */
  changed(peer: Peer): void;
  readonly log: Log;
}

/** Changes who may connect while a server runs, for people: in its list of peers as well, where that can be written. */
export class People {
  readonly #host: () => PeopleHost;
  readonly #kickClassic: (address: string) => boolean;

  /**
   * @param host throws a CryptcabError where no secure clients are served
   * @param kickClassic ends the session of a classic client; returns whether it was up
   */
  constructor(host: () => PeopleHost, kickClassic: (address: string) => boolean) {
    this.#host = host;
    this.#kickClassic = kickClassic;
  }

  /**
   * Lets one more connect. Where the list cannot be written it may until the server ends.
   * @throws CryptcabError for what is no public key, our own, or there already, for what are no fields, and for what cannot be kept
   * here
   */
  async add({ publicKey, name, presharedKeyFile, host: hostText, policy }: AddedPeer): Promise<Changed> {
    const { side, store, directory, reload, log, plug, policies, untilListed } = this.#host();
    const key = parseKey(publicKey);
    if (key === undefined) throw new CryptcabError('this is no public key, 44 characters of base64');
    const fields = parsePolicy(policy ?? '');
    if (typeof fields === 'string') throw new CryptcabError(`cannot add this peer: ${fields}`);
    if (hostText !== undefined && fields.mac)
      throw new CryptcabError('cannot add this peer: mac= of a stock WireGuard device stands beside its ip=');
    await mustKeep(plug, [{ who: name ?? publicKey.slice(0, SHORT_KEY), fields }]);
    const known = side.find(publicKey);
    if (known !== undefined) throw new CryptcabError(`cannot add ${peerText(known)}: it may connect already`);
    if (name !== undefined) this.#refuseName(name);
    const host = hostText === undefined ? undefined : parseHostText(hostText);
    if (typeof host === 'string') throw new CryptcabError(`cannot add this peer: ${host}`);
    const presharedKey =
      presharedKeyFile === undefined ? undefined : textKey(presharedKeyFile, 'genpsk', log);
    let peer: Peer;
    try {
      peer = side.add(
        {
          publicKey: key,
          ...(name !== undefined && { name }),
          ...(presharedKey && { presharedKey }),
        },
        undefined,
        host,
      );
    } catch (error) {
      throw new CryptcabError(`cannot add this peer: ${messageOf(error)}`);
    } finally {
      presharedKey?.fill(0);
    }
    policies.set(peer, fields);
    untilListed(peer);
    const limited = policy === undefined ? {} : { policy: policyText(policies.of(peer)) };
    log.info({ peer: peerText(peer) }, 'added a peer');
    const line = { publicKey, name, presharedKeyFile, host: hostText, policy: fields };
    const passing = (untilEnd: string) => ({ ...limited, peer: peerText(peer), untilEnd });
    try {
      if (directory !== undefined)
        return passing(
          `this server only reads its list of peers; ${putThere(directory, 'this line')}: ${lineText(line)}`,
        );
      if (store === undefined)
        return passing(`this server has no list of peers: start it with ${optionWithValue('secure.peers')}`);
      store.add(line);
    } catch (error) {
      return passing(messageOf(error));
    }
    side.remove(peer); // what the list says holds from now on
    reload();
    return { ...limited, peer: this.#text(publicKey), untilEnd: null };
  }

  /**
   * Cuts a peer off for good.
   * @throws CryptcabError where it is not there, or its line cannot be taken away: it would come back
   */
  remove(publicKey: string): Changed {
    const host = this.#host();
    const peer = this.#find(publicKey, 'remove');
    const text = peerText(peer);
    const { store } = host;
    const line = host.readOnly(peer);
    if (line !== undefined) throw new CryptcabError(`${text} stays: ${onlyReads(line)}: take it out there`);
    if (host.isListed(peer) && store !== undefined) {
      try {
        store.remove(keyText(peer.publicKey));
      } catch (error) {
        throw new CryptcabError(`${text} stays: ${messageOf(error)}`);
      }
      host.reload();
    } else {
      host.side.remove(peer);
    }
    host.changed(peer);
    host.log.info({ peer: text }, 'removed a peer');
    return { peer: text, untilEnd: null };
  }

  /** @throws CryptcabError where it is not there, another one is called so, or its line cannot be changed */
  rename(publicKey: string, name: string): Changed {
    const host = this.#host();
    const peer = this.#find(publicKey, 'rename');
    this.#refuseName(name);
    const { store } = host;
    const line = host.readOnly(peer);
    if (line !== undefined)
      throw new CryptcabError(`${peerText(peer)} keeps its name: ${onlyReads(line)}: change name= there`);
    if (host.isListed(peer) && store !== undefined) {
      store.rename(keyText(peer.publicKey), name);
      host.reload();
    } else {
      host.side.rename(peer, name);
    }
    host.changed(peer);
    return { peer: this.#text(publicKey), untilEnd: lasting(host, peer) };
  }

  /**
   * Changes what a peer may do on the network, also while it is up.
   * @param text fields as its line has them; `FIELD=` takes one out, so that the defaults hold
   * @throws CryptcabError where it is not there, for what are no fields, and for what cannot be kept here
   */
  async limit(publicKey: string, text: string): Promise<Changed> {
    const host = this.#host();
    const { policies, side, plug } = host;
    const peer = this.#find(publicKey, 'limit');
    const change = parsePolicyChange(text);
    if (typeof change === 'string') throw new CryptcabError(change);
    // In its line it stands for the address that it has: without it, or with another one, it would be another station.
    if (
      side.hostOf(peer) !== undefined &&
      (change.fields.mac !== undefined || change.cleared.includes('mac'))
    )
      throw new CryptcabError(
        `${peerText(peer)} is a stock WireGuard device, whose mac= is its own MAC address: change its line in the list of peers instead, which cuts it off for a moment`,
      );
    await mustKeep(plug, [{ who: peerText(peer), fields: change.fields }]);
    if (side.find(publicKey) !== peer) throw new CryptcabError(`${peerText(peer)} has gone meanwhile`);
    const fields = changedFields(policies.fieldsOf(peer), change);
    if (typeof fields === 'string') throw new CryptcabError(fields);
    const line = host.readOnly(peer);
    let untilEnd = line === undefined ? lasting(host, peer) : `${onlyReads(line)}: change it there`;
    if (line === undefined && host.isListed(peer) && host.store !== undefined) {
      try {
        host.store.limit(publicKey, change);
        host.reload();
      } catch (error) {
        untilEnd = messageOf(error);
      }
    }
    const port = () => side.linkOf(peer)?.port;
    if (!policies.has(peer, fields)) policies.change(peer, fields, port(), () => side.disconnect(peer));
    host.changed(peer);
    await policies.settled(port());
    const until = line && { until: line.until };
    return { peer: peerText(peer), untilEnd, ...until, policy: policyText(policies.of(peer)) };
  }

  /** Ends the session of a peer, which may connect again. @param peer its public key, or a classic client's address */
  kick(peer: string): Changed {
    if (parseKey(peer) === undefined) {
      if (!this.#kickClassic(peer)) throw new CryptcabError('no such client is up');
      return { peer, untilEnd: null };
    }
    const { side } = this.#host();
    const found = this.#find(peer, 'kick');
    if (!side.isUp(found)) throw new CryptcabError(`${peerText(found)} is not up`);
    side.disconnect(found);
    return { peer: peerText(found), untilEnd: null };
  }

  /**
   * Asks the network which of these addresses a station has.
   * @throws CryptcabError where it cannot be asked
   */
  async usedAddresses(addresses: readonly string[]): Promise<readonly string[]> {
    const used = await this.#host().lookout.used(
      addresses.map(addressBytes).filter((one) => one !== undefined),
    );
    return used.map(addressText);
  }

  /**
   * Leases an address for a device that will be added.
   * @throws CryptcabError where it cannot be added, or no DHCP server gives one
   */
  async leaseAddress(publicKey: string, name?: string): Promise<string> {
    const { side, lookout } = this.#host();
    const known = side.find(publicKey);
    if (known !== undefined) throw new CryptcabError(`cannot add ${peerText(known)}: it may connect already`);
    if (name !== undefined) this.#refuseName(name);
    return prefixText(await lookout.lease(parseKey(publicKey) as Uint8Array, name));
  }

  #find(publicKey: string, what: string): Peer {
    if (parseKey(publicKey) === undefined)
      throw new CryptcabError(
        `cannot ${what} a classic client, which has no public key: kick it, and change the key that it has`,
      );
    const peer = this.#host().side.find(publicKey);
    if (peer === undefined || peer.guest) throw new CryptcabError('there is no such peer');
    return peer;
  }

  #text(publicKey: string): string {
    const peer = this.#host().side.find(publicKey);
    return peer === undefined ? publicKey.slice(0, SHORT_KEY) : peerText(peer);
  }

  #refuseName(name: string): void {
    for (const { peer } of this.#host().side.peers())
      if (peer.name === name)
        throw new CryptcabError(
          `${peerText(peer)} is called ${name}: choose another name, or first take that one away with cryptcab peers remove ${name}`,
        );
  }
}

function onlyReads({ from }: ReadOnlyLine): string {
  return `this server only reads its line, from ${from}`;
}

/** Why a change of a peer ends with the server; null where it lasts. */
function lasting(host: PeopleHost, peer: Peer): string | null {
  const lasts = host.isListed(peer) || host.keeps(peer);
  return lasts ? null : `nothing of this peer is kept; see ${optionName('secure.state')}`;
}
