// What the log says after a SIGHUP: what was done, and nothing else.
import { expect, test } from 'vitest';
import { reloadText } from '../../../src/cli/run/reload-text.js';

test.each([
  [true, ['settings', 'keys', 'peers'], 'opened the log file again, and read settings, keys and peers again'],
  [true, ['keys'], 'opened the log file again, and read keys again'],
  [true, [], 'opened the log file again'],
  [false, ['keys', 'peers'], 'read keys and peers again'],
  [false, [], 'there is no file to be opened or read again'],
])('log file %s, read %j', (opened, did, text) => {
  const read = Object.fromEntries(['settings', 'keys', 'peers'].map((name) => [name, did.includes(name)]));
  expect(reloadText(opened, read)).toBe(text);
});
