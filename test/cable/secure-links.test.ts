// Links of the secure cable on each path, over loopback: what their owner is told, and when.
import { afterEach, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import type { Cable } from '../../src/cable/cable.js';
import type { SecureLink } from '../../src/cable/link.js';
import { openCable } from '../../src/cable/open-cable.js';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import { openDgram } from '../../src/cable/udp/dgram.js';
import type { Udp } from '../../src/cable/udp/udp.js';
import { Core } from '../../src/core/core.js';
import type { Remote } from '../../src/protocol/remote.js';
import { randomness } from '../support/seed.js';

const PATH = 508;
const random = randomness();
const [one, other] = [random.bytes(32), random.bytes(32)];
const closing: (() => Promise<void>)[] = [];
type Io = 'portable' | 'native';

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

class End {
  cable!: Cable;
  link!: SecureLink;
  readonly log: string[] = [];
  readonly frames: Buffer[] = [];
  readonly port: MemoryPort = memoryPort((frame) => this.frames.push(Buffer.from(frame)));

  static async open(io: Io): Promise<End> {
    const end = new End();
    const note = (what: string): void => {
      end.log.push(what);
    };
    end.cable = await openCable({
      core: await Core.load(),
      io,
      openUdp: undefined,
      port: 0,
      tap: undefined,
      events: {
        control: (datagram) => note(`control ${datagram[0]}`),
        heard: () => note('heard'),
        sent: () => note('sent'),
        refused: (_link, why) => note(`refused ${why}`),
        large: () => note('large'),
        tooLong: (_link, most) => note(`too long ${most}`),
        worn: () => note('worn'),
        plugLost: () => note('plug lost'),
        plugged() {},
        unreachable() {},
        sendFailed: (why) => note(why),
        failed: (error) => note(error.message),
      },
    });
    closing.push(async () => {
      await end.link.close();
      await end.cable.close();
    });
    return end;
  }

  get at(): Remote {
    return { address: '127.0.0.1', port: this.cable.local.port };
  }

  join(remote: Remote): void {
    this.link = this.cable.join(remote, PATH, {
      wanted: () => this.log.push('wanted'),
      opened: (place, from, data) => this.log.push(`opened ${place} ${from.port} ${data}`),
      sealed: (data) => this.log.push(`sealed ${data}`),
      control: (place, payload) => this.log.push(`control ${place} ${Buffer.from(payload).toString('hex')}`),
    }) as SecureLink;
  }

  /** Waits until this has happened; what is alike may be said again. */
  async hears(what: string): Promise<void> {
    await until(`it hears ${what}, of ${this.log}`, () => this.log.includes(what));
  }

  async gets(count: number): Promise<void> {
    await until(`it has ${count} frames, of ${this.frames.length}`, () => this.frames.length >= count);
  }
}

function install(left: End, right: End, place: number, index: number): void {
  const keys = { send: one, receive: other, local: index, remote: 1000 + index };
  left.link.install(place, keys);
  right.link.install(place, { send: other, receive: one, local: 1000 + index, remote: index });
}

/** Two ends plugged in, with a keypair that the left one seals with. */
async function joined(io: Io): Promise<{ left: End; right: End }> {
  const [left, right] = [await End.open(io), await End.open(io)];
  left.join(right.at);
  right.join(left.at);
  for (const end of [left, right]) end.link.plug(end.port.open);
  install(left, right, 0, 1);
  left.link.use(0);
  return { left, right };
}

/** Somebody elsewhere who passes on what comes. */
async function relay(to: Remote): Promise<{ socket: Udp; got: Uint8Array[] }> {
  const got: Uint8Array[] = [];
  const socket = await openDgram(0, {
    datagram(bytes) {
      got.push(bytes.slice());
      socket.send(bytes, 0, bytes.length, to, () => {});
    },
    unreachable() {},
    failed() {},
  });
  closing.push(() => socket.close());
  return { socket, got };
}

for (const io of ['portable', 'native'] as const) {
  test(`frames of every size, and what the timers need to know, ${io}`, async () => {
    const { left, right } = await joined(io);
    const frames = [60, 62, 300, 474, 476, 1514, 9216].map((length) => random.bytes(length));
    for (const frame of frames) left.port.send(frame);
    await right.gets(frames.length);
    expect(right.frames.map((frame) => frame.toString('hex'))).toEqual(
      frames.map((frame) => Buffer.from(frame).toString('hex')),
    );
    await right.hears(`opened 0 ${left.at.port} true`);
    await left.hears('sealed true');
    expect(left.log.filter((what) => what !== 'sealed true')).toEqual([]);
    expect(right.log.filter((what) => what !== `opened 0 ${left.at.port} true`)).toEqual([]);
  });

  test(`what is refused of an authentic message is logged, ${io}`, async () => {
    const { left, right } = await joined(io);
    left.link.say(Uint8Array.of(0x45, ...new Uint8Array(19))); // an IP packet, which only hosts have
    await right.hears('refused ip');
    expect(right.link.counts().refused).toEqual({ ip: 1n });
    expect(right.log.filter((what) => what.startsWith('refused'))).toEqual(['refused ip']);
  });

  test(`a link that has no port of the switch gets one in time for the very first frames, ${io}`, async () => {
    const [left, right] = [await End.open(io), await End.open(io)];
    left.join(right.at);
    right.link = right.cable.join(left.at, PATH, {
      wanted() {},
      opened() {
        if (right.link.settled === undefined) right.link.plug(right.port.open);
      },
      sealed() {},
      control() {},
    }) as SecureLink;
    left.link.plug(left.port.open);
    install(left, right, 0, 1);
    left.link.use(0);
    for (const length of [60, 2000, 62]) left.port.send(random.bytes(length));
    await right.gets(3);
    expect(right.frames.map(({ length }) => length)).toEqual([60, 2000, 62]);
  });

  test(`the sender's address is told of when it is another, and what is sealed goes where it is said to, ${io}`, async () => {
    const { left, right } = await joined(io);
    const { socket, got } = await relay(right.at);
    left.port.send(random.bytes(60));
    await right.hears(`opened 0 ${left.at.port} true`);
    left.link.move({ address: '127.0.0.1', port: socket.local.port });
    left.port.send(random.bytes(60));
    await right.hears(`opened 0 ${socket.local.port} true`);
    await right.gets(2);
    expect(got).toHaveLength(1);
    left.link.move(right.at);
    left.link.say(new Uint8Array());
    await until(
      'it hears the first address again',
      () =>
        /opened 0 \d+ (true|false)$/.test(right.log.at(-1) ?? '') &&
        right.log.at(-1)?.split(' ')[2] === String(left.at.port),
    );
    expect(got).toHaveLength(1);
  });

  test(`frames wait for a key, and go in order when there is one; another place is told of, ${io}`, async () => {
    const { left, right } = await joined(io);
    left.link.drop(0);
    for (const length of [60, 62, 64]) left.port.send(random.bytes(length));
    await left.hears('wanted');
    expect(right.frames).toEqual([]);
    install(left, right, 1, 2);
    left.link.use(1);
    await right.gets(3);
    expect(right.frames.map(({ length }) => length)).toEqual([60, 62, 64]);
    await right.hears(`opened 1 ${left.at.port} true`);
  });

  test(`what waits is refused when nobody answers, and what comes then is wanted anew, ${io}`, async () => {
    const { left, right } = await joined(io);
    left.link.drop(0);
    left.port.send(random.bytes(60));
    await left.hears('wanted');
    left.link.discard();
    await left.hears('refused no key');
    left.log.length = 0;
    left.port.send(random.bytes(62));
    await left.hears('wanted');
    install(left, right, 2, 3);
    left.link.use(2);
    await right.gets(1);
    expect(right.frames.map(({ length }) => length)).toEqual([62]);
  });

  test(`a place that has new keys is told of again, and old ones are nobody's, ${io}`, async () => {
    const { left, right } = await joined(io);
    left.link.say(new Uint8Array());
    await right.hears(`opened 0 ${left.at.port} false`);
    right.log.length = 0;
    install(left, right, 0, 7);
    left.link.use(0);
    left.link.say(new Uint8Array());
    await right.hears(`opened 0 ${left.at.port} false`);
    right.log.length = 0;
    right.link.drop(0);
    left.link.say(new Uint8Array());
    await right.hears('control 4');
  });

  test(`a port that is given back says no more, and the next one begins anew, ${io}`, async () => {
    const { left, right } = await joined(io);
    left.port.send(random.bytes(60));
    await right.gets(1);
    await Promise.all([left.link.pull(), right.link.pull()]);
    const again = memoryPort(() => {});
    left.link.plug(again.open);
    right.link.plug(right.port.open);
    again.send(random.bytes(64));
    await right.gets(2);
    expect(right.frames.map(({ length }) => length)).toEqual([60, 64]);
  });

  test(`what came before a message of the handshake comes before it, ${io}`, async () => {
    const { left, right } = await joined(io);
    const initiation = new Uint8Array(148);
    initiation[0] = 1;
    for (let i = 0; i < 20; i++) left.port.send(random.bytes(474));
    await until('all were sealed', () => left.link.counts().sealed === 20n);
    left.cable.send(initiation, right.at);
    await right.hears('control 1');
    expect(right.log.indexOf('control 1')).toBeGreaterThan(
      right.log.indexOf(`opened 0 ${left.at.port} true`),
    );
    expect(right.log[0]).toBe(`opened 0 ${left.at.port} true`);
  });
}
