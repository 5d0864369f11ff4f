// Parts as coloured bytes, with what they are in words beside the colour.
import { make } from './dom.js';
import { equal, hexByte, hexOf } from './hex.js';
import { type Block, FIELDS, type Field, type Part, type Step, wholeOf } from './steps/parts.js';

/** Blocks that are shown before somebody asks for all of them. */
const BLOCKS_SHOWN = 24;

/** Bytes as text; those that differ from what they were are marked. */
function bytesText(bytes: Uint8Array, were: Uint8Array = bytes): (Node | string)[] {
  if (equal(bytes, were)) return [hexOf(bytes, ' ')];
  return Array.from(bytes, (byte, i) => [
    i === 0 ? '' : ' ',
    byte === were[i] ? hexByte(byte) : make('mark', '', hexByte(byte)),
  ]).flat();
}

/**
 * Parts in a run, each with its name before it.
 * @param were what the same bytes were before, to mark those that have changed
 */
export function run(parts: readonly Part[], were?: Uint8Array): HTMLElement[] {
  let at = 0;
  return parts.map(({ field, bytes }) => {
    const before = were?.subarray(at, at + bytes.length);
    at += bytes.length;
    return make('span', `part f-${field}`, make('b', '', field), ' ', ...bytesText(bytes, before));
  });
}

/** Parts in a line of a block: the colour tells what they are, and to who does not see it a word. */
function lane(parts: readonly Part[]): HTMLElement[] {
  return parts.map(({ field, bytes }) => {
    const span = make('span', `part f-${field}`, make('span', 'unseen', `${field} `), hexOf(bytes, ' '));
    span.title = FIELDS[field];
    return span;
  });
}

function card({ title, lanes }: Block): HTMLElement {
  const rows = lanes.flatMap(({ label, parts }) => [
    make('dt', '', label),
    make('dd', 'bytes', ...lane(parts)),
  ]);
  return make('li', 'block', make('h4', '', title), make('dl', '', ...rows));
}

function cards(blocks: readonly Block[]): HTMLElement[] {
  const bytes = wholeOf(blocks[0]?.lanes[0]?.parts ?? []).length;
  const list = make('ul', `blocks${bytes > 8 ? ' wide' : ''}`, ...blocks.slice(0, BLOCKS_SHOWN).map(card));
  if (blocks.length <= BLOCKS_SHOWN) return [list];
  const more = make('button', '', `Show all ${blocks.length} blocks`);
  more.type = 'button';
  more.addEventListener('click', () => {
    const rest = blocks.slice(BLOCKS_SHOWN).map(card);
    list.append(...rest);
    more.remove();
    rest[0]?.scrollIntoView({ block: 'nearest' });
  });
  return [list, more];
}

export function stepItem({ title, text, parts, blocks }: Step): HTMLElement {
  return make(
    'li',
    '',
    make('h3', '', title),
    make('p', '', text),
    ...(parts === undefined ? [] : [make('p', 'bytes', ...run(parts))]),
    ...(blocks === undefined ? [] : cards(blocks)),
  );
}

/** What the colours in these steps mean, in the order in which they come. */
export function legendItems(steps: readonly Step[]): HTMLElement[] {
  const fields = new Set<Field>();
  for (const { parts = [], blocks = [] } of steps) {
    const lanes = blocks.slice(0, 2).flatMap((block) => block.lanes);
    for (const { field } of [...parts, ...lanes.flatMap((line) => line.parts)]) fields.add(field);
  }
  return [...fields].map((field) =>
    make('li', '', make('span', `part f-${field}`, make('b', '', field)), ` ${FIELDS[field]}`),
  );
}
