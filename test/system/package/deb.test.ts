// The Debian packages, except for the program in them, which takes minutes to make: what they hold, and what they ask for.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../lab/process.js';
import { temporaryDirectory } from '../../../lab/temporary.js';

const directory = temporaryDirectory('deb');
const packages: Record<string, string> = {};
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeAll(async () => {
  process.env.DEBEMAIL = 'maker@cryptcab.example.net';
  const { layOut, pack } = await import(new URL('../../../scripts/deb.mjs', import.meta.url).href);
  const program = join(directory, 'program');
  writeFileSync(program, '#!/bin/sh\n');
  for (const tree of await layOut(join(directory, 'tree'), program)) {
    const file = `${tree}.deb`;
    packages[pack(tree, file).split(' ')[0]] = file;
  }
});

const holds = (name: string) => run('dpkg-deb', '--contents', packages[name] as string);

test('cryptcab has the program, and what goes with it, as root has files', () => {
  const list = holds('cryptcab');
  for (const path of [
    'usr/lib/cryptcab/cryptcab',
    'usr/bin/cryptcab -> ../lib/cryptcab/cryptcab',
    'usr/lib/systemd/system/cryptcab@.service',
    'usr/lib/tmpfiles.d/cryptcab.conf',
    'usr/share/man/man1/cryptcab.1.gz',
    'usr/share/bash-completion/completions/cryptcab',
    'usr/share/zsh/vendor-completions/_cryptcab',
    'usr/share/fish/vendor_completions.d/cryptcab.fish',
    'etc/cryptcab/',
  ])
    expect(list).toContain(` ./${path}\n`);
  expect(list).toMatch(/^-rwxr-xr-x root\/root .* \.\/usr\/lib\/cryptcab\/cryptcab$/m);
  expect(list.split('\n').filter((line) => line !== '' && !line.includes(' root/root '))).toEqual([]);
  expect(list).not.toContain('vde_cryptcab');
});

test('cryptcab-vde has the other command, in the place of vde2-cryptcab', () => {
  expect(holds('cryptcab-vde')).toContain(' ./usr/bin/vde_cryptcab -> ../lib/cryptcab/cryptcab\n');
  const fields = run('dpkg-deb', '--field', packages['cryptcab-vde'] as string);
  expect(fields).toMatch(/^Conflicts: vde2-cryptcab$/m);
  expect(fields).toMatch(/^Replaces: vde2-cryptcab$/m);
});

test('it depends on no Node', () => {
  expect(run('dpkg-deb', '--field', packages.cryptcab as string, 'Depends')).not.toContain('nodejs');
});

test.each(['cryptcab', 'cryptcab-vde'])('lintian finds no fault with %s', (name) => {
  // Overrides are for the program, which is not in these.
  const suppressed = ['--suppress-tags', 'unused-override'];
  expect(
    run('lintian', '--allow-root', '--fail-on', 'none', ...suppressed, packages[name] as string),
  ).not.toMatch(/^[EW]: /m);
});
