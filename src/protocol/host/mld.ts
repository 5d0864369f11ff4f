// Who takes part in groups of IPv6 (RFC 2710, RFC 3810).
import { isLinkLocal, isMulticast, isUnspecified } from './address.js';
import { ICMPV6, icmpv6Of, icmpv6Type, isIntact } from './icmpv6.js';
import type { Query } from './igmp.js';
import type { Packet } from './ip.js';

/** ff02::16, where reports of version 2 go. */
const ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16);
const HOPS = { hops: 1, alert: true } as const;

/** @returns undefined for anything else */
export function readMldQuery(packet: Packet): Query | undefined {
  const { payload, hops, part, source } = packet;
  if (icmpv6Type(packet) !== ICMPV6.QUERY || part !== 'whole' || payload.length < 24) return undefined;
  if (hops !== 1 || !isLinkLocal(source) || !isIntact(packet)) return undefined;
  const group = payload.slice(8, 24);
  if (!(isUnspecified(group) || isMulticast(group))) return undefined;
  const old = payload.length < 28;
  const code = ((payload[4] as number) << 8) | (payload[5] as number);
  // RFC 3810 §5.1.3
  const within = old || code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
  return { old, group: isUnspecified(group) ? undefined : group, within };
}

export function mldReports(
  source: Uint8Array,
  groups: readonly Uint8Array[],
  record: number,
  old: boolean,
): { readonly to: Uint8Array; readonly packet: Uint8Array }[] {
  if (old)
    return groups.map((group) => ({
      to: group,
      packet: icmpv6Of(source, group, Uint8Array.of(ICMPV6.REPORT_1, 0, 0, 0, 0, 0, 0, 0, ...group), HOPS),
    }));
  const records = groups.flatMap((group) => [record, 0, 0, 0, ...group]);
  const message = Uint8Array.of(ICMPV6.REPORT_2, 0, 0, 0, 0, 0, 0, groups.length, ...records);
  return [{ to: ROUTERS, packet: icmpv6Of(source, ROUTERS, message, HOPS) }];
}
