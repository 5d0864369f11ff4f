// A client's side of an enrolment by ssh: the lines, and what becomes of an ssh that fails.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enrolledLine, findEnrolled, introductionLine, parseIntroduction } from '../../src/keys/enrolment.js';
import { keyText, newPresharedKey, newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { enrolBySsh, type SshTarget } from '../../src/keys/ssh.js';
import { EnrolPace } from '../../src/secure/enrol-pace.js';

const publicKey = new Uint8Array(32).fill(1);
const presharedKey = new Uint8Array(32).fill(2);
const key = keyText(publicKey);

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
    (line) => expect(parseIntroduction(line)).toBeUndefined(),
  );

  test('the answer is found among what a login shell says', () => {
    const greeting = `Welcome!\n${keyText(presharedKey)} 1\n`;
    const answer = { publicKey, port: 65_535 };
    expect(findEnrolled(`${greeting}${key} 65535\n`)).toEqual(answer);
    expect(findEnrolled(`${greeting}${key} 65535\r\nBye.\n`)).toEqual(answer);
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
    `x ${key} 1`,
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

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cryptcab-ssh-'));
    target = { host: 'far', user: 'me', port: undefined, extra: ['-i', 'my key'], remoteCommand: 'cryptcab' };
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(directory, { recursive: true });
  });

  /** What stands on the PATH as ssh; $DIR is its directory. */
  function stand(script: string): void {
    writeFileSync(join(directory, 'ssh'), `#!/bin/sh\nDIR='${directory}'\n${script}\n`, { mode: 0o755 });
    process.env.PATH = `${directory}:${path}`;
  }
  const enrolled = (more: Partial<SshTarget> = {}) =>
    enrolBySsh({ ...target, ...more }, new AbortController().signal);
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
    ['exit 127', 'there is no cryptcab for me@far: install it there, or say in CRYPTCAB_REMOTE where it is'],
    ["echo 'cryptcab: nobody here' >&2; exit 1", 'me@far did not enrol this client: cryptcab: nobody here'],
    ['exit 3', 'me@far did not enrol this client: status 3'],
    [
      "echo '@@@ WARNING: CHANGED @@@' >&2; echo 'Host key verification failed.' >&2; exit 255",
      "ssh does not trust the host key of far: see what 'ssh me@far' says of it",
    ],
    [
      "echo 'ssh: connect to host far: No route' >&2; exit 255",
      "cannot enrol at me@far by ssh (ssh: connect to host far: No route): see that 'ssh me@far' works, set SSH_EXTRA_OPTIONS, or use --key and --peer",
    ],
    [
      'echo Welcome; exit 0',
      "me@far does not answer as cryptcab does: see what 'ssh me@far cryptcab --version' prints",
    ],
    ['echo X; cat >&2; exit 1', 'me@far did not enrol this client: status 1'], // no key in what is said
    ["printf 'a\\033[2Jb' >&2; exit 1", 'me@far did not enrol this client: a\\x1b[2Jb'],
    ['exec <&-; exit 1', 'me@far did not enrol this client: status 1'],
  ])('that fails is one line: %s', async (script, says) => {
    stand(script);
    await expect(enrolled()).rejects.toThrow(expect.objectContaining({ message: says }));
  });

  test('that is not there', async () => {
    process.env.PATH = directory;
    await expect(enrolled()).rejects.toThrow(/^ssh is not installed, or not on the PATH: install/);
  });

  test('that runs is ended by the signal', async () => {
    stand('echo $$ >"$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"; exec sleep 60');
    const abort = new AbortController();
    const ended = enrolBySsh(target, abort.signal).catch((error) => error);
    while (!existsSync(join(directory, 'pid'))) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    expect(await ended).toBeInstanceOf(Error);
    expect(existsSync(`/proc/${sees('pid').trim()}`)).toBe(false);
  });
});
