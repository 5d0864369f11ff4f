// What the doctor makes of what another machine tells.
import { expect, test } from 'vitest';
import { factsIn } from '../../../src/cli/commands/doctor/facts.js';
import { bad, good, lineOf, unknown } from '../../../src/cli/commands/doctor/finding.js';
import { clockFinding, peersText } from '../../../src/cli/commands/doctor/there.js';

const facts = { cryptcab: '1.2.3', now: 5, servers: [{ port: 7667, peers: [] }], back: null };

test('facts are found among what a shell prints besides', () => {
  const line = JSON.stringify(facts);
  expect(factsIn(`Welcome\r\n${line}\nlogout`)).toEqual(facts);
  expect(factsIn(`prompt> ${line}`)).toEqual(facts);
  for (const text of [
    '',
    'no such command',
    '{}',
    line.slice(1),
    '{"cryptcab":1}',
    line.replace('null', '"x"'),
  ])
    expect(factsIn(text), text).toBeUndefined();
  expect(factsIn(line.replace('[]', '7'))).toBeUndefined();
});

test('clocks that differ by more than the login took', () => {
  expect(clockFinding(1_000, 2_000, 3_000)).toEqual(good('the clocks agree'));
  expect(clockFinding(1_000, 12_000, 3_000)).toEqual(good('the clocks agree'));
  expect(clockFinding(1_000, 63_000, 3_000).text).toMatch(/^the clock there is 60 s ahead of the one here: /);
  expect(clockFinding(100_000, 0, 101_000)).toMatchObject({ ok: false });
  expect(clockFinding(100_000, 0, 101_000).text).toMatch(/^the clock there is 100 s behind the one here: /);
});

test('one peer is one', () => {
  expect([0, 1, 2].map(peersText)).toEqual(['0 peers', '1 peer', '2 peers']);
});

test('each finding is a line', () => {
  expect([good('a'), bad('b'), unknown('c')].map(lineOf)).toEqual(['✓ a\n', '✗ b\n', '– c\n']);
});
