// What a running end says of itself: at its control socket, with `--json`, and to whatever shows it in another form.
// docs/control.md explains it; docs/control.schema.json is its schema.

/** Of the answers at the control socket. A field may be added under the same version; none is taken away or changed. */
export const STATUS_VERSION = 1;

/** A measured number as a status, and all that is made of it, has it. */
export const rounded = (value: number, digits = 3) => Number(value.toFixed(digits));

/** How much. A count beyond 2^53 is rounded. */
export interface Traffic {
  /** Ethernet frames. */
  readonly frames: number;
  /** Of these frames. */
  readonly bytes: number;
}

/** Both directions: *in* is what came from the other side, *out* what went there. */
export interface Flow {
  /** From the other side. */
  readonly in: Traffic;
  /** To the other side. */
  readonly out: Traffic;
}

/** What was carried per second: over the last 5 s and the last 60 s, or for as long as there is something to measure. */
export interface Rates {
  /** Over the last 5 s. */
  readonly over5s: Flow;
  /** Over the last 60 s. */
  readonly over60s: Flow;
}

/** Frames that were dropped, though nothing was wrong with them. */
export interface Dropped {
  /** The switch did not take them as fast. */
  readonly bySwitch: number;
  /** There was no room for the datagrams, or they were longer than any that a frame makes. */
  readonly unopened: number;
}

/** How often, by reason. */
export type Reasons = Readonly<Record<string, number>>;

/**
 * How a peer came to be one.
 * - `file`: the peers file or directory lists it
 * - `ssh`: it has enrolled by ssh
 * - `invite`: it has used an invite
 * - `program`: the program that runs this end named it
 */
export type OriginKind = 'file' | 'ssh' | 'invite' | 'program';

/** How a peer came to be one, and who let it in. */
export interface Origin {
  /** Which way it came. */
  readonly how: OriginKind;
  /** Who logged in by ssh, or who made the invite; null where that is not known. */
  readonly user: string | null;
  /** Where that was from: the address of the ssh client. */
  readonly address: string | null;
  /** When, as RFC 3339 has it. */
  readonly at: string | null;
}

/**
 * Why a peer is down.
 * - `waiting`: it has not been up since this end has known it
 * - `goodbye`: it has ended, and said so
 * - `silent`: nothing has come from it for long
 * - `unknown`: the server has forgotten this client, which logs in again
 * - `disconnected`: this end has ended its session
 * - `removed`, `moved`: it may not connect any more; it has logged in from another address
 * - `no port`: its port of the switch is missing
 */
export type Why =
  | 'waiting'
  | 'goodbye'
  | 'silent'
  | 'unknown'
  | 'disconnected'
  | 'removed'
  | 'moved'
  | 'no port';

/** A stock WireGuard device as a host on the network (secure.md §6). */
export interface WireGuardHost {
  /** Its addresses, each with the network that it is in, as `10.0.0.7/24`; a leased one among them. */
  readonly addresses: readonly string[];
  /** Its MAC address. */
  readonly mac: string;
  /** Whether it leases its IPv4 address by DHCP. */
  readonly dhcp: boolean;
}

/** A MAC address that frames of a peer came from. */
export interface SeenMac {
  /** As `02:00:00:00:00:07`. */
  readonly mac: string;
  /** When the last one came. */
  readonly seen: string;
}

/** What an end says of a peer. */
export interface PeerStatus {
  /** What the log calls it: its name and the beginning of its public key, or its address. */
  readonly peer: string;
  /** Where it has one. */
  readonly name: string | null;
  /** Of a peer of the secure cable: 44 characters. */
  readonly publicKey: string | null;
  /** Which protocol it speaks. */
  readonly cable: 'secure' | 'classic';
  /** What its frames are sealed with; `plain`: with nothing. Null while it has not been up. */
  readonly cipher: string | null;
  /** Null where this end has called it. */
  readonly origin: Origin | null;
  /** Where it is, or was last. */
  readonly address: string | null;
  /** Whether frames can pass. */
  readonly up: boolean;
  /** Since when that is so. */
  readonly since: string;
  /** Why it is down; null while it is up. */
  readonly why: Why | null;
  /** When something authentic came of it last. */
  readonly heard: string | null;
  /** There and back, smoothed, ms. Only a peer that answers questions has it. */
  readonly roundTrip: number | null;
  /** The part of the last questions that was not answered, 0 to 1. */
  readonly loss: number | null;
  /** Since its link was made. */
  readonly carried: Flow;
  /** How much of that there is now. */
  readonly rates: Rates;
  /** Datagrams and frames of it, by reason. */
  readonly refused: Reasons;
  /** What it may do on the network, as its line has it; null where nothing is limited. */
  readonly policy: string | null;
  /** Of a stock WireGuard device: the host that it is on the network; null of any other peer. */
  readonly wireguard: WireGuardHost | null;
  /** Where frames of it came from, the newest first, 16 at most; of a stock WireGuard device `wireguard` says it. */
  readonly macs: readonly SeenMac[];
  /** Frames of it that were dropped. */
  readonly dropped: Dropped;
  /** What it is plugged into: the device of a tap, or `open`; null while it has no port. */
  readonly port: string | null;
  /** Why its port is missing. */
  readonly portTrouble: string | null;
  /** The largest IP packet that the way there takes, bytes; null on a classic cable, which asks nobody. */
  readonly pathMtu: number | null;
}

/** Somebody whose public key is not known here, and who has shown the private key to it. */
export interface PendingPeer {
  /** 44 characters. */
  readonly publicKey: string;
  /** Where the first call came from. */
  readonly address: string;
  /** When the first call came. */
  readonly first: string;
  /** When the last call came. */
  readonly last: string;
  /** How many calls came. Only the first is sure to be this caller's: anybody can send it again. */
  readonly times: number;
}

/** What an end says of itself. */
export interface EndReport {
  /** Which of the two ends of a cable it is. */
  readonly role: 'server' | 'client';
  /** Which clients a server serves, or what a client is. */
  readonly mode: 'secure' | 'classic' | 'both';
  /** Whether the frames of classic peers are not encrypted. */
  readonly plain: boolean;
  /** When this was said. */
  readonly time: string;
  /** Since when it runs. */
  readonly since: string;
  /** Whether it does what it is there for: a client is up, a server has a switch to plug its clients into. */
  readonly up: boolean;
  /** Why not, for people. */
  readonly why: string | null;
  /** Its own address and UDP port. */
  readonly address: string;
  /** UDP. */
  readonly port: number;
  /** Of a secure end: 44 characters. */
  readonly publicKey: string | null;
  /** Of a client: the server, `HOST:PORT`; where keys go by ssh, as ssh knows it. */
  readonly server: string | null;
  /** What it plugs into. */
  readonly plug: {
    /** Null where the program that runs this end has a plug of its own. */
    readonly locator: string | null;
    /** Whether a port could be had when it was last tried; null before that. */
    readonly open: boolean | null;
    /** Why not. */
    readonly trouble: string | null;
  };
  /** How it moves frames, for people. */
  readonly io: string;
  /** Threads that do. */
  readonly threads: number;
  /** The largest IP packet that is sent, bytes; null on a classic cable alone. A peer's own may be smaller. */
  readonly pathMtu: number | null;
  /** Of all peers, those included that are gone. */
  readonly carried: Flow;
  /** How much of that there is now. */
  readonly rates: Rates;
  /** What was dropped, by reason. */
  readonly refused: {
    /** Datagrams and frames of peers. */
    readonly frames: Reasons;
    /** Logins and handshakes, and datagrams of unknown senders. */
    readonly handshakes: Reasons;
  };
  /** Frames of all peers that were dropped. */
  readonly dropped: Dropped;
  /** Handshakes and logins that came to new keys, renewals included. */
  readonly handshakes: number;
  /** What it says, and does not. */
  readonly log: {
    /** Lines that were not written, as the same was said within the last minute. */
    readonly suppressed: number;
  };
  /** Of a server all that may connect; of a client its server. */
  readonly peers: readonly PeerStatus[];
  /** The last 64 at most. */
  readonly pending: readonly PendingPeer[];
}

/** The answer to `status`. */
export interface EndStatus extends EndReport {
  readonly version: typeof STATUS_VERSION;
  /** What `cryptcab status NAME` calls this end. */
  readonly name: string;
  /** Of the program. */
  readonly program: string;
  readonly pid: number;
  /** Of a client: its server as the person who started it named it, `[USER@]HOST:PORT`; ssh may have another name for it. */
  readonly called: string | null;
}
