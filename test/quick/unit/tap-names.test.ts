// What a tap may be called: one rule for both I/O paths, the command and the library, before anything is opened.
import { describe, expect, test } from 'vitest';
import { plugOf } from '../../../src/cable/plug/kinds.js';
import { noSwitch } from '../../../src/cable/plug/trouble.js';
import { parseOptions, UsageError } from '../../../src/cli/options.js';
import { connect } from '../../../src/library/connect.js';

const SAYS =
  / is not whole: write tap:\/\/NAME or tap:\/\/NAME%d, with at most 15 characters after tap:\/\/$/;

describe.each([
  'tap:',
  'tap:tap0',
  'tap://',
  'tap://waytoolongtapnamehere',
  'tap://waytoolongtapname%d',
  'tap://sixteen-letters.',
  'tap://fourteen.chars%d',
  'tap://éééééééé',
  'tap://a%s',
  'tap://a%',
  'tap://a%d%d',
  'tap://a/b',
  'tap://a b',
  'tap://a:b',
  'tap://a[1]',
  'tap://.',
  'tap://..',
])('%s is refused', (locator) => {
  test.each(['serve', 'connect'])('by the command %s, for its words alone', (command) => {
    const host = command === 'connect' ? ['host'] : [];
    const parse = () => parseOptions('cryptcab', '1.2.3', [command, ...host, '-s', locator]);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(SAYS);
  });

  test('by the library', async () => {
    await expect(connect({ plug: locator, host: 'host', key: new Uint8Array(44) })).rejects.toThrow(SAYS);
  });
});

test.each([
  ['tap://tap0', false],
  ['tap://fifteen.letters', false],
  ['tap://thirteen.let%d', true],
  ['tap://a%db', true],
  ['tap://täp+1', false],
])('%s is a tap', (locator, many) => {
  expect(parseOptions('cryptcab', '1.2.3', ['serve', '-s', locator]).socket).toBe(locator);
  expect(plugOf(locator).alone === undefined).toBe(many);
});

test.each(['File exists', 'Too many open files in system'])('no number that fits (%s)', (detail) => {
  expect(noSwitch('tap://thirteen.let%d', detail).message).toMatch(
    /^no number is free for a tap thirteen\.let%d: .* a shorter name/,
  );
  expect(noSwitch('tap://tap0', detail).message).toMatch(/^cannot open the tap tap0/);
});
