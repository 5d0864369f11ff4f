// The classic protocol's state machines: a server of our own to compare with, and rules that hold for whatever a client sends.
import { expect, hex, same } from './ask.mjs';
import { answers, deny, idFrom, login, Tape, TYPE } from './classic.mjs';

const [CHALLENGE_LIFETIME, SESSION_LIFETIME, LOGIN_INTERVAL, RESPONSE_INTERVAL] = [
  20_000, 120_000, 5_000, 1_000,
];
const KEEPALIVE_INTERVAL = 30_000;
/** Without encryption: probes until it is up, and the time until a C server that sends no frame is named. */
const [PROBES, TRIAL_TIME, MUTE_AFTER] = [3, 600, 3_000];

/** The id of a LOGIN; undefined where it is none that is answered. */
function idOf(datagram) {
  if (datagram.length !== 17 || datagram[0] !== TYPE.login) return undefined;
  return /^(\w{1,16})\0*$/.exec(datagram.toString('latin1', 1))?.[1];
}

/** What a RESPONSE of such a length can have been sealed with. */
function keyings(key, length) {
  if (key === 'none') return length === 129 ? [{ suite: 'plain' }] : [];
  if (length === 137) return [{ suite: 'blowfish', key }];
  if (length !== 141 || key.length < 88) return [];
  return [12, 0].map((block) => ({ suite: 'chacha20', key, block }));
}

const named = ({ suite, block }) =>
  suite === 'plain' ? 'none' : suite === 'blowfish' ? suite : `chacha20, block counter ${block}`;

/** So many at once, and so many a second. */
class Bucket {
  #tokens = 20;
  #at = 0;
  take(now) {
    this.#tokens = Math.min(20, this.#tokens + ((now - this.#at) * 10) / 1000);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

class Server {
  #keys;
  #tape;
  #peers = new Map();
  #strangers = new Map();
  #logins = new Map();
  #effects = [];

  constructor({ keys, random }) {
    this.#keys = keys;
    this.#tape = new Tape(random);
  }

  async step({ now, event, from, datagram }) {
    this.#effects = [];
    if (event === 'tick') this.#expire(now);
    else if (event === 'heard') this.#peers.get(from).expires = now + SESSION_LIFETIME;
    else await this.#receive(now, from, hex(datagram));
    const peer = this.#peers.get(from);
    const state = !peer ? 'unknown' : !peer.session ? 'challenged' : peer.pending ? 'rechallenged' : 'up';
    return { effects: this.#effects, state: event === 'tick' ? undefined : state };
  }

  #remote(from) {
    const [address, port] = from.split(':');
    return { address, port: Number(port) };
  }

  #send(from, datagram) {
    this.#effects.push({ do: 'send', to: this.#remote(from), datagram: datagram.toString('hex') });
  }

  #stranger(now, from, datagram) {
    if (now - (this.#strangers.get(from) ?? -Infinity) < 1000) return;
    this.#strangers.set(from, now);
    this.#refuse(from, datagram, 'not logged in');
  }

  #refuse(from, datagram, why) {
    this.#effects.push({ do: 'refused', peer: this.#remote(from), why });
    this.#send(from, deny(datagram.length));
  }

  #expire(now) {
    for (const [from, peer] of this.#peers) {
      if (peer.pending && now >= peer.pending.expires) peer.pending = undefined;
      if (peer.session && now >= peer.expires) {
        peer.session = undefined;
        this.#effects.push({ do: 'unplug', peer: this.#remote(from), why: 'expired' });
      }
      if (!peer.pending && !peer.session) this.#peers.delete(from);
    }
  }

  async #receive(now, from, datagram) {
    const peer = this.#peers.get(from);
    const id = idOf(datagram);
    const [type, { length }] = [datagram[0], datagram];
    if (id !== undefined) return this.#login(now, from, datagram, id);
    if (type === TYPE.response && [129, 137, 141].includes(length))
      return this.#response(now, from, datagram, peer);
    const keepalive = type === TYPE.keepalive && length === 1;
    if (keepalive && peer?.session) peer.expires = now + SESSION_LIFETIME;
    else if ((keepalive || (type === TYPE.data && length > 1)) && !peer?.session)
      this.#stranger(now, from, datagram);
    else if (length === 0 && peer?.pending)
      this.#effects.push({ do: 'refused', peer: this.#remote(from), why: 'no cipher' });
  }

  #login(now, from, datagram, id) {
    const address = from.split(':')[0];
    if (!this.#logins.has(address)) this.#logins.set(address, new Bucket());
    if (!this.#logins.get(address).take(now))
      return void this.#effects.push({ do: 'refused', peer: this.#remote(from), why: 'too many logins' });
    const key = this.#keys === undefined ? 'none' : (this.#keys[id] ?? this.#keys['*']);
    if (key === undefined) return this.#refuse(from, datagram, 'no key');
    const peer = this.#peers.get(from) ?? {};
    this.#peers.set(from, peer);
    const { pending } = peer;
    const same = pending?.id === id;
    const challenge = same ? pending.challenge : this.#tape.draw(128);
    const earlier = same ? pending.earlier : pending?.challenge;
    peer.pending = { id, key, challenge, earlier, expires: now + CHALLENGE_LIFETIME };
    this.#send(from, Buffer.concat([Buffer.from([TYPE.challenge]), challenge]));
  }

  async #proven(key, datagram, challenges) {
    for (const keying of keyings(key, datagram.length))
      for (const challenge of challenges) if (await answers(keying, datagram, challenge)) return keying;
    return undefined;
  }

  async #response(now, from, datagram, peer) {
    if (!peer) return this.#stranger(now, from, datagram);
    if (peer.session && (!peer.pending || peer.session.response.equals(datagram))) {
      if (!peer.pending) this.#send(from, Buffer.from([TYPE.authOk]));
      return;
    }
    const { id, key, challenge, earlier } = peer.pending;
    const challenges = earlier ? [challenge, earlier] : [challenge];
    const right = await this.#proven(key, datagram, challenges);
    if (!right && peer.session && (await this.#proven(peer.session.key, datagram, peer.session.challenges)))
      return;
    peer.pending = undefined;
    if (right === undefined) {
      if (!peer.session) this.#peers.delete(from);
      const short = datagram.length === 141 && key !== 'none' && key.length < 88;
      const bare = datagram.length === 129;
      if (key === 'none') return this.#refuse(from, datagram, bare ? 'wrong key' : 'encrypted');
      return this.#refuse(from, datagram, bare ? 'not encrypted' : short ? 'short key' : 'wrong key');
    }
    for (const [other, { session }] of this.#peers)
      if (other !== from && session?.id === id) {
        this.#peers.delete(other);
        this.#effects.push({ do: 'unplug', peer: this.#remote(other), why: 'moved' });
      }
    const what = peer.session ? 'rekey' : 'plug';
    peer.session = { id, key, response: datagram, challenges };
    peer.expires = now + SESSION_LIFETIME;
    this.#effects.push({ do: what, peer: this.#remote(from), id, keying: named(right) });
    this.#send(from, Buffer.from([TYPE.authOk]));
  }
}

export async function server(test) {
  const model = new Server(test);
  for (const [i, { effects, state, ...step }] of test.steps.entries()) {
    const got = await model.step(step);
    same(`step ${i + 1}`, { effects, state }, got);
  }
}

/** What a client may send, and when; and what it has to have heard before it says that it is up. */
class Client {
  #test;
  #tape;
  #id;
  #key;
  /** Since the last LOGIN: when, what came, and the RESPONSE. */
  #login;
  #response;
  #keepalive = -Infinity;
  #up = false;
  /** Without encryption, while it is not known whether frames come: since when, and probes sent. */
  #trial;
  #heard = { authOk: -Infinity, deny: -Infinity, any: -Infinity };
  #large = -Infinity;
  #events = new Set();

  constructor(test) {
    this.#test = test;
    this.#tape = new Tape(test.random);
    this.#id = idFrom(this.#tape);
    this.#key = test.mode === 'random' ? this.#newKey() : test.key;
  }

  #newKey() {
    return this.#tape.draw(['auto', 'chacha20'].includes(this.#test.cipher) ? 44 : 24).toString('hex');
  }

  async step({ now, event, datagram, effects }) {
    this.#events.add(event);
    if (event === 'receive') this.#receive(now, hex(datagram));
    if (event === 'heard') this.#heard.any = now;
    if (event === 'large') this.#large = now;
    for (const effect of effects) await this.#effect(now, event, effect);
  }

  #receive(now, datagram) {
    const [type] = datagram;
    if (type === TYPE.challenge && datagram.length === 129 && this.#login && !this.#login.challenge)
      this.#login.challenge = datagram.subarray(1);
    if (type === TYPE.authOk && datagram.length === 1) this.#heard.authOk = now;
    if (type === TYPE.deny) this.#heard.deny = now;
  }

  async #effect(now, event, effect) {
    if (effect.do === 'send') await this.#sent(now, event, hex(effect.datagram));
    else if (effect.do === 'enrol') this.#enrolled(effect);
    else if (effect.do === 'up' && this.#trial) {
      const { at, probes } = this.#trial;
      const silent = event === 'timer' && probes === PROBES && now - at >= TRIAL_TIME;
      expect(
        silent ? this.#heard.authOk === at : event === 'heard',
        'it is up, and nothing shows that frames come',
      );
      this.#trial = undefined;
    } else if (effect.do === 'mute') {
      const answered = this.#trial && this.#heard.authOk > this.#trial.at;
      expect(answered && now - this.#trial.at >= MUTE_AFTER, 'it says that a server is mute which is not');
    } else if (effect.do === 'up' || effect.do === 'trial') {
      expect((effect.do === 'trial') === (this.#test.mode === 'plain'), 'it is up without a trial');
      if (effect.do === 'trial') this.#trial = { at: now, probes: 0 };
      expect(this.#response && this.#heard.authOk === now && event === 'receive', 'it is up without AUTH_OK');
      this.#up = true;
    } else if (effect.do === 'down') {
      const why = effect.why === 'unknown' ? now - this.#heard.deny >= 500 : now - this.#response.at >= 2000;
      expect(this.#up && why && this.#heard.authOk < now - 500, 'it is down too soon');
      this.#up = false;
      this.#trial = undefined;
    } else if (effect.do === 'denied') {
      const since = now - this.#heard.deny;
      expect(
        event === 'timer' && since >= 500 && since <= 1000,
        'it is denied by nobody, or believes it too soon',
      );
    } else if (effect.do === 'cut') {
      expect(this.#large > -Infinity && this.#heard.authOk === now, 'nothing says that it is a C server');
    } else {
      expect(
        ['resolve', 'unanswered', 'fail', 'notCarried', 'tryNext', 'reconnect'].includes(effect.do),
        `what is ${effect.do}?`,
      );
    }
  }

  #enrolled({ id, key }) {
    // The first key is carried under the id that it was made with; each one after that is another.
    if (this.#test.mode === 'plain' || this.#login !== undefined) {
      this.#id = idFrom(this.#tape);
      this.#key = this.#newKey();
    }
    same('what is carried', [this.#id, this.#key], [id, key]);
    this.#events.clear();
    this.#login = undefined;
  }

  async #sent(now, event, datagram) {
    const [type] = datagram;
    if (type === TYPE.login) this.#loggedIn(now, datagram);
    else if (type === TYPE.response) await this.#responded(now, datagram);
    else if (type === TYPE.keepalive) {
      expect(this.#up, 'it says that it is alive, and is not up');
      const first = this.#heard.authOk === now;
      expect(first || now - this.#keepalive >= KEEPALIVE_INTERVAL, 'it says too often that it is alive');
      expect(this.#test.keepalive || this.#response.datagram.length === 141, 'nobody asked for KEEPALIVE');
      this.#keepalive = now;
    } else {
      const probes = this.#trial ? ++this.#trial.probes <= PROBES : event === 'large';
      expect(datagram.length === 1 && probes, 'it sends what nobody knows');
    }
  }

  #loggedIn(now, datagram) {
    same('LOGIN', login(this.#id), datagram);
    const last = this.#login;
    // Answered, or sent to nobody, or of a cable that was up: then it is no repetition, and may come sooner.
    const fresh = last === undefined || last.challenge || this.#events.has('unreachable');
    const set = now < (last?.at ?? now); // the clock was set back
    expect(fresh || set || now - last.at >= LOGIN_INTERVAL, 'a LOGIN is repeated too soon');
    expect(!this.#up, 'it logs in, and is up');
    this.#login = { at: now };
    this.#response = undefined;
    this.#events.clear();
  }

  async #responded(now, datagram) {
    if (this.#response !== undefined) {
      same('a RESPONSE that is repeated', this.#response.datagram, datagram);
      const asked = this.#up || this.#heard.deny === now || now - this.#response.at >= RESPONSE_INTERVAL;
      expect(asked, 'a RESPONSE is repeated too soon');
      this.#response.at = now;
      return;
    }
    const challenge = this.#login?.challenge;
    expect(challenge !== undefined, 'it responds to nothing');
    const key = this.#test.mode === 'plain' ? 'none' : this.#key;
    let right = false;
    for (const keying of keyings(key, datagram.length)) right ||= await answers(keying, datagram, challenge);
    expect(right, 'its RESPONSE is not the one to the CHALLENGE');
    this.#response = { datagram, at: now };
  }
}

export async function client(test) {
  const model = new Client(test);
  for (const [i, step] of test.steps.entries()) {
    try {
      await model.step(step);
    } catch (error) {
      throw new Error(`step ${i + 1}: ${error.message}`);
    }
  }
}
