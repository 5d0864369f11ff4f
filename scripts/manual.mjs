// Makes what the documents say of options and commands from their tables. With --check it only says what is out of date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manPage } from './manual/man.mjs';
import { optionsPage } from './manual/markdown.mjs';
import { root } from './setup.mjs';

/** Each page, by its path, made from what is there. */
const PAGES = {
  'docs/options.md': optionsPage,
  'docs/man/cryptcab.1': () => manPage('cryptcab.1'),
  'docs/man/cryptcab.toml.5': () => manPage('cryptcab.toml.5'),
  'docs/man/vde_cryptcab.1': () => manPage('vde_cryptcab.1'),
  'docs/man/cryptcab-peers.5': () => manPage('cryptcab-peers.5'),
};

const check = process.argv[2] === '--check';
let old = false;
for (const [path, make] of Object.entries(PAGES)) {
  const file = join(root, path);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const made = make(text);
  if (made === text) continue;
  if (check) {
    console.error(`manual: ${path} is out of date: npm run manual makes it again`);
    old = true;
  } else {
    writeFileSync(file, made);
    console.log(`manual: made ${path}`);
  }
}
process.exitCode = old ? 1 : 0;
