// The handshake's messages as bytes (WireGuard whitepaper §5.4): each field's place, and nothing else.
//
//     initiation  1 ‖ sender ‖ ephemeral, 32 ‖ static, 32 + 16 ‖ timestamp, 12 + 16 ‖ mac1, 16 ‖ mac2, 16
//     response    2 ‖ sender ‖ receiver ‖ ephemeral, 32 ‖ empty, 16 ‖ mac1, 16 ‖ mac2, 16
//     cookie      3 ‖ receiver ‖ nonce, 24 ‖ cookie, 16 + 16
//
// Type and indices are u32, little-endian. MACs are left zero here: see cookie.ts.
import { KEEPALIVE_BYTES, MESSAGE, MESSAGE_BYTES } from './constants.js';
import type { Initiation, Response } from './noise.js';

/** Bytes of mac1, and of mac2. */
export const MAC_BYTES = 16;

/** 1 initiation, 2 response, 3 cookie reply. */
export type HandshakeType = 1 | 2 | 3;

/** A number of 32 bits, little-endian. */
export function get32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).setUint32(at, value, true);
}

/** The type of a handshake message; undefined for anything else, also if it has another length than its type. */
export function handshakeType(datagram: Uint8Array): HandshakeType | undefined {
  if (datagram.length < 4) return undefined;
  const type = get32(datagram, 0) as HandshakeType;
  return MESSAGE_BYTES[type] === datagram.length ? type : undefined;
}

/** Whether a datagram has the first bytes of a transport message, and at least the length of a keepalive. */
export function isTransport(datagram: Uint8Array): boolean {
  return datagram.length >= KEEPALIVE_BYTES && get32(datagram, 0) === MESSAGE.TRANSPORT;
}

/** Of an initiation or a response: the index that the answer is to bear. */
export const senderOf = (message: Uint8Array): number => get32(message, 4);
/** Of a response. */
export const receiverOf = (response: Uint8Array): number => get32(response, 8);
/** Of a cookie reply or a transport message. */
export const firstIndexOf = (message: Uint8Array): number => get32(message, 4);

/**
 * An initiation, its MACs zero.
 * @param sender index that the answer is to bear
 * @returns 148 bytes
 */
export function initiation(sender: number, parts: Initiation): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES[1]);
  put32(message, 0, MESSAGE.INITIATION);
  put32(message, 4, sender);
  message.set(parts.ephemeral, 8);
  message.set(parts.sealedStatic, 40);
  message.set(parts.sealedPayload, 88);
  return message;
}

/** The sealed parts of an initiation, as views. */
export function initiationParts(message: Uint8Array): Initiation {
  return {
    ephemeral: message.subarray(8, 40),
    sealedStatic: message.subarray(40, 88),
    sealedPayload: message.subarray(88, 116),
  };
}

/**
 * A response, its MACs zero.
 * @param sender index that transport messages to us are to bear
 * @param receiver the initiation's
 * @returns 92 bytes
 */
export function response(sender: number, receiver: number, parts: Response): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES[2]);
  put32(message, 0, MESSAGE.RESPONSE);
  put32(message, 4, sender);
  put32(message, 8, receiver);
  message.set(parts.ephemeral, 12);
  message.set(parts.sealedPayload, 44);
  return message;
}

/** The sealed parts of a response, as views. */
export function responseParts(message: Uint8Array): Response {
  return { ephemeral: message.subarray(12, 44), sealedPayload: message.subarray(44, 60) };
}

/**
 * A cookie reply.
 * @param nonce 24 bytes
 * @param sealed the cookie, 16 + 16 bytes
 * @returns 64 bytes
 */
export function cookieReply(receiver: number, nonce: Uint8Array, sealed: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE_BYTES[3]);
  put32(message, 0, MESSAGE.COOKIE);
  put32(message, 4, receiver);
  message.set(nonce, 8);
  message.set(sealed, 32);
  return message;
}

/** The parts of a cookie reply, as views. */
export function cookieParts(message: Uint8Array): { nonce: Uint8Array; sealed: Uint8Array } {
  return { nonce: message.subarray(8, 32), sealed: message.subarray(32, 64) };
}

/** The two MACs at the end of an initiation or a response. */
export function macsOf(message: Uint8Array): { mac1: Uint8Array; mac2: Uint8Array } {
  return { mac1: message.subarray(-2 * MAC_BYTES, -MAC_BYTES), mac2: message.subarray(-MAC_BYTES) };
}

/** What mac1 is of: all that is before it. */
export const beforeMac1 = (message: Uint8Array): Uint8Array => message.subarray(0, -2 * MAC_BYTES);
/** What mac2 is of, likewise. */
export const beforeMac2 = (message: Uint8Array): Uint8Array => message.subarray(0, -MAC_BYTES);

/** Whether a datagram is one of the secure cable; types 1 to 4 are none of the classic protocol's. */
export function isSecure(datagram: Uint8Array): boolean {
  const [type, ...zeros] = datagram.subarray(0, 4);
  return (
    type !== undefined && type >= 1 && type <= 4 && zeros.length === 3 && zeros.every((one) => one === 0)
  );
}
