// Datagrams and handshakes of the classic protocol, and captures of them (classic.md §1 to §3).
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Keying } from '../../core/terms.js';
import { TYPE } from '../../protocol/classic/constants.js';
import { classify } from '../../protocol/classic/messages.js';
import { handshake, keyingOf, type Sent } from '../classic.js';
import { FieldError, type Fields, Refused, same, unhex } from '../fields.js';
import { Tape } from '../random.js';
import type { Check, Tools } from '../tools.js';

/** Opens a DATA, after those that came `before` it, and seals its frame again. */
export const data: Check = (fields, tools) => {
  const keying = keyingOf(fields);
  const datagram = fields.bytes('datagram');
  const opened = tools.session((session) => {
    tools.core.keySession(session, keying);
    for (const earlier of fields.has('before') ? fields.byteList('before') : []) {
      same('the type of one before it', Uint8Array.of(TYPE.DATA), earlier.subarray(0, 1)); // the core goes by its ring alone
      same('what becomes of one before it', 'ok', tools.open(session, earlier).status);
    }
    return tools.open(session, datagram);
  });
  if (opened.status !== 'ok') throw new Refused(opened.status);
  same('the frame', fields.bytes('frame'), opened.bytes);
  const counter = keying.suite === 'plain' ? undefined : fields.counter('counter');
  tools.session((session) => {
    tools.core.keySession(session, keying);
    if (counter !== undefined) tools.nextCounter = counter;
    same('the datagram', datagram, tools.seal(session, opened.bytes));
  });
};

/** The RESPONSE to a CHALLENGE. */
export const response: Check = (fields, tools) => {
  const keying = keyingOf(fields);
  const [challenge, datagram] = [fields.bytes('challenge'), fields.bytes('datagram')];
  if (challenge.length !== 128) throw new FieldError('lacks a challenge of 128 bytes');
  if (!tools.core.verifyResponse(keying, datagram, challenge)) throw new Refused('wrong key');
  if (keying.suite === 'chacha20') tools.nextCounter = fields.counter('counter');
  same('the datagram', datagram, tools.core.sealResponse(keying, challenge));
};

function sentList(fields: Fields, name: string, bytes: 'frame' | 'datagram'): Sent[] {
  return fields.list(name).map((one) => {
    const { from, ...rest } = one as Record<string, unknown>;
    if (from !== 'client' && from !== 'server') throw new FieldError(`${name} lacks who it is from`);
    return { from, bytes: unhex(rest[bytes], bytes) };
  });
}

const listed = (datagrams: readonly Sent[]) =>
  datagrams.map(({ from, bytes }) => `${from} ${bytesToHex(bytes)}`).join(', ');

/** A whole handshake, and frames behind it. */
export const wholeHandshake: Check = (fields, tools) => {
  const suite = fields.text('suite');
  if (suite !== 'blowfish' && suite !== 'chacha20' && suite !== 'plain')
    throw new FieldError('lacks its suite');
  const done = handshake(tools, {
    suite,
    clientKey: fields.optional('clientKey'),
    serverKey: fields.optional('serverKey'),
    clientRandom: new Tape(fields.bytes('clientRandom')).draw,
    serverRandom: new Tape(fields.bytes('serverRandom')).draw,
    serverBlock: fields.has('serverBlock') ? fields.number('serverBlock') : undefined,
    frames: sentList(fields, 'frames', 'frame'),
  });
  same('what is sent', listed(sentList(fields, 'datagrams', 'datagram')), listed(done.datagrams));
  if (done.refused !== undefined) throw new Refused(done.refused);
};

/** A datagram of a capture: DATA opens and seals to the same bytes, a RESPONSE is the one to the capture's CHALLENGE. */
export const captured: Check = (fields, tools) => {
  const datagram = fields.bytes('datagram');
  const kind = classify(datagram);
  if (kind === 'other') throw new Refused('malformed');
  if (kind === 'challenge') same('the challenge', fields.bytes('challenge'), datagram.subarray(1));
  if (datagram[0] === TYPE.DATA) capturedData(fields, tools, datagram);
  if (datagram[0] === TYPE.RESPONSE) {
    const keying = keyingOf(fields);
    if (!tools.core.verifyResponse(keying, datagram, fields.bytes('challenge')))
      throw new Refused('wrong key');
    if (keying.suite === 'chacha20') tools.nextCounter = counterOf(keying, datagram, tools) as bigint;
    same('the RESPONSE', datagram, tools.core.sealResponse(keying, fields.bytes('challenge')));
  }
};

/** The counter of a datagram that another program has sealed. */
function counterOf(keying: Keying, datagram: Uint8Array, { primitives }: Tools): bigint | undefined {
  if (keying.suite === 'plain') return undefined;
  if (keying.suite === 'chacha20') return littleEndian(datagram, datagram.length - 8);
  const { key } = keying;
  const plain = primitives.cbcOpen(key.subarray(0, 16), key.subarray(16, 24), datagram.subarray(1));
  return plain && littleEndian(plain, plain.length - 12);
}

function littleEndian(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
}

function capturedData(fields: Fields, tools: Tools, datagram: Uint8Array): void {
  const keying = keyingOf(fields);
  tools.session((session) => {
    tools.core.keySession(session, keying);
    const { status, bytes } = tools.open(session, datagram);
    if (status !== 'ok') throw new Refused(status);
    const counter = counterOf(keying, datagram, tools);
    if (counter !== undefined) tools.nextCounter = counter;
    same('the datagram', datagram, tools.seal(session, bytes));
  });
}
