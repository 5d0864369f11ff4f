// What does not go together, from the table: the same for the command line and the library.
import { optionName, optionWithValue } from './name.js';
import { OPTIONS, type OptionKey } from './option-table.js';
import type { End, Face, Option, Relation, Style } from './terms.js';

const rows: Readonly<Record<OptionKey, Option<OptionKey>>> = OPTIONS;

/** What somebody has asked for. */
export interface Wish {
  readonly face: Face;
  readonly end: End;
  /** Of a command line. */
  readonly style?: Style;
  /** The options that were given, and their values. A flag that says no, or is left out, is not among them; `classic` is when it says no. */
  readonly given: ReadonlyMap<OptionKey, unknown>;
}

/** What the library calls an option. */
export function libraryName(key: OptionKey, end: End): string {
  const { library = key } = rows[key];
  return typeof library === 'string' ? library : library[end];
}

/** What a message calls it. */
const nameOf = (key: OptionKey, { end }: Wish) => optionName(key, libraryName(key, end));

/**
 * What does not go together in a wish: the first of it, for people, with marks (name.ts).
 * @returns undefined when all of it does
 */
export function conflict(wish: Wish): string | undefined {
  const keys = (Object.keys(rows) as OptionKey[]).filter((key) => wish.given.has(key));
  for (const find of [otherEnd, excluded, otherCable, missing]) {
    for (const key of keys) {
      const why = find(key, wish);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

function otherEnd(key: OptionKey, wish: Wish): string | undefined {
  const { end, elsewhere } = rows[key];
  if (end === undefined || end === wish.end) return undefined;
  const name = nameOf(key, wish);
  if (wish.style === 'named')
    return `${name} is an option of cryptcab ${end === 'client' ? 'connect' : 'serve'}: leave it out`;
  return end === 'client'
    ? `${name} is for clients: ${elsewhere ?? `name the server with ${nameOf('host', wish)}, or leave ${name} out`}`
    : `${name} and ${nameOf('host', wish)} exclude each other: ${elsewhere}`;
}

function excluded(key: OptionKey, wish: Wish): string | undefined {
  for (const relation of rows[key].excludes ?? []) {
    const { option, value, why } = relation;
    if (!holds(relation, wish) || !wish.given.has(option)) continue;
    if (value !== undefined && wish.given.get(option) !== value) continue;
    const other =
      value === undefined
        ? nameOf(option, wish)
        : optionWithValue(option, `${libraryName(option, wish.end)}: '${value}'`, value);
    return `${nameOf(key, wish)} and ${other} exclude each other: ${why}`;
  }
  return undefined;
}

function otherCable(key: OptionKey, wish: Wish): string | undefined {
  const { end, given } = wish;
  const { cable, instead } = rows[key];
  const name = nameOf(key, wish);
  if (wish.style === 'named') return otherWire(key, wish);
  if (cable === 'secure' && !given.has('secure'))
    return `${name} is for the secure cable: add ${nameOf('secure', wish)}, or leave ${name} out`;
  if (cable !== 'classic') return undefined;
  // A server serves clients of both, unless an option says otherwise.
  const classic = end === 'client' ? !given.has('secure') : !given.has('classic');
  if (classic) return undefined;
  const other = nameOf(end === 'client' ? 'secure' : 'classic', wish);
  const hint = instead === undefined || end === 'server' ? '' : `; ${instead}`;
  return `${other} and ${name} exclude each other: ${name} is for the classic protocol${hint}`;
}

/** The same where the secure cable is the default. */
function otherWire(key: OptionKey, wish: Wish): string | undefined {
  const { cable, instead } = rows[key];
  const name = nameOf(key, wish);
  const classic = optionWithValue('speaksClassic', libraryName('speaksClassic', wish.end));
  if (cable === 'secure' && !wish.given.has('secure'))
    return `${name} is for the secure cable: leave ${nameOf('speaksClassic', wish)} or ${name} out`;
  if (cable !== 'classic' || wish.given.has('speaksClassic')) return undefined;
  const hint = instead === undefined || wish.end === 'server' ? `leave ${name} out` : instead;
  return `${name} is for the classic protocol: add ${classic}, or ${hint}`;
}

function missing(key: OptionKey, wish: Wish): string | undefined {
  for (const relation of rows[key].needs ?? []) {
    const { option, why } = relation;
    if (holds(relation, wish) && !wish.given.has(option))
      return `${nameOf(key, wish)} needs ${optionWithValue(option, libraryName(option, wish.end))}: ${why}`;
  }
  return undefined;
}

function holds({ face, end, style }: Relation, wish: Wish): boolean {
  const styled = style === undefined || style === (wish.style ?? 'options');
  return styled && (face ?? wish.face) === wish.face && (end ?? wish.end) === wish.end;
}
