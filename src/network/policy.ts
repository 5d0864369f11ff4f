// What a peer may do on the network: fields of its line, and of the defaults for all.

/** A peer's policy. What is left out is not limited. */
export interface Policy {
  /** Talks to the uplinks alone, and to no other isolated peer. */
  readonly isolated?: true;
  /** The VLAN that its untagged frames are of, and those that it may tag. */
  readonly vlan?: {
    /** 1 to 4094. */
    readonly access?: number;
    /** 1 to 4094 each. */
    readonly tagged: readonly number[];
  };
  /** How many source MAC addresses it may have at a time. */
  readonly macs?: number;
  /** The only ones that it may have. */
  readonly mac?: readonly string[];
  /** How much it may be sent, and send. */
  readonly rate?: {
    /** Bits a second towards it. */
    readonly to: number;
    /** Bits a second from it. */
    readonly from: number;
  };
  /** Broadcasts and multicasts a second that it may send. */
  readonly broadcast?: number;
  /** No BPDU, no DHCP server's answer and no router advertisement comes from it. */
  readonly guard?: true;
}

export type PolicyField = keyof Policy;

/** Fields as they are written: `null` takes a default away. */
export type PolicyFields = { readonly [Field in PolicyField]?: Policy[Field] | null };

/** What a field has to be, for people. */
const FORMS: Readonly<Record<PolicyField, string>> = {
  isolated: 'isolated',
  vlan: 'vlan=10, or vlan=10,20t with a t behind each that is tagged, from 1 to 4094',
  macs: 'macs=N, from 1 to 65536',
  mac: 'mac=02:00:00:00:00:01,02:00:00:00:00:02',
  rate: 'rate=20mbit or rate=TOWARDS/FROM, with kbit, mbit or gbit, from 8kbit to 100gbit',
  broadcast: 'broadcast=N, frames a second from 1 to 9999999',
  guard: 'guard',
};

export const POLICY_FIELDS = Object.keys(FORMS) as readonly PolicyField[];

/** Those that are words alone. */
const FLAGS: readonly string[] = ['isolated', 'guard'];
const NONE = 'no';
const VLAN_MAX = 4_094;
const MACS_MAX = 65_536;
const BROADCAST_MAX = 9_999_999;
const RATE = { min: 8e3, max: 100e9 };
const UNITS: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };

export function isPolicyField(name: string): name is PolicyField {
  return Object.hasOwn(FORMS, name);
}

/**
 * Reads a field.
 * @param value what follows the `=`; undefined where there is none
 * @returns what it says; text, what it has to be, where it says nothing
 */
export function parsePolicyField(name: PolicyField, value: string | undefined): PolicyFields | string {
  if (value === NONE) return { [name]: null };
  const read = value === undefined ? FLAGS.includes(name) || undefined : parseValue(name, value);
  return read === undefined
    ? `${name} is written ${FORMS[name]}; ${name}=no takes a default away`
    : { [name]: read };
}

function parseValue(name: PolicyField, value: string): Policy[PolicyField] | undefined {
  switch (name) {
    case 'vlan':
      return parseVlans(value);
    case 'macs':
      return wholeNumber(value, MACS_MAX);
    case 'broadcast':
      return wholeNumber(value, BROADCAST_MAX);
    case 'mac':
      return parseMacs(value);
    case 'rate':
      return parseRate(value);
    default:
      return undefined;
  }
}

function wholeNumber(text: string, max: number): number | undefined {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= max ? number : undefined;
}

function parseVlans(text: string): Policy['vlan'] {
  let access: number | undefined;
  const tagged: number[] = [];
  for (const one of text.split(',')) {
    const id = wholeNumber(one.replace(/t$/, ''), VLAN_MAX);
    if (id === undefined || id === access || tagged.includes(id)) return undefined;
    if (one.endsWith('t')) tagged.push(id);
    else if (access === undefined) access = id;
    else return undefined;
  }
  return { ...(access !== undefined && { access }), tagged };
}

function parseMacs(text: string): string[] | undefined {
  const macs = text.toLowerCase().split(',');
  // One with the lowest bit of its first byte set is a group's, and nobody's own.
  const right = macs.every((mac) => /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/.test(mac));
  return right ? [...new Set(macs)] : undefined;
}

function parseRate(text: string): Policy['rate'] {
  const rates = text.split('/').map((one) => {
    const [, digits, unit = ''] = /^(\d{1,9})([a-z]+)$/.exec(one) ?? [];
    const rate = Number(digits) * (UNITS[unit] ?? Number.NaN);
    return rate >= RATE.min && rate <= RATE.max ? rate : undefined;
  });
  const [to, from = to] = rates;
  if (to === undefined || from === undefined || rates.length > 2 || rates.includes(undefined))
    return undefined;
  return { to, from };
}

function noField(word: string): string {
  return `${word} is no field of a policy; there are ${POLICY_FIELDS.join(', ')}`;
}

/**
 * Reads fields that are in one text, with white space between them.
 * @returns text, what is wrong, where they are none
 */
export function parsePolicy(text: string): PolicyFields | string {
  let fields: PolicyFields = {};
  for (const word of text.trim().split(/\s+/)) {
    if (word === '') continue;
    const [, name = '', value] = /^([a-z]+)(?:=(.*))?$/.exec(word) ?? [];
    if (!isPolicyField(name)) return noField(word);
    if (Object.hasOwn(fields, name)) return `${name} is there twice`;
    const read = parsePolicyField(name, value);
    if (typeof read === 'string') return read;
    fields = { ...fields, ...read };
  }
  return conflictOf(fields) ?? fields;
}

/** What is to become of fields. */
export interface PolicyChange {
  /** These are set. */
  readonly fields: PolicyFields;
  /** Of these nothing is said any more: the defaults hold. */
  readonly cleared: readonly PolicyField[];
}

/**
 * Reads a change: fields as parsePolicy() has them, and `FIELD=` for one that is to go.
 * @returns text, what is wrong, where it is none
 */
export function parsePolicyChange(text: string): PolicyChange | string {
  const words = text.trim().split(/\s+/);
  const going = words.filter((word) => /^[a-z]+=$/.test(word)).map((word) => word.slice(0, -1));
  const stranger = going.find((name) => !isPolicyField(name));
  if (stranger !== undefined) return noField(stranger);
  const cleared = going as PolicyField[];
  const fields = parsePolicy(words.filter((word) => !/^[a-z]+=$/.test(word)).join(' '));
  if (typeof fields === 'string') return fields;
  const twice = cleared.find((name) => Object.hasOwn(fields, name));
  return twice === undefined ? { fields, cleared } : `${twice} is there twice`;
}

/**
 * Fields after a change.
 * @returns text, what does not go together in them
 */
export function changedFields(
  before: PolicyFields,
  { fields, cleared }: PolicyChange,
): PolicyFields | string {
  const after = Object.fromEntries(
    Object.entries({ ...before, ...fields }).filter(([name]) => !cleared.includes(name as PolicyField)),
  );
  return conflictOf(after) ?? after;
}

/** What does not go together in fields, for people. */
export function conflictOf(fields: PolicyFields): string | undefined {
  return fields.mac && fields.macs
    ? 'mac= and macs= exclude each other: name the addresses, or limit their number'
    : undefined;
}

/** A peer's policy, of its own fields and the defaults. */
export function policyOf(own: PolicyFields = {}, defaults: PolicyFields = {}): Policy {
  const rest = { ...defaults };
  if (own.mac) delete (rest as { macs?: unknown }).macs;
  if (own.macs) delete (rest as { mac?: unknown }).mac;
  const all = Object.entries({ ...rest, ...own }).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  return Object.fromEntries(all) as Policy;
}

/** The fields that a policy has. */
export function fieldsOf(policy: Policy | PolicyFields): PolicyField[] {
  return POLICY_FIELDS.filter((field) => policy[field] !== undefined && policy[field] !== null);
}

function rateText(rate: number): string {
  const [unit, size] = rate % 1e9 === 0 ? ['gbit', 1e9] : rate % 1e6 === 0 ? ['mbit', 1e6] : ['kbit', 1e3];
  return `${rate / (size as number)}${unit}`;
}

/** A policy as it is written; empty where nothing is limited. */
export function policyText(policy: Policy): string {
  const { isolated, vlan, macs, mac, rate, broadcast, guard } = policy;
  return [
    isolated && 'isolated',
    vlan &&
      `vlan=${[...(vlan.access === undefined ? [] : [vlan.access]), ...vlan.tagged.map((id) => `${id}t`)].join(',')}`,
    macs && `macs=${macs}`,
    mac && `mac=${mac.join(',')}`,
    rate && `rate=${rateText(rate.to)}${rate.from === rate.to ? '' : `/${rateText(rate.from)}`}`,
    broadcast && `broadcast=${broadcast}`,
    guard && 'guard',
  ]
    .filter(Boolean)
    .join(' ');
}

/** Fields as they are written in a line; empty where there are none. */
export function fieldsText(fields: PolicyFields): string {
  const taken = POLICY_FIELDS.filter((field) => fields[field] === null).map((field) => `${field}=${NONE}`);
  return [policyText(policyOf(fields)), ...taken].filter(Boolean).join(' ');
}
