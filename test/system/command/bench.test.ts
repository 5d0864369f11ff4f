// How the benchmark is told what to measure. (What it measures is no test.)
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/bench.mjs', import.meta.url));

for (const [args, why] of [
  [
    ['cables'],
    /^bench: 'cables' is not a question: say npm run bench -- \[core \| cable \| peers \| fair \| hub \| phones \| start \| udp \| handshakes \| fleet \| fleet-run\]/,
  ],
  [['core', '--fast'], /^bench: Unknown option '--fast': say/],
  [['--rounds', '0'], /^bench: '0' is not a number of rounds from 1 to 1000: say/],
  [['--rounds', 'many'], /^bench: 'many' is not a number of rounds/],
  [['--out', ''], /^bench: --out is empty: say/],
] as const) {
  test(`npm run bench -- ${args.join(' ')}: one line that says what to do, status 2`, () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [script, ...args], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stdout).toBe('');
    expect(stderr).toMatch(why);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });
}
