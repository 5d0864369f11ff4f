import {
  CABLE,
  COMMAND_WORDS,
  type CommandWords,
  firstWords,
  LIST_NAMES,
  type OptionWord,
  ORIGINAL,
  PROGRAMS,
  quoted,
} from './words.js';

const written = ({ short, long }: OptionWord): string[] => [
  ...(short === undefined ? [] : [`-${short}`]),
  ...long.map((name) => `--${name}`),
];

/** What completes the value of an option. */
function valueLine({ value }: OptionWord): string {
  switch (value?.kind) {
    case 'choice':
      return `COMPREPLY=($(compgen -W ${quoted(value.choices.join(' '))} -- "$cur"))`;
    case 'switch':
    case 'file':
      return 'compopt -o default';
    case 'directory':
      return 'compopt -o dirnames';
    case 'account':
      return 'COMPREPLY=($(compgen -u -- "$cur"))';
    case 'server':
      return 'COMPREPLY=($(compgen -A hostname -- "$cur"))';
    default:
      return ':';
  }
}

/** Cases for the values of a command's options. @param command empty for the cable's own */
function valueCases(command: string, options: readonly OptionWord[]): string[] {
  return options
    .filter(({ value }) => value !== undefined)
    .map((option) => {
      const patterns = written(option).map((name) => quoted(`${command}:${name}`));
      return `    ${patterns.join(' | ')}) ${valueLine(option)}; return ;;`;
    });
}

/** What else than words follows the options; it is completed unless an option is begun. */
const OTHERS = {
  files: 'compopt -o default',
  server: 'COMPREPLY=($(compgen -A hostname -- "$cur"))',
  name: `COMPREPLY=($(compgen -W "$(${LIST_NAMES})" -- "$cur"))`,
};

/** The case of a command: the words that it has. */
function wordCase({ name, options, operands }: CommandWords): string {
  const listed = typeof operands === 'object' ? operands : [];
  const words = `words=${wordList([...options.flatMap(written), ...listed])}`;
  if (typeof operands !== 'string') return `    ${quoted(name)}) ${words} ;;`;
  return `    ${quoted(name)}) if [[ $cur != -* ]]; then ${OTHERS[operands]}; return; fi; ${words} ;;`;
}

const wordList = (words: readonly string[]) => quoted(words.join(' '));

/** A script for bash 4.1 or later. */
export function bashScript(): string {
  const first = firstWords();
  const twice = [...first].filter(([word, commands]) => commands[0]?.name !== word);
  return `# Completion of ${PROGRAMS.join(' and ')} for bash, made by: cryptcab completion bash

_cryptcab() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' words=''
  COMPREPLY=()
  # For bash --io=na is three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [[ \${COMP_WORDS[0]##*/} == vde_cryptcab ]]; then
    command=vde_cryptcab
  elif ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in
${twice
  .map(
    ([word, commands]) => `      ${word})
        if ((COMP_CWORD == 2)); then
          COMPREPLY=($(compgen -W ${wordList(commands.map(({ name }) => name.slice(word.length + 1)))} -- "$cur"))
          return
        fi
        command="${word} \${COMP_WORDS[2]}"
        ;;`,
  )
  .join('\n')}
      ${[...first.keys()].filter((word) => !twice.some(([one]) => one === word)).join(' | ')}) command=\${COMP_WORDS[1]} ;;
    esac
  fi
  case $command:$prev in
${[valueCases('', CABLE), valueCases('vde_cryptcab', ORIGINAL), ...COMMAND_WORDS.map(({ name, options }) => valueCases(name, options))].flat().join('\n')}
  esac
  case $command in
    '')
      words=${wordList(CABLE.flatMap(written))}
      ((COMP_CWORD == 1)) && words+=${wordList(['', ...first.keys()])}
      ;;
    vde_cryptcab) words=${wordList(ORIGINAL.flatMap(written))} ;;
${COMMAND_WORDS.map(wordCase).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _cryptcab ${PROGRAMS.join(' ')}
`;
}
