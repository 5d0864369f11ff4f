// The options of connect() and serve(). Every one may be undefined, which is the same as leaving it out.

import type { OpenPlug } from '../cable/plug/plug.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import type { CarryKey } from '../ends/carry-key.js';
import type { Endpoint } from '../ends/endpoint.js';
import type { NamedPlace } from '../ends/peers/line-of.js';
import type { Log } from '../log.js';
import type { Io } from '../options/io-path.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';

/** The options of both ends. */
export interface EndOptions {
  /**
   * The switch to plug into: its directory, or any VDE network locator (`tap://…`); or a plug of one's own, such as that of
   * a {@link memoryPort}.
   */
  readonly plug: string | OpenPlug;
  /**
   * The key that both ends have beforehand (classic.md §3.1), as bytes, as hexadecimal digits, or the path of a file with
   * its bytes: 24 for Blowfish, 44 for ChaCha20, with which a server serves both; more are passed over. Bytes are copied: wipe
   * yours when you need them no more.
   */
  readonly key?: Uint8Array | string | undefined;
  /** Whether nothing is encrypted (classic.md §3.4, `-x`): for controlled networks only. */
  readonly plain?: boolean | undefined;
  /**
   * The only address of this machine to use; an IPv6 link-local one with its interface (`fe80::1%eth0`). Default: all of them,
   * and an answer leaves from the address that was asked.
   */
  readonly bind?: string | undefined;
  /** How frames and datagrams are moved; default: `auto`. */
  readonly io?: Io | undefined;
  /** Gets what happens in words, and warnings of the classic protocol's weakness: a pino logger, or `console`. Default: no log. */
  readonly log?: Log | undefined;
  /** Sees every datagram as it is on the wire. */
  readonly tap?: WireTap | undefined;
  /** A UDP socket of another kind than the runtime's own. */
  readonly openUdp?: OpenUdp | undefined;
  /** Ends it when aborted: while it starts, which then rejects with the signal's reason, and afterwards, as close() does. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link connect}. */
export interface ConnectOptions extends EndOptions {
  /** Name or address of the server; an IPv6 address is written without brackets. */
  readonly host: string;
  /** The server's UDP port; default: 7667. */
  readonly port?: number | undefined;
  /**
   * Where datagrams go, if that is not where `host` and `port` say: the server is behind a port forward, or ssh's name of it
   * is another. Of use where a key is brought by scp or ssh alone. Without it, `host` may be a name of ssh's
   * configuration.
   */
  readonly endpoint?: Endpoint | undefined;
  /** The UDP port of this end; default: any that is free. */
  readonly localPort?: number | undefined;
  /**
   * Of the classic protocol. `auto`, the default, finds out what the server speaks: `blowfish`, or `chacha20` where it is a C
   * program from 2.3.3 on, for which a key that both ends have needs 44 bytes.
   */
  readonly cipher?: CipherChoice | undefined;
  /** Whether a quiet cable says something from time to time, so that neither a NAT nor the server forgets it (`-k`). */
  readonly keepalive?: boolean | undefined;
  /** The secure cable instead of the classic one (secure.md); there is no way from here back to the classic one. */
  readonly secure?: SecureConnectOptions | undefined;
  /** How the server's machine is reached where a key has to be brought there: by scp (classic.md §4.2) or ssh (secure.md §3.3). */
  readonly ssh?: SshOptions | undefined;
  /** Brings a fresh key of the classic protocol to the server by another way than scp (classic.md §4.2). */
  readonly carryKey?: CarryKey | undefined;
}

/**
 * The keys of a client of the secure cable (secure.md §3.1). Without any the client makes some, and enrols at the
 * server by ssh.
 */
export interface SecureConnectOptions {
  /** The private key of this end: 32 bytes, which are copied, 44 characters of base64, or the path of a file that holds these. */
  readonly privateKey?: Uint8Array | string | undefined;
  /** The server's public key: 32 bytes, or 44 characters of base64. */
  readonly serverPublicKey?: Uint8Array | string | undefined;
  /** An additional preshared key, in any of the forms of `privateKey`. */
  readonly presharedKey?: Uint8Array | string | undefined;
  /** Instead of all three: gets keys that the server knows by another way than ssh. */
  readonly enrol?: Enrol | undefined;
  /** Bytes of the largest IP packet that the path takes, 576 to 9299; default: 1500. */
  readonly pathMtu?: number | undefined;
}

/**
 * Gets keys that the server knows: at the start, and again when the server does not answer.
 * @param signal aborted when the keys are wanted no more
 * @throws TemporaryError when it should be asked again; whatever else it throws ends the client
 */
export type Enrol = (signal: AbortSignal) => Promise<EnrolKeys>;

/** What an {@link Enrol} gives. */
export interface EnrolKeys {
  /** The private key of this end: 32 bytes, which are copied, 44 characters of base64, or the path of a file that holds these. */
  readonly privateKey: Uint8Array | string;
  /** 32 bytes, or 44 characters of base64. */
  readonly serverPublicKey: Uint8Array | string;
  /** An additional preshared key, in any of the forms of `privateKey`. */
  readonly presharedKey?: Uint8Array | string | undefined;
  /** The server's UDP port, if it is not the one given to connect(). */
  readonly serverPort?: number | undefined;
}

/** How scp or ssh are called; they may ask for a password on the terminal. */
export interface SshOptions {
  /** The user there; default: the one who runs the program. */
  readonly user?: string | undefined;
  /** More arguments, before the host: one string for each. */
  readonly options?: readonly string[] | undefined;
  /** Of the secure cable: what the command `cryptcab` is called there, as its shell runs it; default: `cryptcab`. */
  readonly command?: string | undefined;
  /** Of the classic protocol: the directory there that the key is put into; default: `/tmp` (classic.md §4.2). */
  readonly keyDirectory?: string | undefined;
}

/**
 * The options of {@link serve}. Without `key` and `plain`, classic clients bring their keys by scp, and the server takes them
 * from `/tmp`, or from `keyDirectory` (classic.md §4.2).
 */
export interface ServeOptions extends EndOptions {
  /** The UDP port; 0 for any that is free; default: 7667. */
  readonly port?: number | undefined;
  /** Whether clients of the classic protocol are served; default: true, also where secure ones are. */
  readonly classic?: boolean | undefined;
  /** The directory that classic clients send their keys to by scp; default: `/tmp`. */
  readonly keyDirectory?: string | undefined;
  /**
   * How many broadcasts and multicasts a second of each client are passed on, 1 to 9999999; more are refused and counted.
   * Default: all are passed on.
   */
  readonly broadcastLimit?: number | undefined;
  /** Serves clients of the secure cable. */
  readonly secure?: SecureServeOptions | undefined;
  /** I/O threads of the native path, each with a part of the clients, 1 to 64; default: half of the processors, 4 at most. */
  readonly threads?: number | undefined;
  /**
   * What each client may do on the network, where its own `policy` says nothing else, as words: `isolated rate=20mbit guard`. For a
   * `plug` that is `bridge://NAME` alone.
   */
  readonly peerDefaults?: string | undefined;
}

/** The secure side of a server (secure.md §3). */
export interface SecureServeOptions {
  /**
   * The private key: 32 bytes, which are copied, 44 characters of base64, or the path of a file that holds these. Without
   * it the server makes one, and enrolment hands out its public key.
   */
  readonly privateKey?: Uint8Array | string | undefined;
  /**
   * Who may connect, besides those who enrol; or the path of a peers file, which is read again when it changes; or
   * `exec:COMMAND`, `https://URL` or `etcd://HOST/PREFIX`, which is asked (docs/fleet.md).
   */
  readonly peers?: string | readonly SecurePeer[] | undefined;
  /**
   * How many peers may be there at a time that have enrolled, 0 to 60000; default: 1024. One more takes the place of the one
   * that has been away the longest; where all are up, enrol() throws.
   */
  readonly enrolledMax?: number | undefined;
  /** A peer that has enrolled and is away for so many days has to enrol again, 1 to 36500; default: 30. */
  readonly forgetAfter?: number | undefined;
  /**
   * The number of this server among several with one private key, 1 to 255, by which a balancer finds it (secure.md §4.4). Such a
   * server calls nobody. Default: it is the only server.
   */
  readonly serverId?: number | undefined;
  /**
   * The path of a directory, of this server alone, where it keeps over a restart who has enrolled and where peers are. It is made
   * when it is not there. Default: nothing is kept.
   */
  readonly state?: string | undefined;
  /** Bytes of the largest IP packet that the paths take, 576 to 9299; default: 1500. */
  readonly pathMtu?: number | undefined;
}

/** Somebody who may connect to a secure server (secure.md §3). */
export interface SecurePeer {
  /** 32 bytes, or 44 characters of base64. */
  readonly publicKey: Uint8Array | string;
  /** For people: in the log, in stats() and events. */
  readonly name?: string | undefined;
  /** An additional preshared key: 32 bytes, which are copied, 44 characters of base64, or the path of a file that holds these. */
  readonly presharedKey?: Uint8Array | string | undefined;
  /** Where it is called; without, it calls. */
  readonly endpoint?: Endpoint | undefined;
  /** What it may do on the network, in the words of its line in a peers file: `isolated rate=20mbit`. For `bridge://NAME` alone. */
  readonly policy?: string | undefined;
  /**
   * Of a stock WireGuard device, such as a phone: the host that it is on the network (secure.md §6), in the words of its line in a peers
   * file: `ip=10.0.0.7/24,fd00::7/64 multicast=all`.
   */
  readonly host?: string | undefined;
}

/** The options of {@link Server.invite}. */
export interface InviteOptions {
  /** What who joins is called: letters, digits and `._@+-`, 64 at most. */
  readonly name: string;
  /** For how long the line is good, s; default: an hour. */
  readonly seconds?: number | undefined;
  /** How many may join with it; default: one. */
  readonly uses?: number | undefined;
  /** Where those who join find the server; default: at this machine's addresses. */
  readonly at?: readonly NamedPlace[] | undefined;
}

/** The options of {@link join}. */
export interface JoinOptions {
  /**
   * The private key by which the server is to know this end: 32 bytes, 44 characters of base64, or the path of a file that holds
   * these. Keep it, and the preshared key, before you join: if the answer is lost, the same line does again with the same keys.
   */
  readonly privateKey: Uint8Array | string;
  /** A preshared key, likewise, which the server gets. */
  readonly presharedKey: Uint8Array | string;
  /** What this end calls itself, for the server's log: letters, digits and `.-_`. */
  readonly name?: string | undefined;
  /** The address of this machine that is used alone. */
  readonly bind?: string | undefined;
  /** How datagrams are moved; default: `auto`. */
  readonly io?: Io | undefined;
  /** A UDP socket of another kind than the runtime's own. */
  readonly openUdp?: OpenUdp | undefined;
  /** Ends it when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that was joined: what {@link connect} needs of it, besides the keys. */
export interface Joined {
  /** Name or address where it answered. */
  readonly host: string;
  /** UDP. */
  readonly port: number;
  /** 32 bytes. */
  readonly serverPublicKey: Uint8Array;
}
