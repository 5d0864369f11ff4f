import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CryptcabError, messageOf } from '../error.js';
import { keyText, newPresharedKey, newPrivateKey, parseKey } from '../keys/key-text.js';
import { publicKeyOf } from '../keys/public-key.js';
import { UsageError } from './options.js';

/** Commands that make keys of the secure cable, as text in the forms of `wg` (secure-protocol §3). */
export type KeyCommand = 'keygen' | 'pubkey' | 'genpsk';

/**
 * What a command prints.
 * @throws UsageError, or CryptcabError when pubkey reads no private key
 */
export function runKeyCommand(command: KeyCommand, rest: readonly string[]): string {
  if (rest.length > 0) throw new UsageError(`${command} takes no arguments: see --help`);
  switch (command) {
    case 'keygen':
      return `${keyText(newPrivateKey(randomBytes))}\n`;
    case 'genpsk':
      return `${keyText(newPresharedKey(randomBytes))}\n`;
    case 'pubkey':
      return `${keyText(publicKeyOf(readPrivateKey()))}\n`;
  }
}

function readPrivateKey(): Uint8Array {
  let text: string;
  try {
    text = readFileSync(0, 'latin1');
  } catch (error) {
    throw new CryptcabError(`cannot read the private key from standard input: ${messageOf(error)}`);
  }
  const key = parseKey(text);
  if (key === undefined)
    throw new CryptcabError(
      'there is no private key on standard input, 44 characters as cryptcab keygen prints them: try cryptcab pubkey < KEYFILE',
    );
  return key;
}
