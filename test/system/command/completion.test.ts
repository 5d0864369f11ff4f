// `cryptcab completion` in the shells that it is for.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cryptcab } from '../../../lab/lab.js';
import { Process } from '../../../lab/process.js';
import { rows } from '../../../src/cli/names.js';
import { COMMANDS, SHELLS } from '../../../src/options/commands.js';
import { optionsOf, type Spelling, writtenAs } from '../../../src/options/spellings.js';
import type { CommandTerms } from '../../../src/options/terms.js';

let directory: string;
const script = (shell: string) => join(directory, `completion.${shell}`);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-completion-'));
  const [program, ...first] = cryptcab as [string, ...string[]];
  for (const shell of SHELLS)
    writeFileSync(script(shell), execFileSync(program, [...first, 'completion', shell]));
  mkdirSync(join(directory, 'empty'));
  mkdirSync(join(directory, 'here/folder'), { recursive: true });
  writeFileSync(join(directory, 'here/file.key'), '');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const here = () => join(directory, 'here');
/** Nothing of the user's own is read, and nothing of it written. */
const env = () => ({
  PATH: process.env.PATH,
  HOME: join(directory, 'empty'),
  TERM: 'xterm',
  LANG: 'C.UTF-8',
});

/** How each shell is started at a terminal, and what it reads first. The prompt is one that nothing else prints. */
const TERMINALS = {
  bash: {
    command: 'bash --norc --noprofile -i',
    first: () => `PS1='rea''dy> '; cd ${here()}; source ${script('bash')}`,
  },
  zsh: {
    command: 'zsh -f -i',
    first: () =>
      `PS1='rea''dy> '; cd ${here()}; autoload -U compinit; compinit -u -D; source ${script('zsh')}`,
  },
  fish: {
    command: 'fish --no-config -i',
    first: () => `function fish_prompt; echo -n 'rea''dy> '; end; cd ${here()}; source ${script('fish')}`,
  },
} as const;

/**
 * Types words and a tab at a terminal.
 * @param completed what the shell is to add
 * @returns the words that the program then gets
 */
async function typed(shell: keyof typeof TERMINALS, words: string, completed: string): Promise<string[]> {
  const { command, first } = TERMINALS[shell];
  const terminal = new Process(['script', '-qfc', command, '/dev/null'], env());
  try {
    const line = async (text: string) => {
      const from = terminal.printed;
      terminal.write(`${text}\r`);
      await terminal.prints(/ready> /, 30_000, from);
    };
    await line(first());
    // What is completed is given to this program.
    const name = words.split(' ')[0] as string;
    await line(
      shell === 'fish'
        ? `function ${name}; printf '<%s>' $argv; echo '!'; end`
        : `${name}() { printf '<%s>' "$@"; echo '!'; }`,
    );
    const from = terminal.printed;
    terminal.write(`${words}\t`);
    await terminal.prints(new RegExp(completed), 30_000, from);
    const before = terminal.printed;
    terminal.write('\r');
    const [, got = ''] = await terminal.prints(/(<.*>)!/, 30_000, before);
    return [...got.matchAll(/<(.*?)>/g)].map(([, word]) => word as string);
  } finally {
    terminal.write('\rexit\r');
    await terminal.stop('SIGHUP');
  }
}

describe.each(['bash', 'zsh', 'fish'] as const)('%s at a terminal', (shell) => {
  test.concurrent.each([
    ['cryptcab sta', 'tus', ['status']],
    ['cryptcab vectors ver', 'ify', ['vectors', 'verify']],
    ['cryptcab vectors verify --st', 'rict', ['vectors', 'verify', '--strict']],
    ['cryptcab completion fi', 'sh', ['completion', 'fish']],
    ['cryptcab --secure --enr', 'olled-max', ['--secure', '--enrolled-max']],
    ['cryptcab serve --enr', 'olled-max', ['serve', '--enrolled-max']],
    ['cryptcab connect --endp', 'oint', ['connect', '--endpoint']],
    ['cryptcab help vec', 'tors', ['help', 'vectors']],
    ['cryptcab --io nat', 'ive', ['--io', 'native']],
    ['cryptcab --cipher=blo', 'wfish', ['--cipher=blowfish']],
    ['vde_cryptcab -P fil', 'e.key', ['-P', 'file.key']],
    ['cryptcab --key-dir f', 'older', ['--key-dir', expect.stringMatching(/^folder\/?$/)]],
    ['cryptcab vectors verify fi', 'le.key', ['vectors', 'verify', 'file.key']],
    ['cryptcab --user roo', 'root', ['--user', 'root']],
  ])('%s', async (words, completed, expected) => {
    expect(await typed(shell, words, completed)).toEqual(expected);
  });
});

/** The long options of a cable that is asked for so. */
const options = (spelling: Spelling) =>
  optionsOf(spelling, rows)
    .flatMap((key) => writtenAs(spelling, rows[key]).long.map((name) => `--${name}`))
    .sort();

describe('each option and each command is there', () => {
  /** What a shell offers behind words. */
  const OFFERS = {
    bash: (words: string[]) =>
      execFileSync(
        'bash',
        [
          '--norc',
          '-c',
          `source ${script('bash')}; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cryptcab; printf '%s\\n' "\${COMPREPLY[@]}"`,
          'bash',
          ...words,
        ],
        { encoding: 'utf8', env: env() },
      ),
    fish: (words: string[]) =>
      execFileSync(
        'fish',
        ['--no-config', '-c', `source ${script('fish')}; complete -C '${words.join(' ')}'`],
        { encoding: 'utf8', env: env() },
      ),
  };

  describe.each(['bash', 'fish'] as const)('%s', (shell) => {
    const offers = (...words: string[]) =>
      OFFERS[shell](words)
        .trim()
        .split('\n')
        .map((line) => line.split('\t')[0])
        .sort();

    test('options', () => {
      expect(offers('cryptcab', '--')).toEqual(options('options'));
      expect(offers('cryptcab', '-x', '--')).toEqual(options('options'));
      expect(offers('cryptcab', 'serve', '--')).toEqual(options('serve'));
      expect(offers('cryptcab', 'connect', 'host', '--')).toEqual(options('connect'));
      expect(offers('vde_cryptcab', '--')).toEqual(options('vde_cryptcab'));
      expect(options('vde_cryptcab')).not.toContain('--secure');
      expect(options('serve')).not.toContain('--peer');
    });

    test('commands, and their options', () => {
      const names = Object.keys(COMMANDS);
      const firsts = [...new Set(names.map((name) => name.split(' ')[0] as string))];
      for (const first of firsts) expect(offers('cryptcab', first)).toContain(first);
      expect(offers('cryptcab', 'vectors', '')).toEqual(['make', 'verify']);
      for (const [name, terms] of Object.entries(COMMANDS) as [string, CommandTerms][]) {
        if (terms.cableEnd !== undefined || name === 'join') continue;
        const long = Object.keys(terms.options ?? {}).map((one) => `--${one}`);
        expect(offers('cryptcab', ...name.split(' '), '--'), name).toEqual(
          long.length === 0 ? [''] : long.sort(),
        );
      }
      // It becomes connect.
      const joins = offers('cryptcab', 'join', '--');
      for (const option of ['--to', ...offers('cryptcab', 'connect', '--')]) expect(joins).toContain(option);
    });
  });
});
