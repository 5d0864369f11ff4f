// What a name that ssh knows stands for: datagrams do not go through ssh, and its configuration says where to.
import { start } from './openssh-child.js';
import { loginText, type SshLogin } from './ssh-failure.js';

/** How long ssh has to say it, ms: it may have to look a name up. */
const LIMIT_MS = 10_000;

/** Options of scp with a value: those that say something of names are ssh's as well. */
const SCP_VALUES = 'cDFiJloPSX';
const OF_NAMES = 'FJo';

/** The options among those for scp that decide what a name stands for, as ssh has them. */
export function sshOptionsOf(scpOptions: readonly string[]): string[] {
  const options: string[] = [];
  for (let i = 0; i < scpOptions.length; i++) {
    const word = scpOptions[i] as string;
    if (!/^-[^-]/.test(word)) continue;
    const at = [...word].findIndex((letter, j) => j > 0 && SCP_VALUES.includes(letter));
    if (at < 0) continue;
    const value = at + 1 < word.length ? word.slice(at + 1) : scpOptions[++i];
    const letter = word[at] as string;
    if (OF_NAMES.includes(letter) && value !== undefined) options.push(`-${letter}`, value);
  }
  return options;
}

/**
 * The host that ssh connects to for a name (`HostName` of its configuration), as `ssh -G` prints it.
 * @param extra arguments for ssh, before the host
 * @param signal ends the asking
 * @returns the name as it is where there is no ssh, or one that cannot say it
 */
export async function sshHost(
  login: SshLogin,
  extra: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  let prints = '';
  const run = start('ssh', ['-G', ...extra, '--', loginText(login)], {
    input: '',
    prints: (text) => {
      prints += text;
    },
    signal,
    instead: 'give an address',
  });
  run.within(LIMIT_MS);
  const { status } = await run.ended.catch(() => ({ status: 1 }));
  const host = /^hostname (\S+)$/m.exec(prints)?.[1];
  return status === 0 && host !== undefined ? host : login.host;
}
