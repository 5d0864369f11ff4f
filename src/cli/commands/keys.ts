import { readSync } from 'node:fs';
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

/** A key's file has 45 bytes; in UTF-16, with some white space, a little more. What is longer is none. */
const READ_MAX = 4_096;

function readStandardInput(): Buffer {
  const room = Buffer.alloc(READ_MAX);
  let length = 0;
  for (let read = -1; read !== 0 && length < READ_MAX; length += read)
    read = readSync(0, room, length, READ_MAX - length, null);
  return room.subarray(0, length);
}

function readPrivateKey(): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readStandardInput();
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
