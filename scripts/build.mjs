// Builds everything: the core, then the TypeScript.
import { rmSync } from 'node:fs';
import { run } from './build-core.mjs';

rmSync('dist', { recursive: true, force: true }); // nothing of what is no more
run('typescript/bin/tsc', ['-p', 'tsconfig.build.json']);
