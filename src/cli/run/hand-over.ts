// The keys that a daemon gets from the program that started it: through its standard input, in memory that is wiped on both sides.
import { readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Enrolment } from '../../keys/ssh.js';
import { copyKey, secretRoom } from '../../protocol/secret.js';

/** Keys that the server got before the daemon left the terminal: scp, or ssh, may have asked for a password there. */
export interface Carried {
  readonly classic?: { readonly id: string; readonly key: Uint8Array };
  readonly secure?: Enrolment;
}

/** The first byte says what follows. */
const KIND = { classic: 1, secure: 2 } as const;
/** The length of a session id, then the id and the key. */
const ID_AT = 2;
const KEY_BYTES = 32;
/** Two private keys, the server's public one, and its port. */
const SECURE_BYTES = 1 + 3 * KEY_BYTES + 2;
/** More than any of them. */
const MOST_BYTES = 128;

function packed({ classic, secure }: Carried): Uint8Array {
  if (classic !== undefined) {
    const id = Buffer.from(classic.id, 'latin1');
    const bytes = secretRoom(ID_AT + id.length + classic.key.length);
    bytes.set([KIND.classic, id.length, ...id]);
    bytes.set(classic.key, ID_AT + id.length);
    return bytes;
  }
  if (secure === undefined) return new Uint8Array();
  const bytes = secretRoom(SECURE_BYTES);
  bytes[0] = KIND.secure;
  bytes.set(secure.privateKey, 1);
  bytes.set(secure.presharedKey, 1 + KEY_BYTES);
  bytes.set(secure.serverPublicKey, 1 + 2 * KEY_BYTES);
  new DataView(bytes.buffer).setUint16(SECURE_BYTES - 2, secure.serverPort);
  return bytes;
}

function unpacked(bytes: Uint8Array): Carried | undefined {
  const key = (at: number) => copyKey(bytes.subarray(at, at + KEY_BYTES));
  if (bytes[0] === KIND.classic) {
    const keyAt = ID_AT + (bytes[1] as number);
    const id = String.fromCharCode(...bytes.subarray(ID_AT, keyAt));
    return { classic: { id, key: copyKey(bytes.subarray(keyAt)) } };
  }
  if (bytes[0] !== KIND.secure) return undefined;
  return {
    secure: {
      privateKey: key(1),
      presharedKey: key(1 + KEY_BYTES),
      serverPublicKey: key(1 + 2 * KEY_BYTES),
      serverPort: ((bytes[SECURE_BYTES - 2] as number) << 8) | (bytes[SECURE_BYTES - 1] as number),
    },
  };
}

/** Hands these keys over and closes the stream; wipes its copy of them. The keys stay their owner's. */
export function handOver(output: Writable, carried: Carried | undefined): void {
  const bytes = packed(carried ?? {});
  const wipe = () => bytes.fill(0);
  output.on('error', () => {}); // it has ended before it read: its status says why
  output.once('close', wipe);
  output.end(bytes, wipe);
}

/**
 * What is handed over.
 * @param input the descriptor that it comes from. It is read synchronously, because a stream would leave copies in memory
 */
export function handedOver(input: number): Carried | undefined {
  const room = secretRoom(MOST_BYTES);
  try {
    let length = 0;
    for (;;) {
      const got = readSync(input, room, length, room.length - length, null);
      if (got === 0) return unpacked(room.subarray(0, length));
      length += got;
    }
  } finally {
    room.fill(0);
  }
}
