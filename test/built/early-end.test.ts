// A program that ends as soon as it has begun, while its I/O thread still loads.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/command/main.js', import.meta.url));
/** At a time, and one lot after the other: the more there are, the sooner one ends in the wrong moment. */
const [TOGETHER, LOTS] = [8, 4];

function serveWithoutKey(): Promise<{ status: number | null; signal: string | null; said: string }> {
  const words = ['serve', '-s', '/nonexistent/switch', '--key', '/nonexistent/key'];
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, said }));
  });
}

test('it ends with its one line and its status, every time', async () => {
  for (let lot = 0; lot < LOTS; lot++)
    for (const { status, signal, said } of await Promise.all(
      Array.from({ length: TOGETHER }, serveWithoutKey),
    ))
      expect([status, signal, said.trim().split('\n')]).toEqual([
        ...[1, null],
        [expect.stringMatching(/there is no key file/)],
      ]);
});
