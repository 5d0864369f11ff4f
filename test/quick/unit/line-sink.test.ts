// Where log lines go, and what becomes of them when that does not work: real files, pipes and devices.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LineSink, writesPending } from '../../../src/cli/log/line-sink.js';

let directory: string;
const sinks: LineSink[] = [];
const failures: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-sink-'));
  failures.length = 0;
});

afterEach(async () => {
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  rmSync(directory, { recursive: true });
});

function open(to: string | number): LineSink {
  const sink = new LineSink({
    to,
    lostLine: (lines, why) => `lost ${lines}: ${why.split(':')[0]}\n`,
    failing: (why) => failures.push(why),
  });
  sinks.push(sink);
  return sink;
}

const path = (name: string) => join(directory, name);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A pipe with a name, and its end to read from: opened without waiting for a writer. */
function pipe(): { name: string; reader: number } {
  const name = path('pipe');
  execFileSync('mkfifo', [name]);
  return { name, reader: openSync(name, constants.O_RDONLY | constants.O_NONBLOCK) };
}

/** All that a pipe holds now. */
function drain(reader: number): string {
  const bytes = Buffer.alloc(1 << 20);
  try {
    return bytes.subarray(0, readSync(reader, bytes)).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

test('lines stand in a file in their order, behind what was there; nobody else can write it', async () => {
  const umask = process.umask(0);
  try {
    const first = open(path('log'));
    for (let i = 0; i < 1_000; i++) first.write(`line ${i}\n`);
    await first.close();
    const second = open(path('log'));
    second.write('and another\n');
    await second.close();
  } finally {
    process.umask(umask);
  }
  const lines = readFileSync(path('log'), 'utf8').split('\n');
  expect(lines).toEqual([...Array.from({ length: 1_000 }, (_, i) => `line ${i}`), 'and another', '']);
  expect(statSync(path('log')).mode & 0o777).toBe(0o640);
});

test('a file that cannot be opened, and a pipe without a reader, are refused at once', () => {
  expect(() => open(path('none/log'))).toThrow(/ENOENT/);
  expect(() => open(directory)).toThrow(/EISDIR/);
  execFileSync('mkfifo', [path('pipe')]);
  expect(() => open(path('pipe'))).toThrow(/is a pipe that nobody reads/);
});

test('a full device costs lines, is said once, and the end does not wait for it', async () => {
  const sink = open('/dev/full');
  for (let i = 0; i < 100; i++) sink.write(`line ${i}\n`);
  await until(() => failures.length > 0);
  sink.write('one more\n');
  await sink.close();
  expect(failures).toEqual([expect.stringMatching(/^ENOSPC/)]);
  expect(writesPending()).toBe(false);
});

test('lines that were lost are counted, and said when it works again', async () => {
  // What a name stands for changes: a full device, then a file. As a disk that is full, then is not.
  const sink = open(path('log'));
  sink.write('good\n');
  await until(() => readFileSync(path('log'), 'utf8') !== '');
  renameSync(path('log'), path('old'));
  execFileSync('ln', ['-s', '/dev/full', path('log')]);
  sink.reopen();
  sink.write('one\n');
  await until(() => failures.length > 0);
  for (let i = 0; i < 7; i++) sink.write(`line ${i}\n`);
  rmSync(path('log'));
  sink.reopen(); // has it tried again at once
  await until(() => existsSync(path('log')) && readFileSync(path('log'), 'utf8').endsWith('line 6\n'));
  const lines = Array.from({ length: 7 }, (_, i) => `line ${i}\n`);
  expect(readFileSync(path('log'), 'utf8')).toBe(`lost 1: ENOSPC\n${lines.join('')}`);
  expect(readFileSync(path('old'), 'utf8')).toBe('good\n');
});

test('it is tried again by itself, also when nothing more is to be said', async () => {
  const { name, reader } = pipe();
  const sink = open(name);
  closeSync(reader);
  sink.write('lost\n');
  await until(() => failures.length > 0);
  expect(failures).toEqual([expect.stringMatching(/^EPIPE/)]);
  const again = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
  let read = '';
  await until(() => {
    read += drain(again);
    return read !== '';
  });
  expect(read).toBe('lost 1: EPIPE\n');
  closeSync(again);
});

test('a pipe that nobody reads holds nobody up; what found no room is counted', async () => {
  const { name, reader } = pipe();
  const sink = open(name);
  const line = `${'x'.repeat(99)}\n`;
  for (let i = 0; i < 10_000; i++) sink.write(line);
  sink.write('the last one\n');
  expect(failures).toHaveLength(1);
  let read = '';
  const got = () => read.match(/^(x{99}|the last one)$/gm)?.length ?? 0;
  const lost = () => Number(/^lost (\d+): nobody reads them$/m.exec(read)?.[1]);
  await until(() => {
    read += drain(reader);
    return got() + lost() === 10_001;
  });
  expect(got()).toBeGreaterThan(1_000);
  closeSync(reader);
});

// Deno's node:fs waits for the pipe. There it is standard error alone that holds nobody up, which test/system/command tries.
test.skipIf('Deno' in globalThis)(
  'a descriptor that blocks holds nobody up either, and is known to',
  async () => {
    const { name, reader } = pipe();
    const blocking = openSync(name, constants.O_WRONLY);
    const sink = open(blocking);
    for (let i = 0; i < 10_000; i++) sink.write(`${'x'.repeat(99)}\n`);
    await until(() => writesPending());
    const from = performance.now();
    await sink.close();
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(writesPending()).toBe(true); // so that the process has to leave without it
    await until(() => {
      drain(reader);
      return !writesPending();
    });
    closeSync(reader);
    closeSync(blocking);
  },
);

test('a log file that was removed is made anew', async () => {
  const sink = open(path('log'));
  sink.write('one\n');
  await until(() => readFileSync(path('log'), 'utf8') !== '');
  rmSync(path('log'));
  await until(() => {
    sink.write('two\n');
    return existsSync(path('log')) && readFileSync(path('log'), 'utf8') !== '';
  });
  expect(readFileSync(path('log'), 'utf8')).toMatch(/^(two\n)+$/);
});

test('one whose directory was removed loses lines until there is one again', async () => {
  mkdirSync(path('logs'));
  const sink = open(path('logs/log'));
  sink.write('one\n');
  await until(() => readFileSync(path('logs/log'), 'utf8') !== '');
  rmSync(path('logs'), { recursive: true });
  await until(() => {
    sink.write('two\n');
    return failures.length > 0;
  });
  expect(failures).toEqual([expect.stringMatching(/^ENOENT/)]);
  mkdirSync(path('logs'));
  await until(() => existsSync(path('logs/log')) && readFileSync(path('logs/log'), 'utf8') !== '');
  expect(readFileSync(path('logs/log'), 'utf8')).toMatch(/^lost \d+: ENOENT\n/);
});

test('a file that was moved away is written until it is opened anew', async () => {
  const sink = open(path('log'));
  renameSync(path('log'), path('log.1'));
  sink.write('one\n');
  await until(() => readFileSync(path('log.1'), 'utf8') === 'one\n');
  sink.reopen();
  sink.write('two\n');
  await until(() => existsSync(path('log')) && readFileSync(path('log'), 'utf8') === 'two\n');
  expect(readFileSync(path('log.1'), 'utf8')).toBe('one\n');
});
