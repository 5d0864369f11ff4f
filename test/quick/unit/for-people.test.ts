// The log on a terminal: pino's lines, for people.
import pino from 'pino';
import { expect, test } from 'vitest';
import { forPeople, wantsColour } from '../../../src/cli/log/for-people.js';

function line(
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal',
  fields: object,
  msg: string,
): string {
  let written = '';
  const log = pino({ level: 'trace', base: null }, { write: (text: string) => (written = text) });
  log[level](fields, msg);
  return written;
}

const TIME = '\\[\\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\]';

test.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)('a line of level %s', (level) => {
  const text = line(level, { port: 7667, peer: 'alice' }, 'waiting for clients');
  const name = level.toUpperCase();
  const fields = '\\{"port":7667,"peer":"alice"\\}';
  expect(forPeople(text, false)).toMatch(new RegExp(`^${TIME} ${name}: waiting for clients ${fields}\\n$`));
  const coloured = forPeople(text, true);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are
  expect(coloured).toMatch(/\x1b\[\d+m/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are
  expect(coloured.replace(/\x1b\[\d+m/g, '')).toBe(forPeople(text, false));
});

test('a message alone', () => {
  expect(forPeople(line('warn', {}, 'ended by SIGTERM'), false)).toMatch(
    new RegExp(`^${TIME} WARN: ended by SIGTERM\\n$`),
  );
});

test('says the time of this place', () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6);
  expect(forPeople(JSON.stringify({ level: 30, time: at.getTime(), msg: 'x' }), false)).toBe(
    '[03:04:05.006] INFO: x\n',
  );
});

test('nothing in it drives a terminal, or breaks the line', () => {
  const text = forPeople(line('info', { peer: '\x1b[2J\n\u009b2J' }, 'name\r\n\x1b]0;x\x07\u009b2J'), false);
  expect(text.slice(0, -1)).not.toMatch(/\p{Cc}/u);
  expect(text).toContain('name\\x0d\\x0a\\x1b]0;x\\x07\\x9b2J');
});

test.each([
  [{}, true],
  [{ NO_COLOR: '' }, true],
  [{ NO_COLOR: '1' }, false],
  [{ TERM: 'dumb' }, false],
  [{ TERM: 'xterm' }, true],
])('colours with %j: %s', (env, wants) => {
  expect(wantsColour(env)).toBe(wants);
});
