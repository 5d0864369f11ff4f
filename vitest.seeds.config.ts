// The quick tests that draw on a seed, with many seeds in one process: scripts/seeds.mjs uses it.
import { defineConfig } from 'vitest/config';
import BriefReporter from './test/support/reporter.js';

export default defineConfig({
  test: {
    name: 'quick',
    include: ['test/quick/**/*.test.ts'],
    exclude: ['test/quick/{fuzz,programs}/**'], // npm run fuzz tries these with many seeds
    runner: './test/support/seed-runner.ts',
    setupFiles: ['test/support/runtime.ts'],
    testTimeout: 120_000, // the machine may be busy
    isolate: false,
    maxWorkers: 1,
    reporters: [new BriefReporter()],
  },
});
