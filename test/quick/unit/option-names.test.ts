// Messages call each option by the name that it has where somebody can set it: in the library, or on the command line.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commandName, commandText, rows, speak } from '../../../src/cli/names.js';
import { Answer, parseOptions } from '../../../src/cli/options.js';
import { CryptcabError, messageOf } from '../../../src/error.js';
import { connect, type Log, memoryPort, serve } from '../../../src/index.js';
import { libraryText, mark } from '../../../src/option-mark.js';
import { commandOr, optionName, optionWithValue } from '../../../src/options/name.js';
import type { OptionKey } from '../../../src/options/option-table.js';

speak('options'); // tests of other files may have left other names

/** What the command line calls its options. */
const COMMAND_NAMES = (Object.keys(rows) as OptionKey[])
  .filter((key) => rows[key].face !== 'library')
  .map((key) => commandName(key));

const sources = fileURLToPath(new URL('../../../src/', import.meta.url));
const plug = memoryPort(() => {}).open;

/** Names that are of the system or of other programs as well. */
const OTHERS = ['XDG_RUNTIME_DIR', 'TMPDIR', '--version'];

/** Options of the command line that a program names, comments apart; those of vde_switch and of other commands are none. */
function named(program: string): string[] {
  const texts = program.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g, '');
  const long = COMMAND_NAMES.filter((name) => /^(--|[A-Z_]+$)/.test(name) && !OTHERS.includes(name));
  const found = long.filter((name) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(texts));
  return [
    ...found,
    ...(texts.match(/\b(?:with|without|use|give|leave|neither|and|or|the same) -[a-zA-Z]\b/g) ?? []),
  ];
}

test('what the command line calls an option stands in its own files alone', () => {
  expect(named("'x'; // with -s\n`use ${a} --peer ${b} with -s`")).toEqual(['--peer', 'with -s']);
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file) && !/^(cli|control|options|vectors)\//.test(file))
    .filter((file) => file !== 'keys/scp.ts'); // splits the variable that the command line reads
  expect(files.length).toBeGreaterThan(100);
  const wrong = files.flatMap((file) =>
    named(readFileSync(sources + file, 'utf8')).map((name) => `${file}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('what an error says goes on with its marks: nothing on the way to the command line takes its message', () => {
  const taken = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ts$/.test(file) && !/^(cli|vectors)\/|^error\.ts$/.test(file))
    .flatMap((file) =>
      readFileSync(sources + file, 'utf8')
        .split('\n')
        .filter((line) => /\b(error|why|fault|reason)\.message\b|\{ message \}/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  // An error of the runtime's.
  expect(taken).toEqual(['core/fault.ts: if (error instanceof RangeError && /memory/i.test(error.message))']);
});

test('the command line has each option that its messages name', () => {
  let help = '';
  for (const words of [['serve', '--help'], ['connect', '--help'], ['--help']])
    try {
      parseOptions('cable', '0', words, () => []);
    } catch (error) {
      if (error instanceof Answer) help += error.message;
    }
  for (const name of COMMAND_NAMES) expect(help, name).toMatch(new RegExp(`(?<![\\w-])${name}(?![\\w-])`));
});

/** What a server says whose port another has. */
async function complaint(): Promise<unknown> {
  const other = createSocket('udp4').bind(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { port } = other.address();
    const started = serve({ port, bind: '127.0.0.1', plug, plain: true, io: 'portable' });
    return await started.then(
      () => 'it started',
      (error: unknown) => error,
    );
  } finally {
    other.close();
  }
}

test('a server of the library is told to choose another port; on the command line, another -p', async () => {
  const error = await complaint();
  expect(error).toMatchObject({
    message: expect.stringMatching(/choose one with port \(of a client: localPort\)$/),
  });
  expect(commandText(messageOf(error))).toMatch(/choose one with -p PORT$/);
});

test('an error says the name of the library wherever it is shown; its marks are kept for the command line', () => {
  const error = new CryptcabError(
    `give ${optionName('secure.privateKey')} or ${optionName('classic', 'classic: false')}`,
  );
  const says = 'give secure.privateKey or classic: false';
  expect(error.message).toBe(says);
  expect(error.stack).toContain(says);
  expect(Object.keys(error)).toEqual(['name']);
  const again = new CryptcabError(`it failed: ${messageOf(error)}`);
  expect(again.message).toBe(`it failed: ${says}`);
  expect(commandText(again.marked)).toBe('it failed: give --key or --no-classic');
});

test('what is done by a command has another name in the library', () => {
  const text = `use ${commandOr('cryptcab peers add', 'addPeer()')}`;
  expect(libraryText(text)).toBe('use addPeer()');
  expect(commandText(text)).toBe('use cryptcab peers add');
});

test('a name may have a value with it, any or a certain one', () => {
  const text = `${optionWithValue('localPort', 'port')}, ${optionWithValue('host', 'port')}, ${optionWithValue('io', "io: 'native'", 'native')}`;
  expect(libraryText(text)).toBe("port, port, io: 'native'");
  expect(commandText(text)).toBe('-p PORT, -c HOST:PORT, --io native');
});

test('marks around what is no option are taken away, and nothing else of a text is', () => {
  for (const text of ['', 'plug', '\uFDD0', '\uFDD1x\uFDD2', '\uFDD0plug', 'a=b'])
    expect([libraryText(text), commandText(text)]).toEqual([text, text]);
  expect(commandText(mark('constructor'))).toBe('constructor');
  expect(libraryText(mark('toString', 'x'))).toBe('x');
});

test('a log of the library names no option of the command line', async () => {
  const lines: string[] = [];
  const note = (_: object, text?: string) => lines.push(String(text));
  const log: Log = { trace: note, debug: note, info: note, warn: note, error: note };
  await using server = await serve({
    port: 0,
    bind: '127.0.0.1',
    io: 'portable',
    plug,
    plain: true,
    log,
    secure: {},
  });
  await using _client = await connect({
    host: '127.0.0.1',
    port: server.local.port,
    io: 'portable',
    plug: memoryPort(() => {}).open,
    plain: true,
    log,
  });
  expect(lines.join('\n')).toMatch(/not encrypted \(plain\)/);
  expect(lines.join('\n')).toMatch(/classic: false refuses them/);
  expect(named(lines.join('\n'))).toEqual([]);
});
