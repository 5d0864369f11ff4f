import type { AskPeer } from '../../ends/peers/verifier.js';
import { runShell } from '../../ends/shell.js';

/** Who `--verify COMMAND` asks: the command, by its environment. */
export function askBy(command: string | undefined): AskPeer | undefined {
  if (command === undefined) return undefined;
  return (publicKey, address) =>
    runShell(command, { CRYPTCAB_PUBLIC_KEY: publicKey, CRYPTCAB_ADDRESS: address });
}
