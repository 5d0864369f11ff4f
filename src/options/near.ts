// Which known word somebody most likely meant.

/** How many slips of the finger lie between two words: a letter more, less or other, or two that changed places. */
function slips(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[other.length] ?? 0;
}

/**
 * What to use instead of `port`, as other programs call it.
 * @param client whether a server is named, whose port may be meant
 * @param ours what the option of ours is called
 */
export function insteadOfPort(client: boolean, ours: string): string {
  return client
    ? `write the server's port behind its name, HOST:PORT; ${ours} is the local one`
    : `use ${ours}`;
}

/** The longest word that is looked at: more is no slip of a word of ours, and may be anything. */
const LONGEST = 24;

/** The known word that is nearest to one that is none; undefined where none is near. */
export function nearWord(word: string, known: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const begun = known.filter((one) => word.length > 1 && one.startsWith(word));
  if (begun.length === 1) return begun[0];
  const most = word.length < 5 ? 1 : 2;
  const [nearest] = known
    .map((one) => ({ one, by: slips(word, one) }))
    .filter(({ one, by }) => by <= most && by < one.length)
    .sort((a, b) => a.by - b.by);
  return nearest?.one;
}
