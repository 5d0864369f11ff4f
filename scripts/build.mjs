// Builds everything: the core, the version as a constant (a program in one file has no package.json beside it), then the
// TypeScript.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { run } from './build-core.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
writeFileSync(
  'src/cli/version.generated.ts',
  `// Made by scripts/build.mjs from package.json; not kept in git.\nexport const VERSION = '${version}';\n`,
);
rmSync('dist', { recursive: true, force: true }); // nothing of what is no more
run('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
