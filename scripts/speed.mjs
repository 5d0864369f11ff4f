// Makes the tables of docs/speed.md, and the figures of the README, from the raw results in bench/results. With --check it only says
// what is out of date. To take new ones: npm run bench -- QUESTION --out bench/results, and then this.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { ratio, SWITCH_BASE, TABLES, TAP_BASE } from './speed/tables.mjs';

const results = (question) => JSON.parse(readFileSync(join(root, `bench/results/${question}.json`), 'utf8'));

function speedPage(text) {
  const left = new Set(Object.keys(TABLES));
  const made = text.replace(/(<!-- table: (\w+) -->\n).*?(<!-- \/table -->)/gs, (_all, from, name, to) => {
    if (!left.delete(name))
      throw new Error(`speed: docs/speed.md has a place for '${name}', which is no table`);
    const [question, make] = TABLES[name];
    return `${from}${make(results(question))}\n${to}`;
  });
  if (left.size > 0) throw new Error(`speed: docs/speed.md has no place for ${[...left].join(', ')}`);
  return made;
}

/** What the README says of speed: words around a figure, and what that is a ratio of. */
const FIGURES = [
  [/(carries )[\d.]+( times as much TCP as fastd)/, 'cable', 'cryptcab native, secure, tap://', TAP_BASE],
  [/(between switches )[\d.]+( times)/, 'cable', 'cryptcab native, secure', SWITCH_BASE],
  [/(a kernel bridge carries )[\d.]+( times)/, 'hub', 'bridge, 3 clients', 'vde_switch, 3 clients'],
];
function readme(text) {
  return FIGURES.reduce((made, [words, question, ours, base]) => {
    if (!words.test(made)) throw new Error(`speed: README.md has no place for ${ours} ÷ ${base}`);
    const { runs } = results(question);
    return made.replace(words, `$1${ratio(runs[ours], runs[base], 'tcp').toFixed(1)}$2`);
  }, text);
}

const check = process.argv[2] === '--check';
for (const [path, make] of Object.entries({ 'docs/speed.md': speedPage, 'README.md': readme })) {
  const file = join(root, path);
  const text = readFileSync(file, 'utf8');
  const made = make(text);
  if (made === text) continue;
  if (check) {
    console.error(`speed: ${path} is out of date: npm run speed makes it again`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, made);
    console.log(`speed: made ${path}`);
  }
}
