// Other runtimes than the one that runs this, from npm, under build/. Kept out of package.json: a GB that few need.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, SetupError } from './setup.mjs';

const directory = join(root, 'build/runtimes');
const manifest = join(directory, 'package.json');
/** Where npm has Node itself: the package `node` would fetch this one in a script of its installation. */
const node = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const nodeOf = (version) => ({
  package: `npm:${node}@${version}`,
  version,
  program: `node${version.split('.')[0]}/bin/node`,
});

export const RUNTIMES = {
  node20: nodeOf('20.20.2'),
  node22: nodeOf('22.23.3'),
  node24: nodeOf('24.21.0'),
  node26: nodeOf('26.10.0'),
  bun: { package: '1.4.5', version: '1.4.5', program: '.bin/bun' },
  deno: { package: '2.9.6', version: '2.9.6', program: '.bin/deno' },
};

/** The path of a runtime's program. */
export function runtimeProgram(name) {
  return join(directory, 'node_modules', RUNTIMES[name].program);
}

/**
 * Installs runtimes, unless they are there, and leaves alone which others are.
 * @throws SetupError when npm cannot
 */
export function installRuntimes(names) {
  let there = {};
  if (existsSync(manifest)) there = JSON.parse(readFileSync(manifest, 'utf8')).dependencies ?? {};
  const missing = names.filter((name) => there[name] !== RUNTIMES[name].package);
  if (missing.length === 0) return;
  const versions = missing.map((name) => `${name.replace(/\d+/, '')} ${RUNTIMES[name].version}`).join(', ');
  console.log(`setup: npm install of ${versions} into build/runtimes`);
  mkdirSync(directory, { recursive: true });
  for (const name of missing) there[name] = RUNTIMES[name].package;
  try {
    writeFileSync(manifest, JSON.stringify({ private: true, dependencies: there }));
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'], {
      cwd: directory,
      stdio: 'inherit',
    });
  } catch {
    writeFileSync(manifest, '{}'); // the next run tries again
    throw new SetupError(`npm did not install ${versions}: see what it said above`);
  }
}
