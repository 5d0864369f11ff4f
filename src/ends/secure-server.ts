import type { Cable } from '../cable/cable.js';
import { deviceOf, type Link } from '../cable/link.js';
import { governed, type OpenPlug, type PeerIdentity } from '../cable/plug/plug.js';
import type { By } from '../control/message.js';
import type { Origin } from '../control/status.js';
import { CryptcabError, messageOf } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import type { Enrolled, Invited, InviteRequest } from '../keys/enrolment.js';
import { keyText } from '../keys/key-text.js';
import { PeersStore } from '../keys/peers-store.js';
import type { Log, SeldomLog } from '../log.js';
import type { PolicyFields } from '../network/policy.js';
import { optionName, optionWithValue } from '../options/name.js';
import type { Remote } from '../protocol/remote.js';
import { remoteText } from '../protocol/remote.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureOptions } from '../protocol/secure/terms.js';
import { ownClock } from './hints.js';
import { Lookout } from './lookout.js';
import { ownAddresses } from './own-addresses.js';
import type { Passages } from './passages.js';
import { askedOf } from './peers/asks.js';
import { type EtcdHost, EtcdPeers } from './peers/etcd-peers.js';
import { DOWN, ENDS, GONE, SLEEPS } from './peers/gone-text.js';
import { Guests } from './peers/guests.js';
import { ListedPeers } from './peers/listed.js';
import { PeerPolicies } from './peers/peer-policies.js';
import { identityOf, peerText } from './peers/peer-text.js';
import type { PeersDirectory } from './peers/peers-option.js';
import { type KnownPeer, KnownPeers } from './peers/peers-watch.js';
import type { PeopleHost } from './peers/people.js';
import { type ReadOnlyLine, refuseWhereSeveral } from './peers/read-only.js';
import { Roster } from './peers/roster.js';
import { ServerState } from './peers/server-state.js';
import { TwoPlaces } from './peers/two-places.js';
import { verifierHost } from './peers/verified.js';
import { type AskPeer, VERIFY_RATE, Verifier } from './peers/verifier.js';
import { keptBy, unkept } from './policy-kept.js';
import type { Attendance } from './report/attendance.js';
import type { PeerFacts } from './report/report.js';
import type { PeerStatistics } from './running.js';
import { SecureSide } from './secure-side.js';
import { warnOfMisdirected, warnOfStranger } from './warnings.js';

export interface SecureServerConfiguration {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  /** Who may connect besides those who enrol. */
  readonly peers?: readonly Omit<KnownPeer, 'where'>[];
  /** More of them, in a file that is read again when it changes. */
  readonly peersFile?: string;
  /** Enrolled peers at a time, at most; default: 1024. */
  readonly enrolledMax?: number | undefined;
  /** For how many days an enrolled peer may be silent; default: 30. */
  readonly forgetAfter?: number | undefined;
  /** A directory of this server's own, where it keeps what it knows of its peers over a restart. */
  readonly state?: string | undefined;
  /** Of one of several servers with one private key, 1 to 255 (secure.md §4.4). */
  readonly serverId?: number | undefined;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  /** Told the keys of each handshake; default: nobody. */
  readonly keyLog?: SecureOptions['keyLog'];
  /** Somebody else who knows who may connect. */
  readonly directory?: PeersDirectory | undefined;
  /** Asked whether a key may connect that is not known here. */
  readonly verify?: AskPeer | undefined;
  /** What a peer may do on the network, where its line says nothing else. */
  readonly peerDefaults?: PolicyFields | undefined;
}

/** What the server has that its secure half is of. */
export interface SecureServerHost {
  readonly cable: Cable;
  /** Makes a switch port for each peer. */
  readonly plug: OpenPlug;
  readonly passages: Passages;
  readonly log: Log;
  readonly seldom: SeldomLog;
  readonly attendance: Attendance;
}

const DAY_MS = 86_400_000;

/** The secure half of a server: a switch port for each peer of the peers file that is up. */
export class SecureServer {
  readonly #side: SecureSide;
  readonly #known: KnownPeers | EtcdPeers | undefined;
  readonly #listed: ListedPeers;
  /** Of those that have enrolled. */
  readonly #origins = new WeakMap<Peer, Origin>();
  readonly #cable: Cable;
  readonly #configuration: Pick<SecureServerConfiguration, 'peersFile' | 'directory' | 'state' | 'serverId'>;
  readonly #log: Log;
  readonly #guests: Guests | undefined;
  readonly #plug: OpenPlug;
  readonly #policies: PeerPolicies;
  readonly #lookout: Lookout;
  #roster: Roster | undefined;
  #verifier: Verifier | undefined;
  /** Whether the server ends: its peers have not gone for a reason of their own. */
  #ends = false;

  /**
   * @throws CryptcabError when the peers file cannot be read
   * @throws RangeError for one of `peers` that is none, our own, or there twice
   */
  constructor(
    configuration: SecureServerConfiguration,
    { cable, plug, passages, log, seldom, attendance }: SecureServerHost,
  ) {
    this.#log = log;
    this.#cable = cable;
    this.#plug = plug;
    const { peersFile, directory, state, serverId } = configuration;
    this.#configuration = { ...(peersFile !== undefined && { peersFile }), directory, state, serverId };
    const asked = askedOf(configuration);
    const policies = new PeerPolicies(configuration.peerDefaults ?? {}, plug.network, log);
    this.#policies = policies;
    this.#lookout = new Lookout({
      ...{ cable, path: configuration.path },
      plug: plug.network === undefined ? plug : governed(plug, () => policies.ofNew),
      pulled: (link) => passages.pulled(link),
    });
    const twoPlaces = new TwoPlaces();
    const giveBack = (peer: Peer) => {
      const link = side.linkOf(peer);
      if (link !== undefined) passages.pulled(link);
      side.pull(peer);
      attendance.pulled(identityOf(peer));
    };
    const side: SecureSide = new SecureSide({
      cable,
      privateKey: configuration.privateKey,
      path: configuration.path,
      keyLog: configuration.keyLog,
      enrolledMax: configuration.enrolledMax,
      forgetAfter: configuration.forgetAfter && configuration.forgetAfter * DAY_MS,
      strangers: asked && VERIFY_RATE,
      serverId: configuration.serverId,
      log,
      seldom,
      handlers: {
        up: (peer) => {
          if (peer.guest) return; // it gets no port
          this.#roster?.heard(peer);
          side.plug(peer, plug.network === undefined ? plug : governed(plug, () => policies.of(peer)));
          const link = side.linkOf(peer);
          if (link === undefined) return;
          passages.agreed(link, () => {
            const address = remoteText(peer.endpoint as Remote);
            log.info({ peer: peerText(peer), address, port: link.port }, 'peer is up, secure');
            const up = { ...identityOf(peer), address, cipher: 'secure', ...deviceOf(link) } as const;
            side.hostOf(peer)?.up();
            attendance.up(up, () => link.counts());
            side.came(peer);
          });
        },
        down: (peer, why) => {
          if (peer.guest) return;
          if (why === 'removed') this.#roster?.forget(peer);
          else this.#roster?.heard(peer);
          const link = side.linkOf(peer);
          const wasUp = link !== undefined && passages.over(link);
          const host = side.hostOf(peer);
          const sleeps = host !== undefined && why === 'expired';
          log.info({ peer: peerText(peer) }, this.#ends ? ENDS : sleeps ? SLEEPS : DOWN[why]);
          if (wasUp && !this.#ends) attendance.down(identityOf(peer), why);
          if (sleeps) return host.asleep();
          host?.gone();
          giveBack(peer);
        },
        slept: (peer) => {
          log.info({ peer: peerText(peer) }, 'a device that was asleep is gone: it has given its port back');
          giveBack(peer);
        },
        keyed() {
          attendance.handshakes++;
        },
        left: (peer, counts) => {
          if (!peer.guest) attendance.gone(identityOf(peer), counts);
        },
        stranger: (publicKey, from) => {
          const key = keyText(publicKey);
          if (this.#verifier !== undefined) return this.#verifier.stranger(key, remoteText(from));
          warnOfStranger(log, remoteText(from), key, peersFile === undefined ? directory : 'file');
        },
        misdirected: (from, times) => warnOfMisdirected(log, remoteText(from), times),
        noWay: (peer, { marked }) => log.warn({ peer: peerText(peer) }, marked),
        noAnswer(peer) {
          const at = remoteText(peer.endpoint as Remote);
          const text = `no secure answer from ${peerText(peer)} at ${at}, still trying: see that it runs with ${optionName('secure')}, that it has this end's public key, and the same preshared key or none${ownClock(Date.now())}`;
          const say = () => log.info({ publicKey: keyText(side.publicKey) }, text);
          seldom.note(performance.now(), `unanswered ${keyText(peer.publicKey)}`, say);
        },
        moved: (peer) => {
          if (!peer.guest) this.#roster?.heard(peer);
          const now = performance.now();
          const text = twoPlaces.moved(now, peer, remoteText(peer.endpoint as Remote));
          if (text === undefined) return;
          const say = () => log.warn({}, `${peerText(peer)} ${text}`);
          seldom.note(now, `two places ${keyText(peer.publicKey)}`, say);
        },
        enrol: (guest, introduction) => this.#guests?.asked(guest, introduction),
        met: (peer, timestamp) => {
          const { serverId } = configuration;
          if (this.#known instanceof EtcdPeers && serverId !== undefined)
            this.#known.tell(keyText(peer.publicKey), timestamp, serverId);
        },
        gone: (peer, why) => {
          this.#roster?.forget(peer);
          log.info({ peer: peerText(peer) }, `forgot an enrolled peer: ${GONE[why]}`);
        },
      },
    });
    this.#side = side;
    const listed = new ListedPeers(side, policies, plug, log, peersFile !== undefined);
    this.#listed = listed;
    try {
      const { peers = [], peersFile, directory } = configuration;
      for (const { endpoint, policy = {}, host, ...options } of peers) {
        const peer = side.add(options, endpoint, host);
        policies.set(peer, policy);
      }
      if (peersFile !== undefined) this.#known = new KnownPeers(peersFile, log, (peers) => listed.all(peers));
      else if (directory?.kind === 'etcd') this.#known = new EtcdPeers(directory, this.#etcdHost(), log);
    } catch (error) {
      side.close();
      throw error;
    }
    if (configuration.state !== undefined) {
      const { state: directory, privateKey } = configuration;
      const { publicKey } = side;
      const state = ServerState.open({ directory, privateKey, publicKey, random: drawSecret, log });
      if (state !== undefined) {
        const roster = new Roster(state, side, this.#origins, policies);
        const guests = new Guests(side, roster, log, seldom);
        guests.restore(roster.restore());
        roster.invites = () => guests.kept;
        this.#roster = roster;
        this.#guests = guests;
      }
    }
    if (asked !== undefined)
      this.#verifier = new Verifier(asked, verifierHost(side, policies, plug, log), log);
    log.info({ publicKey: keyText(side.publicKey) }, 'secure peers connect to this public key');
  }

  get side(): SecureSide {
    return this.#side;
  }

  /** What etcd says goes here. */
  #etcdHost(): EtcdHost {
    const { serverId } = this.#configuration;
    return {
      all: (peers) => this.#listed.all(peers),
      one: (publicKey, known) => this.#listed.one(publicKey, known),
      seen: (publicKey, timestamp, server) => {
        const peer = this.#listed.get(publicKey)?.peer;
        if (peer !== undefined) this.#side.seen(peer, timestamp, server !== serverId);
      },
    };
  }

  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[] {
    return this.#side.statistics().map((one) => {
      const peer = this.#side.find(one.publicKey as string);
      return peer === undefined
        ? one
        : { ...one, ...keptBy(this.#plug.network, one.port, this.#policies.of(peer)) };
    });
  }

  /** What is asked of the network; later a line that cannot be kept is skipped. */
  wishes(): { readonly who: string; readonly fields: PolicyFields }[] {
    this.#listed.started = true;
    return [...this.#side.peers()].map(({ peer }) => ({
      who: this.#listed.get(keyText(peer.publicKey))?.where ?? `the peer ${peerText(peer)}`,
      fields: this.#policies.fieldsOf(peer),
    }));
  }

  /** A link's peer. */
  identityOf(link: Link): PeerIdentity | undefined {
    if (this.#lookout.has(link)) return { peer: 'a device that is invited' };
    const peer = this.#side.peerOf(link);
    return peer && identityOf(peer);
  }

  /** What is known of each peer. */
  facts(): PeerFacts[] {
    return [...this.#side.facts()].map(({ of: peer, ...facts }) => ({
      ...facts,
      origin: this.#origin(peer),
      ...keptBy(this.#plug.network, facts.link?.port, this.#policies.of(peer)),
    }));
  }

  #origin(peer: Peer): Origin {
    const unknown = { user: null, address: null, at: null };
    const known = this.#origins.get(peer);
    if (known !== undefined) return known;
    if (peer.enrolled) return { how: 'ssh', ...unknown };
    return { how: this.#listed.has(peer) ? 'file' : 'program', ...unknown };
  }

  /** Who may connect and is not up, and where each was last. */
  away(): (PeerIdentity & { readonly address: string | undefined })[] {
    return [...this.#side.peers()]
      .filter(({ up }) => !up)
      .map(({ peer }) => ({ ...identityOf(peer), address: peer.endpoint && remoteText(peer.endpoint) }));
  }

  /** Reads the peers file again. */
  reload(): void {
    this.#known?.reload();
  }

  /**
   * Lets somebody connect who has shown by other means that they may, until they have been silent for long.
   * @param presharedKey 32 bytes
   * @throws CryptcabError for what is no public key, our own, or there already, and where as many have enrolled as may and
   * all are up
   */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array, name?: string, by: By = {}): Enrolled {
    try {
      refuseWhereSeveral(this.#configuration);
      const named = name !== undefined && { name };
      const peer = this.#side.add({ publicKey, presharedKey, ...named, enrolled: true });
      const { user = null, address = null } = by;
      this.#origins.set(peer, { how: 'ssh', user, address, at: new Date().toISOString() });
      this.#roster?.enrolled(peer, presharedKey);
      this.#log.info({ peer: peerText(peer), ...by }, 'enrolled a peer');
    } catch (error) {
      throw new CryptcabError(`cannot enrol: ${messageOf(error)}`);
    }
    return { publicKey: this.#side.publicKey, port: this.#cable.local.port };
  }

  /**
   * Makes an invite: who has its line may join.
   * @throws CryptcabError where a peer has its name, or there are too many, where it cannot be kept over a restart, and for one of several servers
   */
  invite(request: InviteRequest): Invited {
    refuseWhereSeveral(this.#configuration);
    const { address, port } = this.#cable.local;
    return {
      until: this.#inviting().invite(request) / 1_000,
      addresses: ownAddresses(address),
      ...{ publicKey: this.#side.publicKey, port },
    };
  }

  /** Takes back the open invites of a name, or the one with a public key. @returns how many they were */
  cancelInvites(name: string, publicKey?: Uint8Array): number {
    return this.#inviting().cancel(name, publicKey);
  }

  #inviting(): Guests {
    if (this.#guests !== undefined) return this.#guests;
    throw new CryptcabError(
      `this server keeps nothing over a restart, so whoever joined would be forgotten: start it with ${optionWithValue('secure.state')}`,
    );
  }

  /**
   * Lets one more peer connect; where its endpoint is known it is called.
   * @returns what it is called from now on
   * @throws CryptcabError for what is no public key, our own, or there already
   */
  add({ endpoint, policy = {}, host, ...options }: Omit<KnownPeer, 'where'>): PeerIdentity {
    try {
      const why = unkept(this.#plug, policy);
      if (why !== undefined) throw new RangeError(why);
      const peer = this.#side.add(options, endpoint, host);
      this.#policies.set(peer, policy);
      return identityOf(peer);
    } catch (error) {
      throw new CryptcabError(`cannot add a peer: ${messageOf(error)}`);
    }
  }

  /**
   * Cuts a peer off for good.
   * @param publicKey 44 characters
   * @returns whether it was there
   * @throws CryptcabError where a list has it, which would let it in again
   */
  remove(publicKey: string): boolean {
    const peer = this.#side.find(publicKey);
    if (peer === undefined || peer.guest) return false;
    const line = this.#readOnly(peer);
    const where =
      line !== undefined
        ? `its line comes from ${line.from}; remove it there`
        : this.#listed.get(publicKey) && 'it is in the peers file; remove its line';
    if (where !== undefined) throw new CryptcabError(`cannot remove ${peerText(peer)}: ${where}`);
    this.#side.remove(peer);
    this.#roster?.forget(peer); // it may not have been up
    return true;
  }

  /** Where a peer's line is, where this server cannot change it. */
  #readOnly(peer: Peer): ReadOnlyLine | undefined {
    return this.#listed.readOnly(peer) ?? this.#verifier?.readOnly(peer);
  }

  /** Ends the session of a peer, which may connect again. @returns whether it was up */
  disconnect(publicKey: string): boolean {
    const peer = this.#side.find(publicKey);
    if (peer === undefined || !this.#side.isUp(peer)) return false;
    this.#side.disconnect(peer);
    return true;
  }

  /** What people change while it runs. */
  get people(): PeopleHost {
    const { peersFile, directory } = this.#configuration;
    const keeps = this.#roster !== undefined;
    return {
      side: this.#side,
      plug: this.#plug,
      policies: this.#policies,
      lookout: this.#lookout,
      store: peersFile === undefined ? undefined : new PeersStore(peersFile),
      directory,
      readOnly: (peer) => this.#readOnly(peer),
      untilListed: (peer) => this.#listed.untilListed.add(peer),
      keeps: (peer) => keeps && (peer.enrolled || this.#origins.get(peer)?.how === 'invite'),
      isListed: (peer) => this.#listed.has(peer),
      reload: () => this.reload(),
      changed: (peer) => this.#roster?.changed(peer, this.#side.find(keyText(peer.publicKey)) === undefined),
      log: this.#log,
    };
  }

  async close(): Promise<void> {
    this.#known?.close();
    this.#verifier?.close();
    this.#roster?.close();
    this.#roster = undefined;
    this.#ends = true;
    await this.#lookout.close();
    await this.#side.close();
  }
}
