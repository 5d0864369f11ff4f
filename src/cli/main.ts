#!/usr/bin/env node
// Loads the program: what keeps it from being loaded, a limit on open files above all, is said in one line as well.
import { limitText, unexpectedText } from './limits.js';

try {
  await import('./early.js');
  const [{ runCommandLine }, { leave }, { lookupsUnderWay }, { said }, { terminalGone }, { writesPending }] =
    [
      await import('./command-line.js'),
      await import('../cable/native/thread/leave.js'),
      await import('../ends/resolve.js'),
      await import('./say.js'),
      await import('./terminal.js'),
      await import('./log/line-sink.js'),
    ];
  const status = await runCommandLine();
  await said();
  // Node's own exit sets the terminal back to what it was, and aborts where it is gone.
  const trouble = lookupsUnderWay() > 0 || terminalGone();
  await leave(status, writesPending() ? 'for ever' : trouble ? 'for a while' : undefined);
} catch (error) {
  process.stderr.write(`cryptcab: ${limitText(error) ?? unexpectedText(error)}\n`);
  process.exit(1);
}
