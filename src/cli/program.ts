import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const [, script = ''] = process.argv;
/** Whether runtime and program are one file: Bun then names a script that is nowhere on the disk. */
const oneFile = /^(\/\$bunfs|B:\/~BUN)\//.test(script);

/** The path that the program was called by. Of a link Bun names what it leads to; the system has both. */
function calledBy(): string {
  if (process.versions.bun === undefined) return script;
  try {
    const words = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1);
    return words[oneFile ? 0 : words.length - process.argv.length + 1] ?? script;
  } catch {
    return oneFile ? process.execPath : script; // a system without that file
  }
}

/** What the program is called, for what it says, and for how it reads its options. */
export const name = basename(calledBy() || 'cryptcab').replace(/^main\.js$/, 'cryptcab');

/** Newer versions of Node can be told to open no debugger on SIGUSR1; until early.ts runs, nothing else does that. */
const NO_DEBUGGER = '--disable-sigusr1';

/** The command line that starts this program again with these arguments. */
export function again(args: readonly string[]): [string, string[]] {
  const { bun, deno } = process.versions;
  const knows =
    bun === undefined && deno === undefined && process.allowedNodeEnvironmentFlags.has(NO_DEBUGGER);
  const options = knows ? [NO_DEBUGGER, ...process.execArgv] : process.execArgv;
  return [process.execPath, oneFile ? [...args] : [...options, script, ...args]];
}
