import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Answer, parseOptions, type Settings, UsageError } from '../../../src/cli/options.js';

const parse = (...argv: string[]) => parseOptions('cable', '9.8.7', argv);

/** What makes a command line none. */
function fault(...argv: string[]): Error {
  try {
    parse(...argv);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`taken for good: ${argv.join(' ')}`);
}

const NONE: Settings = {
  socket: '/tmp/vde.ctl',
  port: 7667,
  bind: undefined,
  connect: undefined,
  endpoint: undefined,
  keyFile: undefined,
  keyDirectory: undefined,
  plain: false,
  cipher: 'auto',
  keepalive: false,
  io: 'auto',
  threads: undefined,
  broadcastLimit: undefined,
  peerDefaults: undefined,
  daemon: false,
  now: false,
  user: undefined,
  hooks: { up: undefined, down: undefined },
  pidFile: undefined,
  logFile: undefined,
  metrics: undefined,
  web: undefined,
  secure: undefined,
  classic: true,
  classicUnasked: true,
  verbosity: 0,
};
const HOST = { user: undefined, host: 'h', port: 7667 };

describe('options', () => {
  test.each<[string, Partial<Settings>]>([
    ['', {}],
    ['-s /run/switch', { socket: '/run/switch' }],
    ['-s/run/switch', { socket: '/run/switch' }],
    ['--sock /run/switch', { socket: '/run/switch' }],
    ['--sock=/run/switch', { socket: '/run/switch' }],
    ['--vdesock /run/switch', { socket: '/run/switch' }],
    ['--vdesock=/run/switch', { socket: '/run/switch' }],
    ['--unix /run/switch', { socket: '/run/switch' }],
    ['--unix=/run/switch', { socket: '/run/switch' }],
    ['-p 8000', { port: 8000 }],
    ['-p8000', { port: 8000 }],
    ['--localport 8000', { port: 8000 }],
    ['--localport=8000', { port: 8000 }],
    ['-p 1', { port: 1 }],
    ['-p 65535', { port: 65535 }],
    ['-c h', { connect: HOST }],
    ['-ch', { connect: HOST }],
    ['--connect h', { connect: HOST }],
    ['--connect=h', { connect: HOST }],
    ['-c h --endpoint g:9000', { connect: HOST, endpoint: { host: 'g', port: 9000 } }],
    ['-c h --endpoint=[fd00::1]:9000', { connect: HOST, endpoint: { host: 'fd00::1', port: 9000 } }],
    [
      '-c h -x --endpoint 10.0.0.1:1',
      { connect: HOST, plain: true, endpoint: { host: '10.0.0.1', port: 1 } },
    ],
    ['-c h -p 0', { connect: HOST, port: 0 }],
    ['-P key', { keyFile: 'key' }],
    ['-Pkey', { keyFile: 'key' }],
    ['--preshared key', { keyFile: 'key' }],
    ['--preshared=key', { keyFile: 'key' }],
    ['-x', { plain: true }],
    ['--noencrypt', { plain: true }],
    ['-c h -k', { connect: HOST, keepalive: true }],
    ['--keepalive -c h', { connect: HOST, keepalive: true }],
    ['-d', { daemon: true }],
    ['--daemon', { daemon: true }],
    ['--pidfile /run/pid', { pidFile: '/run/pid' }],
    ['--log-file /var/log/cable', { logFile: '/var/log/cable' }],
    ['--metrics 127.0.0.1:9667', { metrics: { host: '127.0.0.1', port: 9667 } }],
    ['--metrics [::1]:9667', { metrics: { host: '::1', port: 9667 } }],
    ['--metrics unix:/run/x', { metrics: { path: '/run/x' } }],
    [
      '-s /s -p 1 -c h -P k -k -d -v',
      { socket: '/s', port: 1, connect: HOST, keyFile: 'k', keepalive: true, daemon: true, verbosity: 1 },
    ],
    ['-kxdvc h', { connect: HOST, keepalive: true, plain: true, daemon: true, verbosity: 1 }],
  ])('%s', (line, settings) => {
    expect(parse(...line.split(' ').filter(Boolean))).toEqual({ ...NONE, ...settings });
  });

  test.each([
    ['-s /a --vdesock /b', '/b'],
    ['--vdesock /b -s /a', '/a'],
    ['-s /a --unix /b --vdesock /c', '/c'],
    ['--vdesock /c --unix /b', '/b'],
    ['--unix /b --sock /a', '/a'],
    ['-s /a -s /b', '/b'],
  ])('of %s the last counts', (line, socket) => {
    expect(parse(...line.split(' ')).socket).toBe(socket);
  });

  test.each<[string, number]>([
    ['-v', 1],
    ['-vv', 2],
    ['-vvv', 3],
    ['-vvvv', 4],
    ['-vvvvv', 5],
    ['-v -v -v', 3],
    ['-vv -v', 3],
    ['--verbose', 1],
    ['--verbose --verbose', 2],
    ['--verbose=v', 1],
    ['--verbose=vvv', 3],
    ['--verbose=vvvv -v', 5],
    ['-kv -c h', 1],
    ['-vk -c h', 1],
    ['-kvvv -c h', 3],
    ['-vvdx', 2],
    ['-xv -dv', 2],
  ])('%s is verbose %d times', (line, verbosity) => {
    expect(parse(...line.split(' ')).verbosity).toBe(verbosity);
  });

  test('--verbose=vv is left alone where it is an argument', () => {
    expect(parse('-P', '--verbose=vv', '-v')).toMatchObject({ keyFile: '--verbose=vv', verbosity: 1 });
  });

  test('one parse leaves nothing for the next', () => {
    parse('-vvv', '-s', '/x', '-x');
    expect(parse()).toEqual(NONE);
  });

  test.each([
    ['switch', resolve('switch')],
    ['./switch', resolve('switch')],
    ['../switch', resolve('../switch')],
    ['/a/../switch', '/switch'],
    ['tap://tap0', 'tap://tap0'],
    ['vxvde://239.1.2.3', 'vxvde://239.1.2.3'],
    ['cmd://ssh host vde_plug', 'cmd://ssh host vde_plug'],
  ])('a switch at %s is one at %s', (path, socket) => {
    // A daemon changes its directory; a locator is not a path.
    expect(parse('-s', path).socket).toBe(socket);
  });

  test('the files that a daemon writes are found from where it was started', () => {
    expect(parse('--pidfile', 'pid', '--log-file', 'log')).toMatchObject({
      pidFile: resolve('pid'),
      logFile: resolve('log'),
    });
  });
});

describe('the keys of --secure', () => {
  const KEY = Buffer.alloc(32, 1).toString('base64');
  const path = 1452;

  test.each<[string, object]>([
    ['--secure -c h', { keyFile: undefined, peer: undefined }],
    ['--secure', { keyFile: undefined, peersFile: undefined }],
    ['--secure --key /k', { keyFile: '/k', peersFile: undefined }],
    ['--secure --key /k --peers /p', { keyFile: '/k', peersFile: '/p' }],
    [`--secure --key /k --peer ${KEY} -c h`, { keyFile: '/k', peer: new Uint8Array(32).fill(1) }],
  ])('%s', (line, settings) => {
    expect(parse(...line.split(' ')).secure).toEqual({ path, ...settings });
  });

  test.each([
    [`--secure -c h --peer ${KEY}`, /^--peer needs --key FILE/],
    ['--secure -c h --psk f', /^--psk needs --key FILE/],
    ['--secure -c h --key f', /^--key needs --peer PUBLIC-KEY/],
    ['--secure --peers f', /^--peers needs --key FILE/],
  ])('%s is refused', (line, says) => {
    expect(() => parse(...line.split(' '))).toThrow(says);
  });
});

describe('-c', () => {
  test.each<[string, string | undefined, string, number]>([
    ['host', undefined, 'host', 7667],
    ['host.example.org', undefined, 'host.example.org', 7667],
    ['host:99', undefined, 'host', 99],
    ['host:65535', undefined, 'host', 65535],
    ['user@host', 'user', 'host', 7667],
    ['user@host:99', 'user', 'host', 99],
    ['me@example.org@host', 'me@example.org', 'host', 7667], // ssh takes the last @ as well
    ['192.0.2.1', undefined, '192.0.2.1', 7667],
    ['192.0.2.1:99', undefined, '192.0.2.1', 99],
    ['2001:db8::1', undefined, '2001:db8::1', 7667],
    ['::1', undefined, '::1', 7667],
    ['fe80::1%eth0', undefined, 'fe80::1%eth0', 7667],
    ['user@2001:db8::1', 'user', '2001:db8::1', 7667],
    ['[2001:db8::1]', undefined, '2001:db8::1', 7667],
    ['[2001:db8::1]:99', undefined, '2001:db8::1', 99],
    ['user@[2001:db8::1]', 'user', '2001:db8::1', 7667],
    ['user@[2001:db8::1]:99', 'user', '2001:db8::1', 99],
    ['[192.0.2.1]:99', undefined, '192.0.2.1', 99],
  ])('%s', (text, user, host, port) => {
    const portNamed = /:(99|65535)$/.test(text) || undefined;
    expect(parse('-c', text).connect).toEqual({ user, host, port, portNamed });
  });

  test.each([
    '',
    ' ',
    '@',
    '@host',
    'user@',
    ':99',
    'host:',
    'host:0',
    'host:65536',
    'host:99999999',
    'host:-1',
    'host:1e3',
    'host:0x10',
    'host:9 9',
    'host: 99',
    'host name',
    'host\n',
    'us er@host',
    '-oProxyCommand=x',
    '-host',
    '-user@host',
    'user@-host',
    '[::1',
    '::1]',
    '[::1]x',
    '[::1]99',
    '[::1]:',
    '[::1]:0',
    '[]',
    '[]:99',
    '[[::1]]',
    'user@[-oX]:1',
  ])('%j is refused', (text) => {
    const error = fault('-c', text);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/^-c .*[^.]$/);
  });
});

describe('what is no command line', () => {
  // The whole message: one line, which says what to do.
  test.each([
    ['-p', "option '-p, --localport <port>' argument missing (see cable --help)"],
    ['--endpoint h:1', '--endpoint is for clients: name the server with -c, or leave --endpoint out'],
    [
      '-c h -P k --endpoint g:1',
      '--endpoint and -P exclude each other: it is for keys that go by ssh; where they do not, give -c HOST:PORT alone',
    ],
    [
      '-c h --endpoint g',
      "--endpoint 'g' is not HOST:PORT: give both; an IPv6 address is written [address]:port",
    ],
    [
      '-c h --endpoint u@g:1',
      "--endpoint 'u@g:1' is not HOST:PORT: give both; an IPv6 address is written [address]:port",
    ],
    [
      '-c h --endpoint fd00::1',
      "--endpoint 'fd00::1' is not HOST:PORT: give both; an IPv6 address is written [address]:port",
    ],
    ['-c h --endpoint g:0', "--endpoint port 0 is not a UDP port: give the server's UDP port"],
    ['-c h --endpoint g:99999', "--endpoint '99999' is not a UDP port: give a number from 1 to 65535"],
    ['-p x', "-p 'x' is not a UDP port: give a number from 1 to 65535"],
    ['-p 65536', "-p '65536' is not a UDP port: give a number from 1 to 65535"],
    ['-p -1', "-p '-1' is not a UDP port: give a number from 1 to 65535"],
    ['-p 1.5', "-p '1.5' is not a UDP port: give a number from 1 to 65535"],
    ['-p 0', 'a server needs a port that its clients know: give -p a number from 1 to 65535'],
    ['-c h:x', "-c 'x' is not a UDP port: give a number from 1 to 65535"],
    ['-c h:', "-c 'h:' ends with a colon: give a UDP port from 1 to 65535 after it, or leave the colon out"],
    ['-c h:0', "-c port 0 is not a UDP port: give the server's UDP port"],
    ['-c @h', "-c '@h' is not [user@]host[:port]: an IPv6 address with a port is written [address]:port"],
    ['-k', '-k is for clients: name the server with -c, or leave -k out'],
    ['-P key -x', '-P and -x exclude each other: encrypt with that key, or not at all'],
    ['-x -P key', '-P and -x exclude each other: encrypt with that key, or not at all'],
    ['-c h -xP key', '-P and -x exclude each other: encrypt with that key, or not at all'],
    [
      '-c h:1:2',
      "-c 'h:1:2' is not [user@]host[:port]: an IPv6 address with a port is written [address]:port",
    ],
    [
      '--cipher chacha20',
      '--cipher is for clients: a server serves both; name the server with -c, or leave --cipher out',
    ],
    ['-c h -x --cipher chacha20', '--cipher and -x exclude each other: encrypt, or do not'],
    ['-c h --threads 2', '--threads and -c exclude each other: a client has one peer, and one thread for it'],
    ['--threads 2 --io portable', '--threads and --io portable exclude each other: that path has one thread'],
    [
      '-c h --broadcast-limit 5',
      '--broadcast-limit and -c exclude each other: it is for servers, where one client could burden the others',
    ],
    ...['0', '0/s', '-1', '1.5', '10/m', 'ten', '10000000', ''].map((text): [string, string] => [
      `--broadcast-limit=${text}`,
      `--broadcast-limit '${text}' is not a number of frames a second: give 1/s to 9999999/s`,
    ]),
    ['--threads 0', "--threads '0' is not a number of I/O threads from 1 to 64"],
    ['--threads 65', "--threads '65' is not a number of I/O threads from 1 to 64"],
    ['--threads two', "--threads 'two' is not a number of I/O threads from 1 to 64"],
    ['-c h --cipher des', "--cipher 'des' is not known: give auto or blowfish or chacha20"],
    ['--preshared=', '-P is empty: name the key file'],
    ['--pidfile=', '--pidfile is empty: name the file to write'],
    ['--log-file=', '--log-file is empty: name the file to write'],
    ['--sock=', '-s is empty: name the switch to plug into'],
    ['--unix=', '-s is empty: name the switch to plug into'],
    ['host', 'too many arguments: everything is an option (see cable --help)'],
    ['-- host', 'too many arguments: everything is an option (see cable --help)'],
    ['--verbose vvv', 'too many arguments: everything is an option (see cable --help)'],
    ['--nonsense', "unknown option '--nonsense' (see cable --help)"],
    ['-q', "unknown option '-q' (see cable --help)"],
    ['-kq', "unknown option '-q' (see cable --help)"],
    ['--socks /x', "unknown option '--socks' (Did you mean --sock?) (see cable --help)"],
    ['-P /k --log-file /k', '-P and --log-file name the same file: give each its own'],
    ['-P /k --log-file /x/../k', '-P and --log-file name the same file: give each its own'],
    ['--pidfile /p --log-file /p', '--log-file and --pidfile name the same file: give each its own'],
    ['--secure --key /k --keylog /k', '--key and --keylog name the same file: give each its own'],
    ['--verbose=w', "unknown option '--verbose=w' (Did you mean --verbose?) (see cable --help)"],
  ])('%s', (line, message) => {
    const error = fault(...line.split(' '));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(message);
  });

  test.each([
    '-s',
    '-c',
    '-P',
    '--sock',
    '--vdesock',
    '--unix',
    '--connect',
    '--preshared',
    '--pidfile',
    '--log-file',
  ])('%s without its argument', (option) => {
    const error = fault(option);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/^option '.*' argument missing \(see cable --help\)$/);
  });
});

describe('what is asked for', () => {
  test.each(['-h', '--help', '-v -h', '-p 1 --help -x'])('%s: the usage', (line) => {
    const answer = fault(...line.split(' '));
    expect(answer).toBeInstanceOf(Answer);
    expect(answer.message).toMatch(/^Usage: cable \[/);
    for (const option of [
      '-s, --sock',
      '-p, --localport',
      '-c, --connect',
      '-P, --preshared',
      '-x, --noencrypt',
      '-k, --keepalive',
      '-d, --daemon',
      '-v, --verbose',
      '-h, --help',
      '--version',
      '--pidfile',
      '--log-file',
      'SCP_EXTRA_OPTIONS',
    ]) {
      expect(answer.message).toContain(option);
    }
  });

  test('--version: the version', () => {
    const answer = fault('--version');
    expect(answer).toBeInstanceOf(Answer);
    expect(answer.message).toBe('9.8.7\n');
  });

  test.each(['--version -v', '-v --version', '-vvv --version', '--verbose=v --version'])(
    '%s: and more of it',
    (line) => {
      const details = () => ['runtime: r', 'core: c'];
      expect(() => parseOptions('cable', '9.8.7', line.split(' '), details)).toThrow(
        new Answer('9.8.7\nruntime: r\ncore: c\n'),
      );
    },
  );
});

describe('a password', () => {
  test.each([
    ['-c', 'user:hunter2@host'],
    ['-c', 'user:hunter2@host:7667'],
    ['-c', ':hunter2@[::1]:1'],
    ['-c', 'user:p@hunter2@host'],
    ['-c', 'ssh://user:hunter2@host'],
    ['-c', 'user:hunter2 hunter2\nhunter2@'],
    ['-c', '-user:hunter2@host'],
    ['--connect=user:hunter2@host'],
    ['--endpoint', 'user:hunter2@host:1', '-c', 'host'],
    ['--conect=user:hunter2@host'],
    ['user:hunter2@host'],
  ])('is refused, and not repeated: %s %s', (...argv) => {
    for (const name of ['cryptcab', 'vde_cryptcab']) {
      const get = () => parseOptions(name, '9.8.7', argv);
      expect(get).toThrow(UsageError);
      expect(get).not.toThrow(/hunter2|\n/);
    }
  });

  test('is named as such', () => {
    expect(fault('-c', 'u:p@h').message).toMatch(
      /^-c has a password in it, .*: give \[user@\]host\[:port\] alone/,
    );
  });
});

describe('--key-dir', () => {
  const settings = (line: string) => parse(...line.split(' ')) as Settings;
  test('is of this machine for a server, and of the other one for a client', () => {
    expect(settings('--key-dir keys').keyDirectory).toBe(join(process.cwd(), 'keys'));
    expect(settings('--key-dir keys -c host').keyDirectory).toBe('keys');
    expect(settings('--key-dir /srv/keys --secure').keyDirectory).toBe('/srv/keys');
    expect(settings('-c host').keyDirectory).toBeUndefined();
  });

  test.each([
    ['--key-dir x -P file', /^--key-dir and -P exclude each other: .* by scp$/],
    ['--key-dir x -x', /^--key-dir and -x exclude each other: .* by scp$/],
    ['--key-dir x --secure --no-classic', /^--no-classic and --key-dir exclude each other/],
    ['--key-dir x --secure -c host', /^--secure and --key-dir exclude each other/],
    ['--key-dir $(x) -c host', /^--key-dir of a client names a directory there/],
    ['--key-dir= -c host', /^--key-dir is empty/],
  ])('%s is refused', (line, says) => {
    expect(() => settings(line)).toThrow(says);
  });
});
