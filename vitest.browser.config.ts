// The tests that need no Node, in headless Chromium. `npm run test:runtimes` runs them, with the other runtimes.
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { WITHOUT } from './test/support/browser/without.js';

const FILES = fileURLToPath(new URL('test/support/browser/fs.ts', import.meta.url));
const INCLUDE = 'test/quick/{unit,vectors,protocol}/**/*.test.ts';
const EXCLUDE = Object.values(WITHOUT).flatMap((names) => names.map((name) => `test/quick/${name}.test.ts`));

export default defineConfig({
  define: { 'process.env.CRYPTCAB_SEED': JSON.stringify(process.env.CRYPTCAB_SEED) ?? 'undefined' },
  resolve: { alias: { 'node:fs': FILES, 'node:url': FILES } },
  // Found before the first test, not by one that then has to be loaded again.
  optimizeDeps: {
    exclude: ['koffi'],
    entries: ['test/support/browser/*.ts', INCLUDE, ...EXCLUDE.map((name) => `!${name}`)],
  },
  test: {
    name: 'chromium',
    include: [INCLUDE],
    exclude: EXCLUDE,
    setupFiles: ['test/support/browser/setup.ts'],
    testTimeout: 120_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          executablePath: '/usr/bin/chromium',
          chromiumSandbox: process.getuid?.() !== 0, // root cannot have one
          args: [
            '--enable-features=SharedArrayBuffer', // vitest's pages lack the headers for it
            '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
          ],
        },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
});
