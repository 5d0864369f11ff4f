// The MACs of a handshake message, and the cookies that show, under load, that a sender is where it says
// (WireGuard whitepaper §5.3, §5.4.4, §5.4.7).
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { blake2s, keyedBlake2s } from '../../core/handshake.js';
import type { Random } from '../classic/session-key.js';
import { type Remote, remoteKey } from '../remote.js';
import { COOKIE_LIFETIME, LABEL_COOKIE, LABEL_MAC1 } from './constants.js';
import { beforeMac1, beforeMac2, cookieParts, cookieReply, MAC_BYTES, macsOf, senderOf } from './messages.js';

const NONCE_BYTES = 24;
const SECRET_BYTES = 32;
const NONE = new Uint8Array(MAC_BYTES);

function mac(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return keyedBlake2s(key, bytes, MAC_BYTES);
}

/** Whether two MACs are the same, whichever byte differs first. */
function same(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < MAC_BYTES; i++) difference |= (one[i] as number) ^ (other[i] as number);
  return difference === 0;
}

/** Writes the MACs of messages to one peer, and keeps the cookie that it gave. */
export class CookieHolder {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #cookie: { readonly bytes: Uint8Array; readonly until: number } | undefined;
  /** Of the last message sent, which a cookie reply refers to. */
  #lastMac1: Uint8Array | undefined;

  /** @param peer public key of whom the messages are for */
  constructor(peer: Uint8Array) {
    this.#mac1Key = blake2s(utf8ToBytes(LABEL_MAC1), peer);
    this.#cookieKey = blake2s(utf8ToBytes(LABEL_COOKIE), peer);
  }

  /** Fills in mac1, and mac2 if there is a cookie. */
  sign(now: number, message: Uint8Array): void {
    const { mac1, mac2 } = macsOf(message);
    mac1.set(mac(this.#mac1Key, beforeMac1(message)));
    this.#lastMac1 = mac1.slice();
    if (this.#cookie !== undefined && now < this.#cookie.until)
      mac2.set(mac(this.#cookie.bytes, beforeMac2(message)));
  }

  /** Takes a cookie reply; returns whether it is one to the last message. */
  take(now: number, message: Uint8Array): boolean {
    if (this.#lastMac1 === undefined) return false;
    const { nonce, sealed } = cookieParts(message);
    try {
      const bytes = xchacha20poly1305(this.#cookieKey, nonce, this.#lastMac1).decrypt(sealed);
      this.#cookie = { bytes, until: now + COOKIE_LIFETIME };
    } catch {
      return false;
    }
    this.#lastMac1 = undefined; // one reply to one message
    return true;
  }

  wipe(): void {
    this.#cookie?.bytes.fill(0);
    this.#cookie = undefined;
    this.#lastMac1 = undefined;
  }
}

/** Checks the MACs of messages that came, and gives cookies. */
export class CookieGiver {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  readonly #random: Random;
  #secret: { readonly bytes: Uint8Array; readonly until: number } | undefined;

  /** @param own public key of whom the messages are for */
  constructor(own: Uint8Array, random: Random) {
    this.#mac1Key = blake2s(utf8ToBytes(LABEL_MAC1), own);
    this.#cookieKey = blake2s(utf8ToBytes(LABEL_COOKIE), own);
    this.#random = random;
  }

  /** Whether the sender knows who we are. */
  hasMac1(message: Uint8Array): boolean {
    return same(macsOf(message).mac1, mac(this.#mac1Key, beforeMac1(message)));
  }

  /** Whether the sender has the cookie for the address that it sends from. */
  hasMac2(now: number, from: Remote, message: Uint8Array): boolean {
    if (this.#secret === undefined || now >= this.#secret.until) return false;
    if (same(macsOf(message).mac2, NONE)) return false; // it has none: most that come in a flood
    return same(macsOf(message).mac2, mac(this.#cookieFor(this.#secret.bytes, from), beforeMac2(message)));
  }

  /** The cookie reply to a message with a good mac1. */
  reply(now: number, from: Remote, message: Uint8Array): Uint8Array {
    if (this.#secret === undefined || now >= this.#secret.until) {
      this.#secret?.bytes.fill(0);
      this.#secret = { bytes: this.#random(SECRET_BYTES), until: now + COOKIE_LIFETIME };
    }
    const nonce = this.#random(NONCE_BYTES);
    const cookie = this.#cookieFor(this.#secret.bytes, from);
    const sealed = xchacha20poly1305(this.#cookieKey, nonce, macsOf(message).mac1).encrypt(cookie);
    return cookieReply(senderOf(message), nonce, sealed);
  }

  wipe(): void {
    this.#secret?.bytes.fill(0);
    this.#secret = undefined;
  }

  #cookieFor(secret: Uint8Array, from: Remote): Uint8Array {
    return mac(secret, utf8ToBytes(remoteKey(from)));
  }
}
