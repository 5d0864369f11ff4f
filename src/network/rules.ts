// What keeps a peer's policy on its port of a bridge, as nft, tc and bridge read it. Rules are where frames come from the
// tap, before the bridge has them: so they hold for those to this machine as well.
import type { Policy } from './policy.js';

/** Bits a second to bytes. */
const bytesOf = (bits: number) => Math.max(1, Math.round(bits / 8));
/** What may come at once: some super-frames, or what the rate gives in a moment. */
const BURST = { least: 256 << 10, most: 16 << 20, seconds: 0.1 };
const TC_BURST = { least: 64 << 10, seconds: 0.005 };
const LATENCY = '50ms';
/** Addresses are forgotten as a bridge forgets them. */
const MAC_TIMEOUT = '5m';

/** Why a rule refuses a frame: its comment, so that its counter is found. */
export const REASONS = ['mac', 'bpdu', 'dhcp server', 'router advertisement', 'broadcast', 'rate'] as const;
export type Reason = (typeof REASONS)[number];

const refuse = (what: string, reason: Reason) => `${what} counter drop comment "${reason}"`;

/** The name of a port's chain: nft wants a letter first. */
export function chainOf(device: string): string {
  return `from_${device.replaceAll(/[^\w.-]/g, '_')}`;
}

/** The name of the set of a port's addresses, of which there may be so many. */
function setOf(device: string, macs: number): string {
  return `macs_${device.replaceAll(/[^\w.-]/g, '_')}_${macs}`;
}

/** The rules of a port, in the order in which they are asked; none where nothing is refused. */
function rulesOf({ macs, mac, guard, broadcast, rate }: Policy, device: string): string[] {
  const rules: string[] = [];
  if (mac !== undefined) rules.push(refuse(`ether saddr != { ${mac.join(', ')} }`, 'mac'));
  if (guard) {
    // Spanning tree's, and what switches of one make have of their own.
    rules.push(refuse('ether daddr { 01:80:c2:00:00:00, 01:80:c2:00:00:08, 01:00:0c:cc:cc:cd }', 'bpdu'));
    rules.push(refuse('meta protocol ip udp sport 67', 'dhcp server'));
    rules.push(refuse('meta protocol ip6 udp sport 547', 'dhcp server'));
    rules.push(refuse('meta protocol ip6 icmpv6 type nd-router-advert', 'router advertisement'));
  }
  if (broadcast !== undefined)
    rules.push(
      refuse(
        `meta pkttype { broadcast, multicast } limit rate over ${broadcast}/second burst ${broadcast} packets`,
        'broadcast',
      ),
    );
  if (rate !== undefined) {
    const bytes = bytesOf(rate.from);
    const burst = Math.min(BURST.most, Math.max(BURST.least, Math.round(bytes * BURST.seconds)));
    rules.push(refuse(`limit rate over ${bytes} bytes/second burst ${burst} bytes`, 'rate'));
  }
  if (macs !== undefined) {
    // One that is known is kept, a new one finds room, or the next rule has it.
    rules.push(`update @${setOf(device, macs)} { ether saddr timeout ${MAC_TIMEOUT} } accept`);
    rules.push(refuse('', 'mac').trim());
  }
  return rules;
}

/** Whether nft has to do with a policy. */
export function needsNft(policy: Policy): boolean {
  return rulesOf(policy, '').length > 0;
}

/** A transaction of nft that has a port keep its policy, whatever it kept before. */
export function nftScript(table: string, device: string, policy: Policy): string {
  const chain = chainOf(device);
  const { macs } = policy;
  const set = macs === undefined ? undefined : setOf(device, macs);
  return [
    `add table netdev ${table}`,
    `add chain netdev ${table} ${chain} { type filter hook ingress device "${device}" priority 0; }`,
    `flush chain netdev ${table} ${chain}`,
    ...(set === undefined
      ? []
      : [
          `add set netdev ${table} ${set} { type ether_addr; size ${macs}; flags dynamic,timeout; timeout ${MAC_TIMEOUT}; }`,
          `flush set netdev ${table} ${set}`,
        ]),
    ...rulesOf(policy, device).map((rule) => `add rule netdev ${table} ${chain} ${rule}`),
    '',
  ].join('\n');
}

/** What tc does for the rate towards a peer; undefined where nothing is limited. */
export function tcLine(device: string, { rate }: Policy): string | undefined {
  if (rate === undefined) return undefined;
  const burst = Math.max(TC_BURST.least, Math.round(bytesOf(rate.to) * TC_BURST.seconds));
  return `qdisc replace dev ${device} root tbf rate ${rate.to}bit burst ${burst}b latency ${LATENCY}\n`;
}

/** What bridge(8) does for a port's VLANs, which is in 1 at first. */
export function vlanLines(device: string, { vlan }: Policy, had: Policy['vlan']): string {
  const lines: string[] = [];
  const before = had === undefined ? [1] : [...(had.access === undefined ? [] : [had.access]), ...had.tagged];
  for (const id of before) lines.push(`vlan del dev ${device} vid ${id}`);
  if (vlan === undefined) lines.push(`vlan add dev ${device} vid 1 pvid untagged`);
  if (vlan?.access !== undefined) lines.push(`vlan add dev ${device} vid ${vlan.access} pvid untagged`);
  for (const id of vlan?.tagged ?? []) lines.push(`vlan add dev ${device} vid ${id}`);
  return `${lines.join('\n')}\n`;
}
