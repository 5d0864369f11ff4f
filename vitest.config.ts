import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// quick: no root, no network namespaces, no other programs; seconds.
// system: real switches, taps, sshd and the C program; one file at a time, as they share the machine.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/{unit,vectors,protocol,fuzz}/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        // What was built is tested, threads of its own included.
        resolve: {
          alias: [
            {
              find: /^(?:\.\.\/)+src\/(.*)\.js$/,
              replacement: fileURLToPath(new URL('dist/src/$1.js', import.meta.url)),
            },
          ],
        },
        test: {
          name: 'system',
          include: ['test/{cable,interop,netns,command}/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
          fileParallelism: false,
          maxConcurrency: 32, // of tests in one file that say so: they wait most of the time
        },
      },
    ],
  },
});
