// Every number of the secure cable's handshake, in one place (secure.md §1). Times are milliseconds.

export const CONSTRUCTION = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s';
export const IDENTIFIER = 'WireGuard v1 zx2c4 Jason@zx2c4.com';
export const LABEL_MAC1 = 'mac1----';
export const LABEL_COOKIE = 'cookie--';

/** First byte of a message; three zero bytes follow. */
export const MESSAGE = { INITIATION: 1, RESPONSE: 2, COOKIE: 3, TRANSPORT: 4 } as const;
/** The shortest transport message: it has no payload. */
export const KEEPALIVE_BYTES = 32;
export const MESSAGE_BYTES = { 1: 148, 2: 92, 3: 64 } as const;
export const KEY_BYTES = 32;

export const REKEY_AFTER_TIME = 120_000;
export const REKEY_AFTER_MESSAGES = 1n << 60n;
/** A keypair is used no longer; it is wiped then, too. */
export const REJECT_AFTER_TIME = 180_000;
/** What is left of a handshake is wiped this long after the last keys. */
export const ERASE_AFTER_TIME = 3 * REJECT_AFTER_TIME;
export const REKEY_TIMEOUT = 5_000;
/** Up to this much is added, so that two ends that begin at once do not stay in step. */
export const JITTER = 334;
/** A handshake without an answer is given up. */
export const REKEY_ATTEMPT_TIME = 90_000;
/** Silence after data came, before a keepalive answers it. */
export const KEEPALIVE_TIMEOUT = 10_000;
/** Of a cable that keeps itself alive (`-k`). A NAT forgets UDP after 30 s at the earliest. That of the classic cable is in classic/constants.ts. */
export const KEEPALIVE_INTERVAL = 25_000;
/** After data was sent, nothing has come for this long: the peer is presumed gone. */
export const SILENCE_TIMEOUT = KEEPALIVE_TIMEOUT + REKEY_TIMEOUT;

/** Frames have been sent for this long and nothing has come back: the peer is asked, and again after as long. */
export const ECHO_AFTER = 1_000;
/** So many times as long, and it is presumed gone. */
export const ECHO_MAX = 3;
/** A peer that frames are sent to is asked at least this often, to measure the way. */
export const MEASURE_INTERVAL = 10_000;
/** So many of the last questions count for the loss. */
export const MEASURED = 16;
/** A HELLO without an answer is said again after this long, */
export const GREETING_INTERVAL = 1_000;
/** and so often in all: the peer knows nothing of it. */
export const GREETINGS = 3;
/**
 * Between initiations to a peer that has said goodbye, or answers no more: it may be back at any moment. With jitter, and a
 * host that looks at its timers every 250 ms, one goes every second at least.
 */
export const EAGER_TIMEOUT = 400;
/** Later they are this part of the time since it went, up to REKEY_TIMEOUT: it may be there, and may have removed this end. */
export const EAGER_PART = 60;

/** An end that is left says goodbye to a peer again when it hears of it still (§7.3). */
export const GOODBYE_INTERVAL = 500;

/** What is known of a guest, but its keys, is forgotten this long after it first called (§8.2). */
export const GUEST_TIME = 10_000;
/** ENROLs without an answer before it calls again (§8.3). */
export const ENROL_TRIES = 4;
/** What a guest calls itself is no longer. */
export const GUEST_NAME_MAX = 63;

/** How often an invite may be used, and for how long it may be open, s. */
export const INVITE_USES_MAX = 1_000;
export const INVITE_SECONDS = { min: 60, max: 365 * 86_400, usual: 3_600 } as const;
/** An invite is remembered for this long after its time is over, and so many at a time (§8.4). */
export const INVITE_KEPT = 7 * 86_400_000;
export const INVITES_MAX = 64;

/** A cookie, and the secret that cookies are made with, hold this long. */
export const COOKIE_LIFETIME = 120_000;
/** Under load, still, after the last message that was too many. */
export const LOAD_LINGERS = 1_000;
/**
 * Initiations that one core answers in a second while it does nothing else, as a round number (`npm run bench -- handshakes`: 2200 on Node
 * while ten programs wanted each core, 3000 with less of that, 1800 on Bun). All limits of handshakes follow from it, as no frame moves
 * while one is answered.
 */
const ANSWERED = 2_000;
/** Handshake messages with a good mac1, per second, of all sources together, above which it is load: a tenth of a core. */
export const LOAD = { rate: ANSWERED / 10, burst: ANSWERED / 50 } as const;
/** Handshake messages that are looked at, per second: of where peers are, and of everywhere else. Each costs a hundredth of an answer. */
export const PACE = { rate: ANSWERED, burst: ANSWERED / 20 } as const;
/** Under load: handshake messages of one source (IPv4 address, IPv6 /64) that has shown its cookie. */
export const SOURCE_RATE = { rate: 20, burst: 5 } as const;
/** Under load: those of all such sources together, half of a core. */
export const PROVEN_RATE = { rate: ANSWERED / 2, burst: ANSWERED / 10 } as const;
/** Strangers whose keys are reported: each once, while it is among the last so many. */
export const STRANGER_RATE = { rate: 1 / 12, burst: 5 } as const;
export const STRANGERS_MAX = 64;
/** Answers to initiations of a peer that fail one after the other before that is reported. */
export const UNFINISHED = 3;
/** Initiations of one peer come no closer than this (50 a second). */
export const INITIATION_INTERVAL = 20;
/** Sources whose rate is remembered. */
export const SOURCES_MAX = 4096;

/** Frames of which the last fragment came and no other, one after the other, and the time that they take, at the least. */
export const HOLE_FRAMES = 8n;
export const HOLE_LEAST = 5_000;
/** Those that take longer are not counted together. */
export const HOLE_MOST = 60_000;

/** A host name is resolved again no more often than this. */
export const RESOLVE_INTERVAL = 15_000;
/** Nor within this time after its peer was there. */
export const RESOLVE_PATIENCE = 3_000;
/** An enrolled peer is forgotten when nothing authentic came of it for this long, unless told otherwise (§3.4): 30 days. */
export const FORGET_AFTER = 30 * 86_400_000;
/** Enrolled peers at a time: the default, and the largest value, as more have no room in the core (§3.4). */
export const ENROLLED_MAX = 1_024;
export const ENROLLED_LIMIT = 60_000;
/** Keypairs that a peer has at a time: previous, current, next. */
export const PLACES = 3;
