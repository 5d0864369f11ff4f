import { readFileSync } from 'node:fs';
import { CryptcabError, messageOf } from '../../error.js';
import { drawSecret } from '../../keys/draw.js';
import { encodingFault, markFault } from '../../keys/encoding.js';
import { decodeKey, keyText, newPresharedKey, newPrivateKey } from '../../keys/key-text.js';
import { publicKeyOf } from '../../keys/public-key.js';

/** Commands that make keys of the secure cable, as text in the forms of `wg` (secure.md §3.1). */
export type KeyCommand = 'keygen' | 'pubkey' | 'genpsk';

/**
 * What a command prints.
 * @throws CryptcabError when pubkey reads no private key
 */
export function runKeyCommand(command: KeyCommand): string {
  switch (command) {
    case 'keygen':
      return `${keyText(newPrivateKey(drawSecret))}\n`;
    case 'genpsk':
      return `${keyText(newPresharedKey(drawSecret))}\n`;
    case 'pubkey':
      return `${keyText(publicKeyOf(readPrivateKey()))}\n`;
  }
}

function readPrivateKey(): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(0);
  } catch (error) {
    throw new CryptcabError(`cannot read the private key from standard input: ${messageOf(error)}`);
  }
  const key = decodeKey(bytes);
  const fault = encodingFault(bytes) ?? markFault(bytes);
  bytes.fill(0);
  if (key !== undefined) return key;
  throw new CryptcabError(
    fault === undefined
      ? 'there is no private key on standard input, 44 characters as cryptcab keygen prints them: try cryptcab pubkey < KEYFILE'
      : `what is on standard input ${fault}`,
  );
}
