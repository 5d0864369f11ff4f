// How the command vde_cryptcab spells its options, and how cryptcab does not: getopt_long_only(3).
import { describe, expect, test } from 'vitest';
import { parseOptions, type Settings, UsageError } from '../../../src/cli/options.js';

const parse = (name: string, line: string) => parseOptions(name, '9.8.7', line.split(' ').filter(Boolean));

const HOST = { user: undefined, host: 'h', port: 7667 };

function fault(name: string, line: string): Error {
  try {
    parse(name, line);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`taken for good: ${line}`);
}

describe('vde_cryptcab takes', () => {
  test.each<[string, Partial<Settings>]>([
    ['-sock /a', { socket: '/a' }],
    ['-sock=/a', { socket: '/a' }],
    ['-vdesock /a', { socket: '/a' }],
    ['-unix /a', { socket: '/a' }],
    ['-u /a', { socket: '/a' }],
    ['--so /a', { socket: '/a' }],
    ['-s=/a', { socket: '/a' }],
    ['-s/a', { socket: '/a' }],
    ['-connect h', { connect: HOST }],
    ['-con h', { connect: HOST }],
    ['--con=h', { connect: HOST }],
    ['--c h', { connect: HOST }],
    ['-localport 8000', { port: 8000 }],
    ['--lo 8000', { port: 8000 }],
    ['-l=8000', { port: 8000 }],
    ['-preshared /k', { keyFile: '/k' }],
    ['-pre=/k', { keyFile: '/k' }],
    ['--p /k', { keyFile: '/k' }],
    ['-p 8000', { port: 8000 }],
    ['-p8000', { port: 8000 }],
    ['-P/k', { keyFile: '/k' }],
    ['-noencrypt', { plain: true }],
    ['-n', { plain: true }],
    ['-daemon', { daemon: true }],
    ['--daem', { daemon: true }],
    ['-da', { daemon: true }],
    ['-dx', { daemon: true, plain: true }],
    ['-c h -kd', { connect: HOST, keepalive: true, daemon: true }],
    ['-kdc h', { connect: HOST, keepalive: true, daemon: true }],
    ['-keepalive -c h', { keepalive: true, connect: HOST }],
    ['-ke -ch', { keepalive: true, connect: HOST }],
    ['-v', { verbosity: 1 }],
    ['-vvv', { verbosity: 3 }],
    ['-verbose', { verbosity: 1 }],
    ['-verbose=vvv', { verbosity: 4 }], // as the C program counts
    ['--verb=vv -v', { verbosity: 4 }],
    ['--verbose --verbose', { verbosity: 2 }],
    ['-vdx', { plain: true, daemon: true, verbosity: 1 }],
    // What an option takes is no option.
    ['-P -sock', { keyFile: '-sock' }],
    ['-dP -sock', { keyFile: '-sock', daemon: true }],
    // New ones, whose beginnings mean the old ones first.
    ['-log-file /l', { logFile: '/l' }],
    ['-pid=/p', { pidFile: '/p' }],
    ['-io portable', { io: 'portable' }],
    ['-ciph chacha20 -c h', { cipher: 'chacha20', connect: HOST }],
  ])('%s', (line, settings) => {
    const expected = { ...parse('vde_cryptcab', ''), ...settings };
    expect(parse('vde_cryptcab', line)).toEqual(expected);
  });

  test.each([
    ['--v', /^--v is ambiguous: use --vdesock or --verbose$/],
    ['-ve=q', /^--verbose takes no argument but v, as in --verbose=vvv$/],
    ['--verbose=3', /^--verbose takes no argument but v, as in --verbose=vvv$/],
    ['-da=3', /^--daemon takes no argument/],
    ['-vd', /argument missing/],
    ['-di', /unknown option '-i'/],
    ['-zz', /unknown option '-zz'/],
    ['--foo', /unknown option '--foo'/],
    ['-sock', /--sock.* argument missing/],
    ['-p', /argument missing/],
    ['-connect', /argument missing/],
  ])('but not %s', (line, says) => {
    const error = fault('vde_cryptcab', line);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain('\n');
  });
});

test.each(['-help', '-he', '--hel', '-h'])('vde_cryptcab answers %s', (line) => {
  expect(fault('vde_cryptcab', line).message).toMatch(/^Usage: vde_cryptcab/);
});

describe('cryptcab', () => {
  test.each([
    ['-sock /a', /too many arguments/],
    ['--so /a', /unknown option '--so'/],
    ['--daem', /unknown option '--daem'/],
    ['-connect h', /^-c 'onnect' is not|too many arguments/],
    ['--verbose=q', /unknown option '--verbose=q'/],
  ])('does not take %s', (line, says) => {
    expect(fault('cryptcab', line).message).toMatch(says);
  });

  test('takes --verbose=vvv and what is attached, as ever', () => {
    expect(parse('cryptcab', '--verbose=vvv -s/a -kdch')).toMatchObject({
      verbosity: 3,
      socket: '/a',
      keepalive: true,
      connect: HOST,
    });
  });
});
