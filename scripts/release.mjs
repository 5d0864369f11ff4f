// Says what the core's SHA-256 is, and that the release notes tell it: npm publish goes no further where they do not.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { coreHash } from './build-core.mjs';

const read = (name) => readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), 'utf8');

/** The section of a version, without its heading; undefined where there is none. */
function section(changelog, version) {
  const [, ...sections] = changelog.split(/^## /m);
  return sections.find((one) => one.startsWith(`[${version}]`));
}

const { version } = JSON.parse(read('package.json'));
const line = `Core: SHA-256 \`${coreHash}\``;
console.log(line);
const notes = section(read('CHANGELOG.md'), version);
const wrong =
  notes === undefined
    ? `CHANGELOG.md has no section [${version}]: name it there, with the line above`
    : notes.includes(line)
      ? undefined
      : `the section [${version}] of CHANGELOG.md does not have the line above`;
if (wrong !== undefined) {
  console.error(`release: ${wrong}`);
  process.exit(1);
}
