import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// What was built is tested, threads of its own included.
const built = {
  alias: [
    {
      find: /^(?:\.\.\/)+src\/(.*)\.js$/,
      replacement: fileURLToPath(new URL('dist/src/$1.js', import.meta.url)),
    },
  ],
};

// They wait, for a line to be cut long enough or for keys to be old enough, and load the machine little.
const PATIENT = [
  'test/netns/faults.test.ts',
  'test/netns/secure-rekey.test.ts',
  'test/interop/secure-wireguard.test.ts',
];
// They do nothing for ten minutes. `npm test` runs them beside all the others.
const ASLEEP = ['test/netns/secure-faults.test.ts'];

// quick: no root, no network namespaces, no other programs; seconds.
// asleep, patient, system: real switches, taps, sshd and the C program; those of system one file at a time, as they share
// the machine.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: [
            'test/{unit,vectors,protocol,fuzz}/**/*.test.ts',
            'test/package/{graph,examples}.test.ts',
          ],
          setupFiles: ['test/runtime.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'patient',
          include: PATIENT,
          testTimeout: 90_000,
          hookTimeout: 90_000,
          maxWorkers: PATIENT.length,
          maxConcurrency: 32, // of tests in one file that say so
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'system',
          include: [
            'test/{cable,interop,netns,command,site}/**/*.test.ts',
            'test/package/{tarball,reference}.test.ts',
          ],
          exclude: [...PATIENT, ...ASLEEP],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          fileParallelism: false,
          maxConcurrency: 32,
          sequence: { groupOrder: 2 },
        },
      },
      {
        resolve: built,
        test: {
          name: 'asleep',
          include: ASLEEP,
          hookTimeout: 90_000,
          maxWorkers: ASLEEP.length,
          maxConcurrency: 32,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
