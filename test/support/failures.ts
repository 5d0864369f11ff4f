// What is printed of failures: the message first, then at most three differences of each; at most three failures of a kind.

/** Failures of one kind, and differences of one failure, that are shown. */
const SHOWN = 3;
const LINE = 160;
/** Lines of a message that are shown: its beginning says what is wrong, its end is what a program printed last. */
const FIRST_LINES = 6;
const LAST_LINES = 14;
/** Lines of a diff that are alike on both sides. */
const CONTEXT_LINES = 6;
/** Characters before the first difference of long lines. */
const BEFORE = 20;

export interface Failure {
  readonly message: string;
  /** As vitest makes it; colours and all. */
  readonly diff?: string;
  readonly stack?: string;
  /** Another one, perhaps, that it came of. */
  readonly cause?: unknown;
}

function isFailure(cause: unknown): cause is Failure {
  return (
    typeof cause === 'object' && cause !== null && 'message' in cause && typeof cause.message === 'string'
  );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours are written
const COLOURS = /\u001b\[[0-9;]*m/g;

function cut(line: string, from = 0): string {
  const start = from > 0 ? `…(${from} characters alike)…` : '';
  const end = from + LINE;
  return `${start}${line.slice(from, end)}${line.length > end ? `…(${line.length - end} more)` : ''}`;
}

function brieflySaid(message: string): string {
  const lines = message.split('\n').map((line) => cut(line));
  const left = lines.length - FIRST_LINES - LAST_LINES;
  if (left <= 0) return lines.join('\n');
  return [...lines.slice(0, FIRST_LINES), `…(${left} lines)`, ...lines.slice(-LAST_LINES)].join('\n');
}

/** How many characters two lines have in common at their beginning. */
function alike(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

function brieflyDiffering(diff: string): string {
  const lines = diff.replace(COLOURS, '').split('\n');
  const head = lines.indexOf('');
  const kept: string[] = lines.slice(0, head + 1);
  const changed = { '-': [] as string[], '+': [] as string[] };
  for (const line of lines.slice(head + 1))
    if (line[0] === '-' || line[0] === '+') changed[line[0]].push(line);
  const seen = { '-': 0, '+': 0 };
  let [context, left] = [0, 0];
  for (const line of lines.slice(head + 1)) {
    const [side] = line;
    if (side === '-' || side === '+') {
      const other = changed[side === '-' ? '+' : '-'][seen[side]];
      if (seen[side]++ >= SHOWN) left++;
      else if (other === undefined || Math.max(line.length, other.length) <= LINE) kept.push(cut(line));
      else
        kept.push(
          `${side} ${cut(line.slice(2), Math.max(0, alike(line.slice(2), other.slice(2)) - BEFORE))}`,
        );
    } else if (left === 0 && context++ < CONTEXT_LINES) {
      kept.push(cut(line));
    }
  }
  return [...kept, ...(left > 0 ? [`…(${left} more lines differ)`] : [])].join('\n');
}

function shortened<T extends Failure>(failure: T): T {
  const { message, diff, cause } = failure;
  return {
    ...failure,
    message: brieflySaid(message),
    ...(diff !== undefined && { diff: brieflyDiffering(diff) }),
    ...(isFailure(cause) && { cause: shortened(cause) }),
  };
}

/** What failures have in common whose numbers and data are other ones; and where they come from. */
function kindsOf({ message, stack = '' }: Failure): string[] {
  const [first] = message.split('\n') as [string];
  const said = first.replaceAll(/'[^']*'|"[^"]*"|[0-9a-f]*\d[0-9a-f]*/gi, '#').slice(0, LINE);
  const [, place] = /^\s+at (?:.* \()?(\S+:\d+):\d+\)?$/m.exec(stack) ?? [];
  return [said, ...(place !== undefined ? [place] : [])];
}

/**
 * Shortens failures in their order.
 * @returns of each what is shown; undefined for those of whose kind enough are shown
 */
export function briefly<T extends Failure>(failures: readonly T[]): (T | undefined)[] {
  /** By kind, those that are shown, and how many are not. */
  const shown = new Map<string, number[]>();
  const more = new Map<number, number>();
  const isShown = failures.map((failure, i) => {
    const kinds = kindsOf(failure).map((kind) => shown.get(kind) ?? shown.set(kind, []).get(kind) ?? []);
    const full = kinds.find((kind) => kind.length >= SHOWN);
    if (full === undefined) for (const kind of kinds) kind.push(i);
    else more.set(full.at(-1) as number, (more.get(full.at(-1) as number) ?? 0) + 1);
    return full === undefined;
  });
  return failures.map((failure, i) => {
    if (!isShown[i]) return undefined;
    const brief = shortened(failure);
    const hidden = more.get(i);
    const note = hidden === undefined ? '' : `\n(and ${hidden} more like this: their names are above)`;
    return { ...brief, message: `${brief.message}${note}` };
  });
}
