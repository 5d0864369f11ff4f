import type { Core } from '../core/core.js';
import type { Status } from '../core/status.js';
import type { FragmentCounts, Keying, SessionCounts, TransportKeys } from '../core/terms.js';
import type { CryptcabError } from '../error.js';
import type { Remote } from '../protocol/remote.js';
import type { CableCopies } from './copies/cable-copies.js';
import type { OpenPlug, Plug } from './plug/plug.js';

export interface CableEvents {
  /** A datagram came that is not DATA of a link that is up. */
  control(datagram: Uint8Array, from: Remote): void;
  /** Authentic DATA came. */
  heard(link: Link): void;
  /** DATA was sent. */
  sent(link: Link): void;
  /** A link's datagram or frame was refused; as often as `times` says. */
  refused(link: Link, why: Status, times: number): void;
  /** A datagram was sent that a C program would cut. */
  large(link: Link): void;
  /** The first frame from its switch that was longer than the link carries was dropped. */
  tooLong(link: Link, frameMax: number): void;
  /** A link has carried WEAR_BYTES under one Blowfish key. */
  worn(link: Link): void;
  /** A link's port of the switch was lost, or there is none, and is tried again. */
  plugLost(link: Link, why: string): void;
  /** A link's port is open: for the first time, or again. */
  plugged(link: Link): void;
  /** The connected remote has nobody who listens. */
  unreachable(): void;
  /**
   * The system refused to send datagrams, which are lost.
   * @param lasts whether it has refused all of them for some time (protocol/refusals.ts)
   */
  sendFailed(why: string, times: number, lasts: boolean): void;
  /** The cable cannot go on. */
  failed(error: CryptcabError): void;
}

/** One peer's end of the cable: its address, its session in the core, its port of the switch. */
export interface Link {
  readonly session: number;
  /** Where its datagrams go to; those of the classic cable come from there as well. */
  readonly remote: Remote;
  /** A link of the secure cable is without one until plug(). */
  readonly plug: Pick<Plug, 'settled'> | undefined;
  /** What it is plugged into, for people: a tap's device, or `open`; undefined while it has no port. */
  readonly port: string | undefined;
  /** Of a link of the secure cable: the largest UDP payload that is sent now, bytes. */
  readonly path?: number | undefined;
}

/** The port of a link that is plugged in. @param device a tap's */
export function portText(device: string | undefined): string {
  return device ?? 'open';
}

/** The device that a link is plugged into, for its owner's watcher. */
export function deviceOf({ port }: Link): { readonly device?: string } {
  return port === undefined || port === portText(undefined) ? {} : { device: port };
}

/** What becomes of a secure link's messages; said once for those of a batch that are alike. */
export interface SecureEvents {
  /** There are frames, and no key: they wait. */
  wanted(): void;
  /**
   * Authentic messages came.
   * @param place of the keypair that opened them
   * @param data whether they had a payload
   */
  opened(place: number, from: Remote, data: boolean): void;
  /**
   * A control payload came (secure.md §7); opened() was called for its message.
   * @param place of the keypair that opened it
   * @param payload its kind first
   */
  control(place: number, payload: Uint8Array): void;
  /**
   * Messages were sealed and sent.
   * @param data whether one of them had a payload
   * @param count how many the keypair has sealed
   */
  sealed(data: boolean, count: bigint): void;
  /** The way to the remote is known to carry packets of so many bytes: datagrams fit them from now on. Where that can be asked. */
  path?(packet: number): void;
}

/**
 * Moves frames between plugs and one UDP socket, through the ring of the core. Who is connected, and
 * with which key, is the business of its owner: a client with one link, a server with many. Links of the secure cable
 * (secure.md) are found by receiver's index, those of the classic one by address.
 */
export interface Cable {
  readonly core: Core;
  /** How it moves them, for people. */
  readonly io: string;
  /** Threads that do. */
  readonly threads: number;
  readonly local: Remote;
  /** What captures get of it; one for each I/O thread. */
  readonly copies: readonly CableCopies[];
  /** Sends to, and receives from, this remote alone; see Udp. */
  connect(to: Remote): Promise<Remote>;
  /** Sends a datagram of the handshake. */
  send(datagram: Uint8Array, to: Remote): void;
  /**
   * Takes a port of the switch, as a link would, to see whether it can be had.
   * @param had called when it is, however often it has to be tried
   */
  probe(open: OpenPlug, had: () => void): Pick<Plug, 'settled' | 'close'>;
  /**
   * Takes a port of the switch for a peer; no frame passes before raise().
   * @returns undefined when the core has no memory for one more session
   */
  plugIn(remote: Remote, open: OpenPlug): Link | undefined;
  /** A link's remote is elsewhere; a classic one is not up then. */
  move(link: Link, to: Remote): void;
  /** Keys a link's session, anew if it was up, and lets frames flow between the link and its remote. */
  raise(link: Link, keying: Keying): void;
  /** Refuses longer frames from a link's switch, until it is raised again. */
  limit(link: Link, frameMax: number): void;
  /** Stops the frames of a link, and takes its session's key away. */
  lower(link: Link): void;
  /** Gives back a link's port of the switch, and wipes its session. */
  unplug(link: Link): Promise<void>;
  counts(link: Link): SessionCounts;
  /** What became of the fragments that came for a secure link. */
  fragments(link: Link): FragmentCounts;
  /**
   * Makes a link of the secure cable, without keys and without a port of the switch.
   * @param path largest UDP payload to be sent, bytes; where the way is known to carry less, that is less
   * @returns undefined when the core has no memory for one more session
   */
  join(remote: Remote, path: number, events: SecureEvents): Link | undefined;
  /**
   * Makes a receiver's index for a link.
   * @param drawn at random; what comes back is as hard to guess, but for a byte by which datagrams find their thread
   */
  index(link: Link, drawn: number): number;
  /** Takes a port of the switch for a secure link. */
  plug(link: Link, open: OpenPlug): Pick<Plug, 'settled'>;
  /** Gives that port back; the keys stay. */
  pull(link: Link): Promise<void>;
  /** Puts a keypair into its place: what comes under it is opened. */
  install(link: Link, place: number, keys: TransportKeys): void;
  /** Seals with this keypair from now on, what waited for one first. */
  use(link: Link, place: number): void;
  /** Takes a keypair away. */
  drop(link: Link, place: number): void;
  /** Refuses the frames that wait for a key. */
  discard(link: Link): void;
  /** Sends a control payload, its kind first; an empty one is a keepalive. */
  say(link: Link, payload: Uint8Array): void;
  /** Closes the socket; the links have been unplugged. */
  close(): Promise<void>;
}
