/**
 * How much is tried of what is tried many times: a share of it, by which what is plainly wrong shows, unless CRYPTCAB_ROUNDS is `all`,
 * which scripts/test.mjs and scripts/fuzz.mjs set.
 */
const { CRYPTCAB_ROUNDS: asked = 'few' } = process.env;
if (asked !== 'all' && asked !== 'few') throw new Error(`CRYPTCAB_ROUNDS is all or few, and not ${asked}`);
export const allRounds = asked === 'all';

/** How many times something is tried. */
export function rounds(all: number, few = Math.ceil(all / 5)): number {
  return allRounds ? all : few;
}

/** What is tried of a list: all of it, or so many, evenly, the first and the last among them. */
export function some<T>(list: readonly T[], few: number): readonly T[] {
  if (allRounds || list.length <= few) return list;
  return Array.from({ length: few }, (_, i) => list[Math.round((i * (list.length - 1)) / (few - 1))] as T);
}
