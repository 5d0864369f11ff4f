// How far an address reaches.

/**
 * Whether an address of IPv6 is link-local (fe80::/10, RFC 4291 §2.4): each link has it, so it belongs to an interface, as in `fe80::1%eth0`.
 * @param address as text, with its interface or without
 */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][\da-f]:/i.test(address);
}

/** What is wrong with one that has no interface; its subject comes before it. */
export function lacksInterface(address: string): string {
  return `is link-local: name its interface, as in ${address}%eth0`;
}

/** Whether an address is reached from its own machine alone. @param address without brackets */
export function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1';
}
