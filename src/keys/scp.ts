import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParseEntry, parse } from 'shell-quote';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { sessionKeyPath } from './key-file.js';

export interface ScpTarget {
  readonly host: string;
  /** For ssh; the user who runs the program when undefined. */
  readonly user: string | undefined;
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
 * @param signal ends a scp that is still running
 * @throws CryptcabError with what scp said
 */
export async function carryKey(
  target: ScpTarget,
  id: string,
  key: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cryptcab-'));
  try {
    const file = join(directory, 'key');
    await writeFile(file, key, { mode: 0o600 });
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const login = target.user === undefined ? host : `${target.user}@${host}`;
    await scp([...target.extra, '--', file, `${login}:${sessionKeyPath(id)}`], login, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function scp(args: string[], login: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('scp', args, { stdio: ['inherit', 'ignore', 'pipe'], signal });
    let says = '';
    child.stderr.on('data', (bytes: Buffer) => {
      says = (says + bytes.toString()).slice(-2_000);
    });
    child.on('error', (error) => {
      if (error.name === 'AbortError') return; // 'close' follows
      reject(
        new CryptcabError(
          codeOf(error) === 'ENOENT'
            ? 'scp is not installed, or not on the PATH: install the package openssh-client, or use -P KEYFILE'
            : `scp does not start: ${messageOf(error)}`,
        ),
      );
    });
    child.on('close', (status) => {
      if (status === 0) return resolve();
      // What scp printed first is the reason; 'lost connection' and the like come after it.
      const lines = says
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('Warning:'));
      const reason =
        lines.filter((line) => !/^(lost connection|scp: Connection closed)$/.test(line)).at(-1) ??
        lines.at(-1);
      reject(
        new CryptcabError(
          `cannot send the key to ${login} by scp${reason ? ` (${reason})` : ''}: see that 'ssh ${login}' works, set SCP_EXTRA_OPTIONS, or use -P KEYFILE`,
        ),
      );
    });
  });
}
