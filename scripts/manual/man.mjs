// The manual pages, as mdoc(7): templates in which a line that begins with @ stands for what the tables say.
import { readFileSync } from 'node:fs';
import { sentenceOf } from '../../dist/src/cli/help.js';
import { COMMANDS } from '../../dist/src/options/commands.js';
import { OPTIONS } from '../../dist/src/options/table.js';

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
function described(explained) {
  const held = explained.default ?? explained.otherwise;
  const sentences = [
    `${sentenceOf(explained).replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`,
    ...(explained.more === undefined ? [] : [explained.more]),
    ...(held === undefined ? [] : [`Default: ${held}.`]),
  ];
  return lines(roff(sentences.join(' ')));
}

const list = (items) => ['.Bl -tag -width Ds', ...items.flat(), '.El'];
const argument = (value) => (value === undefined ? '' : ` Ar ${value.placeholder}`);

function optionItem(option) {
  const { short, long, aliases = [], value } = option;
  const names = [...(short === undefined ? [] : [short]), ...[long, ...aliases].map((name) => `-${name}`)];
  return [`.It ${names.map((name) => `Fl ${name}`).join(' , ')}${argument(value)}`, ...described(option)];
}

/** A command and what may follow it, as words of mdoc. */
function commandWords(name, { options = {}, operands }) {
  const words = Object.entries(options).map(([long, { value }]) => `Oo Fl -${long}${argument(value)} Oc`);
  if (operands !== undefined)
    words.push(`Ar ${operands.placeholder}`.replace(/^Ar \[(.*)\]$/, 'Oo Ar $1 Oc'));
  return [`Cm ${name}`, ...words];
}

function commandItem([name, terms]) {
  const { options = {} } = terms;
  const own = Object.entries(options).map(([long, option]) => optionItem({ long, ...option }));
  return [
    `.It ${commandWords(name, terms).join(' ')}`,
    ...described(terms),
    ...(own.length === 0 ? [] : list(own)),
  ];
}

const rows = Object.values(OPTIONS);
const commands = Object.entries(COMMANDS);
const variables = (names) =>
  rows.filter(({ variable }) => variable !== undefined && (names ?? [variable]).includes(variable));

const PARTS = {
  synopsis: () =>
    commands.flatMap(([name, terms]) => ['.Nm', ...commandWords(name, terms).map((word) => `.${word}`)]),
  options: () => list(rows.filter(({ long }) => long !== undefined).map(optionItem)),
  original: () => list(rows.filter(({ original }) => original).map(optionItem)),
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
