// The file of a cable: its keys are the long options.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { nameChanges } from '../../../src/cli/changes.js';
import { fileOf, keysOf, readConfiguration, settingsIn } from '../../../src/cli/configuration.js';
import { rows, speak } from '../../../src/cli/names.js';
import { parseOptions, type Settings, UsageError } from '../../../src/cli/options.js';
import { optionsOf } from '../../../src/options/spellings.js';
import { quiet } from '../../support/quiet.js';

afterEach(() => speak('options'));

const KEY = Buffer.alloc(32, 1).toString('base64');
const FILE = '/etc/cryptcab/lab.toml';

function fault(text: string): string {
  try {
    settingsIn(text, FILE);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).not.toMatch(/\n/);
    return (error as Error).message;
  }
  throw new Error(`taken for good: ${text}`);
}

describe('what a file asks for is what the same options do', () => {
  const same = (text: string, line: string) => {
    const words = line.split(' ');
    const settings: Settings = settingsIn(text, FILE);
    expect(settings).toEqual(parseOptions('cryptcab', '0', words));
  };

  test('a server', () => {
    same('', 'serve');
    same('on = "/s"\nlocalport = 8000\nbind = "127.0.0.1"', 'serve -s /s -p 8000 --bind 127.0.0.1');
    same('key = "server.key"\npeers = "/p"', 'serve --key /etc/cryptcab/server.key --peers /p');
    same('classic = true\npreshared = "k"\nverbose = 2', 'serve --classic -P k -vv'.replace('-P k', '-P k'));
    same(
      'forget-after = 3\nbroadcast-limit = "20/s"\nthreads = "2"',
      'serve --forget-after 3 --broadcast-limit 20/s --threads 2',
    );
    same('on = "tap://tap%d"\nquiet = true\nclassic = false', 'serve -s tap://tap%d -q');
  });

  test('a client', () => {
    same('connect = "alice@h:9"\non = "../s"', 'connect alice@h:9 -s /etc/s');
    same(
      `connect = "h"\nkey = "/k"\npeer = "${KEY}"\nkeepalive = true`,
      `connect h --key /k --peer ${KEY} -k`,
    );
    same(
      'connect = "h"\nclassic = true\ncipher = "chacha20"\nuser = "nobody"',
      'connect h --classic --cipher chacha20 --user nobody',
    );
  });

  test('each long option of both is a key, but for what starts the program', () => {
    const without = new Set(['help', 'version', 'daemon']);
    for (const spelling of ['serve', 'connect'] as const) {
      const wanted = [...optionsOf(spelling, rows).filter((key) => !without.has(key)), 'host'];
      expect([...new Set(keysOf(spelling).values())].sort()).toEqual(wanted.sort());
    }
  });
});

describe('what is wrong is named with its line, its key and the word that is near', () => {
  test.each([
    ['\n# x\nonn = "x"', `${FILE}, line 3: 'onn' is no key: did you mean 'on'?`],
    ['forgetafter = 3', `${FILE}, line 1: 'forgetafter' is no key: did you mean 'forget-after'?`],
    ['on = "a"\n[cable]\nx = 1', `${FILE}, line 2: 'cable' is no key: see man cryptcab.toml`],
    ['on = 3', `${FILE}, line 1: 'on' is a text: write on = "PATH"`],
    ['on = ""', `${FILE}, line 1: 'on' is empty: name the switch to plug into`],
    [
      'on="a"\nlocalport = "x"',
      `${FILE}, line 2: 'localport' 'x' is not a UDP port: give a number from 1 to 65535`,
    ],
    ['classic = "yes"', `${FILE}, line 1: 'classic' is true or false`],
    ['verbose = 9', `${FILE}, line 1: 'verbose' is a number from 0 to 4, how many v that are`],
    ['io = "nativ"', `${FILE}, line 1: 'io' 'nativ' is not known: give auto or portable or native`],
    ['secure = true', `${FILE}, line 1: 'secure' is the default: a cable is secure without classic = true`],
    ['port = 2800', `${FILE}, line 1: 'port' is no key: use 'localport'`],
    [
      'connect = "a"\nport = 2800',
      `${FILE}, line 2: 'port' is no key: write the server's port behind its name, HOST:PORT; 'localport' is the local one`,
    ],
    ['daemon = true', `${FILE}, line 1: 'daemon' is no key: see man cryptcab.toml`],
    ['peer = "x"', `${FILE}, line 1: 'peer' is for clients: add connect = "HOST", or leave it out`],
    ['connect = "h"\npeers = "x"', `${FILE}, line 2: 'peers' is for servers: leave it or 'connect' out`],
    [
      'on = "a"\npreshared = "f"',
      `${FILE}, line 2: 'preshared' is for the classic protocol: add classic = true, or leave 'preshared' out`,
    ],
    [
      'peers = "f"',
      `${FILE}, line 1: 'peers' needs key = "FILE": the private key of this end, whose public key those peers have`,
    ],
    [
      'verbose = 1\nquiet = true',
      `${FILE}, line 2: 'quiet' and 'verbose' exclude each other: it is less to read, or more`,
    ],
    ['on = "a"\non = "b"', /^\S+ line 2: .*redefine/],
    ['on = ', /^\S+ line 1: /],
    ['[a', /^\S+ line 1: /],
  ])('%j', (text, says) => {
    const message = fault(text);
    if (typeof says === 'string') expect(message).toBe(says);
    else expect(message).toMatch(says);
  });

  test.each([
    `key = "${KEY}"`,
    `key ${KEY}`,
    `"${KEY}" = 1`,
    `on = "vde://${KEY}"`,
    `io = "${KEY}"`,
    `localport = "${KEY}"`,
    `peer = "${KEY}x"\nconnect = "h"`,
    'connect = "u:hunter2@h"',
    `x = """\n${KEY}\n""" y`,
  ])('nothing that may be a secret is repeated: %j', (text) => {
    expect(fault(text)).not.toMatch(/AQEBAQEB|hunter2/);
  });
});

describe('its place', () => {
  test.each([
    ['lab', {}, '/etc/cryptcab/lab.toml'],
    ['lab', { CRYPTCAB_CONFIG_DIR: '/tmp/x' }, '/tmp/x/lab.toml'],
    ['lab', { CRYPTCAB_CONFIG_DIR: '' }, '/etc/cryptcab/lab.toml'],
    ['/a/lab.toml', {}, '/a/lab.toml'],
    ['./lab.toml', {}, `${process.cwd()}/lab.toml`],
  ])('%s, %j', (word, env, file) => {
    expect(fileOf(word, env)).toEqual({ name: 'lab', file });
  });

  test.each(['a b', '', '-x', '..', 'x'.repeat(81)])('%j is no name', (word) => {
    expect(() => fileOf(word, {})).toThrow(/^a cable is called by letters/);
  });

  test('read again, what has changed is named, and a fault is; what is as it was is not', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-toml-'));
    try {
      const file = join(directory, 'lab.toml');
      writeFileSync(file, 'on = "/s"\nlocalport = 7000\nuser = "nobody"\n');
      const configured = readConfiguration(file);
      const said: string[] = [];
      const log = { ...quiet, warn: (_: object, line: string) => void said.push(line) };
      const again = (text: string, right = true) => {
        writeFileSync(file, text);
        expect(nameChanges(configured, log)).toBe(right);
        return said.splice(0);
      };
      expect(again('# the same, in another way\nuser = "nobody"\non = "/s"\nlocalport = 7_000\n')).toEqual(
        [],
      );
      expect(again('on = "/t"\nlocalport = 7000\npeers = "peers"\nkey = "key"\n')).toEqual([
        "changed in the file: 'on', 'user', 'peers', 'key'; restart this end to use what it says now",
      ]);
      expect(again('on = "/s"\nprt = 1\n', false)).toEqual([
        expect.stringMatching(/^the settings stay as they are: \S+lab\.toml, line 2: 'prt' is no key/),
      ]);
      rmSync(file);
      expect(nameChanges(configured, log)).toBe(false);
      expect(said).toEqual([expect.stringMatching(/^the settings stay as they are: there is no file /)]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('a file that is not there is named; paths are found from the directory of one that is', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-toml-'));
    try {
      const file = join(directory, 'lab.toml');
      expect(() => readConfiguration(file)).toThrow(
        `there is no file ${file}: write it, see man cryptcab.toml`,
      );
      writeFileSync(file, 'on = "switch"\nlog-file = "log"\nstate = "state"');
      expect(readConfiguration(file)).toMatchObject({
        name: 'lab',
        settings: {
          socket: join(directory, 'switch'),
          logFile: join(directory, 'log'),
          secure: { state: join(directory, 'state') },
        },
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
