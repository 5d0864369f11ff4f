// The tables of docs/options.md.
import { sentenceOf, usageOf } from '../../dist/src/cli/help.js';
import { COMMANDS } from '../../dist/src/options/commands.js';
import { OPTIONS } from '../../dist/src/options/option-table.js';
import { optionsOf, writtenAs } from '../../dist/src/options/spellings.js';

const code = (text) => `\`${text}\``;
/** A cell's own bars are no ends of cells. */
const row = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

function table(heads, rows) {
  return [row(heads), `|${'---|'.repeat(heads.length)}`, ...rows.map(row)].join('\n');
}

/** How an option is written: `-p`, `--localport PORT`. */
function written(option) {
  const { short, long } = writtenAs(option.style === 'options' ? 'options' : 'serve', option);
  const { value } = option;
  const names = long.map((name) => `--${name}`);
  if (value !== undefined) names.push(`${names.pop()} ${value.placeholder}`);
  return [...(short === undefined ? [] : [`-${short}`]), ...names].map(code).join(', ');
}

/** Which of its names vde_cryptcab does not have. */
function lacking(option) {
  const names = (spelling) => {
    const { short, long } = writtenAs(spelling, option);
    return [...(short === undefined ? [] : [`-${short}`]), ...long.map((name) => `--${name}`)];
  };
  const others = names('serve').filter((name) => !names('vde_cryptcab').includes(name));
  return others.length === 0 ? '' : ` without ${others.map(code).join(', ')}`;
}

/** Who has it. */
function owners(key) {
  const has = (spelling) => optionsOf(spelling, OPTIONS).includes(key);
  const names = ['serve', 'connect'].filter(has);
  if (has('vde_cryptcab')) names.push(`vde_cryptcab${lacking(OPTIONS[key])}`);
  return OPTIONS[key].style === 'options' ? [...names, 'options alone'].join(', ') : names.join(', ');
}

/** What the library calls it. */
function inLibrary(key, { face, library = key, also = [] }) {
  if (face === 'command') return '';
  const names = typeof library === 'string' ? [library] : [...new Set(Object.values(library))];
  return [...names, ...also].map(code).join(', ');
}

function meaning(option) {
  const { more } = option;
  return `${sentenceOf(option)}${more === undefined ? '' : `. ${more.replace(/\.$/, '')}`}`;
}

function held({ default: usual, otherwise, value, connectDefault }, key) {
  const ofConnect = connectDefault === undefined ? '' : `; \`connect\`: ${connectDefault.text}`;
  if (usual !== undefined) return `${typeof usual === 'string' ? code(usual) : usual}${ofConnect}`;
  if (otherwise !== undefined) return otherwise;
  return value === undefined && key !== 'help' && key !== 'version' ? 'off' : '';
}

const TABLES = {
  options: () =>
    table(
      ['option', 'of', 'in the library', 'meaning', 'default'],
      Object.entries(OPTIONS)
        .filter(([, { long }]) => long !== undefined)
        .map(([key, option]) => [
          written(option),
          owners(key),
          inLibrary(key, option),
          meaning(option),
          held(option, key),
        ]),
    ),
  commands: () =>
    table(
      ['command', 'what it does'],
      Object.entries(COMMANDS).map(([name, terms]) => [code(usageOf(name, terms)), meaning(terms)]),
    ),
  environment: () =>
    table(
      ['variable', 'in the library', 'meaning'],
      Object.entries(OPTIONS)
        .filter(([, { variable }]) => variable !== undefined)
        .map(([key, option]) => [code(option.variable), inLibrary(key, option), meaning(option)]),
    ),
};

/** docs/options.md with its tables made again: each is behind a comment that names it. */
export function optionsPage(text) {
  return text.replace(
    /(<!-- made by npm run manual: (\w+) -->\n).*?\n\n/gs,
    (_, head, name) => `${head}\n${TABLES[name]()}\n\n`,
  );
}
