// `cryptcab status`: how the ends on this machine are.
import { type Ends, noEnd, runningEnds } from '../../control/ends.js';
import { controlPlace, type Place } from '../../control/path.js';
import type { Said } from '../said.js';
import { print } from '../say.js';
import { statusText } from './status-text.js';

/** What is down, or does not run. */
export const DOWN = 3;
/** How often --watch asks, ms. */
const WATCH_MS = 1_000;

export interface StatusWish {
  /** What the end is called; all of them when undefined. */
  readonly name?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What to say where no end is shown. */
export function nobodyRuns(name: string | undefined, place: Place): string {
  return name === undefined
    ? noEnd('cable', place)
    : `no end called ${name} runs here: cryptcab status lists those that do`;
}

function saidOf({ ends, faults }: Ends, { name, json }: StatusWish, place: Place): Said {
  const statuses = ends.map(({ status }) => status);
  const out = json
    ? statuses.map((status) => `${JSON.stringify(status)}\n`).join('')
    : statuses.map(statusText).join('\n');
  const none = statuses.length === 0 && faults.length === 0;
  const up = faults.length === 0 && !none && statuses.every((status) => status.up);
  return { out, faults: none ? [nobodyRuns(name, place)] : faults, status: up ? 0 : DOWN };
}

/** Says it once; the status is 0 where all ends are up, and DOWN otherwise. */
export async function status(wish: StatusWish, place: Place = controlPlace()): Promise<Said> {
  return saidOf(await runningEnds(place, { called: wish.name }), wish, place);
}

/** A terminal shows the newest alone. */
const CLEAR = '\x1b[H\x1b[2J\x1b[3J';

/** One round of output. @param before what separates it from the round before */
export function roundText({ out, faults }: Said, { json }: StatusWish, before: string): string {
  return json ? out : [before, out, ...faults.map((fault) => `${fault}\n`)].join('');
}

/** Says it every second, for as long as somebody reads it. */
export async function watch(wish: StatusWish, place: Place = controlPlace()): Promise<Said> {
  const terminal = process.stdout.isTTY === true;
  for (let before = ''; ; before = terminal ? CLEAR : '\n') {
    const text = roundText(await status(wish, place), wish, terminal ? CLEAR : before);
    if (!(await print(text))) return { out: '', faults: [], status: 0 };
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}
