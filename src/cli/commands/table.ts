/** Columns by the names of the first row; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, string>>[]): string {
  const names = Object.keys(rows[0] as object);
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  const pad = (cell: string, width = 0) => (/^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, i) => pad(cell, widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
