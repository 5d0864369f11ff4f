import type { Core } from '../core/core.js';
import type { Status } from '../core/status.js';
import type { CryptcabError } from '../error.js';
import type { Remote } from '../protocol/remote.js';
import type { CableCopies } from './copies/cable-copies.js';
import type { ClassicLink, Link, SecureEvents, SecureLink } from './link.js';
import type { OpenPlug, Plug } from './plug/plug.js';
import type { Sent } from './udp/udp.js';

export interface CableEvents {
  /**
   * A datagram came that is not DATA of a link that is up.
   * @param at the cable, or its thread, that it came to: where a classic link belongs that is made of it
   */
  control(datagram: Uint8Array, from: Remote, at: Pick<Cable, 'plugIn'>): void;
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
   * @param lasts whether it has refused all of them for some time (protocol/send-refusals.ts)
   */
  sendFailed(why: string, times: number, lasts: boolean): void;
  /** The cable cannot go on. */
  failed(error: CryptcabError): void;
}

/**
 * Moves frames between plugs and one UDP socket, through the ring of the core. Who is connected, and
 * with which key, is the business of its owner: a client with one link, a server with many.
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
  /** Sends a datagram of the handshake. @param done called with what became of it, before sendFailed */
  send(datagram: Uint8Array, to: Remote, done?: Sent): void;
  /**
   * Takes a port of the switch, as a link would, to see whether it can be had.
   * @param had called when it is, however often it has to be tried
   */
  probe(open: OpenPlug, had: () => void): Pick<Plug, 'settled' | 'close'>;
  /**
   * Takes a port of the switch for a peer of the classic cable; no frame passes before the link is raised.
   * @returns undefined when the core has no memory for one more session
   */
  plugIn(remote: Remote, open: OpenPlug): ClassicLink | undefined;
  /**
   * Makes a link of the secure cable, without keys and without a port of the switch.
   * @param path largest UDP payload to be sent, bytes; where the way is known to carry less, that is less
   * @returns undefined when the core has no memory for one more session
   */
  join(remote: Remote, path: number, events: SecureEvents): SecureLink | undefined;
  /** Closes the socket; the links have been closed. */
  close(): Promise<void>;
}
