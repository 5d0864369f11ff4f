// The core's bytes are the same wherever it is built, and its SHA-256 is what the program says and what a release has to tell.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cryptcab } from '../../../lab/lab.js';
import { temporaryDirectory } from '../../../lab/temporary.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
let directory: string;

beforeAll(() => {
  directory = temporaryDirectory('cryptcab-lab-core');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What the core is built of, in a folder of its own. */
function copied(name: string): string {
  const folder = join(directory, name);
  mkdirSync(folder, { recursive: true });
  for (const part of ['assembly', 'scripts', 'asconfig.json', 'asconfig.handshake.json', 'package.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const table of ['blowfish-tables', 'base-point-table'])
    rmSync(join(folder, `assembly/${table}.ts`), { force: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Both modules of the core. */
const wasmOf = (folder: string): Buffer =>
  Buffer.concat(['cryptcab', 'handshake'].map((name) => readFileSync(join(folder, `build/${name}.wasm`))));

function node(folder: string, script: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 80_000,
  });
  return { status, out: stdout, err: stderr, wasm: () => wasmOf(folder) };
}

const build = (folder: string, env?: NodeJS.ProcessEnv) => {
  const built = node(folder, join(folder, 'scripts/build-core.mjs'), env);
  expect(built).toMatchObject({ status: 0 });
  return built.wasm();
};

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('two folders, two time zones and languages: the same bytes, which are those that the program has', () => {
  const one = build(copied('a'));
  const other = build(copied('a folder/with a longer name/than the first one has'), {
    TZ: 'Pacific/Kiritimati',
    LC_ALL: 'C',
    HOME: '/nonexistent',
  });
  expect(other.equals(one)).toBe(true);
  const [program, ...args] = cryptcab;
  const { stdout } = spawnSync(program as string, [...args, '--version', '-v'], { encoding: 'utf8' });
  expect(stdout.split('\n')).toContain(`core: SHA-256 ${sha256(one)}`);
});

test('another core has another hash', () => {
  const folder = copied('b');
  const layout = join(folder, 'assembly/layout.ts');
  const text = readFileSync(layout, 'utf8');
  expect(text).toContain('FRAME_MAX: u32 = 9216');
  writeFileSync(layout, text.replace('FRAME_MAX: u32 = 9216', 'FRAME_MAX: u32 = 9217'));
  expect(sha256(build(folder))).not.toBe(sha256(wasmOf(ROOT)));
});

test('a release has the hash in its notes', () => {
  const folder = copied('c');
  writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## [Unreleased]\n\n- One.\n');
  const release = (...args: string[]) => node(folder, join(folder, 'scripts/release.mjs'), {}, args);
  const line = `Core: SHA-256 \`${sha256(wasmOf(ROOT))}\`\n`;
  expect(release('write')).toMatchObject({ status: 0, err: '', out: line });
  expect(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')).toContain(`\n\n${line}\n`);
  expect(release()).toMatchObject({ status: 0, err: '', out: line });
});
