#!/usr/bin/env node
import { CryptcabError } from '../error.js';
import { leave } from '../native/leave.js';
import { runCommand } from './commands.js';
import { isDaemonChild, releaseParent, tellParent } from './daemon.js';
import { Answer, parseOptions, UsageError } from './options.js';
import { name } from './program.js';
import { VERSION } from './version.generated.js';

function say(line: string): void {
  process.stderr.write(`${name}: ${line}\n`);
}

async function main(): Promise<number> {
  const daemonChild = isDaemonChild();
  try {
    const words = process.argv.slice(2);
    const said = await runCommand(words[0], words.slice(1));
    if (said !== undefined) {
      process.stdout.write(said.out);
      for (const fault of said.faults) say(fault);
      return said.faults.length === 0 ? 0 : 1;
    }
    // What it takes to run a cable is loaded when one is run.
    const details = words.includes('--version') ? (await import('./details.js')).details : () => [];
    const settings = parseOptions(name, VERSION, words, details);
    const cable = await import('./cable.js');
    if (settings.daemon && !daemonChild) return await cable.runAsDaemon(settings, say);
    await cable.run(settings, daemonChild);
    return 0;
  } catch (error) {
    if (error instanceof Answer) {
      process.stdout.write(error.message);
      return 0;
    }
    const known = error instanceof CryptcabError || error instanceof UsageError;
    const text = known ? error.message : `unexpected: ${error instanceof Error ? error.stack : error}`;
    if (daemonChild) tellParent(text);
    else say(text);
    const status = error instanceof UsageError ? 2 : 1;
    await releaseParent(status);
    return status;
  }
}

await leave(await main());
