// Builds the core: its tables, its two modules, and each as a string constant. Their bytes depend on nothing but assembly/,
// asconfig*.json, make-*.mjs and the version of AssemblyScript: not on the folder, the machine or the time.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

mkdirSync('build', { recursive: true });
mkdirSync('src/core', { recursive: true });
writeTables('assembly/blowfish-tables.ts');
writeBasePoint('assembly/base-point-table.ts');
const wasm = [
  compile('cryptcab', 'asconfig.json', 'wasm.generated.ts', 'WASM_BASE64'),
  compile('handshake', 'asconfig.handshake.json', 'handshake.generated.ts', 'HANDSHAKE_BASE64'),
];

/** SHA-256 of both modules, one behind the other, in hexadecimal. */
export const coreHash = createHash('sha256').update(Buffer.concat(wasm)).digest('hex');
