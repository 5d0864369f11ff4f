import { describe, expect, test } from 'vitest';
import type { SecureLink } from '../../../src/cable/link.js';
import type { Plug, PlugEvents } from '../../../src/cable/plug/plug.js';
import { PortableCable } from '../../../src/cable/portable/portable-cable.js';
import type { UdpEvents } from '../../../src/cable/udp/udp.js';
import { Core } from '../../../src/core/core.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { numbered } from '../protocol/examples.js';

const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };
const ELSEWHERE: Remote = { address: '192.0.2.3', port: 1003 };
const PATH = 508;

const batch = () => new Promise<void>((resolve) => setImmediate(resolve));
const framed = (frame: Uint8Array) => Uint8Array.of(frame.length >> 8, frame.length & 0xff, ...frame);

/** One end with a secure link, whose socket and switch are only here. */
class End {
  cable!: PortableCable;
  link!: SecureLink;
  socket!: UdpEvents;
  plug: PlugEvents | undefined;
  readonly sent: { bytes: Uint8Array; to: Remote }[] = [];
  readonly frames: Uint8Array[] = [];
  readonly log: string[] = [];
  hold = false;
  readonly held: (() => void)[] = [];

  static async open(local: Remote, remote: Remote): Promise<End> {
    const end = new End();
    const note = (what: string): void => {
      end.log.push(what);
    };
    end.cable = await PortableCable.open(
      await Core.load(),
      async (_port, socket) => {
        end.socket = socket;
        return {
          local,
          send(bytes, start, length, to, done) {
            end.sent.push({ bytes: bytes.slice(start, start + length), to });
            if (end.hold) end.held.push(done);
            else done();
          },
          connect: async (to) => to,
          close: async () => {},
        };
      },
      local.port,
      {
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
        sendFailed() {},
        failed() {},
      },
      undefined,
    );
    end.link = end.cable.join(remote, PATH, {
      wanted: () => note('wanted'),
      opened: (place, from, data) => note(`opened ${place} ${from.address} ${data}`),
      sealed: (data, count) => note(`sealed ${data} ${count}`),
      control: (place, payload) => note(`control ${place} ${Buffer.from(payload).toString('hex')}`),
    }) as SecureLink;
    return end;
  }

  plugIn(): void {
    this.link.plug((events): Plug => {
      this.plug = events;
      return {
        settled: Promise.resolve(),
        write: (stream) => {
          for (let at = 0; at < stream.length; ) {
            const length = ((stream[at] as number) << 8) | (stream[at + 1] as number);
            this.frames.push(stream.slice(at + 2, at + 2 + length));
            at += 2 + length;
          }
          return true;
        },
        pause: () => this.log.push('pause'),
        resume: () => this.log.push('resume'),
        close: async () => {
          this.log.push('plug closed');
        },
      };
    });
  }

  /** What has happened since it was asked last. */
  happened(): string[] {
    return this.log.splice(0);
  }
}

const [one, other] = [numbered(32), numbered(32).reverse()];

function install(left: End, right: End, place: number, index = 1): void {
  left.link.install(place, { send: one, receive: other, local: index, remote: 1000 + index });
  right.link.install(place, { send: other, receive: one, local: 1000 + index, remote: index });
}

/** Two ends with a keypair that the left one seals with. */
async function joined(): Promise<{ left: End; right: End }> {
  const [left, right] = await Promise.all([End.open(LEFT, RIGHT), End.open(RIGHT, LEFT)]);
  left.plugIn();
  right.plugIn();
  install(left, right, 0);
  left.link.use(0);
  return { left, right };
}

async function carry(from: End, to: End, as: Remote): Promise<void> {
  for (const { bytes } of from.sent.splice(0)) to.socket.datagram(bytes, as);
  await batch();
}

describe('a secure link', () => {
  test('carries frames of every size, and says what was sealed and opened once for those alike', async () => {
    const { left, right } = await joined();
    const frames = [60, 61, 300, 475, 476, 1514, 9216].map((length) => numbered(length));
    for (const frame of frames) left.plug?.stream(framed(frame));
    await carry(left, right, LEFT);
    expect(right.frames).toEqual(frames);
    expect(right.happened()).toEqual(['opened 0 192.0.2.1 true']);
    expect(left.happened().at(-1)).toBe(`sealed true ${left.cable.core.keypairSealed(left.link.session, 0)}`);
    expect(left.link.counts().sealed).toBe(7n);
  });

  test('is found by the index, wherever a message comes from; and what is of no link is handed out', async () => {
    const { left, right } = await joined();
    left.plug?.stream(framed(numbered(60)));
    left.plug?.stream(framed(numbered(60)));
    const [first, second] = left.sent.splice(0) as unknown as [{ bytes: Uint8Array }, { bytes: Uint8Array }];
    right.socket.datagram(first.bytes, ELSEWHERE);
    right.socket.datagram(second.bytes, LEFT);
    right.socket.datagram(Uint8Array.of(4, 0, 0, 0, 9, 9, 9, 9, ...new Uint8Array(24)), LEFT);
    await batch();
    expect(right.happened()).toEqual(['control 4', 'opened 0 192.0.2.3 true', 'opened 0 192.0.2.1 true']);
    expect(right.frames).toHaveLength(2);
  });

  test('works through what came before a handshake message before it hands that out', async () => {
    const { left, right } = await joined();
    left.link.say(new Uint8Array());
    right.socket.datagram((left.sent.pop() as { bytes: Uint8Array }).bytes, LEFT);
    const initiation = new Uint8Array(148);
    initiation[0] = 1;
    right.socket.datagram(initiation, LEFT);
    expect(right.happened()).toEqual(['opened 0 192.0.2.1 false', 'control 1']);
  });

  test('has frames wait for a key, their plug stopped, and sends them in order when there is one', async () => {
    const { left, right } = await joined();
    left.link.drop(0);
    const frames = [60, 62, 64].map((length) => numbered(length));
    const stream = Buffer.concat(frames.map(framed));
    left.plug?.stream(stream.subarray(0, 70)); // cut within a frame
    left.plug?.stream(stream.subarray(70));
    expect(left.happened()).toEqual(['pause', 'wanted', 'pause', 'wanted']);
    expect(left.sent).toEqual([]);
    install(left, right, 1, 2);
    left.link.use(1);
    expect(left.happened()).toEqual(['sealed true 1', 'resume']);
    await carry(left, right, LEFT);
    expect(right.frames).toEqual(frames);
  });

  test('refuses what waits when nobody answers, keeps its place in the stream, and goes on', async () => {
    const { left, right } = await joined();
    left.link.drop(0);
    const stream = Buffer.concat([numbered(60), numbered(62)].map(framed));
    left.plug?.stream(stream.subarray(0, 70));
    left.link.discard();
    expect(left.happened()).toEqual(['pause', 'wanted', 'refused no key', 'resume']);
    left.plug?.stream(stream.subarray(70));
    install(left, right, 1, 2);
    left.link.use(1);
    await carry(left, right, LEFT);
    expect(right.frames).toEqual([numbered(62)]);
  });

  test('keeps no more than some frames from a plug that does not stop', async () => {
    const { left } = await joined();
    left.link.drop(0);
    for (let i = 0; i < 400; i++) left.plug?.stream(framed(numbered(1514)));
    expect(left.link.counts().refused['no key']).toBeGreaterThan(100n);
  });

  test('a ring with too little room for all fragments of a frame has it wait', async () => {
    const { left, right } = await joined();
    left.hold = true;
    const { slots } = left.cable.core.ring;
    for (let i = 0; i < slots - 5; i++) left.plug?.stream(framed(numbered(470)));
    left.plug?.stream(framed(numbered(9216)));
    expect(left.happened().at(-1)).toBe('pause');
    left.hold = false;
    for (const done of left.held.splice(0)) done();
    expect(left.happened()).toContain('resume');
    await carry(left, right, LEFT);
    expect(right.frames.at(-1)).toEqual(numbered(9216));
  });

  test('a dropped keypair opens nothing, and its index is nobody’s', async () => {
    const { left, right } = await joined();
    left.plug?.stream(framed(numbered(60)));
    right.link.drop(0);
    await carry(left, right, LEFT);
    expect(right.happened()).toEqual(['control 4']);
  });

  test('a port given back says no more, and the next one begins anew', async () => {
    const { left, right } = await joined();
    const old = left.plug;
    old?.stream(framed(numbered(60)).subarray(0, 30));
    await left.link.pull();
    old?.stream(framed(numbered(60)));
    old?.lost('late');
    left.plugIn();
    left.plug?.stream(framed(numbered(64)));
    await carry(left, right, LEFT);
    expect(right.frames).toEqual([numbered(64)]);
    expect(left.happened()).toEqual(['plug closed', 'sealed true 1']);
  });

  test('unplugged, it leaves nothing behind', async () => {
    const { left, right } = await joined();
    left.plug?.stream(framed(numbered(60)));
    await right.link.close();
    await carry(left, right, LEFT);
    expect(right.happened()).toEqual(['plug closed', 'control 4']);
  });
});
