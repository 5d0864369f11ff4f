// Whether an address can be used here: a link-local one has to name an interface that there is, and a socket on a loopback address
// reaches this machine alone.
import { networkInterfaces } from 'node:os';
import { optionName } from '../options/name.js';
import { isLinkLocal, isLoopback, lacksInterface } from '../protocol/address-scope.js';

/** The interfaces that are up, by name; undefined where the system does not say. */
export type Interfaces = () => ReturnType<typeof networkInterfaces> | undefined;

export const systemInterfaces: Interfaces = () => {
  try {
    return networkInterfaces();
  } catch {
    return undefined;
  }
};

/** Why an address cannot be used. */
export interface Unusable {
  readonly why: string;
  /** Whether that stays so. */
  readonly forGood: boolean;
}

/**
 * Looks whether an address can be used here. The name of its interface takes the place of a number, which most runtimes do
 * not know; without an interface a system chooses any, or refuses.
 * @param own the socket's own address; `::` for all
 */
export function usableAddress(address: string, own: string, interfaces: Interfaces): string | Unusable {
  if (isLoopback(own) && !isLoopback(address) && !isOwn(address, interfaces())) {
    const why = `${address} cannot be reached from ${own}, a loopback address: leave ${optionName('bind')} out, or name another address of this machine`;
    return { why, forGood: true };
  }
  if (!isLinkLocal(address)) return address;
  const [plain, zone] = address.split('%') as [string, string?];
  if (!zone) return { why: `${plain} ${lacksInterface(plain)}`, forGood: true };
  const all = interfaces();
  if (all === undefined || process.platform === 'win32') return address; // Windows has numbers alone
  const name = zone in all ? zone : nameOf(Number(zone), all);
  return name === undefined
    ? { why: `there is no interface ${zone} here, or it is down`, forGood: false }
    : `${plain}%${name}`;
}

/** Whether it is an address of this machine; also where the system does not say. */
function isOwn(address: string, interfaces: ReturnType<Interfaces>): boolean {
  if (interfaces === undefined) return true;
  return Object.values(interfaces).some((all) => all?.some((one) => one.address === address));
}

function nameOf(scope: number, all: NonNullable<ReturnType<Interfaces>>): string | undefined {
  const named = Object.entries(all).find(([, addresses]) =>
    addresses?.some((one) => one.family === 'IPv6' && one.scopeid === scope && scope !== 0),
  );
  return named?.[0];
}
