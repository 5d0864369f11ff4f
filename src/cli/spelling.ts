// The spellings of options that commander does not know, as it does know them.
import { UsageError } from './usage.js';

/** What of commander's options matters here. */
export interface Spelled {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  /** Whether it takes an argument. */
  readonly required: boolean;
  /** Whether the C program has it: an abbreviation means one of these before it means one of ours. */
  readonly original: boolean;
}

/**
 * Spells a command line out for commander: `--verbose=vvv` is three times `--verbose`.
 * @param longOnly also as getopt_long_only(3) reads it, for the command vde_cryptcab: long options with
 *   one dash, and abbreviated; and as there `--verbose=vvv` is `-vvvv`
 * @throws UsageError when an abbreviation means more than one option
 */
export function spellOut(argv: readonly string[], options: readonly Spelled[], longOnly: boolean): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (word === '--') return [...out, ...argv.slice(i)];
    const [dashes, name, value] = /^(--?)([^-=][^=]*)(?:=(.*))?$/s.exec(word)?.slice(1) ?? [];
    const isShort = dashes === '-' && (word.length === 2 || !longOnly) && shortOf(word[1], options);
    const option = name === undefined || isShort ? undefined : longOf(dashes + name, options, longOnly);
    if (option === undefined) {
      out.push(word);
      if (name !== undefined && dashes === '-' && wantsNext(word, options))
        out.push(...argv.slice(++i, i + 1));
    } else if (option.required) {
      out.push(option.long as string);
      if (value === undefined) out.push(...argv.slice(++i, i + 1));
      else out[out.length - 1] += `=${value}`;
    } else if (value === undefined) {
      out.push(option.long as string);
    } else if (option.long === '--verbose' && /^v+$/.test(value)) {
      out.push(...Array.from(longOnly ? `v${value}` : value, () => '--verbose'));
    } else if (longOnly) {
      throw new UsageError(
        option.long === '--verbose'
          ? '--verbose takes no argument but v, as in --verbose=vvv'
          : `${option.long} takes no argument: leave '=' and what follows it out`,
      );
    } else {
      out.push(word); // commander refuses it
    }
  }
  return out;
}

function shortOf(letter: string | undefined, options: readonly Spelled[]): Spelled | undefined {
  return options.find(({ short }) => short === `-${letter}`);
}

/** Whether the last of the letters behind one dash takes the next word as its argument. */
function wantsNext(word: string, options: readonly Spelled[]): boolean {
  const at = [...word].findIndex((letter, i) => i > 0 && shortOf(letter, options)?.required);
  return at > 0 && at === word.length - 1;
}

function longOf(word: string, options: readonly Spelled[], longOnly: boolean): Spelled | undefined {
  if (!longOnly) return options.find(({ long }) => long === word);
  const name = `--${word.replace(/^--?/, '')}`;
  const exact = options.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const begun = options.filter(({ long }) => long?.startsWith(name));
  const original = begun.filter((option) => option.original);
  const meant = original.length > 0 ? original : begun;
  if (meant.length > 1)
    throw new UsageError(`${word} is ambiguous: use ${meant.map(({ long }) => long).join(' or ')}`);
  return meant[0];
}
