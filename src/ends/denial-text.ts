// What a client of the classic cable logs about a server that denies it, or sends it nothing: the likely cause, and what to do.
import { optionName } from '../options/name.js';
import type { ClientDenial, ClientMode } from '../protocol/classic/client-terms.js';
import { KEY_FILE_BYTES } from '../protocol/classic/constants.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';

/** How the client was started. */
interface Started {
  readonly server: { readonly host: string };
  readonly mode: ClientMode;
  readonly cipher?: CipherChoice;
}

/** A C program whose OpenSSL has no Blowfish denies every key (classic.md §7.4). */
const LEGACY =
  'a C program with OpenSSL 3 denies every key until OPENSSL_CONF names a file that turns the legacy provider on (see docs/classic-cable.md)';

/** Of one that was told a cipher: the other end may speak another one. */
function otherCipher(cipher: CipherChoice): string {
  return cipher === 'auto'
    ? ''
    : `, or it speaks another cipher than ${cipher}: leave ${optionName('cipher')} out`;
}

/** What a DENY most likely means, and what to do about it. */
export function denialText(why: ClientDenial, { server: { host }, mode, cipher = 'auto' }: Started): string {
  const plain = optionName('plain');
  switch (why) {
    case 'no key at server':
      if (mode.kind === 'preshared')
        return `${host} denied the login: start the server with ${optionName('key')} and the same key file`;
      return mode.kind === 'plain'
        ? `${host} denied the login: start both ends with ${plain}, or neither`
        : `${host} denied the login, it found no key: let it read the key files of the user who sends them`;
    case 'wrong key':
      return mode.kind === 'preshared'
        ? wrongFileText(host, mode.key.length, cipher)
        : wrongKeyText(host, cipher);
    case 'wants encryption':
      return `${host} wants encryption: start both ends with ${plain}, or neither; a C program that also has ${optionName('key')}, or is of 2.3.3 or later, encrypts all the same`;
  }
}

function wrongFileText(host: string, bytes: number, cipher: CipherChoice): string {
  const { chacha20 } = KEY_FILE_BYTES;
  const long = cipher === 'chacha20' ? `, of ${chacha20} bytes` : '';
  const short =
    bytes < chacha20
      ? `; this one has fewer than ${chacha20} bytes and does for Blowfish alone, a C program from 2.3.3 on needs ${chacha20}`
      : '';
  return `${host} denied the key: both ends need the same key file${long}, and neither ${optionName('plain')}${short}${otherCipher(cipher)}; ${LEGACY}`;
}

/** The key was sent by scp just now: it is the right one. */
function wrongKeyText(host: string, cipher: CipherChoice): string {
  return `${host} denied the key that it was sent: start it without ${optionName('key')} and ${optionName('plain')}, as this end${otherCipher(cipher)}; ${LEGACY}`;
}

/** A C server that is up without encryption, and has sent no frame. */
export function muteText(host: string): string {
  return `no frame comes from ${host}, a C program: one of 2.3.3 or later cannot do without encryption, leave ${optionName('plain')} out at both ends; an older one has had nothing to send yet`;
}
