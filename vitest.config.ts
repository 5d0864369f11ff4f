import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { newSeed } from './test/support/new-seed.js';
import BriefReporter from './test/support/reporter.js';

process.env.CRYPTCAB_SEED ??= newSeed(); // the same for all files
process.env.STATE_DIRECTORY = ''; // a server that a test starts outside of a lab keeps nothing

// What was built is tested, threads of its own included.
const built = {
  alias: [
    {
      find: /^(?:\.\.\/)+src\/(.*)\.js$/,
      replacement: fileURLToPath(new URL('dist/src/$1.js', import.meta.url)),
    },
  ],
};

/** Files at a time, on two processors: their tests mostly wait. */
const MOSTLY_WAITING = 4;
const ALL_AT_ONCE = 8;

// quick: no root, no network namespaces, no other programs; seconds.
// cable: no root; both ends in one process, on real sockets, with what was built; and the programs that need nothing else.
// system: real switches, taps, sshd and the C program, in network namespaces of their own.
// patient: the same, where a test waits for minutes and minds no load; `npm test` runs these beside all the others.
export default defineConfig({
  test: {
    reporters: [new BriefReporter()],
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/quick/**/*.test.ts'],
          setupFiles: ['test/support/runtime.ts'],
          testTimeout: 120_000, // the machine may be busy
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'cable',
          include: ['test/{built,cable}/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          maxWorkers: MOSTLY_WAITING,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          maxWorkers: MOSTLY_WAITING,
          maxConcurrency: 32,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'patient',
          include: ['test/patient/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 90_000,
          maxWorkers: ALL_AT_ONCE,
          maxConcurrency: 32,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
