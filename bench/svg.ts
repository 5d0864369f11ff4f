// Horizontal bars, as SVG: enough to see which is longer.

export interface Chart {
  readonly title: string;
  /** What the bars' lengths are, and in which unit. */
  readonly unit: string;
  readonly groups: readonly {
    readonly name: string;
    readonly bars: readonly { readonly name: string; readonly value: number }[];
  }[];
}

const WIDTH = 840;
const LABEL = 270;
const VALUE = 70;
const BAR = 18;
const GAP = 5;
const TOP = 62;
const COLOURS = ['#33658a', '#f6ae2d', '#758e4f', '#86bbd8', '#f26419', '#6a4c93', '#999999', '#2f4858'];

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2);
}

/** Bars of one name have one colour, in whatever group they stand. */
export function svg({ title, unit, groups }: Chart): string {
  const known = groups.map((group) => ({
    ...group,
    bars: group.bars.filter(({ value }) => Number.isFinite(value)),
  }));
  const names = [...new Set(known.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const most = Math.max(...known.flatMap(({ bars }) => bars.map(({ value }) => value)), Number.MIN_VALUE);
  const lines: string[] = [];
  let y = TOP;
  for (const { name: group, bars } of known) {
    if (group !== '') {
      lines.push(`<text x="16" y="${y + 13}" font-weight="bold">${escaped(group)}</text>`);
      y += BAR + GAP;
    }
    for (const { name, value } of bars) {
      const width = Math.max(1, ((WIDTH - LABEL - VALUE) * value) / most).toFixed(1);
      const colour = COLOURS[names.indexOf(name) % COLOURS.length];
      lines.push(
        `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(name)}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${colour}"/>`,
        `<text x="${LABEL + Number(width) + 6}" y="${y + 13}">${number(value)}</text>`,
      );
      y += BAR + GAP;
    }
    y += GAP * 2;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + GAP}" viewBox="0 0 ${WIDTH} ${y + GAP}" font-family="sans-serif" font-size="13">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="16" y="26" font-size="17" font-weight="bold">${escaped(title)}</text>`,
    `<text x="16" y="46" fill="#555555">${escaped(unit)}</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
