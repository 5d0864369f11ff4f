// What vectors of the secure cable do with the program, to be made and to be checked.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concatBytes } from '@noble/hashes/utils.js';
import type { TransportKeys } from '../core/terms.js';
import type { Remote } from '../protocol/remote.js';
import { SecureMachine } from '../protocol/secure/machine.js';
import { keyPair } from '../protocol/secure/noise.js';
import type { SecureEffect } from '../protocol/secure/terms.js';
import { same } from './fields.js';
import { Tape } from './random.js';
import type { Tools } from './tools.js';

/** Addresses kept for examples (RFC 5737). */
export const INITIATOR: Remote = { address: '192.0.2.2', port: 40000 };
export const RESPONDER: Remote = { address: '192.0.2.1', port: 7667 };

/** A payload as a transport message of another end, made without the core (whitepaper §5.4.6). */
export function transportMessage(
  key: Uint8Array,
  index: number,
  counter: bigint,
  payload: Uint8Array,
): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, counter, true);
  const sealed = chacha20poly1305(key, nonce).encrypt(payload);
  const message = new Uint8Array(16 + sealed.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, index, true);
  view.setBigUint64(8, counter, true);
  message.set(sealed, 16);
  return message;
}

/** The payload of a transport message that the core has sealed; throws where its tag is wrong. */
export function payloadOf(key: Uint8Array, message: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(message.subarray(8, 16), 4);
  return chacha20poly1305(key, nonce).decrypt(message.subarray(16));
}

/** A session of the secure cable with one keypair, whose two directions are the same. */
export function keyed(tools: Tools, session: number, key: Uint8Array, index: number, path?: number): void {
  if (path !== undefined) tools.core.setPath(session, path);
  tools.core.installKeypair(session, 0, { send: key, receive: key, local: index, remote: index });
  tools.core.useKeypair(session, 0);
}

/** An index as four random bytes give it. */
export function indexBytes(index: number): Uint8Array {
  return Uint8Array.of(index, index >>> 8, index >>> 16, index >>> 24);
}

/** One end, whose random bytes are given. */
class SecureEnd {
  readonly machine: SecureMachine;

  /** @param random all that it draws, in this order */
  constructor(privateKey: Uint8Array, random: readonly Uint8Array[], unixTime: () => number) {
    this.machine = new SecureMachine({
      privateKey,
      random: new Tape(concatBytes(...random)).draw,
      unixTime,
    });
  }

  /** What comes of the last thing that was said to the machine. */
  take() {
    return summary(this.machine.take());
  }

  receive(now: number, from: Remote, datagram: Uint8Array) {
    this.machine.receive(now, from, datagram);
    return this.take();
  }
}

/** What effects send, why they refuse, what keys they install. */
function summary(effects: readonly SecureEffect[]): {
  readonly sent: Uint8Array | undefined;
  readonly refused: string | undefined;
  readonly keys: TransportKeys | undefined;
} {
  let sent: Uint8Array | undefined;
  let refused: string | undefined;
  let keys: TransportKeys | undefined;
  for (const effect of effects) {
    if (effect.do === 'send') sent = effect.datagram;
    if (effect.do === 'refused') refused = effect.why;
    if (effect.do === 'install') keys = effect.keys;
  }
  return { sent, refused, keys };
}

/** What a handshake between two ends is made of; every random byte is in it. */
export interface HandshakeTerms {
  readonly initiatorPrivate: Uint8Array;
  readonly responderPrivate: Uint8Array;
  readonly initiatorEphemeral: Uint8Array;
  readonly responderEphemeral: Uint8Array;
  readonly initiatorIndex: number;
  readonly responderIndex: number;
  readonly presharedKey: Uint8Array | undefined;
  /** What the responder has for it; the same unless a test is about that. */
  readonly responderPresharedKey: Uint8Array | undefined;
  /** ms since 1970, of the initiator's clock. */
  readonly unixTime: number;
  /** Whether the responder knows the initiator's public key. */
  readonly known: boolean;
  /** Initiations that the responder got before. */
  readonly before: readonly Uint8Array[];
  /** What comes in the place of the message that was sent. */
  readonly initiationReceived: Uint8Array | undefined;
  readonly responseReceived: Uint8Array | undefined;
}

export interface HandshakeResult {
  readonly initiation: Uint8Array;
  readonly response: Uint8Array | undefined;
  readonly refused: string | undefined;
  /** Of the initiator; the responder's are the same the other way round. */
  readonly keys: TransportKeys | undefined;
  readonly responderKeys: TransportKeys | undefined;
}

const JITTER = new Uint8Array(2);

/** @throws Differs where an initiation that came before is refused */
export function secureHandshake(terms: HandshakeTerms): HandshakeResult {
  const { initiatorPrivate, responderPrivate, presharedKey, responderPresharedKey } = terms;
  const initiator = new SecureEnd(
    initiatorPrivate,
    [terms.initiatorEphemeral, indexBytes(terms.initiatorIndex), JITTER],
    () => terms.unixTime,
  );
  const answers = terms.before.flatMap((_, i) => [new Uint8Array(32).fill(1), indexBytes(0xffff0000 + i)]);
  const responder = new SecureEnd(
    responderPrivate,
    [...answers, terms.responderEphemeral, indexBytes(terms.responderIndex)],
    () => terms.unixTime,
  );
  const peer = initiator.machine.addPeer(0, {
    publicKey: keyPair(responderPrivate).public,
    endpoint: RESPONDER,
    ...(presharedKey && { presharedKey }),
  });
  if (terms.known)
    responder.machine.addPeer(0, {
      publicKey: initiator.machine.publicKey,
      ...(responderPresharedKey && { presharedKey: responderPresharedKey }),
    });
  initiator.machine.wanted(0, peer);
  const initiation = initiator.take().sent as Uint8Array;
  // A second between them, so that none is one too many.
  for (const [i, earlier] of terms.before.entries())
    same(
      'what becomes of one before it',
      'ok',
      responder.receive(1000 * i, INITIATOR, earlier).refused ?? 'ok',
    );
  const then = 1000 * terms.before.length;
  const asked = responder.receive(then, INITIATOR, terms.initiationReceived ?? initiation);
  if (asked.sent === undefined)
    return {
      initiation,
      response: undefined,
      refused: asked.refused,
      keys: undefined,
      responderKeys: undefined,
    };
  const answered = initiator.receive(then, RESPONDER, terms.responseReceived ?? asked.sent);
  return {
    initiation,
    response: asked.sent,
    refused: answered.refused,
    keys: answered.keys,
    responderKeys: asked.keys,
  };
}

export interface CookieTerms extends HandshakeTerms {
  /** 32 bytes that the responder makes its cookies with, and the 24 of its reply. */
  readonly secret: Uint8Array;
  readonly nonce: Uint8Array;
  /** Of the initiation that follows after 5 seconds. */
  readonly nextEphemeral: Uint8Array;
  readonly nextIndex: number;
  /** What comes in the place of the cookie reply. */
  readonly replyReceived: Uint8Array | undefined;
  /** The address that the next initiation comes from; the same unless a test is about that. */
  readonly nextFrom: string | undefined;
  /** Of the reply to a next initiation without a cookie. */
  readonly secondNonce: Uint8Array | undefined;
}

/** An initiation to a responder that has too much to do, its cookie, and the initiation that shows it. */
export function cookieExchange(terms: CookieTerms) {
  const initiator = new SecureEnd(
    terms.initiatorPrivate,
    [
      ...[terms.initiatorEphemeral, indexBytes(terms.initiatorIndex), JITTER],
      ...[terms.nextEphemeral, indexBytes(terms.nextIndex), JITTER],
    ],
    () => terms.unixTime,
  );
  const answer =
    terms.secondNonce === undefined ? [terms.responderEphemeral, indexBytes(terms.responderIndex)] : [];
  const responder = new SecureEnd(
    terms.responderPrivate,
    [terms.secret, terms.nonce, ...answer, terms.secondNonce ?? new Uint8Array()],
    () => terms.unixTime,
  );
  const { presharedKey } = terms;
  const psk = presharedKey && { presharedKey };
  const peer = initiator.machine.addPeer(0, {
    publicKey: responder.machine.publicKey,
    endpoint: RESPONDER,
    ...psk,
  });
  responder.machine.addPeer(0, { publicKey: initiator.machine.publicKey, ...psk });
  initiator.machine.wanted(0, peer);
  const initiation = initiator.take().sent as Uint8Array;
  responder.machine.overrun(0);
  const reply = responder.receive(0, INITIATOR, initiation).sent as Uint8Array;
  const taken = initiator.receive(0, RESPONDER, terms.replyReceived ?? reply);
  // The time that an initiation has for its answer; the jitter is none.
  initiator.machine.tick(5000);
  const next = initiator.take().sent as Uint8Array;
  responder.machine.overrun(5000);
  const from = terms.nextFrom === undefined ? INITIATOR : { ...INITIATOR, address: terms.nextFrom };
  const asked = responder.receive(5000, from, next);
  return { initiation, reply, next, refused: taken.refused ?? asked.refused };
}
