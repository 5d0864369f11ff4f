import type { SessionCore } from '../core/core.js';
import type { HostAddresses } from '../core/hosts.js';
import { type Refusal, STATUS } from '../core/status.js';
import type { FragmentCounts, SeenAddress, SessionCounts } from '../core/terms.js';
import type { Remote } from '../protocol/remote.js';
import type { CableEvents } from './cable.js';
import { type Link, portText, type SecureEvents } from './link.js';
import type { OpenPlug, Plug } from './plug/plug.js';

/** What every link needs of its cable. */
export interface LinkHost {
  readonly core: SessionCore;
  readonly events: CableEvents;
  /** After how many bytes under one Blowfish key worn() is called. */
  readonly wearBytes: number;
  /** Sends a datagram that is not in the ring. */
  send(datagram: Uint8Array, to: Remote): void;
}

/** What the links of both paths have in common. */
export abstract class BaseLink implements Link {
  readonly session: number;
  remote: Remote;
  port: string | undefined;
  /** Its plug, if that is on this thread. */
  own: Plug | undefined;
  readonly secure: SecureEvents | undefined;
  path: number | undefined;
  /** Of a secure link: the receiver's index of each keypair, by place; the place of the one that seals. */
  readonly indices: (number | undefined)[] = [];
  sealing: number | undefined;
  /** The longest frame carried, bytes; and whether a longer one has been told. */
  #frameMax: number;
  #toldLong = false;
  #toldWorn = false;
  /** What was refused, as far as it has been told. */
  #refused: SessionCounts['refused'];
  #refusals: number;
  readonly #host: LinkHost;

  constructor(host: LinkHost, session: number, remote: Remote, secure?: SecureEvents) {
    this.#host = host;
    this.session = session;
    this.remote = remote;
    this.secure = secure;
    this.#frameMax = host.core.frameMax;
    this.#refused = this.counts().refused;
    this.#refusals = host.core.refusals(session);
  }

  get settled(): Promise<void> | undefined {
    return this.own?.settled;
  }

  abstract move(to: Remote): void;
  abstract close(): Promise<void>;

  counts(): SessionCounts {
    return this.#host.core.counts(this.session);
  }

  sources(): Uint8Array[] {
    return this.#host.core.sources(this.session);
  }

  seen(): SeenAddress[] {
    return this.#host.core.seen(this.session, performance.now());
  }

  fragments(): FragmentCounts {
    return this.#host.core.fragments(this.session);
  }

  limit(frameMax: number): void {
    this.#host.core.limitSession(this.session, frameMax);
    this.#frameMax = frameMax;
    this.#toldLong = false;
  }

  beHost(mac: Uint8Array, addresses: HostAddresses): void {
    this.#host.core.hosts.set(this.session, mac, addresses);
  }

  neighbour(address: Uint8Array, mac: Uint8Array | undefined): void {
    this.#host.core.hosts.neighbour(this.session, address, mac);
  }

  listen(address: Uint8Array, on: boolean): void {
    this.#host.core.hosts.listen(this.session, address, on);
  }

  gateway(family: 4 | 6, mac: Uint8Array | undefined): void {
    this.#host.core.hosts.gateway(this.session, family, mac);
  }

  /** It has a new key. */
  renewed(): void {
    this.#toldWorn = false;
    this.limit(this.#host.core.frameMax);
  }

  /** Tells once that its key is worn. */
  lookAtWear(): void {
    const { core, events, wearBytes } = this.#host;
    if (this.#toldWorn || core.wear(this.session) < wearBytes) return;
    this.#toldWorn = true;
    events.worn(this);
  }

  /** Reports what the core has refused since the last look, in whatever it was: a datagram, a frame, or a part of one. */
  lookAtRefusals(): void {
    const refusals = this.#host.core.refusals(this.session);
    if (refusals === this.#refusals) return;
    this.#refusals = refusals;
    const before = this.#refused;
    this.#refused = this.counts().refused;
    for (const why of STATUS) {
      if (why === 'ok') continue;
      const more = Number((this.#refused[why] ?? 0n) - (before[why] ?? 0n));
      if (more > 0) this.refused(why, more);
    }
  }

  /** Datagrams or frames of it were refused; frames that are too long are reported once. */
  refused(why: Refusal, times: number): void {
    const { events } = this.#host;
    if (why !== 'frame too long') {
      events.refused(this, why, times);
    } else if (!this.#toldLong) {
      this.#toldLong = true;
      events.tooLong(this, this.#frameMax);
    }
  }

  /** Its port is open. @param device a tap's */
  plugged(device: string | undefined): void {
    this.port = portText(device);
    this.#host.events.plugged(this);
  }

  /** Its port was lost, or there is none. */
  plugLost(why: string): void {
    this.port = undefined;
    this.#host.events.plugLost(this, why);
  }

  /**
   * Opens its plug on this thread. Nothing of that is heard any more when the link has been given another one.
   * @param renew its stream starts again
   */
  openPlug(open: OpenPlug, feed: (piece: Uint8Array) => void, renew: () => void): Promise<void> {
    let plug: Plug | undefined;
    const unlessPulled = (act: () => void) => {
      if (this.own === plug) act();
    };
    const plugged = () => this.plugged(plug?.device);
    plug = open({
      stream: (piece) => unlessPulled(() => feed(piece)),
      lost: (why) => unlessPulled(() => this.plugLost(why)),
      back: () =>
        unlessPulled(() => {
          renew();
          plugged();
        }),
    });
    this.own = plug;
    plug.settled.then(
      () => unlessPulled(plugged),
      () => {}, // lost() follows
    );
    return plug.settled;
  }
}
