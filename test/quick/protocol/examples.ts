import { CHALLENGE_BYTES, TYPE } from '../../../src/protocol/classic/constants.js';
import {
  authOk,
  challenge,
  deny,
  keepalive,
  login,
  type Message,
} from '../../../src/protocol/classic/messages.js';

/** Bytes that tell which they are: a challenge, or a body. */
export const numbered = (length: number, first = 1) =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);

/** A datagram of a type byte and a body. */
export const typed = (type: number, body: Uint8Array | number) =>
  Uint8Array.of(type, ...(typeof body === 'number' ? numbered(body) : body));

/** Datagrams of each kind, written out: all forms that a peer may send, and what only looks like one. */
export const EXAMPLES: Readonly<Record<Message, readonly Uint8Array[]>> = {
  login: [login('vde_abc123'), login('a'), login('0123456789abcdef')],
  challenge: [challenge(numbered(CHALLENGE_BYTES))],
  response: [typed(TYPE.RESPONSE, 136), typed(TYPE.RESPONSE, 128)],
  authOk: [authOk()],
  deny: [deny(1), deny(137)],
  keepalive: [keepalive()],
  data: [typed(TYPE.DATA, 1), typed(TYPE.DATA, 80), typed(TYPE.DATA, 65_506)],
  empty: [new Uint8Array()],
  other: [
    Uint8Array.of(0xff),
    Uint8Array.of(TYPE.DATA),
    Uint8Array.of(TYPE.LOGIN),
    login('../../etc/shadow'),
    login(''),
    typed(TYPE.LOGIN, 17),
    typed(TYPE.CHALLENGE, 127),
    typed(TYPE.CHALLENGE, 129),
    typed(TYPE.RESPONSE, 127),
    typed(TYPE.RESPONSE, 135),
    typed(TYPE.RESPONSE, 137),
    typed(TYPE.AUTH_OK, 1),
    typed(TYPE.DENY, 14),
    typed(TYPE.DENY, 16),
    typed(TYPE.KEEPALIVE, 1),
  ],
};
