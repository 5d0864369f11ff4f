// An enrolment by ssh, at a shell that never answers.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../lab/lab.js';
import { startSshd } from '../../lab/sshd.js';

let lab: Lab;
beforeEach(() => {
  lab = new Lab(2);
});
afterEach(() => lab.close());

test('is ended after a minute, and tried again', async () => {
  const [hub, client] = lab.hosts as [Host, Host];
  const [sshd] = await Promise.all([startSshd(lab, hub, client.link.hub4), client.startSwitch()]);
  // Nobody over there ends the shell when its ssh is gone: it has no terminal.
  const pids = join(lab.directory, 'pids');
  const cable = client.cryptcab(['--secure', '-c', `root@${client.link.hub4}`, '-vvvv'], {
    SSH_EXTRA_OPTIONS: sshd.strictOptions,
    CRYPTCAB_REMOTE: `echo $$ >>${pids}; exec sleep 1000; :`,
  });
  try {
    await cable.prints(/root@10\.77\.1\.1 has not answered within 1 min: .*; trying again/, 120_000);
    expect(await cable.stop()).toBe(0);
  } finally {
    await cable.stop(); // starts no more of them
    const started = existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n') : [];
    for (const pid of started) {
      try {
        process.kill(Number(pid));
      } catch {
        // It has ended.
      }
    }
  }
});
