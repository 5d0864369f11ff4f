import { isIPv4, isIPv6 } from 'node:net';
import { isLinkLocal, lacksInterface } from '../../protocol/address-scope.js';

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Reads the address that a socket is to have.
 * @returns the address in its usual form, or in what way the text is none
 */
export function bindAddress(text: string): { readonly address: string } | { readonly why: string } {
  const [plain = '', zone] = text.split('%');
  const ipv4 = MAPPED.exec(plain)?.[1] ?? plain;
  if (isIPv4(ipv4) && zone === undefined) {
    const group = Number(ipv4.split('.')[0]) >= 224;
    return group ? { why: 'it belongs to no single machine' } : { address: ipv4 };
  }
  if (!isIPv6(plain)) {
    const port = /^(\[.*\]|[\d.]+):\d+$/.test(text);
    return { why: port ? 'the port is given by itself' : 'it is no IPv4 or IPv6 address' };
  }
  const address = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  if (address.startsWith('ff')) return { why: 'it belongs to no single machine' };
  if (!isLinkLocal(address))
    return zone === undefined ? { address } : { why: 'only a link-local address has a %interface' };
  if (zone === undefined || zone === '') return { why: `it ${lacksInterface(address)}` };
  return { address: `${address}%${zone}` };
}
