// Children end with the program that started them.
import { type ChildProcess, spawnSync } from 'node:child_process';

/** Has the kernel end a program with the one that started it; of util-linux, as others have no such option. */
const GUARD = ['--pdeathsig', 'KILL'] as const;
let guarded: boolean | undefined;

/** Deno starts only the programs that its permissions name, and asks on its terminal about others. */
function mayRun(command: string): boolean {
  const { Deno } = globalThis as { Deno?: DenoPermissions };
  return Deno === undefined || Deno.permissions.querySync({ name: 'run', command }).state === 'granted';
}

/** What is used of `Deno.permissions`; said here, so that it takes no types of Deno's to build. */
interface DenoPermissions {
  readonly permissions: {
    querySync(wanted: { readonly name: 'run'; readonly command: string }): { readonly state: string };
  };
}

/** A program and its arguments, so that it ends with this process where the system can see to that. */
export function guardedCommand(program: string, args: readonly string[]): [string, string[]] {
  guarded ??=
    process.platform === 'linux' &&
    mayRun('setpriv') &&
    spawnSync('setpriv', [...GUARD, 'true'], { stdio: 'ignore' }).status === 0;
  return guarded ? ['setpriv', [...GUARD, program, ...args]] : [program, [...args]];
}

/**
 * Sends a child a signal. Deno takes one for dead that was sent any, and its kill() then sends no other.
 * @param group whether its whole process group is meant, which it is the first of
 */
export function kill(
  { pid, exitCode, signalCode }: ChildProcess,
  signal: NodeJS.Signals,
  group = false,
): void {
  if (pid === undefined || (exitCode !== null && !group)) return;
  if (signalCode !== null && process.versions.deno === undefined && !group) return;
  try {
    process.kill(group ? -pid : pid, signal);
  } catch {
    // it has just ended
  }
}
