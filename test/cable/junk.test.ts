// Both ends of a cable on real sockets, with junk thrown at each from where its peer is: the other end's
// own socket sends it.
import { afterEach, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import { openDgram } from '../../src/cable/udp/dgram.js';
import type { OpenUdp } from '../../src/cable/udp/udp.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startServer } from '../../src/ends/server.js';
import { TYPE } from '../../src/protocol/classic/constants.js';
import { classify } from '../../src/protocol/classic/messages.js';
import type { Remote } from '../../src/protocol/remote.js';
import { junk } from '../support/junk.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const random = randomness();
const running: Running[] = [];

afterEach(async () => {
  for (const end of running.splice(0)) await end.close();
});

interface End {
  running: Running;
  /** The switch's side of its plug. */
  port: MemoryPort;
  /** Waits for the next frame that comes out of the cable here. */
  frame(): Promise<Uint8Array>;
}

/** A socket that sends junk, all of it, before the first datagram of one type goes out. */
function attacking(type: number, sent: { count: number; all: boolean }): OpenUdp {
  return async (port, events) => {
    const udp = await openDgram(port, events);
    const send = (bytes: Uint8Array, to: Remote) =>
      new Promise<void>((resolve) => udp.send(bytes, 0, bytes.length, to, () => resolve()));
    const attack = async (last: Uint8Array, to: Remote) => {
      for (const bytes of junk(random)) {
        // Two that a peer has to believe: they would show its patience, not its strength.
        if (['deny', 'response'].includes(classify(bytes))) continue;
        await send(bytes, to);
        // Not faster than the other end reads: what the kernel drops attacks nobody.
        if (++sent.count % 32 === 0) await new Promise(setImmediate);
      }
      await send(last, to);
      sent.all = true;
    };
    return {
      local: udp.local,
      connect: (to) => udp.connect(to),
      close: () => udp.close(),
      send(bytes, start, length, to, done) {
        if (bytes[start] === type && sent.count === 0) {
          attack(bytes.slice(start, start + length), to);
          done();
        } else {
          udp.send(bytes, start, length, to, done);
        }
      },
    };
  };
}

async function end(start: (port: MemoryPort) => Promise<Running>): Promise<End> {
  const waiting: ((frame: Uint8Array) => void)[] = [];
  const port = memoryPort((frame) => waiting.shift()?.(frame));
  const started = await start(port);
  running.push(started);
  return { running: started, port, frame: () => new Promise((resolve) => waiting.push(resolve)) };
}

/** A frame across, and one back. */
async function passes(one: End, other: End): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const frame = random.bytes(60 + 2 * random.below(700));
    const arrives = to.frame();
    from.port.send(frame);
    expect(Buffer.from(await arrives).equals(frame)).toBe(true);
  }
}

for (const [attacked, io] of [
  ['server', 'portable'],
  ['server', 'native'],
  ['client', 'portable'],
  ['client', 'native'],
] as const) {
  for (const [when, type] of [
    ['before its first message', attacked === 'server' ? TYPE.LOGIN : TYPE.CHALLENGE],
    ['in the middle of the handshake', attacked === 'server' ? TYPE.RESPONSE : TYPE.AUTH_OK],
    ['when the cable is up', TYPE.DATA],
  ] as const) {
    test(`junk of every length at the ${io} ${attacked} ${when}`, async () => {
      const sent = { count: 0, all: false };
      const attack = attacking(type, sent);
      const key = () => new Uint8Array(24).fill(7);
      const server = await end((port) =>
        startServer({
          port: 0,
          keys: { kind: 'preshared', key: key() },
          plug: port.open,
          log: quiet,
          ...(attacked === 'client' ? { openUdp: attack } : { io }),
        }),
      );
      const up: Promise<void>[] = [];
      const client = await end(async (port) => {
        const started = await startClient({
          port: 0,
          server: { host: '127.0.0.1', port: server.running.local.port },
          mode: { kind: 'preshared', key: key() },
          keepalive: false,
          carryKey: () => Promise.reject(new Error('not with a pre-shared key')),
          plug: port.open,
          log: quiet,
          ...(attacked === 'server' ? { openUdp: attack } : { io }),
        });
        up.push(started.up);
        return started;
      });
      await Promise.all(up);
      const before = process.memoryUsage().arrayBuffers;
      await passes(client, server);
      await until('all junk is sent', () => sent.all); // some of it may be what the peer waits for
      await passes(client, server);
      expect(sent.count).toBeGreaterThan(3900);
      expect(server.running.statistics()).toHaveLength(1);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
    });
  }
}
