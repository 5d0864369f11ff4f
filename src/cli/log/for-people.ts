// The log for somebody who reads along on a terminal.
import { styleText } from 'node:util';

/** What pino's numbers stand for, and their colours. */
const LEVELS: Readonly<Record<number, readonly [string, Parameters<typeof styleText>[0]]>> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'blue'],
  30: ['INFO', 'green'],
  40: ['WARN', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', 'red'],
};

/** Newer runtimes would look at standard output; the log goes to standard error. */
const ANYWHERE = { validateStream: false };

/** Whether a terminal gets colours (no-color.org). */
export function wantsColour({ NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return !NO_COLOR && TERM !== 'dumb';
}

/** JSON escapes control characters, except for those from 0x7f on; a message has any. None drives a terminal, or breaks a line. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** A time of this place's, to the millisecond. */
export function clockText(time: number): string {
  const date = new Date(time);
  const two = (number: number) => String(number).padStart(2, '0');
  const seconds = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** The day of a time at this place: `Sun 29 Nov 2026`. */
export function dayText(time: number): string {
  const [weekday, month, day, year] = new Date(time).toDateString().split(' ');
  return `${weekday} ${day} ${month} ${year}`;
}

/**
 * A line of the log as people read it: time, level, message, and what else it has.
 * @param line of JSON, as pino makes it
 */
export function forPeople(line: string, colour: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const [name, format] = LEVELS[level as number] ?? [String(level), 'gray'];
  const say = (style: typeof format, text: string) => (colour ? styleText(style, text, ANYWHERE) : text);
  const rest = Object.keys(fields).length === 0 ? '' : ` ${say('gray', printable(JSON.stringify(fields)))}`;
  return `[${clockText(time as number)}] ${say(format, name)}: ${printable(String(msg))}${rest}\n`;
}
