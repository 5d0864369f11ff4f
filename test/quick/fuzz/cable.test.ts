// Where datagrams come out of the socket: whatever their length, and whoever they are from.
import fc from 'fast-check';
import { afterEach, describe, expect, vi } from 'vitest';
import type { CableEvents } from '../../../src/cable/cable.js';
import type { ClassicLink } from '../../../src/cable/link.js';
import { memoryPort } from '../../../src/cable/plug/memory-plug.js';
import { PortableCable } from '../../../src/cable/portable/portable-cable.js';
import type { UdpEvents } from '../../../src/cable/udp/udp.js';
import { Core } from '../../../src/core/core.js';
import type { Status } from '../../../src/core/status.js';
import type { Keying } from '../../../src/core/terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { randomnessOf } from '../../support/randomness.js';
import { allRounds } from '../../support/rounds.js';
import { numbered } from '../protocol/examples.js';
import { anySeed, property } from './property.js';

/** The longest payload of a UDP datagram over IPv4. */
const LONGEST = 65_507;
/** From a length to the next one that is tried; a divisor of the longest. */
const STEP = allRounds ? 1 : 13;
const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };
const key = numbered(44);
const KEYINGS: Record<string, Keying> = {
  plain: { suite: 'plain' },
  blowfish: { suite: 'blowfish', key },
  'chacha20 from block 12': { suite: 'chacha20', key, block: 12 },
  'chacha20 from block 0': { suite: 'chacha20', key, block: 0 },
};

/** One end, with a socket and a switch that are only here. */
async function openEnd(local: Remote, remote: Remote, keying: Keying) {
  const sent: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  const refused: Partial<Record<Status, number>> = {};
  let control = 0;
  let socket: UdpEvents | undefined;
  const events: CableEvents = {
    control: () => control++,
    heard() {},
    sent() {},
    refused(_link, why, times) {
      refused[why] = (refused[why] ?? 0) + times;
    },
    large() {},
    tooLong() {},
    worn() {},
    plugLost() {},
    plugged() {},
    unreachable() {},
    sendFailed() {},
    failed() {},
  };
  const cable = await PortableCable.open(
    await Core.load(),
    async (_port, theirs) => {
      socket = theirs;
      return {
        local,
        send(bytes, start, length, _to, done) {
          sent.push(bytes.slice(start, start + length));
          done();
        },
        connect: async (to) => to,
        close: async () => {},
      };
    },
    local.port,
    events,
    undefined,
  );
  const port = memoryPort((frame) => frames.push(frame));
  const link = cable.plugIn(remote, port.open) as ClassicLink;
  link.raise(keying);
  return {
    cable,
    link,
    sent,
    frames,
    refused,
    send: port.send,
    receive: (datagram: Uint8Array, from: Remote) => socket?.datagram(datagram, from),
    get control() {
      return control;
    },
  };
}

/** What the cable does after the socket has handed out what it had: setImmediate, in turn. */
const batch = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the edge of a cable', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  for (const [name, keying] of Object.entries(KEYINGS)) {
    property(
      `takes datagrams of lengths from 0 to 65507, and carries frames afterwards, ${name}`,
      1,
      fc.asyncProperty(anySeed, async (from) => {
        const { bytes, below } = randomnessOf(from);
        const [left, right] = [await openEnd(LEFT, RIGHT, keying), await openEnd(RIGHT, LEFT, keying)];
        const pool = bytes(2 * LONGEST);
        let [data, long, frames] = [0, 0, 0];
        const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
        for (let length = 0; length <= LONGEST; length += STEP) {
          clock.mockReturnValue(length); // or there are too many at once of those that are no link's
          const at = below(LONGEST);
          const datagram = pool.subarray(at, at + length);
          if (length > 0 && below(64) > 0) datagram[0] = TYPE.DATA;
          const stranger = below(64) === 0;
          if (datagram[0] === TYPE.DATA && !stranger) {
            data++;
            if (length > right.cable.core.datagramMax) long++;
            if (keying.suite === 'plain' && length >= 1 + 14 && length <= 1 + 9216) frames++;
          }
          right.receive(datagram, stranger ? { ...LEFT, port: 9 } : LEFT);
          if (below(100) === 0) await batch();
        }
        await batch();
        // Each is accounted for, by its link or by whoever does the handshakes.
        const { opened, refused, droppedUnopened } = right.link.counts();
        const inRing = Object.values(refused).reduce((sum, count) => sum + count, 0n);
        expect([opened + inRing + droppedUnopened, right.control]).toEqual([
          BigInt(data),
          LONGEST / STEP + 1 - data,
        ]);
        expect(droppedUnopened).toBe(BigInt(long));
        expect([opened, right.frames.length]).toEqual([BigInt(frames), frames]);
        const told = Object.values(right.refused).reduce((sum, count) => sum + count, 0);
        expect(BigInt(told)).toBe(inRing + droppedUnopened);
        expect(right.sent).toEqual([]);
        expect(right.cable.core.ring.room).toBe(right.cable.core.ring.slots);
        // A frame across, and one back.
        right.frames.length = 0;
        for (const [one, other, remote] of [
          [left, right, LEFT],
          [right, left, RIGHT],
        ] as const) {
          const frame = bytes(60 + 2 * below(700));
          one.send(frame);
          await batch();
          other.receive(one.sent.splice(0)[0] as Uint8Array, remote);
          await batch();
          expect(other.frames).toHaveLength(1);
          expect(Buffer.from(other.frames[0] as Uint8Array).equals(frame)).toBe(true);
        }
      }),
    );
  }
});
