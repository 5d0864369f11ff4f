// What a name of ssh's configuration stands for: the host that datagrams go to.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sshHost, sshOptionsOf } from '../../../src/keys/ssh-name.js';

describe('options of scp that say something of names', () => {
  test.each([
    ['', ''],
    ['-F config', '-F config'],
    ['-Fconfig', '-F config'],
    ['-o HostName=h -i key', '-o HostName=h'],
    ['-oHostName=h', '-o HostName=h'],
    ['-J gate', '-J gate'],
    ['-BqoHostName=h', '-o HostName=h'],
    ['-P 2222 -F config', '-F config'], // -P has a value that is none of ours
    ['-P -F -C', ''], // it is the value of -P
    ['-l 100 -c aes -i -F x', ''], // and of -i
    ['-3 -4 -C -p -r -v', ''],
    ['-F', ''],
    ['--', ''],
  ])('%j: %j', (given, expected) => {
    const words = (text: string) => (text === '' ? [] : text.split(' '));
    expect(sshOptionsOf(words(given))).toEqual(words(expected));
  });
});

describe('a name', () => {
  const path = process.env.PATH;
  let directory: string;
  const signal = new AbortController().signal;
  const LAB = { host: 'lab', user: 'me' };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cryptcab-name-'));
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  function stand(script: string): void {
    writeFileSync(join(directory, 'ssh'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${directory}:${path}`;
  }

  test('is what ssh -G says of it, with the user and the options that ssh gets', async () => {
    stand(`printf '%s\\n' "$@" >'${directory}/args'; printf 'user me\\nhostname 10.1.2.3\\nport 2222\\n'`);
    expect(await sshHost(LAB, ['-F', 'my config'], signal)).toBe('10.1.2.3');
    expect(readFileSync(join(directory, 'args'), 'utf8').trim().split('\n')).toEqual([
      ...['-G', '-F', 'my config', '--', 'me@lab'],
    ]);
  });

  test.each([
    ['an ssh that does not know -G', 'echo "unknown option -- G" >&2; exit 255'],
    ['an ssh that says nothing', 'exit 0'],
    ['an ssh that fails', 'echo "hostname other"; exit 1'],
    ['an ssh that says something else', 'echo "hostname"; echo "the hostname other"'],
  ])('stays as it is with %s', async (_, script) => {
    stand(script);
    expect(await sshHost(LAB, [], signal)).toBe('lab');
  });

  test('stays as it is without an ssh', async () => {
    process.env.PATH = directory;
    expect(await sshHost(LAB, [], signal)).toBe('lab');
  });
});
