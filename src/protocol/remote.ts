/** A peer *is* its UDP source address and port: the protocol has no other name for it (classic.md §1.1). */
export interface Remote {
  /** IPv4 or IPv6, in its usual text form. */
  readonly address: string;
  /** UDP. */
  readonly port: number;
  /**
   * Our address that its datagrams come to and ours leave from; of IPv6's link-local ones with the zone. The system
   * chooses one where it is missing.
   */
  readonly local?: string | undefined;
}

/** Whether datagrams between both ends look the same: two remotes that differ in `local` are one peer, and two ways to it. */
export function sameWay(one: Remote, other: Remote): boolean {
  return one.port === other.port && one.address === other.address && one.local === other.local;
}

/** The same text for the same remote, whichever of our addresses it asks. */
export function remoteKey(remote: Remote): string {
  return `${remote.address}|${remote.port}`;
}

/** As people write it: `192.0.2.1:7667`, `[2001:db8::1]:7667`. */
export function remoteText(remote: Remote): string {
  return remote.address.includes(':')
    ? `[${remote.address}]:${remote.port}`
    : `${remote.address}:${remote.port}`;
}
