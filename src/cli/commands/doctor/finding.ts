import { commandText } from '../../names.js';

/** What the doctor found out about one thing. */
export interface Finding {
  /** Whether it is as it should be; undefined where that is unknown. */
  readonly ok: boolean | undefined;
  /** In one line; of what is not as it should be, also what to do. */
  readonly text: string;
}

export const good = (text: string): Finding => ({ ok: true, text });
export const bad = (text: string): Finding => ({ ok: false, text });
export const unknown = (text: string): Finding => ({ ok: undefined, text });

const MARKS = new Map<boolean | undefined, string>([
  [true, '✓'],
  [false, '✗'],
  [undefined, '–'],
]);

export function lineOf({ ok, text }: Finding): string {
  return `${MARKS.get(ok)} ${commandText(text)}\n`;
}
