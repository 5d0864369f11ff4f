import type { HostAddresses, KeptOfHost } from '../core/hosts.js';
import type { FragmentCounts, Keying, SeenAddress, SessionCounts, TransportKeys } from '../core/terms.js';
import type { Remote } from '../protocol/remote.js';
import type { OpenPlug } from './plug/plug.js';

/** One peer's end of a cable: its address, its session in the core, its port of the switch. */
export interface Link {
  readonly session: number;
  /** Where its datagrams go to; those of the classic cable come from there as well. */
  readonly remote: Remote;
  /** What its plug says of its first attempt; undefined while it has no plug. */
  readonly settled: Promise<void> | undefined;
  /** What it is plugged into, for people: a tap's device, or `open`; undefined while it has no port. */
  readonly port: string | undefined;
  /** Of a link of the secure cable: the largest UDP payload that is sent now, bytes. */
  readonly path: number | undefined;
  /** What it has carried. */
  counts(): SessionCounts;
  /** The Ethernet addresses behind its plug, the last 8 that frames came from, 6 bytes each. */
  sources(): Uint8Array[];
  /** Where frames of its peer came from, the last 16 addresses at most. */
  seen(): SeenAddress[];
  /** Its remote is elsewhere; a classic link is not up then. */
  move(to: Remote): void;
  /** Stops its frames, gives back its port of the switch, and wipes its session. */
  close(): Promise<void>;
}

/** A link of the classic cable. */
export interface ClassicLink extends Link {
  /** Keys its session, again if it was up, and lets frames flow to and from its remote. */
  raise(keying: Keying): void;
  /** Refuses longer frames from its switch, until it is raised again. */
  limit(frameMax: number): void;
  /** Stops its frames, and takes its session's key away. */
  lower(): void;
}

/** A link of the secure cable. */
export interface SecureLink extends Link {
  /** What became of the fragments that came for it. */
  fragments(): FragmentCounts;
  /**
   * Makes a receiver's index for it.
   * @param drawn at random; what comes back is as hard to guess, except for a byte by which datagrams find their thread
   */
  index(drawn: number): number;
  /**
   * Takes a port of the switch for it.
   * @returns what the plug says of its first attempt
   */
  plug(open: OpenPlug): Promise<void>;
  /** Gives that port back; the keys stay. */
  pull(): Promise<void>;
  /** Puts a keypair into its place: what comes under it is opened. */
  install(place: number, keys: TransportKeys): void;
  /** Seals with this keypair from now on, what waited for one first. */
  use(place: number): void;
  /** Takes a keypair away. */
  drop(place: number): void;
  /** Refuses the frames that wait for a key. */
  discard(): void;
  /** Sends a control payload, its kind first; an empty one is a keepalive; of a host, an IP packet that its path carries. */
  say(payload: Uint8Array): void;
  /**
   * Makes it that of a host on the Ethernet (secure.md §6), for as long as it lives, or tells it other addresses. What comes from
   * the switch is read without a key as well.
   * @param mac 6 bytes
   * @throws RangeError for more addresses than the core keeps
   */
  beHost(mac: Uint8Array, addresses: HostAddresses): void;
  /** A host's packets for this station go there by themselves, or are kept where it has no MAC address. */
  neighbour(address: Uint8Array, mac: Uint8Array | undefined): void;
  /** What this station of IPv4 asks others by ARP is for the host, or not any more; said once each. */
  listen(address: Uint8Array, on: boolean): void;
  /** A host's packets for other networks go there by themselves, or are kept where there is no MAC address. */
  gateway(family: 4 | 6, mac: Uint8Array | undefined): void;
  /** Hands a frame to its switch. */
  inject(frame: Uint8Array): void;
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
  /** A frame from the switch for a host, or a packet of its own, that the core does not carry by itself. */
  kept?(from: KeptOfHost['from'], bytes: Uint8Array): void;
  /** The way to the remote is known to carry packets of so many bytes: datagrams fit them from now on. Where that can be asked. */
  path?(packet: number): void;
}
