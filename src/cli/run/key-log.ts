// The key log of --keylog, as Wireshark's WireGuard dissector reads it. Each handshake adds four lines.
import { constants, fchmodSync, writeSync } from 'node:fs';
import { CryptcabError, messageOf } from '../../error.js';
import { keyLine } from '../../keys/key-text.js';
import { type Log, SeldomLog } from '../../log.js';
import { optionName } from '../../options/name.js';
import type { HandshakeKeys } from '../../protocol/secure/terms.js';
import { openOwn } from '../own-path.js';

const { O_WRONLY, O_APPEND, O_CREAT } = constants;

/** Told the keys of each handshake. */
export type KeyLog = (keys: HandshakeKeys) => void;

/**
 * Opens a key log, which nobody but its owner can read.
 * @throws CryptcabError when it cannot be written
 */
export function openKeyLog(path: string, log: Log): KeyLog {
  let fd: number;
  try {
    fd = openOwn(path, O_WRONLY | O_APPEND | O_CREAT, 0o600);
    fchmodSync(fd, 0o600);
  } catch (error) {
    throw new CryptcabError(`cannot write the key log ${path}: ${messageOf(error)}`);
  }
  log.warn(
    {},
    `${optionName('keyLog')} writes the keys of this end to ${path}: whoever has that file reads all that passes, and can pretend to be this end; use it for tests, and remove it`,
  );
  const seldom = new SeldomLog();
  return (keys) => {
    try {
      for (const [name, key] of [
        ['LOCAL_STATIC_PRIVATE_KEY', keys.privateKey],
        ['REMOTE_STATIC_PUBLIC_KEY', keys.peer],
        ['LOCAL_EPHEMERAL_PRIVATE_KEY', keys.ephemeral],
        ['PRESHARED_KEY', keys.presharedKey],
      ] as const)
        writeLine(fd, name, key);
    } catch (error) {
      const say = () => log.warn({}, `cannot write the key log ${path}: ${messageOf(error)}`);
      seldom.note(performance.now(), 'key log', say);
    }
  };
}

function writeLine(fd: number, name: string, key: Uint8Array): void {
  const line = keyLine(key, `${name} = `);
  try {
    writeSync(fd, line);
  } finally {
    line.fill(0);
  }
}
