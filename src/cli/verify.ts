import type { AskPeer } from '../secure/verifier.js';
import { runShell } from '../shell.js';

/** Who `--verify COMMAND` asks: the command, by its environment. */
export function askBy(command: string | undefined): AskPeer | undefined {
  if (command === undefined) return undefined;
  return (publicKey, address) =>
    runShell(command, { CRYPTCAB_PUBLIC_KEY: publicKey, CRYPTCAB_ADDRESS: address });
}
