import type { Remote } from '../../protocol/remote.js';
import { EachAddress } from './each-address.js';
import { Hearing, TwoFamilies } from './two-families.js';
import { cannotOpen, lacksIPv6, type OpenUdp, type Udp, type UdpEvents } from './udp.js';

const MAPPED = '::ffff:';

/** All addresses of this machine: of both families, or of IPv4 alone. */
export const ANY = { both: '::', ipv4: '0.0.0.0' } as const;

export function isAny(address: string | undefined): boolean {
  return address === ANY.both || address === ANY.ipv4;
}

/** An address as the socket for both families takes it. */
export function mapped(address: string): string {
  return address.includes(':') ? address : MAPPED + address;
}

/**
 * On the socket for both families an IPv4 address shows in its mapped form.
 * @param local our address that it asks, where the socket has that one alone
 */
export function unmapped({ address, port }: Remote, local?: string): Remote {
  return { address: address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address, port, local };
}

/** Where a socket should be. */
export interface Place {
  /** Its address; one of ANY for many. */
  readonly host: string;
  readonly port: number;
  /** Whether other sockets of ours, on addresses of their own, are to share the port. */
  readonly shared: boolean;
  /** What the datagrams that come to it have as their `local`. */
  readonly local: string | undefined;
}

/**
 * Makes of sockets on one address what a cable needs: one for all addresses of both families, or of IPv4 alone where there is
 * no IPv6; for one address; or, where each datagram's own address counts, one for all and one for each.
 */
export function openWith(open: (place: Place, events: UdpEvents) => Promise<Udp>): OpenUdp {
  return async (port, events, { bind, locals = false } = {}) => {
    const families = bind === ANY.ipv4 ? 'IPv4' : 'both';
    const any = (at: number, shared: boolean, split?: boolean): Promise<Udp> => {
      const place = { host: ANY.ipv4, port: at, shared, local: undefined };
      return families === 'IPv4' ? open(place, events) : openBoth(open, place, events, split);
    };
    try {
      if (bind !== undefined && !isAny(bind))
        return await open({ host: bind, port, shared: false, local: undefined }, events);
      // One that shares with nobody shows whether somebody has the port.
      const alone = await any(port, false);
      if (!locals) return alone;
      const own = alone.local.port;
      await alone.close();
      const all = await any(own, true, alone instanceof TwoFamilies);
      return await EachAddress.over(all, families, (address) =>
        open({ host: address, port: own, shared: true, local: address }, events),
      );
    } catch (error) {
      throw cannotOpen(port, error, bind);
    }
  };
}

/**
 * Opens a socket for all addresses of both families, or of IPv4 alone where there is no IPv6.
 * @param split whether one for IPv6 gets no IPv4; undefined to find that out, by a socket that shares its port with nobody
 */
async function openBoth(
  open: (place: Place, events: UdpEvents) => Promise<Udp>,
  place: Place,
  events: UdpEvents,
  split?: boolean,
): Promise<Udp> {
  const hearing = new Hearing(events);
  let six: Udp;
  try {
    six = await open({ ...place, host: ANY.both }, hearing.by('IPv6'));
  } catch (error) {
    if (!lacksIPv6(error)) throw error;
    return await open(place, events);
  }
  if (split === false) return six;
  try {
    const four = await open({ ...place, port: six.local.port }, hearing.by('IPv4'));
    return new TwoFamilies(six, four, hearing);
  } catch {
    return six; // it has IPv4 as well, so that the port is taken there
  }
}
