import { sameBytes } from '../bytes.js';
import { isMulticast } from './address.js';
import { type HostOptions, SERVICES, type Service } from './terms.js';

const v6 = (scope: number, ...end: number[]) =>
  Uint8Array.of(0xff, scope, ...new Array<number>(14 - end.length).fill(0), ...end);

/** The groups of each service: RFC 6762 §3, RFC 4795 §2, and what UPnP has for SSDP. */
const GROUPS: Readonly<Record<Service, readonly Uint8Array[]>> = {
  mdns: [Uint8Array.of(224, 0, 0, 251), v6(2, 0xfb)],
  ssdp: [Uint8Array.of(239, 255, 255, 250), v6(2, 0x0c), v6(5, 0x0c)],
  llmnr: [Uint8Array.of(224, 0, 0, 252), v6(2, 1, 0, 3)],
};

/** The groups that a device takes part in; with `all`, those of all services. */
export function groupsOf(multicast: HostOptions['multicast']): Uint8Array[] {
  const services = multicast === 'all' ? SERVICES : multicast === 'none' ? [] : multicast;
  return services.flatMap((service) => GROUPS[service]);
}

/** Whether a device takes what is sent to an address of many: a group, or a broadcast. */
export function takes(multicast: HostOptions['multicast'], address: Uint8Array): boolean {
  if (multicast === 'all') return true;
  return isMulticast(address) && groupsOf(multicast).some((group) => sameBytes(group, address));
}
