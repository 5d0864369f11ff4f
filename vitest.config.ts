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

// They wait for minutes, and mind no load. `npm test` runs them beside all the others.
const ASLEEP = [
  'test/patient/faults.test.ts',
  'test/patient/secure-faults.test.ts',
  'test/patient/secure-hole.test.ts',
  'test/patient/secure-rekey.test.ts',
  'test/patient/secure-wireguard.test.ts',
];

/** Files at a time, on two processors: their tests mostly wait. */
const MOSTLY_WAITING = 3;

// quick: no root, no network namespaces, no other programs; seconds.
// cable: no root; both ends in one process, on real sockets, with what was built.
// asleep, system: real switches, taps, sshd and the C program, in network namespaces of their own.
export default defineConfig({
  test: {
    reporters: [new BriefReporter()],
    projects: [
      {
        test: {
          name: 'quick',
          include: [
            'test/{unit,vectors,protocol,fuzz,programs}/**/*.test.ts',
            'test/package/{graph,examples,citations,links,manual,release}.test.ts',
          ],
          setupFiles: ['test/support/runtime.ts'],
          testTimeout: 120_000, // the machine may be busy
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'cable',
          include: ['test/cable/**/*.test.ts'],
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
          include: [
            'test/{interop,netns,command,site}/**/*.test.ts',
            'test/package/{tarball,reference,deb}.test.ts',
          ],
          exclude: ASLEEP,
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
          name: 'asleep',
          include: ASLEEP,
          testTimeout: 180_000,
          hookTimeout: 90_000,
          maxWorkers: ASLEEP.length,
          maxConcurrency: 32,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
