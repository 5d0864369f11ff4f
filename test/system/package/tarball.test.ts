// The package as npm packs it: what is in it, whether its types hold, and whether it runs where nothing else is.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../lab/process.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const directory = mkdtempSync(join(tmpdir(), 'cryptcab-package-'));
const consumer = join(directory, 'consumer');
const oldest = join(root, 'scripts/oldest-types');
let tarball = '';

/** Runs a program where the package is installed, and nothing else. */
function within(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: consumer, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${[command, ...args].join(' ')}: ${stdout}${stderr}`);
  }
}

const tool = (name: string, ...args: string[]) => run(join(root, 'node_modules/.bin', name), ...args);

const STRICT = '--noEmit --strict --exactOptionalPropertyTypes --target es2022 --module nodenext';
const NODE_TYPES = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
const COMPILER = 'node_modules/typescript/bin/tsc';

/** Has the compiler check programs there, and the types of the package with them. */
function check(...args: string[]): void {
  within(process.execPath, join(root, COMPILER), '--ignoreConfig', ...STRICT.split(' '), ...args);
}

/** Has the oldest compiler that the types are for do the same. */
function checkByOldest(...args: string[]): void {
  within(process.execPath, join(oldest, COMPILER), ...STRICT.split(' '), ...args);
}

beforeAll(() => {
  // What was built is packed as it is: the other tests are about it, too.
  const packed = run('npm', 'pack', root, '--ignore-scripts', '--silent', '--pack-destination', directory);
  tarball = join(directory, packed.trim());
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n');
  within('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', tarball);
}, 240_000);

afterAll(() => rmSync(directory, { recursive: true }));

test('holds what was made of the sources, and what there is to read', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(md|1|5|json|yml|conf)$/.test(file) && !file.startsWith('api'),
  );
  const vectors = readdirSync(join(root, 'vectors'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.json$|SHA256SUMS$|LICENSE$|^oracle\/./.test(file),
  );
  const expected = [
    'package.json',
    ...['README', 'ARCHITECTURE', 'CHANGELOG', 'SECURITY'].map((name) => `${name}.md`),
    'LICENSE',
    ...pages.map((page) => `docs/${page}`),
    ...vectors.map((file) => `vectors/${file}`),
    ...sources
      .map((file) => file.replace(/\.ts$/, ''))
      .flatMap((file) => [`${file}.js`, `${file}.d.ts`].map((made) => `dist/src/${made}`)),
  ];
  const held = run('tar', '-tzf', tarball).trim().split('\n');
  const [command, rest] = [true, false].map((is) =>
    held.filter((file) => /^package\/dist\/command\/[\w-]+\.js$/.test(file) === is),
  );
  expect(rest?.sort()).toEqual(expected.map((file) => `package/${file}`).sort());
  expect(command?.sort()).toEqual(
    readdirSync(join(root, 'dist/command'))
      .map((file) => `package/dist/command/${file}`)
      .sort(),
  );
  expect(manifest.man.map((page: string) => page.replace('./', 'package/')).sort()).toEqual(
    held.filter((file) => /\.[15]$/.test(file)).sort(),
  );
});

test('brings few packages with it, and holds nobody to one version of them', () => {
  const { dependencies, optionalDependencies } = manifest;
  for (const [name, range] of Object.entries({ ...dependencies, ...optionalDependencies }))
    expect(range, name).toMatch(/^\^\d+\.\d+\.\d+$/);
  const installed: Record<string, unknown> = JSON.parse(
    readFileSync(join(consumer, 'node_modules/.package-lock.json'), 'utf8'),
  ).packages;
  // pino's own are most of them; prom-client brings three.
  expect(Object.keys(installed).filter((path) => !path.includes('koffi')).length).toBeLessThanOrEqual(26);
});

test('publint and are-the-types-wrong find nothing', () => {
  expect(tool('publint', 'run', tarball, '--strict')).toContain('All good!');
  tool('attw', tarball, '--profile', 'esm-only');
});

test('each entry can be imported, the program and the examples run', () => {
  const names = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'));
  expect(names).toEqual(['.', './core', './node', './protocol']);
  for (const name of names) {
    const entry = `cryptcab${name.slice(1)}`;
    const print = `console.log(Object.keys(await import('${entry}')).length)`;
    expect(Number(within(process.execPath, '--input-type=module', '-e', print)), entry).toBeGreaterThan(3);
  }
  const bin = (name: string, ...args: string[]) => within(join(consumer, 'node_modules/.bin', name), ...args);
  expect(bin('cryptcab', '--version').trim()).toBe(manifest.version);
  expect(bin('vde_cryptcab', '--help')).toMatch(/^Usage: vde_cryptcab /);
  expect(within(join(consumer, 'node_modules/.bin/cryptcab'), 'vectors', 'verify')).toContain(
    ' 0 failed, 0 skipped',
  );
  cpSync(join(root, 'examples'), join(consumer, 'examples'), { recursive: true });
  for (const name of ['encrypt', 'handshake']) {
    const file = `examples/${name}.mjs`;
    expect(within(process.execPath, file)).toBe(run(process.execPath, join(root, file)));
  }
});

test('what README.md says installs it for good: nothing of it leads back into the clone', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, words = ''] = /npm ci && npm run build && npm (install --global .*) \.\n/.exec(readme) ?? [];
  const prefix = join(directory, 'global');
  // It is built; its scripts would build it again, beside the other tests.
  const quietly = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  within('npm', ...words.split(' '), '--prefix', prefix, ...quietly, root);
  const clone = realpathSync(root);
  for (const name of ['bin/cryptcab', 'bin/vde_cryptcab', 'share/man/man1/cryptcab.1'])
    expect(realpathSync(join(prefix, name)).startsWith(clone), name).toBe(false);
  expect(within(join(prefix, 'bin/cryptcab'), '--version').trim()).toBe(manifest.version);
}, 120_000);

const NODE = `
import { connect, CryptcabError, memoryPort, type ServeOptions, serve } from 'cryptcab';
import { connect as same } from 'cryptcab/node';
import type { Cipher, CipherChoice, PeerIdentity } from 'cryptcab';

const options: ServeOptions = { plug: '/tmp/vde.ctl', port: 0, key: new Uint8Array(24), signal: AbortSignal.timeout(1) };
await using server = await serve(options);
const cipher: CipherChoice | undefined = 'auto';
await using client = await same({ host: 'h', plug: memoryPort((frame: Uint8Array) => frame).open, cipher });
client.addEventListener('up', ({ detail }) => detail.cipher satisfies 'plain' | 'secure' | Cipher, { once: true });
client.addEventListener('close', (event) => event.detail.error satisfies CryptcabError | undefined);
server.stats().peers.map(({ sealedBytes }) => sealedBytes satisfies bigint);
server.addEventListener('up', ({ detail }) => server.disconnect(detail) satisfies boolean);
server.peers.add({ publicKey: new Uint8Array(32), name: 'alice' }) satisfies PeerIdentity;
server.peers.remove('WnXEzNuLcEqsu5wOiTtBhljaAVKelxi2avePmpSX6hc=') satisfies boolean;
// @ts-expect-error: a peer has a public key
server.peers.add({ name: 'alice' });
// @ts-expect-error: no such event
client.addEventListener('message', () => {});
// @ts-expect-error: no host
await connect({ plug: '/tmp/vde.ctl' });
// @ts-expect-error: the port is a number
await serve({ plug: '/tmp/vde.ctl', port: '7667' });
`;

const BROWSER = `
import { Core, type Opened, type Refusal, type SecureSession, type Session } from 'cryptcab/core';
import { ClassicClient, classicMessages, SecureMachine, type ClientEffect } from 'cryptcab/protocol';

const core: Core = await Core.load();
const session: Session = core.openSession({ suite: 'plain' });
const opened: Opened = session.open(session.seal(new Uint8Array(60)));
('frame' in opened ? opened.frame : opened.refused) satisfies Uint8Array | Refusal;
const secure: SecureSession = core.openSecureSession(1452);
secure.seal(new Uint8Array(60)).map((message) => secure.open(message, 0));
session.dispose();
// @ts-expect-error: of the hosts
core.ring;
// @ts-expect-error: a suite that is none
core.openSession({ suite: 'aes', key: new Uint8Array(44) });
const client = new ClassicClient({
  mode: { kind: 'plain' },
  keepalive: false,
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
  sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
});
client.take().map((effect: ClientEffect) => effect.do);
classicMessages.classify(new Uint8Array(1)) satisfies 'login' | classicMessages.Message;
new SecureMachine({ privateKey: new Uint8Array(32), random: (n) => new Uint8Array(n), unixTime: Date.now });
// @ts-expect-error: not by itself
new Core();
`;

test('the program in docs/library.md holds', () => {
  const [, program = ''] = /```ts\n(.*?)```/s.exec(readFileSync(join(root, 'docs/library.md'), 'utf8')) ?? [];
  expect(program).toContain("from 'cryptcab'");
  writeFileSync(join(consumer, 'library.ts'), program);
  check(...NODE_TYPES, 'library.ts');
});

test('its types hold for a stranger, with the types of Node and with those of a browser', () => {
  writeFileSync(join(consumer, 'node.ts'), NODE);
  writeFileSync(join(consumer, 'browser.ts'), BROWSER);
  check(...NODE_TYPES, 'node.ts');
  // As many programs for Node have it: no DOM.
  check(...NODE_TYPES, '--lib', 'es2022', 'node.ts');
  check('--types', '', '--lib', 'es2022,dom', 'browser.ts');
  // The examples, by what their comments say of types.
  cpSync(join(root, 'examples'), join(consumer, 'examples'), { recursive: true });
  const examples = readdirSync(join(root, 'examples')).map((file) => `examples/${file}`);
  check(...NODE_TYPES, '--allowJs', '--checkJs', ...examples);
});

test('its types hold for the oldest TypeScript that the documentation names', () => {
  const { typescript } = JSON.parse(readFileSync(join(oldest, 'package.json'), 'utf8')).devDependencies;
  const [, named] =
    /types, for TypeScript (\S+) or later/.exec(readFileSync(join(root, 'docs/library.md'), 'utf8')) ?? [];
  expect(typescript).toMatch(new RegExp(`^${named}\\.\\d+$`));
  writeFileSync(join(consumer, 'node.ts'), NODE);
  writeFileSync(join(consumer, 'browser.ts'), BROWSER);
  checkByOldest(...NODE_TYPES, '--lib', 'es2022', 'node.ts');
  checkByOldest('--lib', 'es2022,dom', 'browser.ts');
});
