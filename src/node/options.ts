// What connect() and serve() are told. Every option may be undefined, which is as good as left away.
import type { WireTap } from '../cable.js';
import type { CarryKey } from '../client.js';
import type { Io } from '../io-path.js';
import type { Log } from '../log.js';
import type { OpenPlug } from '../plug/plug.js';
import type { Cipher } from '../protocol/session-key.js';
import type { Enrol } from '../secure/secure-client.js';
import type { Endpoint } from '../secure/secure-side.js';
import type { OpenUdp } from '../udp/udp.js';

/** What both ends are told. */
export interface EndOptions {
  /**
   * The switch to plug into: its directory, or any VDE network locator (`tap://…`); or a plug of one's own, such as that of
   * a {@link memoryPort}.
   */
  readonly plug: string | OpenPlug;
  /**
   * The key that both ends have beforehand (classic-protocol §3), or the path of a file with it: 24 bytes for Blowfish, 44
   * for ChaCha20, with which a server serves both; more are passed over. Bytes are copied: wipe yours when you need them no more.
   */
  readonly key?: Uint8Array | string | undefined;
  /** Whether nothing is encrypted (classic-protocol §3, `-x`): for controlled networks only. */
  readonly plain?: boolean | undefined;
  /** How frames and datagrams are moved; `auto` unless told. */
  readonly io?: Io | undefined;
  /** What is told in words, warnings of the classic protocol's weakness among it: a pino logger, or `console`. Nobody unless told. */
  readonly log?: Log | undefined;
  /** Sees every datagram as it is on the wire. */
  readonly tap?: WireTap | undefined;
  /** A UDP socket of another kind than the runtime's own. */
  readonly openUdp?: OpenUdp | undefined;
  /** Ends it when aborted: while it starts, which then rejects with the signal's reason, and afterwards, as close() does. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link connect} is told. */
export interface ConnectOptions extends EndOptions {
  /** Name or address of the server; an IPv6 address is written without brackets. */
  readonly host: string;
  /** The server's UDP port; 7667 unless told. */
  readonly port?: number | undefined;
  /** The UDP port of this end; any that is free unless told. */
  readonly localPort?: number | undefined;
  /** Of the classic protocol: `chacha20` for a C program from 2.3.3 on; `blowfish` unless told. */
  readonly cipher?: Cipher | undefined;
  /** Whether a quiet cable says something from time to time, so that neither a NAT nor the server forgets it (`-k`). */
  readonly keepalive?: boolean | undefined;
  /** The secure cable instead of the classic one (secure-protocol); there is no way from here back to the classic one. */
  readonly secure?: SecureConnectOptions | undefined;
  /** How the server's machine is reached where a key has to be brought there: by scp (classic-protocol §4) or ssh (secure-protocol §3). */
  readonly ssh?: SshOptions | undefined;
  /** Brings a fresh key of the classic protocol to the server by another way than scp (classic-protocol §4). */
  readonly carryKey?: CarryKey | undefined;
}

/**
 * The keys of a client of the secure cable (secure-protocol §3). Without any the client makes some, and enrols at the
 * server by ssh.
 */
export interface SecureConnectOptions {
  /** The private key of this end: 32 bytes, which are copied, or the path of a file that holds it as text. */
  readonly privateKey?: Uint8Array | string | undefined;
  /** The server's public key: 32 bytes, or 44 characters of base64. */
  readonly serverPublicKey?: Uint8Array | string | undefined;
  /** A preshared key besides: 32 bytes, which are copied, or the path of a file that holds it as text. */
  readonly presharedKey?: Uint8Array | string | undefined;
  /** Instead of all three: gets keys that the server knows by another way than ssh. */
  readonly enrol?: Enrol | undefined;
  /** Bytes of the largest IP packet that the path takes, 576 to 9299; 1500 unless told. */
  readonly pathMtu?: number | undefined;
}

/** How scp or ssh are called; they may ask for a password on the terminal. */
export interface SshOptions {
  /** The user there; the one who runs the program unless told. */
  readonly user?: string | undefined;
  /** More arguments, before the host: one string for each. */
  readonly options?: readonly string[] | undefined;
  /** Of the secure cable: what the command `cryptcab` is called there, as its shell runs it; `cryptcab` unless told. */
  readonly command?: string | undefined;
}

/**
 * What {@link serve} is told. Without `key` and `plain`, classic clients bring their keys by scp, and the server takes them
 * from `/tmp` (classic-protocol §4).
 */
export interface ServeOptions extends EndOptions {
  /** The UDP port; 7667 unless told, 0 for any that is free. */
  readonly port?: number | undefined;
  /** Whether clients of the classic protocol are served; true unless told, also where secure ones are. */
  readonly classic?: boolean | undefined;
  /** Serves clients of the secure cable. */
  readonly secure?: SecureServeOptions | undefined;
}

/** The secure side of a server (secure-protocol §3). */
export interface SecureServeOptions {
  /**
   * The private key: 32 bytes, which are copied, or the path of a file that holds it as text. Without, one is made for the
   * occasion, whose public key those who enrol are told.
   */
  readonly privateKey?: Uint8Array | string | undefined;
  /** Who may connect, besides those who enrol; or the path of a peers file, which is read again when it changes. */
  readonly peers?: string | readonly SecurePeer[] | undefined;
  /** Bytes of the largest IP packet that the paths take, 576 to 9299; 1500 unless told. */
  readonly pathMtu?: number | undefined;
}

/** Somebody who may connect to a secure server (secure-protocol §3). */
export interface SecurePeer {
  /** 32 bytes, or 44 characters of base64. */
  readonly publicKey: Uint8Array | string;
  /** For people: in the log, in stats() and events. */
  readonly name?: string | undefined;
  /** A preshared key besides: 32 bytes, which are copied, or the path of a file that holds it as text. */
  readonly presharedKey?: Uint8Array | string | undefined;
  /** Where it is called; without, it calls. */
  readonly endpoint?: Endpoint | undefined;
}
