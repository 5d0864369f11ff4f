// Which options each way to ask for a cable has, and by what names.
import type { OptionKey } from './option-table.js';
import type { Option, Style } from './terms.js';

/** How a cable is asked for: by one of two commands of `cryptcab`, by its options alone, or as `vde_cryptcab`. */
export type Spelling = 'serve' | 'connect' | 'options' | 'vde_cryptcab';

export function styleOf(spelling: Spelling): Style {
  return spelling === 'serve' || spelling === 'connect' ? 'named' : 'options';
}

function has(spelling: Spelling, { long, face, style, end, original, kept }: Option): boolean {
  if (long === undefined || face === 'library') return false;
  if (spelling === 'vde_cryptcab') return original === true || kept === true;
  if (style !== undefined && style !== styleOf(spelling)) return false;
  return spelling === 'options' || end !== (spelling === 'serve' ? 'client' : 'server');
}

/** The options that are written so. */
export function optionsOf<Row extends Option>(
  spelling: Spelling,
  rows: Readonly<Record<OptionKey, Row>>,
): OptionKey[] {
  return (Object.keys(rows) as OptionKey[]).filter((key) => has(spelling, rows[key]));
}

/** How an option is written: one letter, and long names of which the first is the one that is shown. */
export interface Written {
  readonly short: string | undefined;
  readonly long: readonly [string, ...string[]];
}

export function writtenAs(spelling: Spelling, { long = '', short, aliases = [], ...row }: Option): Written {
  const { today, original } = row;
  if (spelling === 'vde_cryptcab')
    return { short: original === true ? short : undefined, long: [long, ...aliases] };
  if (today === undefined) return { short, long: [long, ...aliases] };
  return { short, long: spelling === 'options' ? [long, ...aliases, today] : [today, long, ...aliases] };
}
