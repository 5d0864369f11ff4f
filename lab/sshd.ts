import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cryptcab, type Host, type Lab } from './lab.js';
import { type Process, run } from './process.js';

const PORT = 2222;

export interface Sshd {
  readonly process: Process;
  /** What SCP_EXTRA_OPTIONS has to be: ours splits it as a shell would. */
  readonly options: string;
  /** The same for the C program, which passes it on as one single argument. */
  readonly singleOption: string;
  /** What SSH_EXTRA_OPTIONS has to be, for who knows this host by its address. */
  readonly strictOptions: string;
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
  mkdirSync('/run/sshd', { recursive: true }); // where sshd separates its privileges; the package makes it at boot
  const bin = join(lab.directory, 'bin');
  const program = join(bin, 'cryptcab');
  mkdirSync(bin);
  writeFileSync(program, `#!/bin/sh\nexec ${cryptcab.map((word) => `'${word}'`).join(' ')} "$@"\n`, {
    mode: 0o755,
  });
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[${address}]:${PORT} ${readFileSync(join(directory, 'host.pub'), 'utf8')}`);
  writeFileSync(
    join(directory, 'sshd_config'),
    [
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
    ].join('\n'),
  );
  const sshd = run('sh', '-c', 'command -v sshd || echo /usr/sbin/sshd').trim();
  const process = host.start([sshd, '-D', '-e', '-f', join(directory, 'sshd_config')]);
  await process.prints(/Server listening on 0\.0\.0\.0/);
  const known = ['-o StrictHostKeyChecking=no', '-o UserKnownHostsFile=/dev/null', '-o LogLevel=ERROR'];
  // The C program's single argument: a file with everything in it, and no space in its name.
  const config = join(lab.directory, 'ssh_config');
  writeFileSync(
    config,
    `Port ${PORT}\nIdentityFile "${join(directory, 'user')}"\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n`,
  );
  return {
    process,
    options: `-P ${PORT} -i '${join(directory, 'user')}' ${known.join(' ')}`,
    singleOption: `-F${config}`,
    strictOptions: `-F none -p ${PORT} -i '${join(directory, 'user')}' -o UserKnownHostsFile='"${knownHosts}"' -o StrictHostKeyChecking=yes -o BatchMode=yes`,
    program,
    knownHosts,
  };
}
