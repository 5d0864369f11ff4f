// The notes of this version. `write [DATE]` makes them of what is under [Unreleased], with the core's SHA-256. Without an
// argument they are checked: npm publish goes no further where they do not tell it.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { coreHash } from './build-core.mjs';

const pathOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const { version } = JSON.parse(readFileSync(pathOf('package.json'), 'utf8'));
const changelog = readFileSync(pathOf('CHANGELOG.md'), 'utf8');
const line = `Core: SHA-256 \`${coreHash}\``;
/** The section of this version; undefined where there is none. */
const notes = changelog.split(/^(?=## )/m).find((section) => section.startsWith(`## ${version} – `));

function stop(why) {
  console.error(`release: ${why}`);
  process.exit(1);
}

function check() {
  if (notes === undefined)
    stop(`CHANGELOG.md has no section ${version}: make it of [Unreleased] with npm run release`);
  if (!notes.split('\n').includes(line))
    stop(`the section ${version} of CHANGELOG.md does not have the line above: put it there`);
}

/** @param date YYYY-MM-DD */
function write(date) {
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date)
    stop(`'${date}' is no date: give it as YYYY-MM-DD`);
  if (notes !== undefined)
    stop(`CHANGELOG.md has a section ${version} already: set the next version in package.json`);
  const heading = /^## \[Unreleased\]\n\n(?!## |$)/m;
  if (!heading.test(changelog))
    stop('CHANGELOG.md has nothing under [Unreleased]: say there what has changed');
  writeFileSync(pathOf('CHANGELOG.md'), changelog.replace(heading, `## ${version} – ${date}\n\n${line}\n\n`));
}

console.log(line);
const [command, date = new Date().toISOString().slice(0, 10), ...more] = process.argv.slice(2);
if (command === undefined) check();
else if (command === 'write' && more.length === 0) write(date);
else stop('give write [DATE], or nothing to check the notes');
