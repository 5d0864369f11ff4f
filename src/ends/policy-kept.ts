import type { OpenPlug } from '../cable/plug/plug.js';
import { CryptcabError } from '../error.js';
import { fieldsOf, type Policy, type PolicyFields, policyText } from '../network/policy.js';
import type { TapNetwork } from '../network/tap-network.js';

/**
 * Why what a policy asks for cannot be kept on a plug, by the name of its first field.
 * @returns undefined where it can, as far as that is known without a look at the system
 */
export function unkept({ network, locator }: OpenPlug, fields: PolicyFields): string | undefined {
  const [field] = fieldsOf(fields);
  if (field === undefined || network !== undefined) return undefined;
  return `${field} cannot be kept on ${locator ?? 'this plug'}: plug into bridge://NAME, or leave ${field} out`;
}

/**
 * The same, with a look at the system.
 * @param wishes all that is asked for, and who asks
 * @throws CryptcabError for the first that cannot be kept
 */
export async function mustKeep(
  plug: OpenPlug,
  wishes: readonly { readonly who: string; readonly fields: PolicyFields }[],
): Promise<void> {
  let vlans: string | undefined;
  let looked = false;
  for (const { who, fields } of wishes) {
    const why = unkept(plug, fields);
    if (why !== undefined) throw new CryptcabError(`${who}: ${why}`);
    if (!fields.vlan || plug.network === undefined) continue;
    if (!looked) vlans = await plug.network.vlansRefused();
    looked = true;
    if (vlans !== undefined) throw new CryptcabError(`${who}: vlan cannot be kept: ${vlans}`);
  }
}

/** What a peer's port keeps, and what it has refused of the peer's frames, for statistics: nothing where nothing is limited. */
export function keptBy(
  network: TapNetwork | undefined,
  port: string | undefined,
  policy: Policy,
): { readonly policy?: string; readonly refusedByPolicy?: Readonly<Record<string, number>> } {
  const text = policyText(policy);
  if (network === undefined || text === '') return {};
  return {
    policy: text,
    refusedByPolicy: Object.fromEntries(port === undefined ? [] : network.refused(port)),
  };
}
