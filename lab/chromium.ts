import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian's package `chromium` puts it. */
const CHROMIUM = '/usr/bin/chromium';

/**
 * Starts a headless Chromium of its own, with a profile that is thrown away; close() it.
 * It resolves no names, so that nothing it might ask for leaves this machine.
 * @throws Error that names the package when it is not installed
 */
export async function launchChromium(): Promise<Browser> {
  try {
    accessSync(CHROMIUM, constants.X_OK);
  } catch {
    throw new Error(`there is no ${CHROMIUM}: install the Debian package chromium`);
  }
  return await chromium.launch({
    executablePath: CHROMIUM,
    chromiumSandbox: process.getuid?.() !== 0, // root cannot have one
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
  });
}
