// A client's side of an enrolment by ssh: the lines, and what becomes of an ssh that fails.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EnrolPace } from '../../../src/ends/enrol-pace.js';
import { CryptcabError, TemporaryError } from '../../../src/error.js';
import {
  AnswerFinder,
  type Enrolled,
  enrolledLine,
  introductionLine,
  parseIntroduction,
} from '../../../src/keys/enrolment.js';
import { keyText, newPresharedKey, newPrivateKey } from '../../../src/keys/key-text.js';
import { publicKeyOf } from '../../../src/keys/public-key.js';
import { enrolBySsh, type SshTarget } from '../../../src/keys/ssh.js';

const publicKey = new Uint8Array(32).fill(1);
const presharedKey = new Uint8Array(32).fill(2);
const key = keyText(publicKey);

function findEnrolled(...pieces: string[]): Enrolled | undefined {
  const finder = new AnswerFinder();
  for (const piece of pieces) finder.push(piece);
  return finder.end();
}

/** Whether somebody can be asked for a password: the terminal that the tests run on does not count. */
const person = { there: false };

describe('lines', () => {
  test('come back as they went', () => {
    expect(parseIntroduction(introductionLine({ publicKey, presharedKey }))).toEqual({
      publicKey,
      presharedKey,
    });
    expect(findEnrolled(enrolledLine({ publicKey, port: 7667 }))).toEqual({ publicKey, port: 7667 });
  });

  test.each(['', ' ', key, `${key} ${key} ${key}`, `${key} x`, `x ${key}`, `${key}${key}`, `${key},${key}`])(
    'no introduction: %j',
    (line) => expect(parseIntroduction(Buffer.from(line))).toBeUndefined(),
  );

  test('the answer is found among what a login shell says', () => {
    const greeting = `Welcome!\n${keyText(presharedKey)} 1\n`;
    const answer = { publicKey, port: 65_535 };
    expect(findEnrolled(`${greeting}${key} 65535\n`)).toEqual(answer);
    expect(findEnrolled(`${greeting}${key} 65535\r\nBye.\n`)).toEqual(answer);
  });

  const answer = `${key} 2100`;
  const junk = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) & 0xff)).toString('latin1');
  test.each([
    ['thousands of lines before it', `${'last login: never\n'.repeat(20_000)}${answer}\n`],
    ['thousands of lines behind it', `${answer}\n${'bye\n'.repeat(20_000)}`],
    ['binary junk around it', `${junk}\n${answer}\n${junk}`],
    ['binary junk right before it', `${junk}${answer}\n`],
    ['no end of the line', `Welcome\n${answer}`],
    ['nothing between the greeting and it', `Welcome${answer}\n`],
    ['a prompt before it', `\x1b]0;far\x07\x1b[1m$ \x1b[0m${answer}\r\n`],
    ['ends of lines as on Windows', `Welcome\r\n\r\n${answer}\r\n`],
    ['returns alone', `Welcome\r${answer}\r`],
    ['white space behind it', `${answer} \t\n`],
    ['NULs before it', `\0\0\0${answer}\n`],
  ])('the answer is found with %s, cut anywhere', (_, text) => {
    const found = { publicKey, port: 2100 };
    expect(findEnrolled(text)).toEqual(found);
    const at = text.indexOf(key);
    for (const cut of [0, 1, 20, 44, 45, 47, 49])
      expect(findEnrolled(text.slice(0, at + cut), text.slice(at + cut))).toEqual(found);
  });

  test('an answer is one only when its line has ended: more digits may come', () => {
    const finder = new AnswerFinder();
    finder.push(`Welcome\n${key} 21`);
    expect(finder.found).toBeUndefined();
    finder.push('00\n');
    expect(finder.found).toEqual({ publicKey, port: 2100 });
  });

  test.each([
    '',
    'Welcome!',
    key,
    `${key} 0`,
    `${key} 65536`,
    `${key} -1`,
    `${key}  1`,
    `${key} 1 x`,
    `${key}\n2100`,
    `${key} ${key}`,
    `${key.slice(1)} 2100`,
  ])('no answer: %j', (text) => expect(findEnrolled(text)).toBeUndefined());
});

test('keys are copied by slice(), as those of a Buffer are not', () => {
  for (const key of [newPrivateKey(randomBytes), newPresharedKey(randomBytes)]) {
    const copy = key.slice();
    key.fill(0);
    expect(copy).not.toEqual(key);
  }
});

describe('the pace', () => {
  test('is ever slower while nobody answers, and the first again when somebody has', () => {
    const pace = new EnrolPace();
    expect(pace.due(0)).toBe(true);
    let now = 0;
    const waits = [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000];
    for (const wait of waits) {
      pace.begun(now);
      now += wait;
      expect([pace.due(now - 1), pace.due(now)]).toEqual([false, true]);
    }
    pace.begun(now);
    pace.answered();
    expect(pace.due(now)).toBe(true); // a server that was restarted
    pace.begun(now);
    expect([pace.due(now + 29_999), pace.due(now + 30_000)]).toEqual([false, true]);
  });
});

describe('an ssh', () => {
  const path = process.env.PATH;
  let directory: string;
  let target: SshTarget;
  let over: AbortController;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cryptcab-ssh-'));
    over = new AbortController();
    target = { host: 'far', user: 'me', port: undefined, extra: ['-i', 'my key'], remoteCommand: 'cryptcab' };
  });
  afterEach(() => {
    over.abort(); // what a failed test has left running
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  /** What is on the PATH as ssh; $DIR is its directory. */
  function stand(script: string): void {
    writeFileSync(join(directory, 'ssh'), `#!/bin/sh\nDIR='${directory}'\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${directory}:${path}`;
  }
  const enrolled = (more: Partial<SshTarget> = {}) =>
    enrolBySsh({ ...target, ...more }, over.signal, person.there);
  const sees = (name: string) => readFileSync(join(directory, name), 'utf8');

  test('takes the public key and the preshared key, and nothing in its arguments', async () => {
    stand(`cat >"$DIR/in"; printf '%s\\n' "$@" >"$DIR/args"; echo Welcome; echo '${key} 2100'`);
    const got = await enrolled();
    const [own, shared] = sees('in').trim().split(' ') as [string, string];
    expect(keyText(publicKeyOf(got.privateKey))).toBe(own);
    expect(keyText(got.presharedKey)).toBe(shared);
    expect(got).toMatchObject({ serverPublicKey: publicKey, serverPort: 2100 });
    const args = sees('args').trim().split('\n');
    expect(args.slice(0, 2)).toEqual(['-i', 'my key']);
    expect(args.slice(-3)).toEqual(['--', 'me@far', 'cryptcab enroll']);
    for (const secret of [own, shared, keyText(got.privateKey)]) expect(sees('args')).not.toContain(secret);
    // Another time, other keys.
    const again = await enrolled();
    expect(again.privateKey).not.toEqual(got.privateKey);
    expect(again.presharedKey).not.toEqual(got.presharedKey);
  });

  test('is told the port, the command, and the user, where they are given', async () => {
    stand(`cat >/dev/null; printf '%s\\n' "$@" >"$DIR/args"; echo '${key} 2100'`);
    await enrolled({ port: 2100, user: undefined, remoteCommand: 'sudo /opt/cryptcab' });
    expect(sees('args').trim().split('\n').slice(-3)).toEqual([
      '--',
      'far',
      'sudo /opt/cryptcab enroll --port 2100',
    ]);
  });

  test.each([
    [
      'echo "/usr/bin/env: \'node\': No such file or directory" >&2; exit 127',
      "cryptcab does not find Node.js for me@far: install it there, or set ssh.command='/PATH/TO/node /PATH/TO/cryptcab'",
    ],
    [
      'echo "/usr/bin/env: ‘node’: No such file or directory" >&2; exit 127',
      "cryptcab does not find Node.js for me@far: install it there, or set ssh.command='/PATH/TO/node /PATH/TO/cryptcab'",
    ],
    [
      'echo "env: node: No such file or directory" >&2; exit 127',
      "cryptcab does not find Node.js for me@far: install it there, or set ssh.command='/PATH/TO/node /PATH/TO/cryptcab'",
    ],
    [
      "echo 'sh: 1: cryptcab: not found' >&2; exit 127",
      'there is no cryptcab for me@far: install it there, or say in ssh.command where it is',
    ],
    ['exit 127', 'there is no cryptcab for me@far: install it there, or say in ssh.command where it is'],
    ["echo 'cryptcab: nobody here' >&2; exit 1", 'me@far did not enrol this client: it says: nobody here'],
    [
      'exit 3',
      "me@far did not enrol this client (status 3): see what 'ssh me@far cryptcab --version' prints",
    ],
    [
      'echo Welcome; echo "This account is currently not available."; exit 1',
      "me@far did not enrol this client (This account is currently not available.): see what 'ssh me@far cryptcab --version' prints",
    ],
    [
      'cat; exit 1',
      "me@far did not enrol this client (status 1): see what 'ssh me@far cryptcab --version' prints",
    ], // no key in what is printed
    [
      "echo '@@@ WARNING: CHANGED @@@' >&2; echo 'Host key verification failed.' >&2; exit 255",
      "ssh does not trust the host key of far: see what 'ssh me@far' says of it",
    ],
    [
      "echo 'ssh: connect to host far: No route' >&2; exit 255",
      "cannot enrol at me@far by ssh (ssh: connect to host far: No route): see that 'ssh me@far' works, set ssh.options, or use secure.privateKey and secure.serverPublicKey",
    ],
    [
      'echo Welcome; exit 0',
      "me@far does not answer as cryptcab does: see what 'ssh me@far cryptcab --version' prints",
    ],
    [
      'echo X; cat >&2; exit 1',
      "me@far did not enrol this client (X): see what 'ssh me@far cryptcab --version' prints",
    ], // no key in what is said
    [
      "printf 'a\\033[2Jb' >&2; exit 1",
      "me@far did not enrol this client (a\\x1b[2Jb): see what 'ssh me@far cryptcab --version' prints",
    ],
    [
      'exec <&-; exit 1',
      "me@far did not enrol this client (status 1): see what 'ssh me@far cryptcab --version' prints",
    ],
  ])('that fails is one line: %s', async (script, says) => {
    stand(script);
    await expect(enrolled()).rejects.toThrow(expect.objectContaining({ message: says }));
  });

  test.each([
    'ssh: connect to host far port 22: Connection refused',
    'ssh: connect to host far port 22: No route to host',
    'ssh: connect to host far port 22: Network is unreachable',
    'ssh: connect to host far port 22: Connection timed out',
    'ssh: Could not resolve hostname far: Temporary failure in name resolution',
    'ssh: Could not resolve hostname far: Name or service not known',
    'kex_exchange_identification: read: Connection reset by peer',
    'kex_exchange_identification: Connection closed by remote host',
    'Connection closed by 192.0.2.1 port 22',
    'Connection reset by 192.0.2.1 port 22',
    'Connection timed out during banner exchange',
    'Timeout, server 192.0.2.1 not responding.',
    'client_loop: send disconnect: Broken pipe',
    'Exceeded MaxStartups',
    'Not allowed at this time',
    '',
  ])('that may get through later: %j', async (line) => {
    stand(`echo '${line}' >&2; exit 255`);
    await expect(enrolled()).rejects.toThrow(TemporaryError);
  });

  test.each([
    ['Host key verification failed.', 255],
    ['me@far: Permission denied (publickey,password).', 255],
    ['Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures', 255],
    [
      'Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-rsa',
      255,
    ],
    ['command-line: line 0: Bad configuration option: nonsense', 255],
    ['unknown option -- 3', 255],
    ['cryptcab: no secure server is run by this user here', 1],
    ['sh: 1: cryptcab: not found', 127],
  ])('that will not: %j', async (line, status) => {
    stand(`echo '${line}' >&2; exit ${status}`);
    const fault = await enrolled().catch((error) => error);
    expect(fault).toBeInstanceOf(CryptcabError);
    expect(fault).not.toBeInstanceOf(TemporaryError);
  });

  test.each([
    ['whose shell ends with another status', `cat >/dev/null; echo '${key} 2100'; exit 1`],
    ['whose connection is lost behind the answer', `cat >/dev/null; echo '${key} 2100'; exit 255`],
    ['that prints much besides', `seq 100000; seq 100000 >&2; echo '${key} 2100'; seq 100000`],
    ['that does not read what it is sent', `exec <&-; echo '${key} 2100'`],
  ])('%s has enrolled', async (_, script) => {
    stand(script);
    expect(await enrolled()).toMatchObject({ serverPublicKey: publicKey, serverPort: 2100 });
  });

  describe('that does not end', () => {
    /** Starts one that says its number, and then does nothing; time does not pass by itself. */
    async function hanging(script: string): Promise<{ ended: Promise<unknown>; pid: number }> {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      stand(`${script}; echo $$ >"$DIR/new"; mv "$DIR/new" "$DIR/pid"; exec sleep 1000`);
      const ended = enrolled().catch((error) => error);
      const turn = () => new Promise((resolve) => setImmediate(resolve));
      while (!existsSync(join(directory, 'pid'))) await turn();
      // What it printed before is read; a busy runtime takes some turns for that.
      for (const until = performance.now() + 300; performance.now() < until; ) await turn();
      return { ended, pid: Number(sees('pid')) };
    }
    afterEach(() => {
      vi.useRealTimers();
      person.there = false;
    });

    /** What the real one does when it is logged in. */
    const LOG_IN = 'for a; do case $a in LocalCommand=*) eval "${a#LocalCommand=}";; esac; done';

    test.each([
      ['a minute', 1, false, 'true'],
      ['ten minutes where a password may have to be typed', 10, true, 'true'],
      ['a minute from the login on', 1, true, LOG_IN],
    ])('is ended after %s, by a line, and may be tried again', async (_, minutes, there, script) => {
      person.there = there;
      const { ended, pid } = await hanging(script);
      vi.advanceTimersByTime(minutes * 60_000 - 1);
      expect(existsSync(`/proc/${pid}`)).toBe(true);
      vi.advanceTimersByTime(1);
      const fault = await ended;
      expect(fault).toBeInstanceOf(TemporaryError);
      expect((fault as Error).message).toBe(
        `me@far has not answered within ${minutes} min: see what 'ssh me@far cryptcab --version' prints`,
      );
      expect(existsSync(`/proc/${pid}`)).toBe(false);
    });

    test('has enrolled when it has answered', async () => {
      stand(`echo '${key} 2100'; exec sleep 1000`);
      const from = performance.now();
      expect(await enrolled()).toMatchObject({ serverPublicKey: publicKey, serverPort: 2100 });
      expect(performance.now() - from).toBeLessThan(20_000);
    });

    test('and whose children hold its output open is not waited for', async () => {
      const { ended } = await hanging('sleep 1000 & echo $! >"$DIR/child"');
      vi.advanceTimersByTime(60_000);
      expect(await ended).toBeInstanceOf(TemporaryError);
      process.kill(Number(sees('child')));
    });
  });

  test('that is not there', async () => {
    process.env.PATH = directory;
    await expect(enrolled()).rejects.toThrow(/^ssh is not installed, or not on the PATH: install/);
  });

  test('that runs is ended by the signal', async () => {
    stand('echo $$ >"$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"; exec sleep 60');
    const abort = new AbortController();
    const ended = enrolBySsh(target, abort.signal, person.there).catch((error) => error);
    while (!existsSync(join(directory, 'pid'))) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    expect(await ended).toBeInstanceOf(Error);
    expect(existsSync(`/proc/${sees('pid').trim()}`)).toBe(false);
  });
});
