// The tests that need no Node, in headless Chromium. `npm run test:runtimes` runs them, with the other runtimes.
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

/** What a browser does not have, and the tests that are of it. */
const WITHOUT: Readonly<Record<string, readonly string[]>> = {
  'sockets, of the network and of the file system': [
    'unit/udp',
    'unit/dual',
    'unit/knock',
    'unit/control',
    'unit/control-commands',
    'unit/control-place',
    'unit/control-words',
    'unit/metrics',
    'unit/page',
    'unit/qemu-plug',
  ],
  'files, programs and users': [
    'unit/enrolment',
    'unit/files',
    'unit/filter',
    'unit/hooks',
    'unit/long-socket',
    'unit/qr',
    'unit/host-line',
    'unit/policy',
    'unit/verifier',
    'unit/ssh-name',
    'unit/key-file',
    'unit/line-sink',
    'unit/log-history',
    'unit/manifest',
    'unit/own-path',
    'unit/peers-file',
    'unit/peers-store',
    'unit/pid-file',
    'unit/scp-options',
    'unit/session-keys',
    'unit/vitals',
  ],
  'a command line': [
    'unit/balancer',
    'unit/configuration',
    'unit/debugger',
    'unit/faces',
    'unit/doctor',
    'unit/for-people',
    'unit/options',
    'unit/secure-options',
    'unit/spelling',
    'unit/key-like',
    'unit/join',
    'unit/notices',
    'unit/option-names',
    'unit/option-table',
    'unit/words',
  ],
  'the host of an end, which resolves names': [
    'unit/attendance',
    'unit/host-end',
    'unit/host-memory',
    'unit/secure-side',
    'unit/secure-hints',
    'unit/secure-attacker',
    'unit/sleep',
    'unit/library-keys',
    'unit/own-addresses',
    'unit/library-options',
    'unit/library-peers',
    'unit/library-waits',
    'unit/resolve',
    'unit/address-scope',
    'unit/etcd-peers',
    'unit/peers-option',
  ],
  'system calls': ['unit/announce', 'unit/ready', 'unit/service'],
  'ciphers of the system': ['unit/x25519-system'],
  'threads of node:worker_threads': ['unit/core/lock', 'unit/core/threads'],
};

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
