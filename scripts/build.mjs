// Builds everything: the core, the version as a constant (a program in one file has no package.json beside it), the
// TypeScript, and of that the command in larger files: it starts with three quarters of the processor time that one for each module takes.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { run } from './build-core.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync(
  'src/cli/version.generated.ts',
  `// Made by scripts/build.mjs from package.json; not kept in git.\nexport const VERSION = '${version}';\n`,
);
rmSync('dist', { recursive: true, force: true }); // nothing of what is no more
run('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
await build({
  entryPoints: ['dist/src/cli/main.js', 'dist/src/cable/native/thread/worker.js'],
  outdir: 'dist/command',
  entryNames: '[name]', // the thread is looked for beside the program
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true, // what keeps the rest from being loaded is said in one line (src/cli/main.ts)
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
});
