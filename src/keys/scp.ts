import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParseEntry, parse } from 'shell-quote';
import { CryptcabError, messageOf, TemporaryError } from '../error.js';
import { optionName, optionWithValue } from '../options/name.js';
import { canAsk, start } from './openssh-child.js';
import { sessionKeyPath } from './session-keys.js';
import { isRefusedThere, loginText, reasonIn, type SshLogin, sshFault } from './ssh-failure.js';

/** How long scp has, ms: without and with somebody who may have to type a password. */
const LIMIT_MS = { alone: 60_000, asking: 600_000 } as const;
/** Of ours, behind those of the user, which count: a network that is away ends scp. */
const OPTIONS = ['-o', 'ConnectTimeout=30', '-o', 'ServerAliveInterval=10'];

export interface ScpTarget extends SshLogin {
  /** Where the server looks for keys; where servers of all makes do when undefined. */
  readonly directory?: string | undefined;
  /** More arguments for scp, before the files. */
  readonly extra: readonly string[];
}

// `$` and `#` stand for themselves: the shell that set the variable has already expanded what it wanted to,
// and begins no comment in the middle of a word. They are hidden from the library, which thinks otherwise; no
// environment variable holds a NUL.
const HIDDEN = { $: '\0d', '#': '\0h' } as const;

function hide(text: string): string {
  return text.replace(/\$|(?<=\S)#/g, (character) => HIDDEN[character as keyof typeof HIDDEN]);
}

function show(text: string): string {
  return text.replaceAll(HIDDEN.$, '$').replaceAll(HIDDEN['#'], '#');
}

/**
 * Splits SCP_EXTRA_OPTIONS as a shell would: quotes and backslashes, no expansion.
 * @param name of the variable that holds them, for what is said of it
 * @throws CryptcabError when it holds what only a shell could run
 */
export function splitOptions(text: string, name = 'SCP_EXTRA_OPTIONS'): string[] {
  // What is left when all that is quoted is taken out.
  const bare = text.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, '');
  if (/['"]/.test(bare)) throw new CryptcabError(`${name} has a quote that is not closed: close it`);
  return parse(hide(text)).map((entry: ParseEntry) => {
    if (typeof entry === 'string') return show(entry);
    if ('pattern' in entry) return show(entry.pattern);
    throw new CryptcabError(
      `${name} holds '${'op' in entry ? entry.op : '#'}', which only a shell knows: put it in quotes`,
    );
  });
}

/**
 * Sends a key to the server, where the session id finds it. scp may ask for a password on the terminal.
 * The local copy is gone when this ends, however it ends.
 * @param signal ends an scp that is still running
 * @throws TemporaryError when the far side cannot be reached now; CryptcabError with what else scp said
 */
export async function carryKey(
  target: ScpTarget,
  id: string,
  key: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cryptcab-')).catch(cannotKeep);
  try {
    const file = join(directory, 'key');
    await writeFile(file, key, { mode: 0o600 }).catch(cannotKeep);
    await scp(target, file, sessionKeyPath(id, target.directory), signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function cannotKeep(error: unknown): never {
  throw new CryptcabError(
    `cannot keep the key in a temporary file for scp (${messageOf(error)}): set TMPDIR to a directory that can be written, or use ${optionWithValue('key')}`,
  );
}

async function scp(target: ScpTarget, file: string, path: string, signal: AbortSignal): Promise<void> {
  const login = loginText(target);
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  const args = [...target.extra, ...OPTIONS, '--', file, `${loginText({ ...target, host })}:${path}`];
  const run = start('scp', args, { signal, instead: `use ${optionWithValue('key')}` });
  const limit = LIMIT_MS[canAsk() ? 'asking' : 'alone'];
  run.within(limit);
  const { status, says } = await run.ended;
  if (status === 0) return;
  if (status === undefined)
    throw new TemporaryError(
      `scp to ${login} has not ended within ${limit / 60_000} min: see that 'ssh ${login}' works`,
    );
  if (isRefusedThere(says))
    throw new CryptcabError(
      `cannot send the key to ${login} by scp (${reasonIn(says)}): name a directory there that ${login} may write to with ${optionWithValue('keyDirectory')}, at both ends, or use ${optionWithValue('key')}`,
    );
  const instead = `set ${optionName('scpOptions', 'ssh.options')}, or use ${optionWithValue('key')}`;
  throw sshFault(target, `cannot send the key to ${login} by scp`, status, says, instead);
}
