// The secure cable: transport messages, payloads, handshakes (secure.md §1, §2), and the pattern that they follow.

import { bytesToHex, concatBytes } from '@noble/hashes/utils.js';
import { STATUS } from '../../core/status.js';
import { linkLocalOf, macOf } from '../../protocol/host/mac.js';
import {
  agree,
  begin,
  keyPair,
  readInitiator,
  readPayload,
  readResponse,
  split,
  writeInitiation,
  writeResponse,
} from '../../protocol/secure/noise.js';
import { FieldError, type Fields, Refused, same, unhex } from '../fields.js';
import {
  cookieExchange,
  type HandshakeTerms,
  keyed,
  payloadOf,
  secureHandshake,
  transportMessage,
} from '../secure.js';
import { type Check, framesIn, inStream } from '../tools.js';

const listed = (all: readonly Uint8Array[]) => all.map((one) => bytesToHex(one)).join(', ');

/** Opens a transport message, after those that came `before` it; seals its payload again where that is empty or made of frames. */
export const transport: Check = (fields, tools) => {
  const [key, index, message] = [fields.bytes('key'), fields.number('index'), fields.bytes('message')];
  if (key.length !== 32) throw new FieldError('lacks a key of 32 bytes');
  const opened = tools.session((session) => {
    keyed(tools, session, key, index);
    for (const earlier of fields.has('before') ? fields.byteList('before') : [])
      same('what becomes of one before it', 'ok', tools.open(session, earlier, 'transport').status);
    return tools.open(session, message, 'transport');
  });
  if (opened.status !== 'ok') throw new Refused(opened.status);
  same('the payload', fields.bytes('payload'), opened.bytes);
  const counter = fields.counter('counter');
  same('the message', message, transportMessage(key, index, counter, opened.bytes));
  if (opened.bytes.length > 0 && opened.bytes[0] !== CONTROL && !fields.has('frames')) return;
  tools.session((session) => {
    keyed(tools, session, key, index, tools.core.datagramMax);
    tools.setTransportCounter(session, counter);
    let sealed: readonly Uint8Array[];
    if (fields.has('frames')) {
      tools.read(session, inStream(fields.byteList('frames')));
      sealed = tools.drain().map(({ bytes }) => bytes);
    } else {
      const control = tools.core.sealControl(session, opened.bytes);
      sealed = typeof control === 'string' ? [] : [control];
    }
    same('what the core seals', listed([message]), listed(sealed));
  });
};

/** First byte of a control payload (secure.md §7). */
const CONTROL = 0x02;

const KEY = new Uint8Array(32).fill(7);
const INDEX = 1;

/** Authentic payloads as they come: the frames that they give, and what is wrong with them. */
export const payloads: Check = (fields, tools) => {
  const { core } = tools;
  tools.session((session) => {
    keyed(tools, session, KEY, INDEX);
    const frames: Uint8Array[] = [];
    for (const [i, one] of fields.list('payloads').entries()) {
      const { now, payload } = one as { now?: unknown; payload?: unknown };
      if (typeof now !== 'number') throw new FieldError('has a payload without its time');
      tools.push(session, transportMessage(KEY, INDEX, BigInt(i), unhex(payload, 'payload')), 'transport');
      tools.batch((count) => frames.push(...framesIn(core.writeStream(session, count, now))));
    }
    same('what comes out', listed(fields.byteList('frames')), listed(frames));
    const refused = core.counts(session).refused;
    for (const reason of STATUS)
      if (reason !== 'ok' && refused[reason] !== undefined) throw new Refused(reason);
  });
};

/** Frames that wait together, as the payloads that a path takes. */
export const packing: Check = (fields, tools) => {
  const packed = tools.session((session) => {
    keyed(tools, session, KEY, INDEX, fields.number('path'));
    tools.read(session, inStream(fields.byteList('frames')));
    return tools.drain().map(({ bytes }) => payloadOf(KEY, bytes));
  });
  same('what is sent', listed(fields.byteList('payloads')), listed(packed));
};

function termsOf(fields: Fields): HandshakeTerms {
  const presharedKey = fields.optional('presharedKey');
  return {
    initiatorPrivate: fields.bytes('initiatorPrivate'),
    responderPrivate: fields.bytes('responderPrivate'),
    initiatorEphemeral: fields.bytes('initiatorEphemeral'),
    responderEphemeral: fields.bytes('responderEphemeral'),
    initiatorIndex: fields.number('initiatorIndex'),
    responderIndex: fields.number('responderIndex'),
    presharedKey,
    responderPresharedKey: fields.optional('responderPresharedKey') ?? presharedKey,
    unixTime: fields.number('unixTime'),
    known: fields.value('known') !== false,
    before: fields.has('before') ? fields.byteList('before') : [],
    initiationReceived: fields.optional('initiationReceived'),
    responseReceived: fields.optional('responseReceived'),
  };
}

function publicKeys(fields: Fields): void {
  for (const end of ['initiator', 'responder'])
    same(`${end}Public`, fields.bytes(`${end}Public`), keyPair(fields.bytes(`${end}Private`)).public);
}

/** A handshake, whose ephemeral keys, indices and time are given. */
export const secureWhole: Check = (fields) => {
  const { initiation, response, refused, keys, responderKeys } = secureHandshake(termsOf(fields));
  publicKeys(fields);
  same('the initiation', fields.bytes('initiation'), initiation);
  if (fields.has('response')) same('the response', fields.bytes('response'), response ?? 'none');
  if (refused !== undefined) throw new Refused(refused);
  if (keys === undefined || responderKeys === undefined) throw new Refused('no keys');
  same('the key of what the initiator sends', fields.bytes('initiatorKey'), keys.send);
  same('the key of what the responder sends', fields.bytes('responderKey'), keys.receive);
  same(
    "the responder's keys",
    listed([keys.receive, keys.send]),
    listed([responderKeys.send, responderKeys.receive]),
  );
};

/** Under load: an initiation is answered with a cookie, which the next one shows. */
export const cookies: Check = (fields) => {
  const done = cookieExchange({
    ...termsOf(fields),
    secret: fields.bytes('cookieSecret'),
    nonce: fields.bytes('cookieNonce'),
    nextEphemeral: fields.bytes('nextEphemeral'),
    nextIndex: fields.number('nextIndex'),
    replyReceived: fields.optional('replyReceived'),
    nextFrom: fields.has('nextFrom') ? fields.text('nextFrom') : undefined,
    secondNonce: fields.optional('secondNonce'),
  });
  publicKeys(fields);
  same('the initiation', fields.bytes('initiation'), done.initiation);
  same('the cookie reply', fields.bytes('cookieReply'), done.reply);
  same('the next initiation', fields.bytes('nextInitiation'), done.next);
  if (done.refused !== undefined) throw new Refused(done.refused);
};

/** Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s by itself, in the fields of the Noise community's vectors. */
export const noise: Check = (fields) => {
  const [own, peer] = [keyPair(fields.bytes('init_static')), keyPair(fields.bytes('resp_static'))];
  const [ephemeral, answering] = [
    keyPair(fields.bytes('gen_init_ephemeral')),
    keyPair(fields.bytes('gen_resp_ephemeral')),
  ];
  const [prologue, preshared] = [
    fields.optional('prologue') ?? new Uint8Array(),
    fields.bytes('preshared_key'),
  ];
  const shared = agree(own.secret, peer.public);

  const initiator = begin(prologue, peer.public);
  const first = writeInitiation(
    initiator,
    own,
    ephemeral,
    peer.public,
    shared,
    fields.bytes('msg_0_payload'),
  );
  const message = concatBytes(first.ephemeral, first.sealedStatic, first.sealedPayload);
  same('the first message', fields.bytes('msg_0_ciphertext'), message);
  const responder = begin(prologue, peer.public);
  same("the initiator's key", own.public, readInitiator(responder, peer, first));
  same('the first payload', fields.bytes('msg_0_payload'), readPayload(responder, shared, first));

  const payload = fields.bytes('msg_1_payload');
  const second = writeResponse(responder, answering, own.public, first.ephemeral, preshared, payload);
  const answer = concatBytes(second.ephemeral, second.sealedPayload);
  same('the second message', fields.bytes('msg_1_ciphertext'), answer);
  same('the second payload', payload, readResponse(initiator, own, ephemeral, preshared, second));

  const keys = split(initiator);
  same('the keys of both ends', listed(split(responder)), listed(keys));
  for (const [i, key] of keys.entries()) {
    const sealed = transportMessage(key, 0, 0n, fields.bytes(`msg_${2 + i}_payload`)).subarray(16);
    same(`message ${2 + i}`, fields.bytes(`msg_${2 + i}_ciphertext`), sealed);
  }
};

/** The MAC address of a stock WireGuard device, and its link-local address. */
export const hostAddresses: Check = (fields) => {
  const mac = macOf(fields.bytes('publicKey'));
  same('mac', fields.bytes('mac'), mac);
  same('linkLocal', fields.bytes('linkLocal'), linkLocalOf(mac));
};
