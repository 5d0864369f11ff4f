// The classic protocol, from the description of its wire alone: how datagrams are made and read, and the order of a handshake.
import { chacha20, cipher, crc32, expect, hex, same, Window } from './ask.mjs';

export const TYPE = {
  login: 0x41,
  challenge: 0x42,
  response: 0x44,
  authOk: 0x48,
  deny: 0x4a,
  keepalive: 0x4f,
  data: 0x20,
};
const [FRAME_MIN, FRAME_MAX, TAIL] = [14, 9216, 12];

const little64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
/** A checksum as it is on the wire. */
const crcBytes = async (bytes) => hex(await crc32(bytes)).reverse();

const blowfish = (way, key, body) => cipher('bf-cbc', way, key.subarray(0, 16), key.subarray(16, 24), body);
const pad = (bytes) => Buffer.concat([bytes, Buffer.alloc(8 - (bytes.length % 8), 8 - (bytes.length % 8))]);

/** DATA or RESPONSE. @param tailed whether counter and checksum go with it */
export async function seal({ suite, key, block }, type, plain, counter) {
  const typed = (...parts) => Buffer.concat([Buffer.from([type]), ...parts]);
  if (suite === 'plain') return typed(plain);
  const k = hex(key);
  if (suite === 'chacha20') {
    const tail = Buffer.concat([await crcBytes(plain), little64(counter)]);
    return typed(chacha20(k.subarray(0, 32), block, tail, plain), tail);
  }
  if (type === TYPE.response) return typed(blowfish('encrypt', k, pad(plain)));
  const counted = Buffer.concat([plain, little64(counter)]);
  return typed(blowfish('encrypt', k, pad(Buffer.concat([counted, await crcBytes(counted)]))));
}

/** What is in a body that was padded; undefined where it was not. */
function unpad(plain) {
  const length = plain.at(-1);
  if (length < 1 || length > 8 || !plain.subarray(-length).every((byte) => byte === length)) return undefined;
  return plain.subarray(0, -length);
}

const fits = (length) => length >= FRAME_MIN && length <= FRAME_MAX;

/** Reads DATA: its frame and counter, or why it is refused. */
export async function openData({ suite, key, block }, datagram, window) {
  const body = datagram.subarray(1);
  if (datagram.length === 0) return { reason: 'bad length' };
  if (suite === 'plain') return fits(body.length) ? { frame: body } : { reason: 'bad length' };
  let [frame, counter, crcOf, crc] = [];
  if (suite === 'chacha20') {
    if (!fits(body.length - TAIL)) return { reason: 'bad length' };
    const tail = body.subarray(-TAIL);
    frame = chacha20(hex(key).subarray(0, 32), block, tail, body.subarray(0, -TAIL));
    [counter, crcOf, crc] = [tail.readBigUInt64LE(4), frame, tail.subarray(0, 4)];
  } else {
    if (body.length % 8 > 0 || body.length < FRAME_MIN + TAIL + 1) return { reason: 'bad length' };
    const plain = unpad(blowfish('decrypt', hex(key), body));
    if (plain === undefined) return { reason: 'bad padding' };
    if (!fits(plain.length - TAIL)) return { reason: 'bad length' };
    frame = plain.subarray(0, -TAIL);
    [counter, crcOf, crc] = [plain.readBigUInt64LE(frame.length), plain.subarray(0, -4), plain.subarray(-4)];
  }
  const late = counter === 0n ? 'replayed' : window.judge(counter);
  if (late !== undefined) return { reason: late };
  if (!(await crcBytes(crcOf)).equals(crc)) return { reason: 'bad checksum' };
  window.take(counter);
  return { frame, counter };
}

export async function data(test) {
  const window = new Window();
  for (const earlier of test.before ?? []) {
    const { reason } = await openData(test, hex(earlier), window);
    expect(reason === undefined, `one before it is refused: ${reason}`);
  }
  const { frame, counter, reason } = await openData(test, hex(test.datagram), window);
  same('reason', test.reason ?? 'none', reason ?? 'none');
  if (reason !== undefined) return;
  same('frame', test.frame, frame);
  same('counter', test.counter ?? 'none', counter === undefined ? 'none' : String(counter));
  same('datagram', test.datagram, await seal(test, TYPE.data, frame, counter));
}

/** Whether a RESPONSE is one to a challenge. */
export async function answers({ suite, key, block }, datagram, challenge) {
  const body = datagram.subarray(1);
  if (datagram[0] !== TYPE.response) return false;
  if (suite === 'plain') return body.equals(challenge);
  if (suite === 'blowfish')
    return body.length === 136 && (unpad(blowfish('decrypt', hex(key), body))?.equals(challenge) ?? false);
  if (body.length !== 140) return false;
  const tail = body.subarray(-TAIL);
  const plain = chacha20(hex(key).subarray(0, 32), block, tail, body.subarray(0, -TAIL));
  return plain.equals(challenge) && (await crcBytes(plain)).equals(tail.subarray(0, 4));
}

export async function response(test) {
  const [challenge, datagram] = [hex(test.challenge), hex(test.datagram)];
  const right = await answers(test, datagram, challenge);
  expect(right === (test.result === 'valid'), 'the response is judged otherwise');
  if (right)
    same('datagram', test.datagram, await seal(test, TYPE.response, challenge, BigInt(test.counter ?? 0)));
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Random bytes in the order in which they are drawn. */
export class Tape {
  #bytes;
  constructor(text) {
    this.#bytes = hex(text);
  }
  draw(count) {
    expect(this.#bytes.length >= count, 'there are too few random bytes');
    const drawn = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return drawn;
  }
  get left() {
    return this.#bytes.length;
  }
}

/** A session id of random bytes: those from 248 on, which would make some characters likelier, are passed over. */
export function idFrom(tape) {
  let id = 'vde_';
  while (id.length < 15)
    for (const byte of tape.draw(11)) if (byte < 248 && id.length < 15) id += ALPHABET[byte % 62];
  return id;
}

export const login = (id) =>
  Buffer.concat([Buffer.from([TYPE.login]), Buffer.from(id), Buffer.alloc(16 - id.length)]);
/** Never longer than what it answers. */
export const deny = (length) =>
  length < 15 + 1 ? Buffer.from([TYPE.deny]) : Buffer.from('JAccess Denied.\0', 'latin1');

export async function handshake(test) {
  const { suite, clientKey, serverKey, serverBlock, clientRandom, serverRandom } = test;
  const [client, server] = [new Tape(clientRandom), new Tape(serverRandom)];
  const sent = [];
  const send = (from, datagram) => sent.push({ from, datagram: datagram.toString('hex') });
  const hello = login(idFrom(client));
  send('client', hello);
  let reason;
  const keying = { suite, key: clientKey, block: 12 };
  const counters = { client: 1n, server: 1n };
  if (suite !== 'plain' && serverKey === undefined) {
    reason = 'no key';
    send('server', deny(hello.length));
  } else {
    const challenge = server.draw(128);
    send('server', Buffer.concat([Buffer.from([TYPE.challenge]), challenge]));
    const answer = await seal(keying, TYPE.response, challenge, counters.client);
    if (suite === 'chacha20') counters.client++;
    send('client', answer);
    const blockRight = serverBlock === undefined || serverBlock === keying.block;
    const right =
      suite === 'plain'
        ? serverKey === undefined
        : blockRight && (await answers({ ...keying, key: serverKey }, answer, challenge));
    if (!right) reason = suite === 'plain' ? 'not encrypted' : 'wrong key';
    send('server', right ? Buffer.from([TYPE.authOk]) : deny(answer.length));
  }
  // Such a server takes nothing else for a sign of life (classic.md §7.1).
  if (reason === undefined && suite === 'chacha20') send('client', Buffer.from([TYPE.keepalive]));
  if (reason === undefined)
    for (const { from, frame } of test.frames)
      send(from, await seal(keying, TYPE.data, hex(frame), counters[from]++));
  same('reason', test.reason ?? 'none', reason ?? 'none');
  same('datagrams', test.datagrams, sent);
  same('random bytes left', '0 0', `${client.left} ${server.left}`);
}

/** A datagram of a capture; each has a window of its own, as each end counts for itself. */
export async function captured(test) {
  const datagram = hex(test.datagram);
  if (datagram[0] === TYPE.data) {
    const { reason, frame, counter } = await openData(test, datagram, new Window());
    expect(reason === undefined, `it is refused: ${reason}`);
    same('datagram', test.datagram, await seal(test, TYPE.data, frame, counter));
  } else if (datagram[0] === TYPE.response) {
    expect(await answers(test, datagram, hex(test.challenge)), 'it is no response to the challenge');
  } else {
    expect(Object.values(TYPE).includes(datagram[0]), 'it is of no type');
  }
}
