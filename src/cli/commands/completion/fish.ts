import {
  CABLE,
  COMMAND_WORDS,
  type CommandWords,
  firstWords,
  LIST_NAMES,
  type OptionWord,
  ORIGINAL,
} from './words.js';

/** A text as one word of fish. */
const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** What completes a value: options of fish's complete. */
function valueWords({ value }: OptionWord): string {
  switch (value?.kind) {
    case undefined:
      return '';
    case 'choice':
      return ` -x -a ${quoted(value.choices.join(' '))}`;
    case 'switch':
    case 'file':
      return ' -r -F';
    case 'directory':
      return " -x -a '(__fish_complete_directories)'";
    case 'account':
      return " -x -a '(__fish_complete_users)'";
    case 'server':
      return " -x -a '(__fish_print_hostnames)'";
    default:
      return ' -x';
  }
}

const complete = (when: string, rest: string) => `complete -c cryptcab -n ${quoted(when)} ${rest}`;

/** What completes what follows the options of a command. */
function operandWords(operands: NonNullable<CommandWords['operands']>): string {
  if (operands === 'files') return '-F';
  if (operands === 'name') return `-a ${quoted(`(sh -c ${quoted(LIST_NAMES)})`)}`;
  return `-a ${quoted(operands === 'server' ? '(__fish_print_hostnames)' : operands.join(' '))}`;
}

function optionWords(option: OptionWord): string {
  const { short, long, text } = option;
  const names = [...(short === undefined ? [] : [`-s ${short}`]), ...long.map((name) => `-l ${name}`)];
  return `${names.join(' ')}${valueWords(option)} -d ${quoted(text)}`;
}

/** A script for fish 3. */
export function fishScript(): string {
  const first = firstWords();
  const lines = [
    ...[...first].map(([word, commands]) =>
      complete('__cryptcab_after', `-a ${word} -d ${quoted(commands.map(({ text }) => text).join(', or '))}`),
    ),
    ...CABLE.map((option) => complete('__cryptcab_is_cable', optionWords(option))),
    ...COMMAND_WORDS.flatMap(({ name, text, options, operands }) => {
      const [word, second] = name.split(' ') as [string, string?];
      const when = `__cryptcab_is ${name}`;
      return [
        ...(second === undefined
          ? []
          : [complete(`__cryptcab_after ${word}`, `-a ${second} -d ${quoted(text)}`)]),
        ...options.map((option) => complete(when, optionWords(option))),
        ...(operands === undefined ? [] : [complete(when, operandWords(operands))]),
      ];
    }),
  ];
  return `# Completion of cryptcab and vde_cryptcab for fish, made by: cryptcab completion fish

# Whether these words, and no others, stand between the program's name and the cursor.
function __cryptcab_after
    set -l words (commandline -opc)
    test "$words[2..]" = "$argv"
end

# Whether these words come first.
function __cryptcab_is
    set -l words (commandline -opc)
    test "$words[2..$(math 1 + (count $argv))]" = "$argv"
end

# Whether it is a cable: no command is named.
function __cryptcab_is_cable
    set -l words (commandline -opc)
    not contains -- "$words[2]" ${[...first.keys()].join(' ')}
end

complete -c cryptcab -f
${lines.join('\n')}
complete -c vde_cryptcab -f
${ORIGINAL.map((option) => `complete -c vde_cryptcab ${optionWords(option)}`).join('\n')}
`;
}
