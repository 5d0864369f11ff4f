// The words of commands beside the cable's own.
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/cli/usage.js';
import { commandNamed, readWords } from '../../../src/cli/words.js';
import type { CommandName } from '../../../src/options/commands.js';

describe('a command', () => {
  test.each([
    [['status'], { command: 'status', words: 1 }],
    [['status', '--json'], { command: 'status', words: 1 }],
    [['peers', undefined], { command: 'peers list', words: 1 }],
    [['peers', '--json'], { command: 'peers list', words: 1 }],
    [['peers', 'add'], { command: 'peers add', words: 2 }],
    [['enrol'], { command: 'enroll', words: 1 }],
    [['vectors', 'verify', 'x'], { command: 'vectors verify', words: 2 }],
    [[], undefined],
    [['-v'], undefined],
    [['verify'], undefined],
    [['constructor'], undefined],
  ])('%j', ([first, second], named) => {
    expect(commandNamed(first, second)).toEqual(named);
  });

  test.each([[undefined], ['check'], ['-v']])('of two words wants a second one, and %s is none', (second) => {
    expect(() => commandNamed('vectors', second)).toThrow(
      new UsageError(
        'use cryptcab vectors verify [--strict] [FILE...], or cryptcab vectors make [--seed N] [--out DIRECTORY]',
      ),
    );
  });
});

describe('what follows it', () => {
  test.each<[CommandName, string[], object, string[]]>([
    ['status', [], {}, []],
    ['status', ['7667', '--json'], { json: true }, ['7667']],
    ['peers rename', ['--end', '7667', 'a', 'b'], { end: '7667' }, ['a', 'b']],
    ['ping', ['-c', '3', 'alice'], { count: 3 }, ['alice']],
    ['ping', ['--count=3', 'alice'], { count: 3 }, ['alice']],
    ['enroll', ['--port=7'], { port: 7 }, []],
    ['vectors verify', ['a', '--strict', '--', '-b'], { strict: true }, ['a', '-b']],
    ['vectors make', ['--seed', '9007199254740991', '--out=x'], { seed: 2 ** 53 - 1, out: 'x' }, []],
    ['completion', ['zsh'], {}, ['zsh']],
    ['invite', ['alice', '--for', '30m', '--uses=20'], { for: 1_800, uses: 20 }, ['alice']],
    [
      'invite',
      ['phone', '--wireguard', '--network', '10.0.0.0/24', '--default-route'],
      { wireguard: true, network: '10.0.0.0/24', 'default-route': true },
      ['phone'],
    ],
    ['invite', ['a', '--for', '7d', '--cancel'], { for: 604_800, cancel: true }, ['a']],
    [
      'invite',
      ['a', '--at', 'lab.example.org,203.0.113.5:7000,[2001:db8::1]:1,2001:db8::2'],
      {
        at: [
          { host: 'lab.example.org', port: undefined },
          { host: '203.0.113.5', port: 7000 },
          { host: '2001:db8::1', port: 1 },
          { host: '2001:db8::2', port: undefined },
        ],
      },
      ['a'],
    ],
  ])('%s %j', (name, args, options, operands) => {
    expect(readWords(name, args)).toEqual({ options, operands });
  });

  test.each<[CommandName, string[], string | RegExp]>([
    [
      'enroll',
      ['--prt', '7'],
      'enroll takes --port and --name, and no --prt: use cryptcab enroll [--port PORT] [--name NAME]',
    ],
    ['enroll', ['7'], 'enroll takes --port and --name: use cryptcab enroll [--port PORT] [--name NAME]'],
    ['enroll', ['--port', 'x'], "--port 'x' is not a UDP port: give a number from 1 to 65535"],
    [
      'status',
      ['a', 'b'],
      'status takes --json and --watch and the name of one end: use cryptcab status [--json] [--watch] [NAME]',
    ],
    [
      'peers rename',
      ['a'],
      'peers rename takes --end and a peer and its new name: use cryptcab peers rename [--end NAME] PEER NAME',
    ],
    [
      'peers remove',
      [],
      'peers remove needs a peer: its name, its public key or the beginning of it, the login that it enrolled by, or the address of a classic client: use cryptcab peers remove PEER (cryptcab peers remove --help lists its options)',
    ],
    ['keygen', ['x'], 'keygen takes no arguments: use cryptcab keygen'],
    ['completion', [], 'completion takes bash or zsh or fish: use cryptcab completion SHELL'],
    ['completion', ['tcsh'], 'completion takes bash or zsh or fish: use cryptcab completion SHELL'],
    ['completion', ['bash', 'zsh'], 'completion takes bash or zsh or fish: use cryptcab completion SHELL'],
    ...['1', '59s', '366d', '1w', '-1h', '1h30m'].map((text): [CommandName, string[], string] => [
      'invite',
      ['a', `--for=${text}`],
      `--for '${text}' is not a time from 1m to 365d: give it as 30m, 1h or 7d`,
    ]),
    ...['u@h', 'fe80::1%eth0', '', 'h:x', 'a b'].map((text): [CommandName, string[], RegExp] => [
      'invite',
      ['a', `--at=h,${text}`],
      /^--at '.*' is not (HOST\[:PORT\]|a UDP port): /,
    ]),
    ['invite', ['a', '--at', 'a,b,c,d,e,f,g,h,i'], '--at names 9 places: name 8 at most'],
    ['vectors make', ['--out', ''], '--out is empty: name the directory to write to'],
  ])('%s %j is refused', (name, args, says) => {
    expect(() => readWords(name, args)).toThrow(says instanceof RegExp ? says : new UsageError(says));
  });
});
