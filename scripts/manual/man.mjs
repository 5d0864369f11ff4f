// The manual pages, as mdoc(7): templates in which a line that begins with @ stands for what the tables say.
import { readFileSync } from 'node:fs';
import { keysOf as keysOfFile } from '../../dist/src/cli/configuration.js';
import { sentenceOf } from '../../dist/src/cli/help.js';
import { COMMANDS } from '../../dist/src/options/commands.js';
import { OPTIONS } from '../../dist/src/options/option-table.js';
import { optionsOf, writtenAs } from '../../dist/src/options/spellings.js';

const COLUMNS = 78;

/** Words as lines of text: each sentence begins one, and none begins as a request does. */
function lines(text) {
  const made = [];
  for (const one of text.split(/(?<=[.!?]) +(?=\S)/)) {
    let line = '';
    for (const word of one.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > COLUMNS) {
        made.push(line);
        line = '';
      }
      line += line === '' ? word : ` ${word}`;
    }
    made.push(line);
  }
  return made.map((line) => line.replace(/^(?=[.'])/, '\\&'));
}

/** A sentence of the tables as roff: code in bold, a link as what it is called. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('…', '...')
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(/`([^`]*)`/g, (_, code) => `\\fB${code.replaceAll('-', '\\-').replaceAll(' ', '\\~')}\\fP`);
}

/** What the page says below the name of an option or a command. */
function described(explained, spelling) {
  const held = explained.default ?? explained.otherwise;
  const sentences = [
    `${sentenceOf(explained, spelling).replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`,
    ...(explained.more === undefined ? [] : [explained.more]),
    ...(held === undefined ? [] : [`Default: ${held}${ofConnect(explained, spelling)}.`]),
  ];
  return lines(roff(sentences.join(' ')));
}

/** What holds with connect, where that is something else. */
const ofConnect = ({ connectDefault }, spelling) =>
  connectDefault === undefined || spelling !== undefined ? '' : `, of connect ${connectDefault.text}`;

const list = (items) => ['.Bl -tag -width Ds', ...items.flat(), '.El'];
const argument = (value) => (value === undefined ? '' : ` Ar ${value.placeholder}`);

function optionItem(option, { short, long }, spelling) {
  const names = [...(short === undefined ? [] : [short]), ...long.map((name) => `-${name}`)];
  const written = names.map((name) => `Fl ${name}`).join(' , ');
  return [`.It ${written}${argument(option.value)}`, ...described(option, spelling)];
}

/** The options of a cable that is asked for so. @param spelling without it, all of `cryptcab` */
const cable = (keys, as, spelling) =>
  list(keys.map((key) => optionItem(OPTIONS[key], writtenAs(as, OPTIONS[key]), spelling)));

/** A command and what may follow it, as words of mdoc. */
function commandWords(name, { options = {}, operands, usage }) {
  const words = Object.entries(options).map(([long, { value }]) => `Oo Fl -${long}${argument(value)} Oc`);
  if (operands !== undefined)
    words.push(`Ar ${operands.placeholder}`.replace(/^Ar \[(.*)\]$/, 'Oo Ar $1 Oc'));
  if (usage !== undefined) words.push('Op Ar OPTION ...'); // those of a cable
  return [`Cm ${name}`, ...words];
}

function commandItem([name, terms]) {
  const { options = {} } = terms;
  const own = Object.entries(options).map(([long, option]) => optionItem(option, { long: [long] }));
  return [
    `.It ${commandWords(name, terms).join(' ')}`,
    ...described(terms),
    ...(own.length === 0 ? [] : list(own)),
  ];
}

const rows = Object.values(OPTIONS);
const keysOf = (spelling) => optionsOf(spelling, OPTIONS);
const commands = Object.entries(COMMANDS);
const variables = (names) =>
  rows.filter(({ variable }) => variable !== undefined && (names ?? [variable]).includes(variable));

/** The keys of a file, each by the name that is shown. */
function keyItems() {
  const shown = new Map();
  for (const spelling of ['connect', 'serve'])
    for (const [name, key] of keysOfFile(spelling)) if (!shown.has(key)) shown.set(key, name);
  return Object.keys(OPTIONS)
    .filter((key) => shown.has(key))
    .map((key) => [`.It Ic ${shown.get(key)} = Ar ${valueOfKey(key)}`, ...described(OPTIONS[key])]);
}

function valueOfKey(key) {
  const { value } = OPTIONS[key];
  if (key === 'verbose') return '0 | 1 | 2 | 3 | 4';
  if (value === undefined) return 'true | false';
  return value.kind === 'number' || value.kind === 'port'
    ? value.placeholder
    : `\\(dq${value.placeholder}\\(dq`;
}

const PARTS = {
  synopsis: () =>
    commands.flatMap(([name, terms]) => ['.Nm', ...commandWords(name, terms).map((word) => `.${word}`)]),
  options: () => cable([...new Set([...keysOf('serve'), ...keysOf('connect')])], 'serve'),
  'options-alone': () =>
    cable(
      keysOf('options').filter((key) => OPTIONS[key].style === 'options'),
      'options',
    ),
  original: () =>
    cable(
      keysOf('vde_cryptcab').filter((key) => OPTIONS[key].original),
      'vde_cryptcab',
      'vde_cryptcab',
    ),
  kept: () =>
    cable(
      keysOf('vde_cryptcab').filter((key) => OPTIONS[key].kept),
      'vde_cryptcab',
      'vde_cryptcab',
    ),
  keys: () => list(keyItems()),
  commands: () => list(commands.map(commandItem)),
  environment: (...names) =>
    list(
      variables(names.length === 0 ? undefined : names).map((option) => [
        `.It Ev ${option.variable}`,
        ...described(option),
      ]),
    ),
};

/** The page that a template makes. */
export function manPage(name) {
  const template = readFileSync(new URL(`${name}.in`, import.meta.url), 'utf8');
  return template.replace(/^@(.*)$/gm, (_, request) => {
    const [part, ...words] = request.split(' ');
    return PARTS[part](...words).join('\n');
  });
}
