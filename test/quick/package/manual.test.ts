// What documents say of options and commands is what their tables say.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/manual.mjs', import.meta.url));

test('the documents are up to date: npm run manual would change nothing', () => {
  execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
});
