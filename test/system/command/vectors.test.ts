// `cryptcab vectors`, and the oracle that confirms them without cryptcab.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cryptcab } from '../../../lab/lab.js';
import { temporaryDirectory } from '../../../lab/temporary.js';
import { DIRECTORY, manifest, ours } from '../../quick/vectors/files.js';

let directory: string;

beforeAll(() => {
  directory = temporaryDirectory('cryptcab-lab-vectors');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function spawned(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Ran {
  const [program, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program as string, args, {
    cwd: directory,
    env,
    encoding: 'utf8',
    timeout: 80_000,
    maxBuffer: 2 ** 26,
  });
  if (error) throw error; // a program that is missing is named here
  return { status, out: stdout, err: stderr };
}

const run = (...args: string[]) => spawned([...cryptcab, ...args]);

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const textOf = (name: string) => readFileSync(join(DIRECTORY, name), 'utf8');

/** Blowfish-ECB with a digit of its first ciphertext changed. */
function spoiled(): string {
  const text = textOf('blowfish-ecb.json');
  const [, digit] = /"ct":"(.)/.exec(text) as RegExpExecArray;
  return text.replace(/"ct":"./, `"ct":"${digit === '0' ? '1' : '0'}`);
}

describe('vectors verify', () => {
  test('checks all that the package has, and prints a table', () => {
    const { status, out, err } = run('vectors', 'verify');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const [head, ...lines] = out.trim().split('\n');
    expect(head).toMatch(/^file +type +group +passed +failed +skipped$/);
    expect(lines.at(-1)).toMatch(/^1\d\d\d passed, 0 failed, 0 skipped, on Node\.js \d+\.\d+\.\d+$/);
    for (const { name } of ours) expect(out).toContain(`\n${name} `);
    expect(out).toMatch(/\nforeign\/capture-blowfish\.json +ClassicCaptureTest .* 41 +0 +0\n/);
  });

  test("checks a stranger's file: one of Wycheproof's", () => {
    const { status, out } = run(
      'vectors',
      'verify',
      join(DIRECTORY, 'foreign/wycheproof-chacha20-poly1305.json'),
    );
    expect(status).toBe(0);
    expect(out).toMatch(/AeadTest +293 +0 +0\n/);
    expect(out).toContain('\n300 passed, 0 failed, 0 skipped, on ');
  });

  test('names what fails, and has status 1', () => {
    const path = file('spoiled.json', spoiled());
    const { status, out, err } = run('vectors', 'verify', path);
    expect(status).toBe(1);
    expect(out).toMatch(/spoiled\.json +BlockCipherTest +blocks +59 +1 +0\n59 passed, 1 failed, 0 skipped/);
    expect(err).toMatch(
      /^cryptcab: \S+spoiled\.json: test 1 \(a key of 4 bytes\): the ciphertext is \w{16}, not \w{16}\n$/,
    );
  });

  test('says in one line each what is no file of vectors, and checks the others', () => {
    const none = file('none.json', '{"a":1}');
    const aes = {
      algorithm: 'AES-GCM',
      numberOfTests: 1,
      testGroups: [{ type: 'AeadTest', tests: [{ tcId: 1, comment: '', result: 'valid' }] }],
    };
    const names = [
      none,
      join(directory, 'missing.json'),
      directory,
      file('aes.json', aes),
      join(DIRECTORY, 'crc32.json'),
    ];
    const { status, out, err } = run('vectors', 'verify', ...names);
    expect(status).toBe(1);
    expect(out).toContain('\n80 passed, 0 failed, 0 skipped');
    expect(err.trim().split('\n')).toEqual([
      expect.stringMatching(/none\.json: no test vectors: there is no algorithm$/),
      expect.stringMatching(/cannot read \S+missing\.json: ENOENT/),
      expect.stringMatching(/cannot read .*: EISDIR/),
      expect.stringMatching(/aes\.json: nothing here can be tested by this program: AES-GCM, AeadTest$/),
    ]);
  });

  test('leaves the terminal alone, whatever stands in a file', () => {
    const text = spoiled().replace('"comment":"a key of 4 bytes"', '"comment":"\\u001b[31m\\n"');
    const { out, err } = run(
      'vectors',
      'verify',
      file('terminal.json', text.replace('"name": "blocks"', '"name": "\\u001b]0;x"')),
    );
    expect(`${out}${err}`).not.toContain('\u001b');
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('--strict: a group that is skipped is a failure', () => {
    const content = JSON.parse(textOf('crc32.json'));
    content.testGroups.push({ type: 'Other', tests: [{ tcId: 999, comment: '', result: 'valid' }] });
    content.numberOfTests += 1;
    const path = file('mixed.json', content);
    expect(run('vectors', 'verify', path)).toMatchObject({ status: 0, err: '' });
    for (const words of [
      ['--strict', path],
      [path, '--strict'],
    ]) {
      const { status, out, err } = run('vectors', 'verify', ...words);
      expect(status).toBe(1);
      expect(out).toContain('\n80 passed, 0 failed, 1 skipped');
      expect(err).toMatch(/^cryptcab: \S+mixed\.json: 1 skipped: this program has nothing for Other\n$/);
    }
    expect(run('vectors', 'verify', '--strict', join(DIRECTORY, 'crc32.json'))).toMatchObject({ status: 0 });
  });

  test('holds the files of the package against its manifests, and checks those that are right', () => {
    const root = join(DIRECTORY, '..');
    const copy = join(directory, 'package');
    for (const part of ['package.json', 'dist', 'vectors'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const again = () =>
      spawned(['node', join(copy, 'dist/command/main.js'), 'vectors', 'verify', '--strict']);
    const path = (name: string) => join(copy, 'vectors', name);
    expect(again()).toMatchObject({ status: 0, err: '' });

    rmSync(path('crc32.json'));
    writeFileSync(path('foreign/SHA256SUMS'), '');
    writeFileSync(path('more.json'), textOf('crc32.json'));
    const { status, out, err } = again();
    expect(status).toBe(1);
    expect(out).toContain('\nvdestream.json ');
    expect(out).not.toContain('more.json');
    expect(err.trim().split('\n')).toEqual([
      expect.stringMatching(/cannot read \S+\/crc32\.json: ENOENT.*: install the package again$/),
      expect.stringMatching(/SHA256SUMS does not name \S+\/more\.json: install the package again$/),
      expect.stringMatching(/foreign\/SHA256SUMS is empty: install the package again$/),
    ]);
  });
});

describe('vectors make', () => {
  test('makes the files of the package again, byte for byte', () => {
    const out = join(directory, 'made');
    const made = run('vectors', 'make', '--seed', '1', '--out', out);
    expect(made).toEqual({ status: 0, out: manifest('ours'), err: '' });
    for (const { name, text } of ours)
      expect(readFileSync(join(out, name), 'utf8') === text, name).toBe(true);
    expect(readFileSync(join(out, 'SHA256SUMS'), 'utf8')).toBe(manifest('ours'));
    expect(spawned(['sh', '-c', 'cd made && sha256sum --check --quiet SHA256SUMS'])).toEqual({
      status: 0,
      out: '',
      err: '',
    });
  });

  test('makes others, in the folder vectors, which hold as well', () => {
    expect(run('vectors', 'make', '--seed', '9007199254740991').status).toBe(0);
    const names = ours.map(({ name }) => join(directory, 'vectors', name));
    const { status, out } = run('vectors', 'verify', ...names);
    expect(status).toBe(0);
    expect(out).toContain(' 0 failed, 0 skipped');
    expect(readFileSync(names[0] as string, 'utf8')).toContain('--seed 9007199254740991');
  });

  test('says what it cannot write', () => {
    const { status, err } = run('vectors', 'make', '--out', join(file('plain', 'x'), 'below'));
    expect(status).toBe(1);
    expect(err).toMatch(/^cryptcab: cannot write to \S+below: ENOTDIR.*\n$/);
  });
});

test.each([
  [[], /use cryptcab vectors verify/],
  [['check'], /use cryptcab vectors verify/],
  [['verify', '--seed', '1'], /takes --strict and files, and no --seed/],
  [['make', 'x'], /takes --seed and --out/],
  [['make', '--seed'], /takes --seed and --out/],
  [['make', '--seed', '-1'], /takes --seed and --out/],
  [['make', '--seed', '1.5'], /--seed '1.5' is not a whole number from 0 /],
  [['make', '--seed', '9007199254740992'], /is not a whole number from 0 /],
  [['make', '--out', ''], /--out is empty/],
] as const)('vectors %j is refused', (args, says) => {
  const { status, out, err } = run('vectors', ...args);
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toMatch(says);
  expect(err.trim().split('\n')).toHaveLength(1);
});

test('--version -v says what it runs on; --version alone does not', () => {
  const { version } = JSON.parse(readFileSync(join(DIRECTORY, '../package.json'), 'utf8'));
  expect(run('--version')).toEqual({ status: 0, out: `${version}\n`, err: '' });
  for (const args of [
    ['--version', '-v'],
    ['-v', '--version'],
    ['--verbose', '--version'],
  ]) {
    const lines = run(...args).out.split('\n');
    expect(lines).toEqual([
      version,
      `runtime: Node.js ${process.versions.node}`,
      expect.stringMatching(/^core: SHA-256 [0-9a-f]{64}$/),
      '',
    ]);
  }
});

describe('the oracle', () => {
  const oracle = ['node', join(DIRECTORY, 'oracle/index.mjs')];

  test('confirms each value, and the captures of the C program', () => {
    const { status, out, err } = spawned(oracle);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const [versions, ...lines] = out.trim().split('\n');
    expect(versions).toMatch(/^OpenSSL \d+\.\d+\.\d+.* Python 3\.\d+\.\d+.*, zlib \d/);
    for (const { name, text } of ours)
      expect(lines).toContain(`${name}: ${JSON.parse(text).numberOfTests} confirmed, 0 not`);
    expect(lines).toHaveLength(ours.length + 3);
  });

  test.each([
    ['blowfish-ecb.json', 'ct', 'BlockCipherTest'],
    ['blowfish-cbc.json', 'ct', 'IndCpaTest'],
    ['crc32.json', 'crc', 'ChecksumTest'],
    ['classic-blowfish.json', 'datagram', 'ClassicDataTest'],
    ['classic-chacha20.json', 'datagram', 'ClassicResponseTest'],
    ['classic-plain.json', 'datagrams', 'ClassicHandshakeTest'],
    ['classic-traces.json', 'steps', 'ClassicClientTrace'],
    ['classic-traces.json', 'steps', 'ClassicServerTrace'],
    ['secure-transport.json', 'message', 'SecureTransportTest'],
    ['secure-transport.json', 'frames', 'SecurePayloadTest'],
    ['secure-transport.json', 'payloads', 'SecurePackingTest'],
    ['secure-handshake.json', 'response', 'SecureHandshakeTest'],
    ['secure-handshake.json', 'cookieReply', 'SecureCookieTest'],
    ['secure-traces.json', 'steps', 'SecureTrace'],
    ['secure-hosts.json', 'steps', 'SecureHostTrace'],
    ['secure-hosts.json', 'mac', 'SecureHostAddressTest'],
    ['vdestream.json', 'frames', 'VdestreamWriteTest'],
  ])('of %s does not confirm another %s of a %s', (name, field, type) => {
    const content = JSON.parse(textOf(name));
    const group = content.testGroups.find((one: { type: string }) => one.type === type);
    // Of the first valid test that has any, the last digit of its last long bytes becomes another one.
    const long = /"[0-9a-f]{8,}"(?!.*"[0-9a-f]{8,}")/;
    const found = group.tests.find(
      (one: Record<string, unknown>) => one.result === 'valid' && long.test(JSON.stringify(one[field] ?? '')),
    );
    const changed = JSON.stringify(found[field]).replace(
      long,
      (bytes) => `${bytes.slice(0, -2)}${bytes.at(-2) === '0' ? '1' : '0'}"`,
    );
    found[field] = JSON.parse(changed);
    const { status, out, err } = spawned([...oracle, file(name, content)]);
    expect(status).toBe(1);
    expect(out).toContain(' confirmed, 1 not');
    expect(err).toContain(`test ${found.tcId} `);
  });

  test('names the program that is missing', () => {
    const { status, err } = spawned([process.execPath, ...oracle.slice(1)], {
      ...process.env,
      PATH: directory,
    });
    expect(status).toBe(1);
    expect(err).toMatch(/^oracle: python3 is missing/);
  });
});
