// The manual pages, as programs that show them read them.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { keysOf } from '../../../src/cli/configuration.js';
import { rows } from '../../../src/cli/names.js';
import { optionsOf, writtenAs } from '../../../src/options/spellings.js';

const path = (name: string) => fileURLToPath(new URL(`../../../docs/man/${name}`, import.meta.url));

function run(program: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', MANWIDTH: '80' };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
  return { status, out: stdout, err: stderr };
}

/** The command lines whose options a page has. */
const SPELLINGS = {
  'cryptcab.1': ['serve', 'connect', 'options'],
  'vde_cryptcab.1': ['vde_cryptcab'],
  'cryptcab.toml.5': [],
  'cryptcab-peers.5': [],
} as const;

describe.each(Object.keys(SPELLINGS) as (keyof typeof SPELLINGS)[])('%s', (name) => {
  test('mandoc finds nothing wrong with it', () => {
    // Pages of other programs need not be installed.
    const { out, err } = run('mandoc', '-T', 'lint', path(name));
    const found = `${out}${err}`
      .split('\n')
      .filter((line) => !/referenced manual not found|mandoc.db lacks/.test(line));
    expect(found.join('\n')).toBe('');
  });

  test('man shows it, and warns of nothing', () => {
    const { status, out, err } = run('man', '--warnings', '-l', path(name));
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^NAME$/m);
    if (name === 'cryptcab.toml.5') {
      for (const spelling of ['serve', 'connect'] as const)
        for (const key of new Set(keysOf(spelling).values())) {
          const { today, long } = rows[key];
          expect(out).toMatch(new RegExp(`^ +${today ?? long} = `, 'm'));
        }
      return;
    }
    for (const spelling of SPELLINGS[name])
      for (const key of optionsOf(spelling, rows))
        for (const long of writtenAs(spelling, rows[key]).long) expect(out).toContain(`--${long}`);
  });
});

test('the page of vde_cryptcab names the other face in its first paragraph', () => {
  const { out } = run('man', '--local-file', path('vde_cryptcab.1'));
  const [, first = ''] = /^DESCRIPTION$\n([\s\S]*?)\n\n/m.exec(out) ?? [];
  expect(first.replace(/\s+/g, ' ')).toContain('It is the same program as cryptcab(1)');
});
