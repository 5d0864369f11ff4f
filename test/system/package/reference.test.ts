// The reference can be made: what is exported has a doc comment, and names nothing that is not exported.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('typedoc has nothing to warn of', () => {
  const cwd = fileURLToPath(new URL('../../../scripts/docs', import.meta.url));
  const typedoc = ['node_modules/typedoc/bin/typedoc', '--emit', 'none'];
  const says = execFileSync(process.execPath, typedoc, { cwd, encoding: 'utf8', stdio: 'pipe' });
  expect(says).not.toMatch(/warning|error/i);
}, 240_000);
