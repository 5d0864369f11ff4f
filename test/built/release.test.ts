// The notes of a release, in a copy of the script whose core is made up: test/system/command/reproducible.test.ts has the real one.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const HASH = 'a'.repeat(64);
const LINE = `Core: SHA-256 \`${HASH}\``;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cryptcab-release-'));
  mkdirSync(join(folder, 'scripts'));
  cpSync(
    fileURLToPath(new URL('../../scripts/release.mjs', import.meta.url)),
    join(folder, 'scripts/release.mjs'),
  );
  writeFileSync(join(folder, 'scripts/build-core.mjs'), `export const coreHash = '${HASH}';`);
  writeFileSync(join(folder, 'package.json'), '{ "version": "1.2.3", "type": "module" }');
});
afterEach(() => rmSync(folder, { recursive: true }));

const OLDER = '## 1.2.2 – 2000-01-01\n\n- Older.\n';
const notes = () => readFileSync(join(folder, 'CHANGELOG.md'), 'utf8');
const put = (sections: string) =>
  writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n${sections}${OLDER}`);

/** What the script says, except for the line, and how it ends. */
function release(...args: string[]): string {
  const script = join(folder, 'scripts/release.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  expect(stdout).toBe(`${LINE}\n`);
  expect(status).toBe(stderr === '' ? 0 : 1);
  return stderr;
}

test('what is unreleased becomes the notes of the version, which are good then', () => {
  put('## [Unreleased]\n\n### Added\n\n- One.\n\n');
  expect(release()).toBe(
    'release: CHANGELOG.md has no section 1.2.3: make it of [Unreleased] with npm run release\n',
  );
  expect(release('write', '2030-02-28')).toBe('');
  expect(notes()).toBe(`# Changelog\n\n## 1.2.3 – 2030-02-28\n\n${LINE}\n\n### Added\n\n- One.\n\n${OLDER}`);
  expect(release()).toBe('');
  put(notes().replace(/^# Changelog\n\n/, '## [Unreleased]\n\n- Two.\n\n'));
  expect(release('write')).toBe(
    'release: CHANGELOG.md has a section 1.2.3 already: set the next version in package.json\n',
  );
});

test('the date is that of the clock unless it is given', () => {
  const today = () => new Date().toISOString().slice(0, 10);
  put('## [Unreleased]\n\n- One.\n\n');
  const before = today();
  expect(release('write')).toBe('');
  expect([before, today()]).toContain(/^## 1\.2\.3 – (.*)$/m.exec(notes())?.[1]);
});

test.each(['2030-02-30', '2030-2-3', 'today', ''])('a date is one: %j', (date) => {
  put('## [Unreleased]\n\n- One.\n\n');
  const before = notes();
  expect(release('write', date)).toBe(`release: '${date}' is no date: give it as YYYY-MM-DD\n`);
  expect(notes()).toBe(before);
});

test.each(['', '## [Unreleased]\n\n', '## [Unreleased]\n\n\n'])(
  'without changes there is no release: %j',
  (sections) => {
    put(sections);
    expect(release('write')).toBe(
      'release: CHANGELOG.md has nothing under [Unreleased]: say there what has changed\n',
    );
  },
);

test('the notes have to tell the hash of this core, in the section of this version', () => {
  const without = 'release: the section 1.2.3 of CHANGELOG.md does not have the line above: put it there\n';
  put(`## 1.2.3 – 2030-02-28\n\n${LINE.replace('a', 'b')}\n\n`);
  expect(release()).toBe(without);
  put(`## 1.2.3 – 2030-02-28\n\n- One.\n\n## 1.2.2b – 2030-01-01\n\n${LINE}\n\n`);
  expect(release()).toBe(without);
});

test('nothing else is understood', () => {
  put('');
  for (const args of [['check'], ['write', '2030-02-28', 'more']])
    expect(release(...args)).toBe('release: give write [DATE], or nothing to check the notes\n');
});
