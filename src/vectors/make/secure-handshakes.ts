import { concatBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { CookieHolder } from '../../protocol/secure/cookie.js';
import { keyPair } from '../../protocol/secure/noise.js';
import { type CookieTerms, cookieExchange, type HandshakeTerms, secureHandshake } from '../secure.js';
import { type Draft, type DraftGroup, type DraftTest, flipped, invalid, type Maker, valid } from './draft.js';
import { hashlib, openssl } from './oracles.js';

const HANDSHAKE_NOTES = {
  Handshake: 'An initiation, its response, and the keys of both directions.',
  Replayed: 'An initiation whose timestamp is not later than that of one before.',
  UnknownPeer: 'The responder does not know the initiator.',
  WrongKey: 'The two ends have other preshared keys.',
  BitFlip: 'One bit of a message is not what it was.',
  Cut: 'A message has another length than it had.',
  Cookie: 'The responder has too much to do: it answers with a cookie, which the next initiation shows.',
  NoCookie: 'The next initiation comes from elsewhere than its cookie is for.',
};

/** 2023-11-14, of no importance. */
const UNIX_TIME = 1_700_000_000_000;

function termsOf(random: Random, preshared: boolean): HandshakeTerms {
  const psk = preshared ? random(32) : undefined;
  const view = new DataView(random(8).buffer);
  return {
    initiatorPrivate: random(32),
    responderPrivate: random(32),
    initiatorEphemeral: random(32),
    responderEphemeral: random(32),
    initiatorIndex: view.getUint32(0),
    responderIndex: view.getUint32(4),
    presharedKey: psk,
    responderPresharedKey: psk,
    unixTime: UNIX_TIME,
    known: true,
    before: [],
    initiationReceived: undefined,
    responseReceived: undefined,
  };
}

/** What of the terms is in a test: not what is as it is everywhere. */
function told({ known, before, responderPresharedKey, ...terms }: HandshakeTerms): Record<string, unknown> {
  return {
    ...terms,
    initiatorPublic: keyPair(terms.initiatorPrivate).public,
    responderPublic: keyPair(terms.responderPrivate).public,
    ...(!known && { known }),
    ...(before.length > 0 && { before }),
    ...(responderPresharedKey !== terms.presharedKey && { responderPresharedKey }),
  };
}

function handshakeTest(comment: string, flag: string, terms: HandshakeTerms, reason?: string): DraftTest {
  const { initiation, response, refused, keys } = secureHandshake(terms);
  if (refused !== reason) throw new RangeError(`${comment}: ${refused}`);
  const fields = { ...told(terms), initiation, response };
  if (reason !== undefined) return invalid(comment, flag, reason, fields);
  return valid(comment, flag, { ...fields, initiatorKey: keys?.send, responderKey: keys?.receive });
}

/** With the mac1 that everybody who knows the receiver's public key can make. */
function signedFor(receiverPrivate: Uint8Array, message: Uint8Array): Uint8Array {
  new CookieHolder(keyPair(receiverPrivate).public).sign(0, message);
  return message;
}

export const secureHandshakes: Maker = (random): Draft => {
  const terms = termsOf(random, true);
  const { initiation, response } = secureHandshake(terms) as { initiation: Uint8Array; response: Uint8Array };
  const first = (comment: string, flag: string, reason: string, initiationReceived: Uint8Array) =>
    handshakeTest(comment, flag, { ...terms, initiationReceived }, reason);
  const second = (comment: string, flag: string, reason: string, responseReceived: Uint8Array) =>
    handshakeTest(comment, flag, { ...terms, responseReceived }, reason);
  const later = secureHandshake({
    ...terms,
    unixTime: UNIX_TIME + 1000,
    initiatorEphemeral: random(32),
  }).initiation;
  const tests = [
    handshakeTest('with a preshared key', 'Handshake', terms),
    handshakeTest('without', 'Handshake', termsOf(random, false)),
    handshakeTest('another pair', 'Handshake', termsOf(random, true)),
    handshakeTest('after another one', 'Handshake', {
      ...terms,
      before: [initiation],
      unixTime: UNIX_TIME + 1000,
      initiatorEphemeral: random(32),
    }),
    handshakeTest(
      'other preshared keys',
      'WrongKey',
      { ...terms, responderPresharedKey: random(32) },
      'decrypt failed',
    ),
    handshakeTest(
      'nobody that the responder knows',
      'UnknownPeer',
      { ...terms, known: false },
      'unknown peer',
    ),
    handshakeTest('the same initiation again', 'Replayed', { ...terms, before: [initiation] }, 'replayed'),
    handshakeTest('an initiation that is older', 'Replayed', { ...terms, before: [later] }, 'replayed'),
    ...[0, 31, 32, 64, 320, 704, 928, 1055].map((bit) =>
      first(
        `bit ${bit} of the initiation`,
        'BitFlip',
        bit < 32 ? 'malformed' : 'bad mac1',
        flipped(initiation, bit),
      ),
    ),
    ...[0, 24].map((bit) =>
      second(`bit ${bit} of the response`, 'BitFlip', 'malformed', flipped(response, bit)),
    ),
    ...[32, 64, 96, 352, 480, 607].map((bit) =>
      second(`bit ${bit} of the response`, 'BitFlip', 'bad mac1', flipped(response, bit)),
    ),
    ...[64, 319, 320, 704, 927].map((bit) =>
      first(
        `bit ${bit} of the initiation, and a mac1 for it`,
        'BitFlip',
        'decrypt failed',
        signedFor(terms.responderPrivate, flipped(initiation, bit)),
      ),
    ),
    ...[96, 351, 352, 479].map((bit) =>
      second(
        `bit ${bit} of the response, and a mac1 for it`,
        'BitFlip',
        'decrypt failed',
        signedFor(terms.initiatorPrivate, flipped(response, bit)),
      ),
    ),
    second(
      'a response to the index of nobody, and a mac1 for it',
      'BitFlip',
      'unknown receiver index',
      signedFor(terms.initiatorPrivate, flipped(response, 64)),
    ),
    first('an initiation without its last byte', 'Cut', 'malformed', initiation.slice(0, -1)),
    first('an initiation and a byte', 'Cut', 'malformed', concatBytes(initiation, Uint8Array.of(0))),
    first('nothing', 'Cut', 'malformed', new Uint8Array()),
    second('a response without its last byte', 'Cut', 'malformed', response.slice(0, -1)),
    second('a response and a byte', 'Cut', 'malformed', concatBytes(response, Uint8Array.of(0))),
  ];
  return {
    algorithm: 'NOISE-IKPSK2-25519-CHACHAPOLY-BLAKE2S',
    header: [
      'The handshake of WireGuard, with every random byte given; unixTime is in milliseconds since 1970.',
      'mac2 is of zeros but in the last group. A mac1 is looked at first: so a bit that is not what it was shows there.',
      'initiatorKey seals what the initiator sends. initiationReceived and responseReceived come in the place of what was sent.',
      'before are initiations that the responder got, a second apart.',
      "cookieSecret is what the responder's cookies are made with: 16 bytes of keyed BLAKE2s of the address and port as text, `192.0.2.2|40000`.",
    ],
    oracles: [
      openssl(
        'x25519, chacha20-poly1305, blake2s256, chacha20 for XChaCha20-Poly1305: every message, and every key',
      ),
      hashlib('each mac1, mac2 and cookie'),
    ],
    notes: HANDSHAKE_NOTES,
    groups: [{ type: 'SecureHandshakeTest', name: 'handshakes', tests }, cookies(random)],
  };
};

function cookies(random: Random): DraftGroup {
  const terms: CookieTerms = {
    ...termsOf(random, false),
    secret: random(32),
    nonce: random(24),
    nextEphemeral: random(32),
    nextIndex: 0x0a0b0c0d,
    replyReceived: undefined,
    nextFrom: undefined,
    secondNonce: undefined,
  };
  const test = (comment: string, flag: string, own: Partial<CookieTerms>, reason?: string): DraftTest => {
    const all = { ...terms, ...own };
    const { initiation, reply, next, refused } = cookieExchange(all);
    if (refused !== reason) throw new RangeError(`${comment}: ${refused}`);
    const { secret: cookieSecret, nonce: cookieNonce, ...rest } = all;
    const fields = {
      ...told(rest),
      cookieSecret,
      cookieNonce,
      initiation,
      cookieReply: reply,
      nextInitiation: next,
    };
    return reason === undefined ? valid(comment, flag, fields) : invalid(comment, flag, reason, fields);
  };
  const { reply } = cookieExchange(terms);
  return {
    type: 'SecureCookieTest',
    name: 'cookies',
    tests: [
      test('the cookie is shown', 'Cookie', {}),
      test(
        'from another address',
        'NoCookie',
        { nextFrom: '192.0.2.99', secondNonce: random(24) },
        'no cookie',
      ),
      ...[256, 320, 511].map((bit) =>
        test(
          `bit ${bit} of the reply`,
          'BitFlip',
          { replyReceived: flipped(reply, bit), secondNonce: random(24) },
          'decrypt failed',
        ),
      ),
      test(
        'to the index of nobody',
        'BitFlip',
        { replyReceived: flipped(reply, 32), secondNonce: random(24) },
        'unknown receiver index',
      ),
      test(
        'a reply without its last byte',
        'Cut',
        { replyReceived: reply.slice(0, -1), secondNonce: random(24) },
        'malformed',
      ),
    ],
  };
}
