// Log lines with a priority before them, as journald and syslog read them: plain words, and what else there is in JSON.
import { fstatSync } from 'node:fs';
import { printable } from './for-people.js';

/** syslog(3): what pino's levels are there. */
const SEVERITY: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };
/** Of a line that a person is to see, and that has no level: an error. */
export const ERROR = 3;

/** The severity and the words of a line of the log. @param line of JSON, as pino makes it */
export function readLine(line: string): { readonly severity: number; readonly text: string } {
  const { level, time: _, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return { severity: SEVERITY[level as number] ?? ERROR, text: printable(`${msg}${rest}`) };
}

/** The same as the journal takes it from standard error (sd-daemon(3)). */
export function forJournal(line: string): string {
  const { severity, text } = readLine(line);
  return `<${severity}>${text}\n`;
}

/** Whether standard error is the journal's: systemd names its device and inode (systemd.exec(5)). */
export function logsToJournal({ JOURNAL_STREAM }: NodeJS.ProcessEnv = process.env): boolean {
  if (JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2, { bigint: true });
    return JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
