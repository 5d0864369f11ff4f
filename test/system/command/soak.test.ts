// npm run soak: what it says to a wrong command line, and that nothing is left when it is interrupted.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { labProgram } from '../../../lab/lab.js';
import { Process, run } from '../../../lab/process.js';

const script = fileURLToPath(new URL('../../../scripts/soak.mjs', import.meta.url));

for (const [args, says] of [
  [['--minutes', 'x'], "'x' is not a number of minutes"],
  [['--minutes', '0'], "'0' is not a number of minutes"],
  [['--minutes=-3'], "'-3' is not a number of minutes"],
  [['--minutes', '1e9'], "'1e9' is not a number of minutes"],
  [['--minutes'], '--minutes'],
  [['--hours', '3'], "'--hours'"],
  [['3'], "'3'"],
] as const) {
  test(`soak ${args.join(' ')}`, async () => {
    const soak = new Process([process.execPath, script, ...args]);
    expect(await soak.exited).toBe(2);
    expect(soak.output.trim().split('\n')).toHaveLength(1);
    expect(soak.output).toContain(says);
    expect(soak.output).toContain('npm run soak -- --minutes N');
  });
}

for (const [when, pattern] of [
  ['as it begins', /seed/],
  ['under way', /\d s: /],
] as const) {
  test(`soak, interrupted ${when}`, async () => {
    const soak = new Process([...labProgram('soak'), '1', '1']);
    try {
      await soak.prints(pattern, 60_000);
      soak.signal('SIGINT');
      expect(await soak.exited).toBe(130);
    } finally {
      await soak.stop();
    }
    expect(run('ip', 'netns', 'list')).not.toContain(`-${soak.pid}-`);
    expect(run('ps', '-A', '-o', 'args')).not.toContain(`-${soak.pid}-`);
  });
}
