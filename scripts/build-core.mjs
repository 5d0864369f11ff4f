// Builds the core: its tables, its two modules, and each as a string constant. Their bytes depend on nothing but assembly/,
// asconfig*.json, make-*.mjs and the version of AssemblyScript: not on the folder, the machine or the time.
// --keep-core: what was compiled of the same stays (npm run check).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeBasePoint } from './make-base-point.mjs';
import { writeTables } from './make-tables.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

/** Runs a program of node_modules; ends with its status where it fails. */
export function run(module, args) {
  try {
    execFileSync(process.execPath, [`node_modules/${module}`, ...args], { stdio: 'inherit' });
  } catch (error) {
    process.exit(error.status ?? 1);
  }
}

/**
 * Compiles a module. It is embedded so that one way of loading it serves every runtime, with no file to find.
 * @param config how asc makes it
 * @returns its bytes
 */
function compile(name, config, generated, constant) {
  run('assemblyscript/bin/asc.js', ['--config', config, '--target', 'release']);
  const wasm = readFileSync(`build/${name}.wasm`);
  writeFileSync(
    `src/core/${generated}`,
    `// Made by scripts/build-core.mjs from build/${name}.wasm; not kept in git.\nexport const ${constant}: string =\n  '${wasm.toString('base64')}';\n`,
  );
  return wasm;
}

/** What the modules are made of, and what they have become: as one hash. */
function stamp() {
  const made = [
    'build/cryptcab.wasm',
    'build/handshake.wasm',
    ...GENERATED.map((name) => `src/core/${name}`),
  ];
  const sources = readdirSync('assembly', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`)
    .sort();
  const scripts = ['build-core', 'make-base-point', 'make-tables'].map((name) => `scripts/${name}.mjs`);
  const others = ['asconfig.json', 'asconfig.handshake.json', 'node_modules/assemblyscript/package.json'];
  const hash = createHash('sha256');
  for (const file of [...sources, ...scripts, ...others, ...made]) {
    const bytes = existsSync(file) ? readFileSync(file) : 'none';
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

const GENERATED = ['wasm.generated.ts', 'handshake.generated.ts'];
const STAMP = 'build/core.stamp';

mkdirSync('build', { recursive: true });
mkdirSync('src/core', { recursive: true });
writeTables('assembly/blowfish-tables.ts');
writeBasePoint('assembly/base-point-table.ts');
const kept =
  process.argv.includes('--keep-core') && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp();
rmSync(STAMP, { force: true });
const wasm = kept
  ? ['cryptcab', 'handshake'].map((name) => readFileSync(`build/${name}.wasm`))
  : [
      compile('cryptcab', 'asconfig.json', GENERATED[0], 'WASM_BASE64'),
      compile('handshake', 'asconfig.handshake.json', GENERATED[1], 'HANDSHAKE_BASE64'),
    ];
writeFileSync(STAMP, stamp());

/** SHA-256 of both modules, one behind the other, in hexadecimal. */
export const coreHash = createHash('sha256').update(Buffer.concat(wasm)).digest('hex');
