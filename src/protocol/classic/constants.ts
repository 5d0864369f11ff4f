// Every number of the classic protocol, in one place. Times are milliseconds.

/** First byte of a datagram (classic.md §1.1). */
export const TYPE = {
  LOGIN: 0x41,
  CHALLENGE: 0x42,
  RESPONSE: 0x44,
  AUTH_OK: 0x48,
  DENY: 0x4a,
  KEEPALIVE: 0x4f,
  DATA: 0x20,
} as const;

export const ID_BYTES = 16;
/** Random bytes of a CHALLENGE, without its type (§1.1). */
export const CHALLENGE_BYTES = 128;
/** Length of a RESPONSE, by how it is sealed (§3.6). */
export const RESPONSE_BYTES = { plain: 129, blowfish: 137, chacha20: 141 } as const;
export const DENY_TEXT = 'Access Denied.\0';

/** Key files (§3.1): 16 bytes of key and 8 of IV; 32 bytes of key and 12 that are never used. */
export const KEY_FILE_BYTES = { blowfish: 24, chacha20: 44 } as const;

/** The default UDP port of both ends. */
export const DEFAULT_PORT = 7667;

// Client (§2.4).
/** A LOGIN is repeated no sooner than this. */
export const LOGIN_INTERVAL = 5_000;
/** The same for a LOGIN that is no repetition: its forerunner was answered, or reached nobody. */
export const RELOGIN_INTERVAL = 1_000;
/** Where CHALLENGEs are forged: the server's is waited for no longer than this from the LOGIN on (§2.8). */
export const CHOICE_TIME = 2_000;
/** A RESPONSE without an answer is repeated after this; it is the same bytes again, not a new encryption. */
export const RESPONSE_INTERVAL = 1_000;
/** From one KEEPALIVE to the next, whatever else is sent: a C server of the ChaCha generation counts nothing else (§7.1). That of the secure cable is in secure/constants.ts. */
export const KEEPALIVE_INTERVAL = 30_000;
/** Silence, after something was sent, that makes the client ask whether the server still knows it. */
export const ASK_AFTER = 10_000;
/** A question is repeated after this, and so often; then the cable is down. */
export const ASK_INTERVAL = 2_000;
export const ASKS_MAX = 3;
/** A DENY is not believed before the server had so long to contradict it, by CHALLENGE, AUTH_OK or DATA. */
export const DOUBT_TIME = 500;
/** During a handshake it has at least so long from the message on that was denied. */
export const HANDSHAKE_DOUBT_TIME = 1_000;
/** A DENY is believed only this long after something was sent that it can be the answer to (§2.5). */
export const DENY_WINDOW = 5_000;
/** Wait before a key is carried again, doubled each time, at most. */
export const RETRY_MAX = 60_000;
/** Wait before a server that has no address yet is looked up again: the first time, and each time after that. */
export const RESOLVE_WAIT = { first: 5_000, next: 15_000 } as const;

/** Without encryption: so many probes find out whether the server is a C program, so far apart. */
export const TRIAL = { probes: 3, interval: 200 } as const;
/** If it is one, and has sent no DATA this long after AUTH_OK, the log says so. */
export const MUTE_AFTER = 3_000;

/** The C program cuts what it reads, datagrams and frames, at so many bytes (§6). */
export const ORIGINAL_DATAGRAM_MAX = 2_000;
/** Whether a server is one is asked so often, when a datagram was sent that it would cut. */
export const PROBES_MAX = 3;

/** Bytes under one Blowfish key, 2^32 blocks, after which equal blocks begin to tell (§5.2). */
export const WEAR_BYTES = 2 ** 35;

// Server (§2.4, §5.3).
/** A peer that has not answered its challenge is forgotten. */
export const CHALLENGE_LIFETIME = 20_000;
/** A session ends this long after the last authentic DATA, or KEEPALIVE. */
export const SESSION_LIFETIME = 120_000;
/** Peers with a session, and peers that have not proved a key yet. */
export const PEERS_MAX = 4096;
export const UNPROVEN_MAX = 1024;
/** CHALLENGEs, and DENYs, per second: for one source address, for all; and how many at once. */
export const ANSWER_RATE = { source: { rate: 10, burst: 20 }, total: { rate: 500, burst: 1000 } } as const;
/**
 * DENYs to one address and port that is not logged in: a C client works off each of them for a second or more (§7.3). C
 * servers send one.
 */
export const STRANGER_RATE = { rate: 1, burst: 1 } as const;
/** Source addresses, or addresses and ports, whose rate is remembered. */
export const SOURCES_MAX = 4096;
