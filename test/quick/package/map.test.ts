// ARCHITECTURE.md says which file a rule is in: each of these files is there, and has the name that the table gives it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const [, section = ''] = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split(
  '## Where a rule stands\n',
);
const rows = [
  ...section.slice(0, section.indexOf('\n## ')).matchAll(/^\| ([^|]+?) \| (`[^|]+) \| `([^|]+)` \|$/gm),
];

test('the table has rows', () => {
  expect(rows.length).toBeGreaterThan(15);
});

for (const [, question, files = '', name = ''] of rows) {
  test(`${question}: ${name}`, () => {
    for (const [, file = ''] of files.matchAll(/`([^`]+)`/g)) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(readFileSync(join(root, file), 'utf8'), file).toContain(name);
    }
  });
}
