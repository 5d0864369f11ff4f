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
const LABEL = 320;
const VALUE = 70;
const BAR = 18;
const GAP = 5;
const TOP = 62;
/** Ours, and what it is compared with. */
const COLOURS = { ours: '#33658a', others: '#b8c4cc' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2);
}

export function svg({ title, unit, groups }: Chart): string {
  const known = groups.map((group) => ({
    ...group,
    bars: group.bars.filter(({ value }) => Number.isFinite(value)),
  }));
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
      const colour = /\bcryptcab/.test(`${group} ${name}`) ? COLOURS.ours : COLOURS.others;
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
