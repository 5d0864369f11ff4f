/** A peer *is* its UDP source address and port: the protocol has no other name for it (classic-protocol §1). */
export interface Remote {
  /** IPv4 or IPv6, in its usual text form. */
  readonly address: string;
  /** UDP. */
  readonly port: number;
}

/** The same text for the same remote. */
export function remoteKey(remote: Remote): string {
  return `${remote.address}|${remote.port}`;
}

/** As people write it: `192.0.2.1:7667`, `[2001:db8::1]:7667`. */
export function remoteText(remote: Remote): string {
  return remote.address.includes(':')
    ? `[${remote.address}]:${remote.port}`
    : `${remote.address}:${remote.port}`;
}
