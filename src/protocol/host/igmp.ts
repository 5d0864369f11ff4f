// Who takes part in groups of IPv4 (RFC 2236, RFC 3376).
import { isMulticast, isUnspecified } from './address.js';
import { sum } from './checksum.js';
import { type Packet, PROTOCOL, packetOf } from './ip.js';

const [QUERY, REPORT_2, REPORT_3] = [0x11, 0x16, 0x22];
/** ms for one of the units that a time to answer is in. */
const TENTH = 100;
/** 224.0.0.22, where reports of version 3 go. */
const ROUTERS = Uint8Array.of(224, 0, 0, 22);

/** Somebody asks who takes part. */
export interface Query {
  /** 1 of MLD and 2 of IGMP are answered by a message for each group, 2 of MLD and 3 of IGMP by one for all. */
  readonly old: boolean;
  /** The group; undefined for all. */
  readonly group: Uint8Array | undefined;
  /** The answer comes within this time, ms. */
  readonly within: number;
}

/** What a report says of its groups: that they are taken, or not any more (RFC 3376 §4.2.12, RFC 3810 §5.2.12). */
export const RECORD = { TAKEN: 2, JOINED: 4, LEFT: 3 } as const;

/** A time as a query of version 3 has it, in its units (RFC 3376 §4.1.1). */
export function timeIn(code: number): number {
  return code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
}

/** @returns undefined for anything else */
export function readIgmpQuery({ protocol, part, payload }: Packet): Query | undefined {
  if (protocol !== PROTOCOL.IGMP || part !== 'whole' || payload.length < 8) return undefined;
  const [type, code = 0] = payload;
  const group = payload.slice(4, 8);
  if (type !== QUERY || sum(payload) !== 0xffff || !(isUnspecified(group) || isMulticast(group)))
    return undefined;
  const old = payload.length < 12;
  // Version 1 names no time.
  const units = old ? code || 100 : timeIn(code);
  return { old, group: isUnspecified(group) ? undefined : group, within: units * TENTH };
}

function igmpOf(source: Uint8Array, destination: Uint8Array, message: Uint8Array): Uint8Array {
  const its = 0xffff ^ sum(message);
  message.set([its >> 8, its & 0xff], 2);
  return packetOf({ source, destination, protocol: PROTOCOL.IGMP, hops: 1, alert: true, payload: message });
}

export function igmpReports(
  source: Uint8Array,
  groups: readonly Uint8Array[],
  record: number,
  old: boolean,
): { readonly to: Uint8Array; readonly packet: Uint8Array }[] {
  if (old)
    return groups.map((group) => ({
      to: group,
      packet: igmpOf(source, group, Uint8Array.of(REPORT_2, 0, 0, 0, ...group)),
    }));
  const records = groups.flatMap((group) => [record, 0, 0, 0, ...group]);
  const message = Uint8Array.of(REPORT_3, 0, 0, 0, 0, 0, 0, groups.length, ...records);
  return [{ to: ROUTERS, packet: igmpOf(source, ROUTERS, message) }];
}
