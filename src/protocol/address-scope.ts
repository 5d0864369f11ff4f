// How far an address reaches. Link-local addresses of IPv6 (fe80::/10, RFC 4291 §2.4): each is on every link, so it belongs to an interface, as in `fe80::1%eth0`.

/** @param address as text, with its interface or without */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][\da-f]:/i.test(address);
}

/** What is wrong with one that has no interface; its subject comes before it. */
export function lacksInterface(address: string): string {
  return `is link-local: name its interface, as in ${address}%eth0`;
}

/** Whether this machine alone reaches it. @param address without brackets */
export function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1';
}
