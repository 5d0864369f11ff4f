// Builds everything: the tables, the core, the core as a string constant, then the TypeScript.
// The core is embedded so that one way of loading it serves every runtime, with no file to find.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeTables } from './make-tables.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const run = (module, args) => {
  try {
    execFileSync(process.execPath, [`node_modules/${module}`, ...args], { stdio: 'inherit' });
  } catch (error) {
    process.exit(error.status ?? 1);
  }
};

mkdirSync('build', { recursive: true });
writeTables('assembly/blowfish-tables.ts');
run('assemblyscript/bin/asc.js', ['--config', 'asconfig.json', '--target', 'release']);
const wasm = readFileSync('build/cryptcab.wasm').toString('base64');
writeFileSync(
  'src/core/wasm.generated.ts',
  `// Made by scripts/build.mjs from build/cryptcab.wasm; not kept in git.\nexport const WASM_BASE64: string =\n  '${wasm}';\n`,
);
rmSync('dist', { recursive: true, force: true }); // nothing of what is no more
run('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
