// A core as its host has it: what a program's operations do to it, within what the core asks of its host.
import { Core } from '../../../src/core/core.js';
import { STATUS } from '../../../src/core/status.js';
import { layout } from '../unit/core/harness.js';
import { at, hexOf, slotStart } from './map.js';
import { HOST, indexOf, type Material, SESSIONS, type Suite, speech, start, TAP_HEAD } from './material.js';
import { type Session, type Step, WIPING } from './steps.js';
import { Fault, SEEN, type State, Watch } from './watch.js';

const OK = STATUS.indexOf('ok');
const FRAME_MIN = at('FRAME_MIN');
/** Smallest path that a session takes. */
const PATH_MIN = 508;
/** An IP packet behind Ethernet's header and two tags. */
const JOINED_MAX = 14 + 8 + 0xffff;
const ARRIVAL = 0xffff;
const [TAIL, DONE, HEAD] = [at('RING_TAIL') >> 2, at('RING_DONE') >> 2, at('RING_HEAD') >> 2];
const FREE = at('INCOMPLETE_FREE') >> 2;
const TOUCHED = at('INCOMPLETE_TOUCHED') >> 2;
const BUFFER_DATA = at('INCOMPLETE_FRAME');
const ETHERNET = 14;
const FD88 = [0xfd, 0x88] as const;
const ZEROS = new Uint8Array(13);
/** A sealed DATA of the longest frame: a byte before it, a tail and padding behind it. */
const SEALED_MAX = 1 + at('FRAME_MAX') + 12 + 8;
/** Of what there may be many of at a time there are mostly no more: many show little that few do not, and take long. */
const FEW = 12;
const SUITES: readonly Suite[] = ['plain', 'chacha20', 'plain', 'blowfish'];

interface Place {
  readonly address: number;
  readonly length: number;
}

export class World {
  readonly #core: Core;
  readonly #material: Material;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #watch: Watch;
  #sessions: Session[] = [];
  /** Slots that have been processed and not released; buffers of frames that are complete. */
  #slots: number[] = [];
  #frames: number[] = [];
  #now = 0;
  /** Where the ring's positions were when the program began. */
  #from = 0;
  /** The largest path that sessions of each number were told: datagrams may be in the ring for longer than a session. */
  readonly #paths = new Map<number, number>();
  /** The session that a frame of a tap is being cut for. */
  #cutting: Session | undefined;

  private constructor(core: Core, material: Material) {
    this.#core = core;
    this.#material = material;
    const { buffer } = core.memory;
    this.#words = new Int32Array(buffer);
    this.#bytes = Buffer.from(buffer);
    this.#watch = new Watch(core.memory);
    this.#open(SESSIONS);
  }

  /** @param module the core, or another one with the same exports */
  static async make(material: Material, module: WebAssembly.Module): Promise<World> {
    const wasm = { ...(await start(module)), layout };
    return new World(Reflect.construct(Core, [wasm]) as Core, material);
  }

  #open(count: number): void {
    for (let i = 0; i < count; i++) {
      const number = this.#core.openSession() as number;
      this.#watch.begin(number);
      this.#sessions.push({ number, secure: false, suite: undefined, host: false, unread: Buffer.alloc(0) });
    }
    this.#sessions.sort((one, other) => one.number - other.number);
  }

  /** All as it was made. @param position where the ring's positions are */
  reset(position: number): void {
    const { ring } = this.#core;
    for (const place of this.#frames.splice(0)) this.#core.releaseFrame(place);
    for (let count = ring.process(); count > 0; count = ring.process())
      for (let i = 0; i < count; i++) this.#slots.push(ring.processed(i).index);
    for (const slot of this.#slots.splice(0)) ring.release(slot);
    for (const { number } of this.#sessions.splice(0).reverse()) this.#core.closeSession(number);
    this.#open(SESSIONS);
    for (const index of [TAIL, DONE, HEAD]) this.#words[index] = position;
    this.#words[FREE] = 0;
    this.#words[TOUCHED] = 0;
    this.#words.fill(0, at('OWN_PORT') >> 2, (at('OWN_FRAGMENT_NEXT') + 4) >> 2);
    this.#words.fill(0, at('OWN_FRAGMENTS') >> 2, (at('OWN_FRAGMENTS') >> 2) + 2 * at('OWN_FRAGMENTS_COUNT'));
    this.#words.fill(0, at('OWN_NOTES') >> 2, (at('OWN_NOTES') >> 2) + 2 * at('OWN_NOTES_COUNT'));
    this.#words.fill(0, at('SEND_COUNTER') >> 2, (at('SEND_COUNTER') >> 2) + 2);
    this.#from = position;
    this.#now = 0;
    this.#paths.clear();
    this.#cutting = undefined;
  }

  /**
   * Does a step, and looks at what has to hold.
   * @param thorough whether all gaps are looked at; those of a record that the step may wipe always are
   * @throws Fault
   */
  run(step: Step, thorough: boolean): void {
    if (WIPING.has(step.do)) this.#watch.record(this.#session(step.a));
    this[step.do](step.a, step.b, step.c);
    this.#watch.check(this.#state);
    if (thorough) this.check(true);
  }

  /**
   * Looks at the gaps.
   * @param thorough whether all of them, not only those near what this program has used
   * @throws Fault
   */
  check(thorough: boolean): void {
    this.#watch.gaps(this.#state, this.#from, thorough);
  }

  get #state(): State {
    return { sessions: this.#sessions, slots: this.#slots, frames: this.#frames, now: this.#now };
  }

  #demand(holds: boolean, what: string): void {
    if (!holds) throw new Fault(what);
  }

  // What programs do.

  /** One of a list, by any number. */
  #pick<T>(list: readonly T[], number: number): T {
    return list[number % list.length] as T;
  }

  #session(number: number): Session {
    return this.#pick(this.#sessions, number);
  }

  #message(a: number, b: number): Uint8Array {
    const places = this.#material.messages[a % SESSIONS] as readonly (readonly Uint8Array[])[];
    return this.#pick(this.#pick(places, b), b >> 2);
  }

  open(a: number, b: number, c: number): void {
    // Mostly one after the other, as they were sealed; now and then for another session than its own.
    for (let i = 0; i <= c % 8; i++)
      this.#core.ring.pushTransport(this.#session(c > 4000 ? a + 1 : a).number, this.#message(a, b + 4 * i));
  }

  forge(a: number, b: number, c: number): void {
    const message = this.#message(a, b).slice();
    message[c % message.length] = (message[c % message.length] as number) ^ (1 << (b & 7));
    const cut = message.subarray(0, c & 1 ? message.length : c % (message.length + 1));
    this.#core.ring.pushTransport(this.#session(a).number, cut);
  }

  data(a: number, b: number, c: number): void {
    const { noise, data, run } = this.#material;
    const session = this.#session(a);
    if (session.suite === 'plain' && c % 3 === 0)
      for (const datagram of run.slice(b % 64)) this.#core.ring.push(session.number, datagram);
    const datagram =
      b & 7
        ? this.#pick(data[session.suite ?? 'plain'], b)
        : noise.subarray(0, c % (layout.DATAGRAM_MAX + 1));
    this.#core.ring.push(session.number, datagram);
  }

  /** A piece of datagrams that the kernel has joined, of one size but the last. */
  fill(a: number, b: number, c: number): void {
    const { data, noise } = this.#material;
    const session = this.#session(a);
    const transport = session.suite === undefined;
    const first = transport ? this.#message(a, b) : this.#pick(data[session.suite ?? 'plain'], b);
    const segment = c & 15 ? Math.max(1, first.length) : layout.DATAGRAM_MAX - 40 + (b % 140);
    const count = 1 + (c % Math.min(70, Math.floor(ARRIVAL / segment)));
    const where = layout.ARRIVALS + (b % layout.ARRIVALS_COUNT) * layout.ARRIVAL_BYTES;
    for (let i = 0; i < count; i++) {
      const one = transport
        ? this.#message(a, b + (i << 2))
        : this.#pick(data[session.suite ?? 'plain'], b + i);
      this.#bytes.set(one.subarray(0, segment), where + i * segment);
      if (one.length < segment)
        this.#bytes.set(noise.subarray(one.length, segment), where + i * segment + one.length);
    }
    const length = segment * count - (c % segment);
    const taken = this.#core.ring.fill(session.number, transport, where, length, segment);
    if (!(taken >= 0 && taken <= length)) throw new Fault(`${taken} of ${length} bytes were taken`);
  }

  /** Works on a batch, and asks for its frames: of each session as a table, as a stream, or not at all. */
  process(a: number, b: number): void {
    const { ring } = this.#core;
    const count = ring.process();
    const frames: Place[] = [];
    for (let back = count - 1; back >= 0; back--) {
      const { index, session, sealed, status, address, length } = ring.processed(back);
      this.#slots.push(index);
      if (!(status >= 0 && status < STATUS.length)) throw new Fault(`status ${status}`);
      this.#demand(status === OK || length === 0, 'what was refused has a length');
      SEEN.add(STATUS[status] as string);
      if (status !== OK) continue;
      const path = this.#paths.get(session);
      const begin = slotStart(index) - (sealed ? layout.TRANSPORT_HEADER : 0);
      const datagramMax = address === begin ? (path ?? 0) : SEALED_MAX;
      const most = sealed ? datagramMax : layout.FRAME_MAX + (path === undefined ? 0 : 3);
      const fits = address >= begin && length >= 0 && length <= most;
      if (!fits) throw new Fault(`a slot says ${length} at ${hexOf(address)}`);
      if (!sealed && path === undefined) frames.push({ address, length });
    }
    if (b & 64) this.#join(frames);
    if (b & 32) this.#kept();
    for (let i = 0; i < SESSIONS; i++) {
      const { number } = this.#session(a + i);
      const how = (b >> (2 * i)) & 3;
      if (how === 1) this.#stream(number, count);
      else if (how > 1) this.#table(number, count, b);
    }
  }

  #table(number: number, batch: number, b: number): void {
    const count = this.#core.frames(number, batch, this.#now);
    // A host may be late; no more are kept for it than there is room for.
    for (const { session, place, payload } of b & 32 ? this.#core.controls() : []) {
      const fits = payload.length > 0 && payload.length <= layout.CONTROL_MAX && payload[0] === 2;
      this.#demand(fits && place < layout.KEYPAIRS && session < layout.SESSIONS_MAX, 'a control payload');
      SEEN.add('a control payload');
    }
    for (let i = 0; i < count; i++) {
      const { place, address, length } = this.#core.frame(i);
      const headers = this.#sessions.some((one) => one.number === number && one.host) ? ETHERNET : 0;
      if (place >= 0 && headers > 0) SEEN.add('a packet of a host');
      const start =
        place < 0 ? at('INCOMPLETE') + ~place * at('INCOMPLETE_BYTES') + BUFFER_DATA : slotStart(place);
      if (place < 0) {
        this.#frames.push(place);
        SEEN.add('a frame of fragments');
      }
      const fits = address >= start - headers && address + length <= start + layout.FRAME_MAX + 3;
      if (!(fits && (place >= 0 || address === start)))
        throw new Fault(`a frame of ${length} bytes at ${hexOf(address)}`);
      if (!(length >= FRAME_MIN && length <= layout.FRAME_MAX)) throw new Fault(`a frame of ${length} bytes`);
    }
    if (b & 64) this.#join(Array.from({ length: count }, (_, i) => ({ ...this.#core.frame(i) })));
  }

  #stream(number: number, batch: number): void {
    const { byteOffset, length: bytes } = this.#core.writeStream(number, batch, this.#now);
    const stream = this.#bytes.subarray(byteOffset, byteOffset + bytes);
    if (stream.length > at('STAGE_OUT_BYTES')) throw new Fault(`a stream of ${stream.length} bytes`);
    let next = 0;
    while (next < stream.length) {
      const length = stream.readUInt16BE(next);
      if (!(length >= FRAME_MIN && length <= layout.FRAME_MAX))
        throw new Fault(`a frame of ${length} bytes in the stream`);
      next += 2 + length;
    }
    this.#demand(next === stream.length, 'the stream ends within a frame');
  }

  /** Joins frames, as for a tap. */
  #join(frames: readonly Place[]): void {
    for (let i = 0; i < frames.length; ) {
      const first = frames[i++] as Place;
      let length = first.length;
      let last: Place | undefined;
      this.#core.beginJoined(first.address, first.length, true);
      for (
        let next = frames[i];
        next !== undefined && this.#core.join(next.address, next.length);
        next = frames[++i]
      ) {
        length += next.length;
        last = next;
      }
      const joined = last === undefined ? 0 : i - frames.indexOf(first) - 1;
      length -= this.#core.endJoined() * joined;
      if (joined > 20) SEEN.add('frames joined');
      if (!(length >= FRAME_MIN && length <= JOINED_MAX)) throw new Fault(`joined frames of ${length} bytes`);
    }
  }

  release(a: number, b: number): void {
    const { ring } = this.#core;
    for (let i = 0; i <= b % 40 && this.#slots.length > 0; i++)
      ring.release(this.#slots.splice(a % this.#slots.length, 1)[0] as number);
  }

  giveBack(a: number, b: number): void {
    for (let i = 0; i <= b % 6 && this.#frames.length > 0; i++)
      this.#core.releaseFrame(this.#frames.splice(a % this.#frames.length, 1)[0] as number);
  }

  secure(a: number, b: number, c: number): void {
    const session = this.#session(a);
    const own = a % SESSIONS;
    const place = b % layout.KEYPAIRS;
    if (c & 1 || !session.secure) {
      const path = c & 2 ? PATH_MIN + ((c * 7) % (layout.DATAGRAM_MAX - PATH_MIN + 1)) : 1452;
      this.#core.setPath(session.number, path);
      this.#paths.set(session.number, Math.max(this.#paths.get(session.number) ?? 0, path));
    }
    for (const each of b & 16 ? [place] : [0, 1, 2]) {
      const key = this.#material.keys[own]?.[each] as Uint8Array;
      const keys = { send: key, receive: key, local: indexOf(own, each), remote: c };
      this.#core.installKeypair(session.number, each, keys);
    }
    if (b & 4) this.#core.useKeypair(session.number, place);
    session.secure = true;
    session.suite = undefined;
  }

  /** A secure session becomes that of a host, or hears of addresses and neighbours. */
  host(a: number, b: number, c: number): void {
    const session = this.#session(a);
    if (!session.secure) return;
    const { hosts } = this.#core;
    for (const why of Object.keys(this.#core.counts(session.number).refused)) SEEN.add(why);
    session.host = true;
    hosts.set(session.number, HOST.mac, b & 7 ? HOST : { own: HOST.own.slice(0, b >> 4), onLink: [] });
    for (let i = 0; i < c % (c & 768 ? FEW : 70); i++) {
      const address = i & 1 ? Uint8Array.of(10, 88, 0, i >> 1) : Uint8Array.of(...FD88, i >> 1, ...ZEROS);
      hosts.neighbour(session.number, address, (c >> (i % 12)) & 1 ? HOST.mac : undefined);
      if (i & 1) hosts.listen(session.number, address, ((c >> (i % 11)) & 1) === 1);
    }
    hosts.gateway(session.number, b & 8 ? 4 : 6, b & 16 ? HOST.mac : undefined);
    if (b & 32) {
      const frame = this.#core.borrowFrame(this.#material.noise.subarray(0, FRAME_MIN + (c % 9000)));
      if (frame !== undefined) this.#frames.push(frame.place);
    }
  }

  /** What was kept of hosts; a host may be late. */
  #kept(): void {
    for (const { session, bytes } of this.#core.hosts.kept()) {
      const fits = bytes.length > 0 && bytes.length <= layout.FRAME_MAX && session < layout.SESSIONS_MAX;
      this.#demand(fits, 'what was kept of a host');
      SEEN.add('a packet kept');
    }
  }

  drop(a: number, b: number): void {
    const session = this.#session(a);
    if (!session.secure) return;
    if (b & 8) this.#core.unkeySession(session.number);
    else this.#core.dropKeypair(session.number, b % layout.KEYPAIRS);
  }

  /** A session is of one cable for as long as it lives. */
  classic(a: number, b: number, c: number): void {
    const session = this.#session(a);
    if (session.secure) return;
    const suite = this.#pick(SUITES, b);
    const key = this.#material.classicKey;
    if (suite === 'blowfish') this.#core.keySession(session.number, { suite, key: key.subarray(0, 24) });
    else if (suite === 'chacha20') this.#core.keySession(session.number, { suite, key, block: 0 });
    else this.#core.keySession(session.number, { suite });
    if (c & 1) this.#core.limitSession(session.number, 1000 + c);
    session.suite = suite;
  }

  renew(a: number): void {
    const at = a % this.#sessions.length;
    const [old] = this.#sessions.splice(at, 1);
    this.#core.closeSession((old as Session).number);
    if (this.#cutting === old) this.#cutting = undefined;
    this.#open(1);
  }

  /** A piece of a plug's stream: frames of all lengths, cut anywhere; what the ring has no room for comes again. */
  stream(a: number, b: number, c: number): void {
    const session = this.#session(a);
    if (session.unread.length === 0) session.unread = speech(this.#material, a, b);
    for (let i = 0; i < 3 && session.unread.length > 0; i++) {
      const { unread } = session;
      // All; one byte; all but a few; any: so are lengths and frames cut.
      const cut = [unread.length, 1, unread.length - 1 - (a % 60), c][(c >> (2 * i)) & 3] as number;
      const piece = unread.subarray(0, Math.min(Math.max(1, cut), this.#core.pieceMax));
      const taken = this.#core.readStream(session.number, piece);
      if (!(taken >= 0 && taken <= piece.length)) throw new Fault(`${taken} bytes were read`);
      session.unread = unread.subarray(taken);
      if (taken < piece.length) SEEN.add('a full ring');
    }
    if (c % 64 === 0) {
      this.#core.resetStream(session.number);
      session.unread = Buffer.alloc(0);
    }
  }

  /** Frames that a switch has handed out. */
  fetch(a: number, b: number, c: number): void {
    const session = this.#session(a);
    const count = 1 + (c % (c & 768 ? FEW : layout.FETCHED_COUNT));
    for (let i = 0; i < count; i++) {
      const long = ((b >> (i % 9)) & 7) === 0 ? layout.FRAME_MAX - ((b + i) % 50) : (b * (i + 1)) % 1600;
      this.#core.setFetched(i, long);
      this.#bytes.set(this.#material.noise.subarray(i, i + long), this.#core.fetchedAt(i));
    }
    const taken = this.#core.pack(session.number, count);
    if (!(taken >= 0 && taken <= count)) throw new Fault(`${taken} frames were packed`);
  }

  /** What a tap gives; and again where it found no room. */
  tap(a: number, b: number, c: number): void {
    if (this.#cutting === undefined || c & 1) {
      const frame = this.#pick(this.#material.taps, b);
      this.#bytes.set(frame, layout.TAP_FRAME - TAP_HEAD);
      this.#core.beginFrame(frame.length - TAP_HEAD);
      this.#cutting = this.#session(a);
    }
    const { number } = this.#cutting;
    if (this.#core.cutFrame(number)) this.#cutting = undefined;
    else SEEN.add('a super-frame that waits');
    this.#core.endFrames(number);
  }

  control(a: number, b: number): void {
    const session = this.#session(a);
    if (session.secure)
      this.#core.sealControl(session.number, this.#material.noise.subarray(0, b % (layout.CONTROL_MAX + 1)));
  }

  response(a: number, b: number): void {
    const { classicKey, noise } = this.#material;
    const suite = this.#pick(SUITES, a);
    const keying =
      suite === 'chacha20' ? ({ suite, key: classicKey, block: 0 } as const) : { suite, key: classicKey };
    const challenge = noise.subarray(b % 1000, (b % 1000) + 128);
    const response = this.#core.sealResponse(keying, challenge);
    this.#demand(
      this.#core.verifyResponse(keying, response, challenge),
      'a RESPONSE does not answer its challenge',
    );
    this.#core.verifyResponse(keying, noise.subarray(0, b % (layout.DATAGRAM_MAX + 1)), challenge);
  }

  /** What else a host says. */
  tell(a: number, b: number, c: number): void {
    const { number } = this.#session(a);
    this.#core.knowPort(b & 0xffff);
    this.#core.noteSent(this.#material.noise.subarray(0, c % 60));
    this.#core.dropped(number, b, c);
    this.#core.news(number);
    this.#now += b % 1500;
  }
}
