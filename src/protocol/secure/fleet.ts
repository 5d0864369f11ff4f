// One of several servers that have one private key (secure.md §4.4).

/** What the number of a server may be. */
export const SERVER_ID = { min: 1, max: 255 } as const;
/** For how long a server that is drained may wait for its peers to go, s. */
export const DRAIN_SECONDS = { min: 1, max: 3_600, usual: 10 } as const;
const TOP = 24;

/** An index whose top byte is that of a server. */
export function serverIndex(drawn: number, serverId: number): number {
  return ((drawn & ((1 << TOP) - 1)) | (serverId << TOP)) >>> 0;
}
