// Changes to the list of peers: a file or a directory, and what a reader finds at each moment.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KnownPeer, KnownPeers } from '../../../src/ends/peers/peers-watch.js';
import { keyText } from '../../../src/keys/key-text.js';
import { isName } from '../../../src/keys/peers-file.js';
import { PeersStore, peerOfFile } from '../../../src/keys/peers-store.js';
import type { Log } from '../../../src/log.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const [a, b, c] = [0, 1, 2].map(() => keyText(random.bytes(32))) as [string, string, string];
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-store-'));
  path = join(directory, 'peers');
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('a file', () => {
  const text = () => readFileSync(path, 'utf8');
  const store = (content: string) => {
    writeFileSync(path, content);
    return new PeersStore(path);
  };

  test('keeps what people wrote, and gets a line more', () => {
    const written = `# ours\n\n${a} name=alice  # the laptop`;
    const peers = store(written);
    peers.add({ publicKey: b, name: 'bob', presharedKeyFile: '/etc/bob.psk' });
    peers.add({ publicKey: c });
    expect(text()).toBe(`${written}\n${b} name=bob psk=/etc/bob.psk\n${c}\n`);
    peers.remove(b);
    peers.add({
      publicKey: b,
      host: 'ip=10.0.0.7/24',
      policy: { rate: { to: 1e6, from: 1e6 }, guard: null },
    });
    expect(text()).toBe(`${written}\n${c}\n${b} ip=10.0.0.7/24 rate=1mbit guard=no\n`);
    peers.remove(b);
    peers.remove(c);
    expect(text()).toBe(`${written}\n`);
    peers.remove(a);
    expect(text()).toBe('# ours\n\n');
  });

  test('gets other fields of the network into its line, and nothing else', () => {
    const peers = store(`  ${a}\tguard name=rate  rate=1mbit/2mbit # guard rate=x\r\n${b}\n`);
    peers.limit(a, { fields: { rate: { to: 2e7, from: 2e7 }, isolated: true }, cleared: [] });
    expect(text()).toBe(`  ${a}\tguard name=rate isolated rate=20mbit # guard rate=x\r\n${b}\n`);
    peers.limit(a, { fields: { guard: null }, cleared: ['rate', 'isolated'] });
    peers.limit(b, { fields: {}, cleared: ['guard'] });
    expect(text()).toBe(`  ${a} name=rate guard=no # guard rate=x\r\n${b}\n`);
    peers.limit(b, { fields: { macs: 1 }, cleared: [] });
    expect(text()).toContain(`${b} macs=1\n`);
    expect(() => peers.limit(c, { fields: { macs: 1 }, cleared: [] })).toThrow(
      /^no line of .* has this peer/,
    );
  });

  test('gets another name into its line, and nothing else', () => {
    const peers = store(`  ${a}\tpsk=x name=alice endpoint=h:1 # x\n${b} psk=y`);
    peers.rename(a, 'anna');
    peers.rename(b, 'bob');
    expect(text()).toBe(`  ${a} name=anna\tpsk=x endpoint=h:1 # x\n${b} name=bob psk=y`);
  });

  test('keeps its mode, and stays behind a link', () => {
    const real = join(directory, 'real');
    writeFileSync(real, `${a}\n`);
    chmodSync(real, 0o640);
    symlinkSync(real, path);
    new PeersStore(path).add({ publicKey: b });
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toBe(`${a}\n${b}\n`);
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory).sort()).toEqual(['peers', 'real']);
  });

  test('that is not there, or has no such peer, is one line', () => {
    expect(() => new PeersStore(path).add({ publicKey: a })).toThrow(/^cannot change .*peers: ENOENT/);
    expect(() => store(`${a}\n`).remove(b)).toThrow(/^no line of \S+peers has this peer$/);
    expect(text()).toBe(`${a}\n`);
  });

  test('in whose place a pipe has come stops nobody, and what was known stays', () => {
    writeFileSync(path, `${a}\n`);
    const said: string[] = [];
    const log = new Proxy({} as Log, {
      get: (_, level) => (_fields: object, message: string) => said.push(`${String(level)} ${message}`),
    });
    let reads = 0;
    const known = new KnownPeers(path, log, () => reads++);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    known.reload();
    known.close();
    expect(reads).toBe(1);
    expect(said.at(-1)).toMatch(
      /^warn cannot read the peers file, so its last content stays in force: it is not a regular file$/,
    );
    expect(() => new PeersStore(path).add({ publicKey: b })).toThrow(
      /^cannot change \S+peers: it is not a regular file$/,
    );
    expect(() => new KnownPeers(path, log, () => reads++)).toThrow(
      /^cannot read the peers file \S+: it is not a regular file; put its lines into a file, .*, and name that with/,
    );
  });
});

describe('a directory', () => {
  beforeEach(() => mkdirSync(path));

  test('of one peer its own file is changed', () => {
    writeFileSync(join(path, 'anna.peer'), `${a} psk=x\n`);
    writeFileSync(join(path, 'bob.peer'), `${b}\n`);
    new PeersStore(path).limit(a, { fields: { guard: true }, cleared: [] });
    expect(readFileSync(join(path, 'anna.peer'), 'utf8')).toBe(`${a} psk=x guard\n`);
    expect(readFileSync(join(path, 'bob.peer'), 'utf8')).toBe(`${b}\n`);
    expect(readdirSync(path).sort()).toEqual(['anna.peer', 'bob.peer']);
  });

  test('has a file for each peer', () => {
    const peers = new PeersStore(path);
    peers.add({ publicKey: a, name: 'alice' });
    expect(peers.add({ publicKey: b, presharedKeyFile: '/etc/b.psk' })).toBe(
      b.replace(/\W/g, '').slice(0, 8),
    );
    expect(readFileSync(join(path, 'alice.peer'), 'utf8')).toBe(`${a}\n`);
    expect(readdirSync(path)).toHaveLength(2);
    peers.rename(a, 'anna');
    expect(existsSync(join(path, 'anna.peer'))).toBe(true);
    peers.remove(b);
    expect(readdirSync(path)).toEqual(['anna.peer']);
    expect(() => peers.add({ publicKey: c, name: 'anna' })).toThrow(
      /anna\.peer is there already: give the peer/,
    );
    expect(() => peers.remove(c)).toThrow(/^no file of \S+ has this peer$/);
    expect(readFileSync(join(path, 'anna.peer'), 'utf8')).toBe(`${a}\n`);
  });

  test('lets nothing out of itself', () => {
    const peers = new PeersStore(path);
    peers.add({ publicKey: a, name: 'alice' });
    for (const name of ['../x', 'a/b', '.x', '', '-x', 'a b', 'x'.repeat(65), 'a\n', c]) {
      expect(isName(name), name).toBe(false);
      expect(() => peers.rename(a, name)).toThrow(/^this is not a valid name/);
    }
    for (const name of ['alice', 'zoë-2', '東京', 'a@b.c', '7']) expect(isName(name), name).toBe(true);
    expect(['alice.peer', '.x.peer', 'alice.psk', 'peer'].map(peerOfFile)).toEqual([
      'alice',
      ...[undefined, undefined, undefined],
    ]);
  });

  test('is read with names, and a wrong file touches no other', () => {
    writeFileSync(join(path, 'alice.peer'), `# the laptop\n${a} psk=alice.psk\n`);
    writeFileSync(join(path, 'alice.psk'), `${c}\n`, { mode: 0o600 });
    writeFileSync(join(path, 'bob.peer'), `${b} name=robert\n`);
    writeFileSync(join(path, 'carol.peer'), 'nonsense\n');
    writeFileSync(join(path, 'dave.peer'), `${a}\n`);
    mkdirSync(join(path, 'eve.peer'));
    writeFileSync(join(path, 'frank'), `${b}\n`);
    const said: string[] = [];
    const log = new Proxy({} as Log, {
      get: (_, level) => (_fields: object, message: string) => said.push(`${String(level)} ${message}`),
    });
    let found: ReadonlyMap<string, KnownPeer> = new Map();
    new KnownPeers(path, log, (peers) => {
      found = peers;
    }).close();
    expect(
      [...found].map(([key, { name, presharedKey }]) => [key, name, keyText(presharedKey as Uint8Array)]),
    ).toEqual([[a, 'alice', c]]);
    expect(said.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringMatching(/^warn skipped line 1 of \S+bob\.peer: the name of the file is that of the peer/),
      expect.stringMatching(/^warn skipped line 1 of \S+carol\.peer: it does not begin with a public key/),
      expect.stringMatching(
        /^warn skipped line 1 of \S+dave\.peer: this public key is in line 2 of \S+alice\.peer already/,
      ),
      expect.stringMatching(/^warn skipped \S+eve\.peer: it is not a regular file$/),
      expect.stringMatching(/^warn skipped \S+frank: the file of a peer is called NAME\.peer$/),
    ]);
  });
});
