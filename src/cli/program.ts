import { basename } from 'node:path';

const [, script = ''] = process.argv;
/** Whether runtime and program are one file: Bun then names a script that is nowhere on the disk. */
const oneFile = /^(\/\$bunfs|B:\/~BUN)\//.test(script);

/** What the program is called, for what it says. */
export const name = oneFile
  ? basename(process.execPath)
  : basename(script || 'cryptcab').replace(/^main\.js$/, 'cryptcab');

/** The command line that starts this program again with these arguments. */
export function again(args: readonly string[]): [string, string[]] {
  return [process.execPath, oneFile ? [...args] : [...process.execArgv, script, ...args]];
}
