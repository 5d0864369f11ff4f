import {
  CABLE,
  type CommandWords,
  firstWords,
  LIST_NAMES,
  type OptionWord,
  ORIGINAL,
  PROGRAMS,
  quoted,
} from './words.js';

/** A text within a specification of _arguments. */
const escaped = (text: string) => text.replace(/[\\[\]:]/g, '\\$&');

/** What completes a value: an action of _arguments. */
function action({ value }: OptionWord): string {
  switch (value?.kind) {
    case 'choice':
      return `(${value.choices.join(' ')})`;
    case 'switch':
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case 'account':
      return '_users';
    case 'server':
      return '_hosts';
    default:
      return ' ';
  }
}

/** Specifications of _arguments for an option: one for each way to write it, which rules the others out. */
function specifications(option: OptionWord): string[] {
  const { short, long, value, text, again } = option;
  const names = [...(short === undefined ? [] : [`-${short}`]), ...long.map((name) => `--${name}`)];
  const others = again ? '*' : `(${names.join(' ')})`;
  const rest = `[${escaped(text)}]${value === undefined ? '' : `:${escaped(value.placeholder)}:${action(option)}`}`;
  return names.map((name) => {
    const joined = value === undefined ? '' : name.startsWith('--') ? '=' : '+';
    return quoted(`${others}${name}${joined}${rest}`);
  });
}

function operandSpecification(operands: NonNullable<CommandWords['operands']>): string {
  if (operands === 'files') return "'*:file:_files'";
  if (operands === 'name') return quoted(`1:name:{compadd -- $(${LIST_NAMES.replaceAll(':', '\\:')})}`);
  return quoted(operands === 'server' ? '1:host:_hosts' : `1: :(${operands.join(' ')})`);
}

/** A call of _arguments, a specification a line. */
function call(options: readonly OptionWord[], operands: CommandWords['operands'], indent: string): string {
  const last = operands === undefined ? [] : [operandSpecification(operands)];
  return ['_arguments -s', ...options.flatMap(specifications), ...last].join(` \\\n${indent}  `);
}

/** Names and texts as _describe takes them. */
const described = (words: readonly (readonly [string, string])[]) =>
  words.map(([name, text]) => quoted(`${name}:${text}`)).join(' ');

/** A script for zsh 5, to be read at its start or put where \`fpath\` looks, as _cryptcab. */
export function zshScript(): string {
  const first = firstWords();
  const names = [...first].map(([word, commands]): [string, string] => [
    word,
    commands.map(({ text }) => text).join(', or '),
  ]);
  const cases = [...first].map(([word, commands]) => {
    const [only] = commands as [CommandWords];
    if (only.name === word)
      return `    ${word})
      shift words; ((CURRENT--))
      ${call(only.options, only.operands, '      ')}
      ;;`;
    const second = (name: string) => name.slice(word.length + 1);
    return `    ${word})
      if ((CURRENT == 3)); then
        commands=(${described(commands.map(({ name, text }) => [second(name), text]))})
        _describe command commands
        return
      fi
      shift 2 words; ((CURRENT -= 2))
      case $words[1] in
${commands
  .map(
    ({ name, options, operands }) => `        ${second(name)})
          ${call(options, operands, '          ')}
          ;;`,
  )
  .join('\n')}
      esac
      ;;`;
  });
  return `#compdef ${PROGRAMS.join(' ')}
# Completion of ${PROGRAMS.join(' and ')} for zsh, made by: cryptcab completion zsh

_cryptcab() {
  local -a commands
  if [[ $service == vde_cryptcab ]]; then
    ${call(ORIGINAL, undefined, '    ')}
    return
  fi
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    commands=(${described(names)})
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
    *)
      ${call(CABLE, undefined, '      ')}
      ;;
  esac
}

# Read at a start, it says what it is for; found by fpath, it is called for the first time.
if [[ $funcstack[1] == _cryptcab ]]; then
  _cryptcab "$@"
else
  compdef _cryptcab ${PROGRAMS.join(' ')}
fi
`;
}
