// The secure cable: WireGuard's messages from its whitepaper (§5.4), and payloads of frames.
import {
  agree,
  expect,
  hash,
  hchacha20,
  hex,
  hmac,
  mac,
  open,
  publicOf,
  same,
  seal,
  Window,
} from './ask.mjs';

const ZERO = Buffer.alloc(12);
const LAST = 2n ** 64n - 2n ** 13n - 1n;
const text = (value) => Buffer.from(value);

const little32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

function nonceOf(counter) {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(counter, 4);
  return nonce;
}

function message(key, index, counter, payload) {
  const head = Buffer.concat([little32(4), little32(index), nonceOf(counter).subarray(4)]);
  return Buffer.concat([head, seal(key, nonceOf(counter), payload)]);
}

function openMessage(key, index, datagram, window) {
  if (datagram.length < 32) return { reason: 'bad length' };
  if (datagram.readUInt32LE() !== 4 || datagram.readUInt32LE(4) !== index)
    return { reason: 'unknown receiver index' };
  const counter = datagram.readBigUInt64LE(8);
  if (counter >= LAST) return { reason: 'counter exhausted' };
  const late = window.judge(counter);
  if (late !== undefined) return { reason: late };
  const payload = open(key, nonceOf(counter), datagram.subarray(16));
  if (payload === undefined) return { reason: 'decrypt failed' };
  window.take(counter);
  return { payload, counter };
}

const framesAsPayload = (frames) =>
  Buffer.concat([
    Buffer.from([1]),
    ...frames.flatMap((one) => [Buffer.from([one.length >> 8, one.length & 255]), one]),
  ]);

export function transport(test) {
  const [key, window] = [hex(test.key), new Window()];
  for (const earlier of test.before ?? [])
    expect(
      openMessage(key, test.index, hex(earlier), window).reason === undefined,
      'one before it is refused',
    );
  const { reason, payload, counter } = openMessage(key, test.index, hex(test.message), window);
  same('reason', test.reason ?? 'none', reason ?? 'none');
  if (reason !== undefined) return;
  same('payload', test.payload, payload);
  same('counter', test.counter, String(counter));
  same('message', test.message, message(key, test.index, counter, payload));
  if (test.frames !== undefined) same('frames', test.payload, framesAsPayload(test.frames.map(hex)));
}

/** Records of a payload; the last one may say why it is none. */
function records(payload) {
  const list = [];
  for (let at = 1; at < payload.length; ) {
    const left = payload.length - at;
    const word = left < 2 ? 0xffff : payload.readUInt16BE(at);
    const [fragment, size] = [word >= 0x8000, word & 0x7fff];
    const head = fragment ? 6 : 2;
    if (left < head + size) return [...list, { malformed: true }];
    const bytes = payload.subarray(at + head, at + head + size);
    if (fragment)
      list.push({ id: payload.readUInt16BE(at + 2), index: payload[at + 4], count: payload[at + 5], bytes });
    else list.push({ bytes });
    at += head + size;
  }
  return list;
}

/** What comes out of payloads: whole frames in their order, and what was wrong. */
class Reader {
  frames = [];
  wrong = [];
  #incomplete = new Map();

  read(now, payload) {
    if (payload.length === 0) return;
    const high = payload[0] >> 4;
    if (payload[0] !== 1) this.wrong.push(high === 4 || high === 6 ? 'ip' : 'unknown payload');
    else for (const one of records(payload)) this.#record(now, one);
  }

  #record(now, one) {
    if (one.malformed) this.wrong.push('malformed record');
    else if (one.id === undefined) this.#frame(one.bytes);
    else this.#fragment(now, one);
  }

  #frame(bytes) {
    if (bytes.length < 14) this.wrong.push('frame too short');
    else this.frames.push(bytes.toString('hex'));
  }

  #fragment(now, { id, index, count, bytes }) {
    if (index >= count || bytes.length === 0) return void this.wrong.push('malformed record');
    for (const [key, { since }] of this.#incomplete) if (now - since > 1000) this.#giveUp(key);
    let frame = this.#incomplete.get(id);
    if (frame !== undefined && (frame.count !== count || frame.parts[index] !== undefined)) {
      this.#giveUp(id);
      frame = undefined;
    }
    frame ??= { since: now, count, parts: [] };
    this.#incomplete.set(id, frame);
    frame.parts[index] = bytes;
    const parts = frame.parts.filter((part) => part !== undefined);
    const whole = Buffer.concat(parts);
    if (whole.length > 9216) {
      this.#incomplete.delete(id);
      this.wrong.push('frame too long');
    } else if (parts.length === count) {
      this.#incomplete.delete(id);
      this.#frame(whole);
    }
  }

  #giveUp(id) {
    this.#incomplete.delete(id);
    this.wrong.push('incomplete frame');
  }
}

export function payloads(test) {
  const reader = new Reader();
  for (const { now, payload } of test.payloads) reader.read(now, hex(payload));
  same('frames', test.frames, reader.frames);
  same('reason', test.reason ?? 'none', reader.wrong[0] ?? 'none');
}

export function packing({ path, frames, payloads }) {
  const reader = new Reader();
  const sizes = payloads.map((one) => one.length / 2 + 32);
  expect(
    sizes.every((size) => size <= path),
    'a datagram is larger than the path',
  );
  for (const one of payloads) reader.read(0, hex(one));
  same('frames', frames, reader.frames);
  same('what is wrong', [], reader.wrong);
  const bytes = frames.reduce((sum, one) => sum + one.length / 2 + 2, 1);
  if (bytes + 32 <= path) same('how many datagrams', '1', String(payloads.length));
  // None could have taken the first record of the next one, but one in fragments begins where it is worth while.
  for (let i = 0; i + 1 < payloads.length; i++) {
    const [next] = records(hex(payloads[i + 1]));
    const room = path - sizes[i];
    const needed = next.id === undefined ? 2 + next.bytes.length : 6 + 64;
    expect(next.index > 0 || room < needed, 'a datagram has room for what comes in the next one');
  }
}

// The handshake. HKDF and the symmetric state as Noise has them.

function hkdf(chain, input, outputs) {
  const key = hmac(chain, input);
  const out = [];
  for (let i = 1; i <= outputs; i++) out.push(hmac(key, out.at(-1) ?? Buffer.alloc(0), Buffer.from([i])));
  return out;
}

class State {
  constructor(responder) {
    this.chain = hash(text('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
    this.digest = hash(hash(this.chain, text('WireGuard v1 zx2c4 Jason@zx2c4.com')), responder);
  }
  mixHash(bytes) {
    this.digest = hash(this.digest, bytes);
  }
  mix(input, outputs) {
    const [chain, ...rest] = hkdf(this.chain, input, outputs);
    this.chain = chain;
    return rest;
  }
  ephemeral(bytes) {
    this.mixHash(bytes);
    this.mix(bytes, 1);
  }
  seal(key, plain) {
    const sealed = seal(key, ZERO, plain, this.digest);
    this.mixHash(sealed);
    return sealed;
  }
  open(key, sealed) {
    const plain = open(key, ZERO, sealed, this.digest);
    this.mixHash(sealed);
    return plain;
  }
  preshared(psk) {
    const [hashed, key] = this.mix(psk, 3);
    this.mixHash(hashed);
    return key;
  }
  keys() {
    return hkdf(this.chain, Buffer.alloc(0), 2);
  }
}

/** Steps of 2^24 ns that begin within a second. */
const STEPS = 60n;

/** TAI64N of so many steps since 1970. @param mark what stands below the step */
function ofSteps(steps, mark) {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64BE(0x400000000000000an + steps / STEPS);
  bytes.writeUInt32BE((Number(steps % STEPS) << 24) + mark, 8);
  return bytes;
}

/** TAI64N, whitened to steps of 2^24 ns. @param mark 0x0cab1e of who understands control records */
export function tai64n(unixTime, mark = 0) {
  const ms = BigInt(Math.trunc(unixTime));
  return ofSteps((ms / 1_000n) * STEPS + (((ms % 1_000n) * 1_000_000n) >> 24n), mark);
}

async function withMacs(body, receiver, cookie) {
  const mac1 = await mac(hash(text('mac1----'), receiver), body);
  const mac2 = cookie === undefined ? Buffer.alloc(16) : await mac(cookie, Buffer.concat([body, mac1]));
  return Buffer.concat([body, mac1, mac2]);
}

/** Of both private keys, or of one and the other's public one. */
export async function initiation({ own, responder, ephemeral, index, timestamp, cookie }) {
  const state = new State(responder);
  const e = publicOf(ephemeral);
  state.ephemeral(e);
  const [first] = state.mix(agree(ephemeral, responder), 2);
  const sealedStatic = state.seal(first, publicOf(own));
  const [second] = state.mix(agree(own, responder), 2);
  const body = Buffer.concat([little32(1), little32(index), e, sealedStatic, state.seal(second, timestamp)]);
  return { message: await withMacs(body, responder, cookie), state };
}

/** Reads an initiation, as far as it is authentic. */
export async function readInitiation(own, datagram, knows) {
  const me = publicOf(own);
  if (datagram.length !== 148 || datagram.readUInt32LE() !== 1) return { reason: 'malformed' };
  const signed = await mac(hash(text('mac1----'), me), datagram.subarray(0, 116));
  if (!signed.equals(datagram.subarray(116, 132))) return { reason: 'bad mac1' };
  const state = new State(me);
  const ephemeral = datagram.subarray(8, 40);
  state.ephemeral(ephemeral);
  const [first] = state.mix(agree(own, ephemeral), 2);
  const initiator = state.open(first, datagram.subarray(40, 88));
  if (initiator === undefined) return { reason: 'decrypt failed' };
  if (!knows(initiator)) return { reason: 'unknown peer' };
  const [second] = state.mix(agree(own, initiator), 2);
  const timestamp = state.open(second, datagram.subarray(88, 116));
  if (timestamp === undefined) return { reason: 'decrypt failed' };
  return { state, initiator, ephemeral, timestamp, sender: datagram.readUInt32LE(4) };
}

export async function response({ read, ephemeral, index, psk, cookie }) {
  const { state } = read;
  const e = publicOf(ephemeral);
  state.ephemeral(e);
  state.mix(agree(ephemeral, read.ephemeral), 1);
  state.mix(agree(ephemeral, read.initiator), 1);
  const empty = state.seal(state.preshared(psk), Buffer.alloc(0));
  const body = Buffer.concat([little32(2), little32(index), little32(read.sender), e, empty]);
  return { message: await withMacs(body, read.initiator, cookie), keys: state.keys() };
}

/** Reads a response to an initiation of ours. */
export async function readResponse({ own, ephemeral, index, psk, state: begun }, datagram) {
  const me = publicOf(own);
  if (datagram.length !== 92 || datagram.readUInt32LE() !== 2) return { reason: 'malformed' };
  const signed = await mac(hash(text('mac1----'), me), datagram.subarray(0, 60));
  if (!signed.equals(datagram.subarray(60, 76))) return { reason: 'bad mac1' };
  if (datagram.readUInt32LE(8) !== index) return { reason: 'unknown receiver index' };
  const state = Object.assign(Object.create(State.prototype), begun);
  const e = datagram.subarray(12, 44);
  state.ephemeral(e);
  state.mix(agree(ephemeral, e), 1);
  state.mix(agree(own, e), 1);
  if (state.open(state.preshared(psk), datagram.subarray(44, 60)) === undefined)
    return { reason: 'decrypt failed' };
  return { keys: state.keys(), sender: datagram.readUInt32LE(4) };
}

const cookieKey = (responder) => hash(text('cookie--'), responder);

export async function cookieFor(secret, address, port) {
  return mac(secret, text(`${address}|${port}`));
}

export function cookieReply(responder, datagram, nonce, cookie) {
  const key = hchacha20(cookieKey(responder), nonce.subarray(0, 16));
  const rest = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
  const sealed = seal(key, rest, cookie, datagram.subarray(116, 132));
  return Buffer.concat([little32(3), datagram.subarray(4, 8), nonce, sealed]);
}

/** The cookie of a reply to a message of ours; undefined where it is not authentic. */
export function readCookie(responder, mine, reply) {
  const nonce = reply.subarray(8, 32);
  const key = hchacha20(cookieKey(responder), nonce.subarray(0, 16));
  const rest = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]);
  return open(key, rest, reply.subarray(32), mine.subarray(116, 132));
}

const NOTHING = Buffer.alloc(32);

export async function handshake(test) {
  const [own, other] = [hex(test.initiatorPrivate), hex(test.responderPrivate)];
  same('initiatorPublic', test.initiatorPublic, publicOf(own));
  same('responderPublic', test.responderPublic, publicOf(other));
  const psk = test.presharedKey === undefined ? NOTHING : hex(test.presharedKey);
  const ephemeral = hex(test.initiatorEphemeral);
  const timestamp = tai64n(test.unixTime);
  const index = test.initiatorIndex;
  const first = await initiation({ own, responder: publicOf(other), ephemeral, index, timestamp });
  same('initiation', test.initiation, first.message);
  const knows = (key) => test.known !== false && key.equals(publicOf(own));
  let latest = Buffer.alloc(12);
  for (const earlier of test.before ?? []) {
    const read = await readInitiation(other, hex(earlier), knows);
    expect(read.reason === undefined && read.timestamp.compare(latest) > 0, 'one before it is refused');
    latest = read.timestamp;
  }
  const read = await readInitiation(other, hex(test.initiationReceived ?? test.initiation), knows);
  if (read.reason === undefined && read.timestamp.compare(latest) <= 0) read.reason = 'replayed';
  if (read.reason !== undefined) return same('reason', test.reason ?? 'none', read.reason);
  const theirs = test.responderPresharedKey === undefined ? psk : hex(test.responderPresharedKey);
  const second = await response({
    read,
    ephemeral: hex(test.responderEphemeral),
    index: test.responderIndex,
    psk: theirs,
  });
  same('response', test.response, second.message);
  const answer = hex(test.responseReceived ?? test.response);
  const done = await readResponse({ own, ephemeral, index, psk, state: first.state }, answer);
  same('reason', test.reason ?? 'none', done.reason ?? 'none');
  if (done.reason !== undefined) return;
  same(
    'keys',
    [test.initiatorKey, test.responderKey],
    done.keys.map((key) => key.toString('hex')),
  );
  same('keys of the responder', done.keys.map(String), second.keys.map(String));
}

export async function cookies(test) {
  const [own, other] = [hex(test.initiatorPrivate), hex(test.responderPrivate)];
  const responder = publicOf(other);
  const timestamp = tai64n(test.unixTime);
  const first = await initiation({
    ...{ own, responder, timestamp },
    ephemeral: hex(test.initiatorEphemeral),
    index: test.initiatorIndex,
  });
  same('initiation', test.initiation, first.message);
  const secret = hex(test.cookieSecret);
  const cookie = await cookieFor(secret, '192.0.2.2', 40000);
  same('cookieReply', test.cookieReply, cookieReply(responder, first.message, hex(test.cookieNonce), cookie));
  const reply = hex(test.replyReceived ?? test.cookieReply);
  const right = reply.length === 64 && reply.readUInt32LE() === 3;
  const known = right && reply.readUInt32LE(4) === test.initiatorIndex;
  const got = known ? readCookie(responder, first.message, reply) : undefined;
  // The clock stands still, and a timestamp is later than the one before: by the smallest step that there is.
  const later = nextStep(timestamp);
  const next = await initiation({
    ...{ own, responder, timestamp: later, cookie: got },
    ephemeral: hex(test.nextEphemeral),
    index: test.nextIndex,
  });
  same('nextInitiation', test.nextInitiation, next.message);
  const wanted = await cookieFor(secret, test.nextFrom ?? '192.0.2.2', 40000);
  const shown = await mac(wanted, next.message.subarray(0, 132));
  const proved = shown.equals(next.message.subarray(132));
  const reason = !right
    ? 'malformed'
    : !known
      ? 'unknown receiver index'
      : !got
        ? 'decrypt failed'
        : proved
          ? 'none'
          : 'no cookie';
  same('reason', test.reason ?? 'none', reason);
}

/** A timestamp one step of 2^24 ns later. */
export function nextStep(timestamp) {
  const nanoseconds = timestamp.readUInt32BE(8);
  const seconds = timestamp.readBigUInt64BE() - 0x400000000000000an;
  return ofSteps(seconds * STEPS + BigInt(nanoseconds >>> 24) + 1n, nanoseconds & 0xffffff);
}

/** Whether a message's mac2 is that of the cookie for where it comes from. */
export async function cookieShown(secret, from, message) {
  const [address, port] = from.split(':');
  const shown = await mac(await cookieFor(secret, address, port), message.subarray(0, -16));
  return shown.equals(message.subarray(-16));
}
