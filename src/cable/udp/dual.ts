import { codeOf } from '../../error.js';
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

/** How many ports are tried where any will do: the kernel chooses one that is free in IPv6, and it may be taken in IPv4. */
const TRIES = 5;

/** Who hears nothing. */
const SILENT: UdpEvents = { datagram: () => {}, unreachable: () => {}, failed: () => {} };

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

/** Opens a socket on one address, or on all of a family. */
type OpenPlace = (place: Place, events: UdpEvents) => Promise<Udp>;

/**
 * Makes of sockets on one address what a cable needs: one for all addresses of both families, or of IPv4 alone where there is
 * no IPv6; for one address; or, where each datagram's own address counts, one for all and one for each.
 */
export function openWith(open: OpenPlace): OpenUdp {
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
  open: OpenPlace,
  place: Place,
  events: UdpEvents,
  split: boolean | undefined,
): Promise<Udp> {
  const hearing = new Hearing(events);
  for (let tries = 1; ; tries++) {
    let six: Udp;
    try {
      six = await open({ ...place, host: ANY.both }, hearing.by('IPv6'));
    } catch (error) {
      if (!lacksIPv6(error)) throw error;
      return await open(place, events);
    }
    if (split === false) return six;
    try {
      const four = await openFour(open, { ...place, port: six.local.port }, hearing.by('IPv4'), split);
      return four === undefined ? six : new TwoFamilies(six, four, hearing);
    } catch (error) {
      await six.close();
      if (codeOf(error) !== 'EADDRINUSE' || place.port !== 0 || tries === TRIES) throw error;
    }
  }
}

/**
 * Opens the socket for IPv4 beside the one for IPv6.
 * @returns undefined where that one has IPv4 as well
 */
async function openFour(
  open: OpenPlace,
  place: Place,
  events: UdpEvents,
  split: boolean | undefined,
): Promise<Udp | undefined> {
  try {
    return await open(place, events);
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' && !(split ?? (await isSplit(open)))) return undefined;
    throw error;
  }
}

/**
 * Whether a socket for IPv6 gets no IPv4 here: then the port that the kernel has just chosen for one is free in IPv4. At a port that
 * somebody asked for, another program may have IPv4.
 */
async function isSplit(open: OpenPlace): Promise<boolean> {
  const place = { host: ANY.both, port: 0, shared: false, local: undefined };
  const six = await open(place, SILENT);
  try {
    const four = await open({ ...place, host: ANY.ipv4, port: six.local.port }, SILENT);
    await four.close();
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    return false;
  } finally {
    await six.close();
  }
}
