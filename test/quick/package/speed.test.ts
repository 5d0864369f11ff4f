// What documents say of speed is what the kept results of the benchmark say.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/speed.mjs', import.meta.url));

test('the figures are up to date: npm run speed would change nothing', () => {
  execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
});
