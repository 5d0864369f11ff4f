// Builds the core: its tables, the .wasm, and the .wasm as a string constant. Its bytes depend on nothing but assembly/,
// asconfig.json, make-tables.mjs and the version of AssemblyScript: not on the folder, the machine or the time.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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

mkdirSync('build', { recursive: true });
mkdirSync('src/core', { recursive: true });
writeTables('assembly/blowfish-tables.ts');
run('assemblyscript/bin/asc.js', ['--config', 'asconfig.json', '--target', 'release']);
const wasm = readFileSync('build/cryptcab.wasm');
// It is embedded so that one way of loading it serves every runtime, with no file to find.
writeFileSync(
  'src/core/wasm.generated.ts',
  `// Made by scripts/build-core.mjs from build/cryptcab.wasm; not kept in git.\nexport const WASM_BASE64: string =\n  '${wasm.toString('base64')}';\n`,
);

/** SHA-256 of the .wasm, in hexadecimal. */
export const coreHash = createHash('sha256').update(wasm).digest('hex');
