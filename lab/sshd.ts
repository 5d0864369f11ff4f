import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cryptcab, type Host, type Lab } from './lab.js';
import { type Process, run } from './process.js';

const PORT = 2222;

export interface Sshd {
  /** Ends it. */
  stop(): Promise<unknown>;
  /** Starts it, when it was ended, with more lines in its configuration, in place of its own. */
  start(more?: readonly string[]): Promise<void>;
  /** What it has printed since it was started last. */
  readonly output: string;
  /** What SCP_EXTRA_OPTIONS has to be: ours splits it as a shell would. */
  readonly options: string;
  /** The same for the C program, which passes it on as one single argument. */
  readonly singleOption: string;
  /** What SSH_EXTRA_OPTIONS has to be, for who knows this host by its address. */
  readonly strictOptions: string;
  /** Makes a name of ssh's configuration for this host; what SSH_EXTRA_OPTIONS, or SCP_EXTRA_OPTIONS, has to be then. */
  alias(name: string): string;
  /** Where `cryptcab` is that those who log in find. */
  readonly program: string;
  /** Which host keys the clients know. */
  readonly knownHosts: string;
}

/**
 * Starts a real sshd on a host, with keys made for the occasion.
 * @param address that its clients know it by
 */
export async function startSshd(lab: Lab, host: Host, address = host.link.own4): Promise<Sshd> {
  const directory = join(lab.directory, 'ssh config'); // the space shows that quotes are kept
  mkdirSync(directory);
  for (const name of ['host', 'user'])
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(directory, name));
  const bin = join(lab.directory, 'bin');
  const program = join(bin, 'cryptcab');
  mkdirSync(bin);
  writeFileSync(program, `#!/bin/sh\nexec ${cryptcab.map((word) => `'${word}'`).join(' ')} "$@"\n`, {
    mode: 0o755,
  });
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[${address}]:${PORT} ${readFileSync(join(directory, 'host.pub'), 'utf8')}`);
  const configuration = [
    `Port ${PORT}`,
    `HostKey "${join(directory, 'host')}"`,
    `AuthorizedKeysFile "${join(directory, 'user.pub')}"`,
    'StrictModes no',
    'PermitRootLogin yes',
    'UsePAM no',
    'MaxStartups 100', // several clients begin at once
    'PidFile none',
    `SetEnv XDG_RUNTIME_DIR="${host.runtimeDirectory}" PATH="${bin}:${globalThis.process.env.PATH}"`,
    'Subsystem sftp internal-sftp',
  ];
  const sshd = run('sh', '-c', 'command -v sshd || echo /usr/sbin/sshd').trim();
  let process: Process | undefined;
  async function start(more: readonly string[] = []): Promise<void> {
    const file = join(directory, 'sshd_config');
    const keyword = (line: string) => line.split(' ')[0];
    const named = more.map(keyword);
    const rest = configuration.filter((line) => !named.includes(keyword(line))); // of MaxStartups the last one counts
    writeFileSync(file, [...more, ...rest].join('\n'));
    process = host.start([sshd, '-D', '-e', '-f', file]);
    await process.prints(/Server listening on 0\.0\.0\.0/);
  }
  await start();
  const known = ['-o StrictHostKeyChecking=no', '-o UserKnownHostsFile=/dev/null', '-o LogLevel=ERROR'];
  // The C program's single argument: a file with everything in it, and no space in its name.
  const config = join(lab.directory, 'ssh_config');
  writeFileSync(
    config,
    `Port ${PORT}\nIdentityFile "${join(directory, 'user')}"\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n`,
  );
  return {
    start,
    stop: async () => process?.stop(),
    get output() {
      return process?.output ?? '';
    },
    alias(name) {
      const file = join(lab.directory, `alias-${name}`);
      const lines = [
        ...[`Host ${name}`, `HostName ${address}`, `Port ${PORT}`, 'User root', 'BatchMode yes'],
        ...[`IdentityFile "${join(directory, 'user')}"`, `UserKnownHostsFile "${knownHosts}"`],
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return `-F ${file}`;
    },
    options: `-P ${PORT} -i '${join(directory, 'user')}' ${known.join(' ')}`,
    singleOption: `-F${config}`,
    strictOptions: `-F none -p ${PORT} -i '${join(directory, 'user')}' -o UserKnownHostsFile='"${knownHosts}"' -o StrictHostKeyChecking=yes -o BatchMode=yes`,
    program,
    knownHosts,
  };
}
