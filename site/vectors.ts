// The vectors that come with the page, and a visitor's own, gone through in the browser.
import { messageOf } from '../src/error.js';
import { parseVectors } from '../src/vectors/format.js';
import { type GroupResult, verify } from '../src/vectors/verify.js';
import { byId, make } from './dom.js';

interface Source {
  readonly name: string;
  text(): Promise<string> | string;
}

/** What became of a file: its groups, or why it could not be gone through. */
interface Outcome {
  readonly name: string;
  readonly ms: number;
  readonly groups: readonly GroupResult[];
  readonly fault?: string;
}

async function outcomeOf({ name, text }: Source): Promise<Outcome> {
  const start = performance.now();
  const outcome = { name, ms: 0, groups: [] };
  try {
    const groups = await verify(parseVectors(await text()));
    return { ...outcome, ms: performance.now() - start, groups };
  } catch (error) {
    return { ...outcome, fault: messageOf(error) };
  }
}

function bodyOf({ name, ms, groups, fault }: Outcome): HTMLElement {
  const file = make(
    'th',
    '',
    name,
    ...(fault === undefined ? [make('small', '', ` ${ms.toFixed(0)} ms`)] : []),
  );
  file.scope = 'rowgroup';
  file.colSpan = 4;
  const body = make('tbody', '', make('tr', '', file));
  if (fault !== undefined) {
    const cell = make('td', 'bad', fault);
    cell.colSpan = 4;
    body.append(make('tr', '', cell));
  }
  for (const group of groups) {
    const type = make('small', '', group.type);
    body.append(
      make(
        'tr',
        '',
        make('td', '', ...(group.name === '' ? [type] : [group.name, ' ', type])),
        make('td', 'number', String(group.passed)),
        make('td', `number${group.failed > 0 ? ' bad' : ''}`, String(group.failed)),
        make('td', 'number', String(group.skipped)),
      ),
    );
  }
  return body;
}

function failuresOf({ name, groups }: Outcome): HTMLElement[] {
  return groups.flatMap(({ failures }) =>
    failures.map(({ tcId, comment, why }) =>
      make('li', '', `${name}, test ${tcId}${comment === '' ? '' : ` (${comment})`}: ${why}`),
    ),
  );
}

function draw(outcomes: readonly Outcome[], done: boolean): void {
  const table = byId('results', HTMLTableElement);
  table.hidden = outcomes.length === 0;
  for (const body of [...table.tBodies]) body.remove();
  table.append(...outcomes.map(bodyOf));
  byId('failures', HTMLElement).replaceChildren(...outcomes.flatMap(failuresOf));
  const sum = (count: 'passed' | 'failed' | 'skipped') =>
    outcomes.flatMap(({ groups }) => groups).reduce((total, group) => total + group[count], 0);
  const unread = outcomes.filter(({ fault }) => fault !== undefined).length;
  const tally = byId('tally', HTMLElement);
  const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
  const faults = unread > 0 ? `; ${unread} ${unread === 1 ? 'file' : 'files'} could not be checked` : '';
  tally.textContent = `${sum('passed')} passed, ${sum('failed')} failed${skipped}${faults}${done ? '' : ' …'}`;
  tally.className = `verdict ${sum('failed') > 0 || unread > 0 ? 'bad' : 'good'}`;
}

async function check(sources: readonly Source[]): Promise<void> {
  const run = byId('run', HTMLButtonElement);
  const own = byId('own', HTMLInputElement);
  run.disabled = own.disabled = true;
  const outcomes: Outcome[] = [];
  for (const source of sources) {
    draw(outcomes, false);
    await new Promise((resolve) => setTimeout(resolve)); // the page shows how far it is
    outcomes.push(await outcomeOf(source));
  }
  draw(outcomes, true);
  run.disabled = own.disabled = false;
}

export function wireVectors(): void {
  const shipped: Source[] = [...document.querySelectorAll<HTMLElement>('[data-vectors]')].map((element) => ({
    name: element.dataset.vectors ?? '',
    text: () => element.textContent ?? '',
  }));
  byId('run', HTMLButtonElement).addEventListener('click', () => check(shipped));
  const own = byId('own', HTMLInputElement);
  own.addEventListener('change', async () => {
    await check([...(own.files ?? [])].map((file) => ({ name: file.name, text: () => file.text() })));
    own.value = ''; // the same file may be chosen again
  });
}
