// The pid file: of one running instance, and nobody else's.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPidFile, writePidFile } from '../../../src/cli/run/pid-file.js';
import type { HeldFile } from '../../../src/held-file.js';

let directory: string;
let path: string;
const files: HeldFile[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-pid-'));
  path = join(directory, 'pid');
});

afterEach(() => {
  for (const file of files.splice(0)) file.remove();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

function write(): HeldFile {
  const file = writePidFile(path);
  files.push(file);
  return file;
}

/** A program that runs, and may hold the pid file open. */
function sleeper(holds: boolean): number {
  const command = holds ? `exec 3<"$0"; exec sleep 60` : 'exec sleep 60';
  const child = spawn('sh', ['-c', command, path], { stdio: ['ignore', 'ignore', 'ignore'] });
  children.push(child);
  return child.pid as number;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether a sleeper has come as far as to sleep. */
const asleep = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep');

test('holds the process id, whole, for all to read and none to write; nothing else is left', () => {
  const umask = process.umask(0);
  try {
    write();
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(directory)).toEqual(['pid']);
  files.pop()?.remove();
  expect(readdirSync(directory)).toEqual([]);
});

test('of a process that is gone, of no process, and of one that has the number by chance, is replaced', async () => {
  const gone = spawn('true');
  await new Promise((resolve) => gone.on('exit', resolve));
  const other = sleeper(false);
  await until(() => asleep(other));
  for (const text of [`${gone.pid}\n`, `${other}\n`, `${process.pid}`, '', '\n', '0\n', '99999999999\n']) {
    writeFileSync(path, text);
    write();
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    files.pop()?.remove();
  }
});

test('of a running instance is refused, with its process id, and left as it is', async () => {
  writeFileSync(path, '');
  const pid = sleeper(true);
  await until(() => asleep(pid));
  writeFileSync(path, `${pid}\n`);
  for (const refused of [() => checkPidFile(path), write])
    expect(refused).toThrow(
      `this is running already, as process ${pid} with the pid file ${path}: end that, or name another with --pidfile`,
    );
  expect(readFileSync(path, 'utf8')).toBe(`${pid}\n`);
  expect(readdirSync(directory)).toEqual(['pid']);
});

test('of this process itself is refused as well, until it is taken away', () => {
  write();
  expect(write).toThrow(/^this is running already, as process/);
  files.pop()?.remove();
  write();
});

test('what is there and no pid file is left as it is', () => {
  const other = join(directory, 'other');
  writeFileSync(other, 'root:x:0:0::/root:/bin/sh\n');
  renameSync(other, path);
  expect(write).toThrow(/is there and holds no process id: remove it, or name another/);
  expect(readFileSync(path, 'utf8')).toMatch(/^root/);
  renameSync(path, other);
  symlinkSync(other, path);
  expect(write).toThrow(/^cannot use the pid file/);
  expect(readFileSync(other, 'utf8')).toMatch(/^root/);
  rmSync(path);
  mkdirSync(path);
  expect(write).toThrow(/is there and holds no process id/);
  rmSync(path, { recursive: true });
});

test('that cannot be written is one line', () => {
  path = join(directory, 'none/pid');
  expect(write).toThrow(/^cannot write the pid file \S+\/none\/pid: ENOENT/);
  path = '/dev/full/pid';
  expect(write).toThrow(/pid file/);
});

test('is taken away by the one that wrote it alone', () => {
  const first = writePidFile(path);
  rmSync(path);
  write(); // of another instance
  first.remove();
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  const second = files.pop() as HeldFile;
  rmSync(path);
  second.remove();
  expect(existsSync(path)).toBe(false);
});

test('where the directory cannot be written any more, the end is the same', () => {
  const file = writePidFile(path);
  chmodSync(directory, 0o500);
  file.remove();
  chmodSync(directory, 0o700);
});
