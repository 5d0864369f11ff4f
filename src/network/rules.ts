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
export const REASONS = [
  'mac',
  'bpdu',
  'dhcp server',
  'router advertisement',
  'hidden',
  'broadcast',
  'rate',
] as const;
export type Reason = (typeof REASONS)[number];

const refuse = (what: string, reason: Reason) => `${what} counter drop comment "${reason}"`;

/**
 * Frames whose packet the rules for DHCP servers and routers do not see, and some station may. The kernel takes off one tag of a VLAN before
 * it asks the rules; a station takes off the next one as well where it is of no VLAN. A packet may be behind a header of 802.2 (RFC 1042), or be
 * cut so that its first part ends before what says what it is (RFC 7113 §2.1).
 */
const HIDING = [
  'meta protocol { 8021q, 8021ad }',
  'meta protocol 0x0004 @nh,0,48 0xaaaa03000000',
  'meta protocol ip6 frag nexthdr { 0, 43, 44, 51, 60 }',
];

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
    rules.push(...HIDING.map((what) => refuse(what, 'hidden')));
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

/** How many rules a policy takes. */
export function ruleCount(policy: Policy): number {
  return rulesOf(policy, '').length;
}

/** Whether nft has to do with a policy. */
export function needsNft(policy: Policy): boolean {
  return ruleCount(policy) > 0;
}

/** Names a set of a port's addresses, and says what it is. */
function macSet(
  table: string,
  device: string,
  macs: number,
): { readonly its: string; readonly form: string } {
  const its = `netdev ${table} ${setOf(device, macs)}`;
  const form = `{ type ether_addr; size ${macs}; flags dynamic,timeout; timeout ${MAC_TIMEOUT}; }`;
  return { its, form };
}

/** Takes a set away, whether or not it is there. */
function withoutSet(table: string, device: string, macs: number | undefined): string[] {
  if (macs === undefined) return [];
  const { its, form } = macSet(table, device, macs);
  return [`add set ${its} ${form}`, `delete set ${its}`];
}

/**
 * A transaction of nft that has a port keep its policy, whatever it kept before.
 * @param before what that was, if it had a chain
 */
export function nftScript(table: string, device: string, policy: Policy, before: Policy = {}): string {
  const chain = `netdev ${table} ${chainOf(device)}`;
  const { macs } = policy;
  const set = macs === undefined ? undefined : macSet(table, device, macs);
  return [
    `add table netdev ${table}`,
    `add chain ${chain} { type filter hook ingress device "${device}" priority 0; }`,
    `flush chain ${chain}`,
    ...(before.macs === macs ? [] : withoutSet(table, device, before.macs)),
    ...(set === undefined ? [] : [`add set ${set.its} ${set.form}`, `flush set ${set.its}`]),
    ...rulesOf(policy, device).map((rule) => `add rule ${chain} ${rule}`),
    '',
  ].join('\n');
}

/** A transaction of nft that takes away what a port has kept, whether or not it is there. */
export function forgetScript(table: string, device: string, { macs }: Policy): string {
  const chain = `netdev ${table} ${chainOf(device)}`;
  return [
    `add table netdev ${table}`,
    ...['add', 'flush', 'delete'].map((what) => `${what} chain ${chain}`),
    ...withoutSet(table, device, macs),
    '',
  ].join('\n');
}

/** What tc does for the rate towards a peer; undefined where nothing is limited. */
export function tcLine(device: string, { rate }: Policy): string | undefined {
  if (rate === undefined) return undefined;
  const burst = Math.max(TC_BURST.least, Math.round(bytesOf(rate.to) * TC_BURST.seconds));
  return `qdisc replace dev ${device} root tbf rate ${rate.to}bit burst ${burst}b latency ${LATENCY}\n`;
}

/**
 * What bridge(8) does for a port's VLANs.
 * @param first the VLAN that the bridge's ports are in at first; 0 for none
 */
export function vlanLines(
  device: string,
  { vlan }: Policy,
  { had, first }: { readonly had: Policy['vlan']; readonly first: number },
): string {
  const lines: string[] = [];
  const fromBridge = first > 0 ? [first] : [];
  const before =
    had === undefined ? fromBridge : [...(had.access === undefined ? [] : [had.access]), ...had.tagged];
  const access = vlan === undefined ? fromBridge[0] : vlan.access;
  for (const id of before) lines.push(`vlan del dev ${device} vid ${id}`);
  if (access !== undefined) lines.push(`vlan add dev ${device} vid ${access} pvid untagged`);
  for (const id of vlan?.tagged ?? []) lines.push(`vlan add dev ${device} vid ${id}`);
  return `${lines.join('\n')}\n`;
}
