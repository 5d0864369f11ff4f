// Every number of a host peer, in one place (secure.md §6). Times are milliseconds.

/** What is hashed before a public key to make a MAC address. */
export const LABEL_MAC = 'cryptcab host 1';

/** Packets for one neighbour that wait for its answer, */
export const WAITING_MAX = 8;
/** and all that wait. */
export const WAITING_ALL_MAX = 64;
/** Between two requests for a neighbour, and how many there are. */
export const REQUEST_INTERVAL = 1_000;
export const REQUESTS = 3;
/** Who does not answer is not asked again for this long. */
export const NEGATIVE_TIME = 5_000;
/** A neighbour that has answered counts as there for this long; it is asked this long after it is needed again (RFC 4861 §10). */
export const REACHABLE_TIME = 30_000;
export const PROBE_DELAY = 5_000;
/** Neighbours that are remembered; the one that was needed the longest ago makes room. */
export const NEIGHBOURS_MAX = 128;

/**
 * How often an address is looked for on the network, and for how long each time, before it is used: RFC 4862 §5.1, and
 * RFC 5227, whose longer waits are for stations that start together.
 */
export const DETECT = { 6: { probes: 1, interval: 1_000 }, 4: { probes: 3, interval: 400 } } as const;
/** Who has an address in conflict looks for it again after this long. */
export const CONFLICT_TIME = 60_000;
/** An address is defended at most so often (RFC 5227 §1.1). */
export const DEFEND_INTERVAL = 10_000;
/** An address is announced so often, so long apart (RFC 5227 §1.1; RFC 4861 §7.2.6). */
export const ANNOUNCEMENTS = 2;
export const ANNOUNCE_INTERVAL = 2_000;

/** Routers are asked for so often, so long apart, until one answers (RFC 4861 §10). */
export const ROUTER_SOLICITATIONS = 3;
export const ROUTER_SOLICITATION_INTERVAL = 4_000;
/** Routers, and networks that they name, that are remembered. */
export const ROUTERS_MAX = 4;
export const NETWORKS_MAX = 8;

/** The first wait for a DHCP server's answer, and the longest; each is twice the one before, a second more or less (RFC 2131 §4.1). */
export const DHCP_WAIT = { first: 4_000, longest: 64_000 } as const;
/** Requests for what was offered, before all starts again. */
export const DHCP_REQUESTS = 4;
/** A lease is not asked to be longer more often than this (RFC 2131 §4.4.5). */
export const DHCP_RENEW_MIN = 60_000;
/** An address that was declined, or refused after it was offered: a new one is asked for after this long (RFC 2131 §3.1). */
export const DHCP_PAUSE = 10_000;
/** After this time without an answer of a DHCP server, that is reported. */
export const DHCP_SILENCE = 10_000;

/** Groups are reported so often when they are joined (RFC 3376 §8.1), */
export const REPORTS = 2;
/** within this time each (RFC 3376 §8.11; RFC 3810 §9.11). */
export const REPORT_INTERVAL = 1_000;

/** Answers to packets that are too big, a second: to one sender, and to all (RFC 4443 §2.4). */
export const ERRORS_OF_ONE = { rate: 10, burst: 5 } as const;
export const ERRORS_OF_ALL = { rate: 50, burst: 20 } as const;
export const ERROR_SENDERS_MAX = 32;

/** A device that is asleep keeps its port for this long. */
export const ASLEEP_MAX = 3_600_000;
