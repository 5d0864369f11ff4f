// The secure cable's state machine: every message and key made anew, and the times that WireGuard has for them.
import { expect, hex, publicOf, same } from './ask.mjs';
import * as wg from './secure.mjs';

const [REKEY_TIMEOUT, JITTER, ATTEMPT, REJECT, KEEPALIVE] = [5_000, 334, 90_000, 180_000, 10_000];
/** Of control records: between calls of a peer that went away, and until a silent one is presumed gone. */
const [EAGER, ASKED] = [400, 1_000];

class End {
  #own;
  #peer;
  #psk;
  #tape;
  #unixTime;
  /** What the timestamps of who understands control records bear. */
  #mark;
  /** Of the initiation that waits for its response. */
  #waiting;
  #initiated = -Infinity;
  #began = -Infinity;
  #timestamp = Buffer.alloc(12);
  #theirs = Buffer.alloc(12);
  #cookie;
  #secret;
  #overrun = -Infinity;
  #places = new Map();
  #dataAt;
  #up = false;
  /** Since when frames are sent and nothing came. */
  #sentAt;
  /** Whether the peer went away, and is called more often. */
  #away = false;
  #from;
  #questions = 0n;

  constructor({ privateKey, peers, random, unixTime, controls }) {
    this.#own = hex(privateKey);
    this.#peer = hex(peers[0].publicKey);
    this.#psk = hex(peers[0].presharedKey);
    this.#tape = hex(random);
    this.#unixTime = unixTime;
    this.#mark = controls ? 0x0cab1e : 0;
  }

  /** Where the bytes after these are drawn: who draws, and when, is not asked. */
  #drawn(holds, size, what) {
    for (let at = 0; at + size <= this.#tape.length; at++)
      if (holds(this.#tape.subarray(at, at + size)))
        return { bytes: this.#tape.subarray(at, at + size), rest: this.#tape.subarray(at + size) };
    throw new Error(`${what} is not of the random bytes`);
  }

  #ephemeral(publicKey) {
    const { bytes, rest } = this.#drawn((some) => publicOf(some).equals(publicKey), 32, 'an ephemeral key');
    return { ephemeral: bytes, index: rest.readUInt32LE() };
  }

  async step(step) {
    const { now, event, effects, deadline } = step;
    this.now = now;
    if (event === 'overrun') this.#overrun = now;
    if (event === 'opened' && step.data) this.#dataAt ??= now;
    if (event === 'sealed') this.#dataAt = undefined;
    if (event === 'sealed' && step.data) this.#sentAt ??= now;
    if (event === 'opened') this.#sentAt = undefined;
    if (step.from !== undefined) this.#from = step.from;
    if (event === 'control' && step.payload === '02020000' && this.#up) this.#away = effects.length > 0;
    if (event === 'tick' && now - this.#sentAt >= 3 * ASKED) this.#away = true;
    if (effects.some((effect) => effect.do === 'use')) this.#away = false;
    const took = event === 'receive' ? await this.#receive(step) : undefined;
    const left = [...effects];
    const take = (what) => {
      const at = left.findIndex((effect) => effect.do === what);
      return at < 0 ? undefined : left.splice(at, 1)[0];
    };
    const malformed =
      event === 'control' && !['0201', '0202', '0203', '0204'].some((type) => whole(step.payload, type));
    same('refused', took?.reason ?? (malformed ? 'malformed' : 'none'), take('refused')?.why ?? 'none');
    const sent = take('send');
    const installed = take('install');
    if (took?.cookieFor) await this.#gaveCookie(took, sent);
    else if (took?.initiation) await this.#responded(took, sent, installed);
    else if (sent) await this.#initiatedBy(step, sent);
    if (took?.keys) this.#installed(installed, took.keys, took.sender);
    if (!took?.keys && !took?.initiation) expect(installed === undefined, 'a keypair of nobody is installed');
    for (const effect of left) this.#other(step, effect);
    if (deadline !== null) expect(deadline > now, 'it wants to be told the time at once, for ever');
  }

  async #receive({ from, datagram }) {
    const bytes = hex(datagram);
    const type = bytes.length >= 4 ? bytes.readUInt32LE() : 0;
    if (type === 3 && bytes.length === 64) {
      const cookie = wg.readCookie(this.#peer, this.#waiting.message, bytes);
      expect(cookie !== undefined, 'the cookie is not authentic');
      this.#cookie = cookie;
      return {};
    }
    if (type === 2) {
      if (bytes.length === 92 && this.#waiting === undefined) return { reason: 'unknown receiver index' };
      return wg.readResponse({ ...this.#waiting, own: this.#own, psk: this.#psk }, bytes);
    }
    const read = await wg.readInitiation(this.#own, bytes, (key) => key.equals(this.#peer));
    if (read.reason !== undefined) return read;
    if (this.now - this.#overrun < 1000) {
      const shown = this.#secret && (await wg.cookieShown(this.#secret, from, bytes));
      if (!shown) return { reason: 'no cookie', cookieFor: from, bytes };
    }
    if (read.timestamp.compare(this.#theirs) <= 0) return { reason: 'replayed' };
    this.#theirs = read.timestamp;
    return { initiation: read };
  }

  async #gaveCookie({ cookieFor, bytes }, sent) {
    const reply = hex(sent.datagram);
    const { bytes: nonce } = this.#drawn((some) => some.equals(reply.subarray(8, 32)), 24, 'a nonce');
    const at = this.#tape.indexOf(nonce);
    this.#secret ??= this.#tape.subarray(at - 32, at);
    const [address, port] = cookieFor.split(':');
    const cookie = await wg.cookieFor(this.#secret, address, port);
    same('the cookie reply', wg.cookieReply(publicOf(this.#own), bytes, nonce, cookie), reply);
  }

  async #responded({ initiation }, sent, installed) {
    const { ephemeral, index } = this.#ephemeral(hex(sent.datagram).subarray(12, 44));
    const made = await wg.response({ read: initiation, ephemeral, index, psk: this.#psk });
    same('the response', made.message, hex(sent.datagram));
    const [receive, send] = made.keys;
    this.#install(installed, { send, receive, local: index, remote: initiation.sender });
  }

  async #initiatedBy({ event }, sent) {
    const { now } = this;
    expect(['wanted', 'tick', 'sealed', 'opened', 'control'].includes(event), `it begins by ${event}`);
    expect(now - this.#initiated >= (this.#away ? EAGER : REKEY_TIMEOUT), 'an initiation comes too soon');
    if (event !== 'tick' || !this.#waiting) this.#began = now;
    else
      expect(
        now - this.#initiated < REKEY_TIMEOUT + JITTER && now - this.#began < ATTEMPT,
        'it calls too late',
      );
    const { ephemeral, index } = this.#ephemeral(hex(sent.datagram).subarray(8, 40));
    const told = wg.tai64n(this.#unixTime + now, this.#mark);
    this.#timestamp = told.compare(this.#timestamp) > 0 ? told : wg.nextStep(this.#timestamp);
    const made = await wg.initiation({
      ...{ own: this.#own, responder: this.#peer, ephemeral, index },
      timestamp: this.#timestamp,
      cookie: this.#cookie,
    });
    same('the initiation', made.message, hex(sent.datagram));
    this.#initiated = now;
    this.#waiting = { ephemeral, index, state: made.state, message: made.message };
  }

  #installed(installed, [send, receive], sender) {
    this.#install(installed, { send, receive, local: this.#waiting.index, remote: sender });
    this.#waiting = undefined;
  }

  #install(installed, { send, receive, ...rest }) {
    const keys = { send: send.toString('hex'), receive: receive.toString('hex'), ...rest };
    same('the keypair', keys, installed?.keys);
    expect(!this.#places.has(installed.place), 'its place is taken');
    this.#places.set(installed.place, this.now);
  }

  /** What it says besides frames, byte for byte. */
  #says({ event, payload }, said) {
    const { now } = this;
    const record = (type, ...parts) => {
      const body = Buffer.concat(parts);
      return Buffer.concat([Buffer.of(2, type, body.length >> 8, body.length & 255), body]);
    };
    switch (said[1]) {
      case 1:
        expect(['opened', 'control', 'tick'].includes(event), `it says hello by ${event}`);
        return same('the hello', record(1, Buffer.of(1, 0, 0, 0, 3), Buffer.from(this.#from)), said);
      case 2:
        expect(event === 'remove', `it says goodbye by ${event}`);
        return same('the goodbye', record(2), said);
      case 3: {
        const token = Buffer.alloc(8);
        token.writeBigUInt64BE(this.#questions++);
        expect(event === 'keepalive' || now - this.#sentAt >= ASKED, 'it asks too soon');
        return same('the question', record(3, token), said);
      }
      default:
        return same('the answer', record(4, hex(payload).subarray(4)), said);
    }
  }

  #other(step, effect) {
    const { event, from } = step;
    const { now } = this;
    const age = now - (this.#places.get(effect.place) ?? now);
    switch (effect.do) {
      case 'use':
        return expect(this.#places.has(effect.place), 'there is no such keypair');
      case 'drop':
        expect(this.#places.delete(effect.place), 'there is no such keypair');
        return expect(
          ['remove', 'receive', 'opened', 'control'].includes(event) || age >= REJECT,
          'a keypair goes too soon',
        );
      case 'up':
        this.#up = true;
        return expect(event === 'receive' || event === 'opened', `it is up by ${event}`);
      case 'down':
        expect(this.#up && this.#places.size === 0, 'it is down, and has keys');
        this.#up = false;
        return;
      case 'control':
        return this.#says(step, hex(effect.payload));
      case 'keepalive':
        if (event === 'receive') return; // it confirms the keys
        return expect(now - this.#dataAt >= KEEPALIVE, 'a keepalive comes too soon');
      case 'moved':
        return same('where it has moved', from, `${effect.to.address}:${effect.to.port}`);
      case 'unanswered':
        return expect(now - this.#began >= ATTEMPT, 'it gives up too soon');
      default:
        return expect(effect.do === 'resolve', `what is ${effect.do}?`);
    }
  }
}

/** Whether a payload is one whole record of this kind. */
function whole(payload, type) {
  const bytes = hex(payload);
  const least = { '0201': 5, '0202': 0, '0203': 8, '0204': 8 }[type];
  return payload.startsWith(type) && bytes.length >= 4 + least && bytes.readUInt16BE(2) === bytes.length - 4;
}

export async function trace(test) {
  const end = new End(test);
  for (const [i, step] of test.steps.entries()) {
    try {
      await end.step(step);
    } catch (error) {
      throw new Error(`step ${i + 1}: ${error.message}`);
    }
  }
}
