// The two faces of the program: `cryptcab serve` and `connect`, secure by default, and `vde_cryptcab`, the manual page of the C program.
import { afterEach, describe, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/commands.js';
import { rows, speak } from '../../../src/cli/names.js';
import { Answer, parseOptions, UsageError } from '../../../src/cli/options.js';
import { help } from '../../../src/cli/topics.js';
import { noCommand } from '../../../src/cli/words.js';
import { COMMANDS, type CommandName } from '../../../src/options/commands.js';
import { nearWord } from '../../../src/options/near.js';
import { optionsOf, writtenAs } from '../../../src/options/spellings.js';

afterEach(() => speak('options'));

const words = (line: string) => line.split(' ').filter(Boolean);
const parse = (line: string, name = 'cryptcab') => parseOptions(name, '9.8.7', words(line));
const KEY = Buffer.alloc(32, 1).toString('base64');

function fault(line: string, name?: string): string {
  try {
    parse(line, name);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`taken for good: ${line}`);
}

function answer(line: string, name?: string): string {
  try {
    parse(line, name);
  } catch (error) {
    expect(error).toBeInstanceOf(Answer);
    return (error as Error).message;
  }
  throw new Error(`no answer: ${line}`);
}

describe('serve and connect', () => {
  test('are secure, and a server of theirs serves no classic clients', () => {
    expect(parse('serve')).toMatchObject({
      connect: undefined,
      port: 7667,
      classic: false,
      secure: { path: 1452 },
    });
    expect(parse('connect h')).toMatchObject({ connect: { host: 'h', port: 7667 }, port: 0 });
    expect(parse('connect h').secure).toBeDefined();
  });

  test('speak the classic protocol when it is asked for, a server that of both', () => {
    expect(parse('serve --classic')).toMatchObject({ classic: true });
    expect(parse('serve --classic').secure).toBeDefined();
    expect(parse('serve --classic -P /k')).toMatchObject({ classic: true, keyFile: '/k' });
    expect(parse('serve --classic -x')).toMatchObject({ classic: true, plain: true });
    const client = parse('connect --classic -P /k h');
    expect(client).toMatchObject({ secure: undefined, keyFile: '/k', port: 0, connect: { host: 'h' } });
  });

  test.each([
    ['connect alice@h', { user: 'alice', host: 'h', port: 7667 }],
    ['connect alice@h:9', { user: 'alice', host: 'h', port: 9, portNamed: true }],
    ['connect -s /a [fd00::1]:9 -v', { user: undefined, host: 'fd00::1', port: 9, portNamed: true }],
    ['connect -v -- h', { user: undefined, host: 'h', port: 7667 }],
  ])('%s', (line, server) => {
    expect(parse(line).connect).toEqual(server);
  });

  test.each(['-s /a', '--on /a', '--on=/a', '-s/a', '--sock /a'])('plug into a switch with %s', (option) => {
    expect(parse(`serve ${option}`).socket).toBe('/a');
    expect(parse(`connect h ${option}`).socket).toBe('/a');
  });

  test('take keys in files', () => {
    expect(parse('serve --key /k --peers /p').secure).toMatchObject({ keyFile: '/k', peersFile: '/p' });
    expect(parse(`connect h --key /k --peer ${KEY}`).secure).toMatchObject({ keyFile: '/k' });
  });

  test('say nothing with -q, and more with -v', () => {
    expect([parse('serve -q'), parse('serve'), parse('serve -vv')].map((one) => one.verbosity)).toEqual([
      -1, 0, 2,
    ]);
  });

  test.each([
    ['connect', 'no server is named: use cryptcab connect [USER@]HOST[:PORT]'],
    [
      'connect a b',
      'too many arguments: one server is named, as [USER@]HOST[:PORT] (see cryptcab connect --help)',
    ],
    ['connect u:p@h', /^cryptcab connect has a password in it/],
    [`connect ${KEY}`, /^cryptcab connect is followed by what may be a key itself/],
    ['connect h:0', /^cryptcab connect port 0/],
    ['serve h', 'too many arguments: everything is an option (see cryptcab serve --help)'],
    ['serve -P f', '-P is for the classic protocol: add --classic, or leave -P out'],
    ['connect h -P f', '-P is for the classic protocol: add --classic, or give --key and --peer'],
    ['connect h -x', '-x is for the classic protocol: add --classic, or leave -x out'],
    [
      `connect h --classic --key f --peer ${KEY}`,
      '--key is for the secure cable: leave --classic or --key out',
    ],
    ['serve --peer x', '--peer is an option of cryptcab connect, and not of cryptcab serve: leave it out'],
    [
      'connect h --peers x',
      '--peers is an option of cryptcab serve, and not of cryptcab connect: leave it out',
    ],
    ['serve -c h', '-c is not an option of cryptcab serve: use cryptcab connect HOST to be a client'],
    ['serve --secure', '--secure is the default of cryptcab serve: leave it out'],
    ['serve --peers f', /^--peers needs --key FILE/],
    ['connect h --key f', /^--key needs --peer PUBLIC-KEY/],
    ['serve -q -v', '-q and -v exclude each other: it is less to read, or more'],
    ['serve -p 0', /^a server needs a port that its clients know: give -p/],
    ['serve --port 2950', /^unknown option '--port': use --localport$/],
    [
      'connect a --port 2950',
      /^unknown option '--port': write the server's port behind its name, HOST:PORT; --localport is the local one$/,
    ],
    ['serve --prot 1', /^unknown option '--prot' .*\(see cryptcab serve --help\)$/],
    [`connect h --endpoint g:1 --key f --peer ${KEY}`, /give cryptcab connect HOST:PORT alone$/],
  ])('%s is refused', (line, says) => {
    const message = fault(line);
    if (typeof says === 'string') expect(message).toBe(says);
    else expect(message).toMatch(says);
  });

  test.each(['serve', 'connect'] as const)('%s --help lists its options, and no others', (command) => {
    const text = answer(`${command} --help`);
    expect(text).toMatch(new RegExp(`^Usage: cryptcab ${command} `));
    const listed = [...text.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual(
      optionsOf(command, rows)
        .map((key) => writtenAs(command, rows[key]).long[0])
        .sort(),
    );
    expect(listed).not.toContain('secure');
    expect(answer(`${command} -h`)).toBe(text);
    expect(help([command])).toBe(text);
  });

  test.each(['-V', '--version', 'serve -V', 'connect -V', 'connect h --version'])(
    '%s is the version',
    (line) => {
      expect(answer(line)).toBe('9.8.7\n');
    },
  );
});

describe('options alone', () => {
  test('make the cable that they did before there were commands', () => {
    expect(parse('-s /a')).toMatchObject({ secure: undefined, classic: true, port: 7667 });
    expect(parse('-s /a -c h --secure')).toMatchObject({ connect: { host: 'h' }, port: 7667 });
    expect(parse('--secure --no-classic --on /a')).toMatchObject({ classic: false, socket: '/a' });
  });

  test('know what goes with a command', () => {
    expect(fault('--classic -P f')).toBe('--classic goes with a command: use cryptcab serve --classic');
    for (const name of ['serve', 'status', 'peers'])
      expect(fault(`-s /a ${name}`)).toBe(
        `the command comes first, and its options after it: use cryptcab ${name}`,
      );
    expect(fault('-s /a word')).toBe('too many arguments: everything is an option (see cryptcab --help)');
  });
});

describe('vde_cryptcab', () => {
  const ADDED = ['cipher', 'io', 'log-file', 'pidfile'];
  const ORIGINAL = [
    'connect',
    'daemon',
    'help',
    'keepalive',
    'localport',
    'noencrypt',
    'preshared',
    'sock',
    'verbose',
  ];

  test('has the options of the manual page, and a few', () => {
    const text = answer('--help', 'vde_cryptcab');
    expect(text.match(/^ {2}[A-Z_]{3,}(?= )/gm)?.map((name) => name.trim())).toEqual([
      'SCP_EXTRA_OPTIONS',
      'XDG_RUNTIME_DIR',
      'TMPDIR',
    ]);
    expect(text).not.toMatch(/list of peers|file of a cable/);
    const listed = [...text.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...ADDED, ...ORIGINAL].sort());
    expect(text).toMatch(/^Usage: vde_cryptcab \[-s SWITCH\]/);
    for (const alias of ['vdesock', 'unix']) expect(parse(`--${alias} /a`, 'vde_cryptcab').socket).toBe('/a');
  });

  test.each([
    '--secure',
    '--key f',
    '--on /a',
    '--bind ::1',
    '--user x',
    '--peers f',
    '-q',
    '-V',
    '--version',
  ])('%s is none of them', (option) => {
    expect(fault(option, 'vde_cryptcab')).toMatch(
      /^(-\S+ is not an option of vde_cryptcab: use cryptcab |unknown option)/,
    );
  });

  test('names the command of the other face', () => {
    expect(fault('--peers f', 'vde_cryptcab')).toBe(
      '--peers is not an option of vde_cryptcab: use cryptcab serve',
    );
    expect(fault('--secure', 'vde_cryptcab')).toBe(
      '--secure is not an option of vde_cryptcab: use cryptcab serve or cryptcab connect',
    );
  });

  test.each(['-V', '--version'])('%s is asked of the other face', (option) => {
    expect(fault(option, 'vde_cryptcab')).toBe(
      `${option} is not an option of vde_cryptcab: use cryptcab --version`,
    );
  });

  test('has no commands', async () => {
    await expect(runCommand('vde_cryptcab', ['status'])).rejects.toThrow(
      new UsageError('vde_cryptcab has no commands: use cryptcab status'),
    );
    expect(await runCommand('vde_cryptcab', [])).toBeUndefined();
  });
});

describe('cryptcab and words', () => {
  test('by itself prints the short help', async () => {
    const said = await runCommand('cryptcab', []);
    expect(said?.faults).toEqual([]);
    expect(said?.out.split('\n').length).toBeLessThan(40);
    for (const name of Object.keys(COMMANDS)) expect(said?.out).toContain(`  ${name.split(' ')[0]} `);
    for (const line of said?.out.split('\n') ?? []) expect(line.length).toBeLessThanOrEqual(80);
    expect((await runCommand('cryptcab', ['help']))?.out).toBe(said?.out);
  });

  test.each([
    ['srve', /'srve': did you mean cryptcab serve\?/],
    ['conect', /did you mean cryptcab connect\?/],
    ['statsu', /did you mean cryptcab status\?/],
    ['comp', /did you mean cryptcab completion\?/],
    ['alice@host', /^use cryptcab connect \[USER@\]HOST\[:PORT\]$/],
    ['constructor', /^there is no command 'constructor' \(see cryptcab --help\)$/],
  ])('%s is answered with what is near', async (word, says) => {
    await expect(runCommand('cryptcab', [word])).rejects.toThrow(says);
    await expect(runCommand('cryptcab', [word])).rejects.toThrow(UsageError);
  });

  test('a second word is answered with what is near, or with all that there are', async () => {
    await expect(runCommand('cryptcab', ['peers', 'remov', 'x'])).rejects.toThrow(
      /^there is no such command of peers: did you mean cryptcab peers remove\?$/,
    );
    await expect(runCommand('cryptcab', ['vectors', 'xyzzy'])).rejects.toThrow(
      /^use cryptcab vectors verify .*, or cryptcab vectors make /,
    );
  });

  test('what may be a secret is not repeated', () => {
    for (const word of [KEY, 'user:hunter2@host', 'hunter2!'])
      expect(noCommand(word)).not.toMatch(/hunter2|AQEB/);
  });

  const others = (Object.keys(COMMANDS) as CommandName[]).filter(
    (name) => !['serve', 'connect'].includes(name),
  );
  test.each(others)('%s --help says what it does, and so does help', async (name) => {
    for (const option of ['--help', '-h']) {
      const asked = runCommand('cryptcab', [...name.split(' '), option]);
      await expect(asked).rejects.toBeInstanceOf(Answer);
      await expect(asked).rejects.toThrow(`Usage: cryptcab ${name}`);
    }
    expect(help(name.split(' '))).toContain(`Usage: cryptcab ${name}`);
    const [, ...lines] = help(name.split(' ')).split('\n');
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  test('help knows topics, and what is near to one', () => {
    expect(help(['environment'])).toContain('SCP_EXTRA_OPTIONS');
    for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2'])
      expect(help(['signals'])).toContain(name);
    expect(help(['options'])).toContain('--secure');
    expect(help(['vectors'])).toMatch(/Usage: cryptcab vectors verify[\s\S]*Usage: cryptcab vectors make/);
    expect(() => help(['enviroment'])).toThrow(/did you mean cryptcab help environment\?/);
    expect(() => help(['xyzzy'])).toThrow(/use cryptcab help for all of them/);
  });
});

test.each([
  ['up', ['up', 'down'], 'up'],
  ['dwon', ['up', 'down'], 'down'],
  ['ab', ['xy'], undefined],
  ['', ['up'], undefined],
  ['x'.repeat(25), ['x'.repeat(24)], undefined],
])('near to %j in %j is %j', (word, known, near) => {
  expect(nearWord(word, known)).toBe(near);
});
