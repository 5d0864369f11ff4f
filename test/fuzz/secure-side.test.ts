// Where datagrams reach a secure end: what was overheard of a real cable, changed and sent again from anywhere, and
// bytes with the index of a keypair that lives.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { PortableCable, type SecureCable } from '../../src/cable.js';
import { Core } from '../../src/core/core.js';
import { newPrivateKey, publicKeyOf } from '../../src/keys/key-text.js';
import { SeldomLog } from '../../src/log.js';
import { type MemoryPort, memoryPort } from '../../src/plug/memory-plug.js';
import type { Remote } from '../../src/protocol/remote.js';
import { isSecure, SecureSide } from '../../src/secure/secure-side.js';
import type { UdpEvents } from '../../src/udp/udp.js';
import { quiet } from '../quiet.js';
import { randomness } from '../seed.js';
import { mutate, mutation } from './mutations.js';
import { anySeed, property } from './property.js';

const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };
const ATTACKER: Remote = { address: '192.0.2.9', port: 9 };
const LONGEST = 65_507;

const batch = () => new Promise<void>((resolve) => setImmediate(resolve));

class End {
  readonly sent: Uint8Array[] = [];
  readonly frames: Uint8Array[] = [];
  readonly port: MemoryPort = memoryPort((frame) => this.frames.push(frame.slice()));
  readonly privateKey: Uint8Array;
  side!: SecureSide;
  /** Addresses that it has sent to. */
  readonly to = new Set<string>();
  #socket: UdpEvents | undefined;
  ups = 0;

  constructor(privateKey: Uint8Array) {
    this.privateKey = privateKey;
  }

  async open(local: Remote): Promise<void> {
    const cable: SecureCable = await PortableCable.open(
      await Core.load(),
      async (_port, socket) => {
        this.#socket = socket;
        return {
          local,
          send: (bytes, start, length, to, done) => {
            this.to.add(to.address);
            this.sent.push(bytes.slice(start, start + length));
            done();
          },
          connect: async (to) => to,
          close: async () => {},
        };
      },
      local.port,
      {
        control: (datagram, from) => {
          if (isSecure(datagram)) this.side.receive(datagram, from);
        },
        heard() {},
        sent() {},
        refused() {},
        large() {},
        tooLong() {},
        worn() {},
        plugLost() {},
        plugBack() {},
        unreachable() {},
        sendFailed() {},
        failed() {},
      },
      undefined,
    );
    this.side = new SecureSide({
      cable,
      privateKey: this.privateKey,
      path: 1452,
      log: quiet,
      seldom: new SeldomLog(),
      handlers: {
        up: (peer) => {
          this.ups++;
          this.side.plug(peer, this.port.open);
        },
        down: (peer) => this.side.pull(peer),
      },
    });
  }

  receive(datagram: Uint8Array, from: Remote): void {
    this.#socket?.datagram(datagram, from);
  }
}

/** Brings what was sent to the other end, until nothing is; what was brought. */
async function settle(left: End, right: End): Promise<Uint8Array[]> {
  const brought: Uint8Array[] = [];
  while (left.sent.length + right.sent.length > 0) {
    for (const [from, to, as] of [
      [left, right, LEFT],
      [right, left, RIGHT],
    ] as const) {
      for (const datagram of from.sent.splice(0)) {
        brought.push(datagram.slice());
        to.receive(datagram, as);
      }
    }
    await batch();
  }
  return brought;
}

describe('a secure end', () => {
  property(
    'takes nothing that is changed, repeated or made up, answers no stranger, and carries frames afterwards',
    3,
    fc.asyncProperty(
      anySeed,
      fc.array(mutation, { minLength: 1, maxLength: 40 }),
      async (from, mutations) => {
        const { bytes, below } = randomness(from);
        const [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
        await left.open(LEFT);
        await right.open(RIGHT);
        try {
          right.side.add({ publicKey: publicKeyOf(left.privateKey) });
          left.side.add(
            { publicKey: publicKeyOf(right.privateKey) },
            { host: RIGHT.address, port: RIGHT.port },
          );
          while (left.sent.length === 0) await batch(); // its address is looked up
          const overheard = await settle(left, right);
          expect([left.ups, right.ups]).toEqual([1, 1]);
          for (const length of [60, 1514, 4000]) left.port.send(bytes(length));
          overheard.push(...(await settle(left, right)));
          expect(right.frames).toHaveLength(3);
          right.frames.length = 0;
          right.to.clear();
          const message = overheard.at(-1) as Uint8Array;
          for (let i = 0; i < 200; i++) {
            for (const datagram of mutate(overheard, mutations)) right.receive(datagram, ATTACKER);
            const length = below(8) === 0 ? below(LONGEST) : below(1500);
            right.receive(Uint8Array.of(...message.subarray(0, 8), ...bytes(length)), ATTACKER);
            if (below(10) === 0) await batch();
          }
          await batch();
          expect(right.frames).toEqual([]);
          // A cookie is all that somebody gets who repeats a handshake, and it is shorter than that.
          for (const answer of right.sent.splice(0))
            expect(answer.subarray(0, 4)).toEqual(Uint8Array.of(3, 0, 0, 0));
          const frame = bytes(600);
          right.to.clear();
          right.port.send(frame);
          expect([...right.to]).toEqual([LEFT.address]);
          left.port.send(frame);
          await settle(left, right);
          expect([left.frames, right.frames]).toEqual([[frame], [frame]]);
        } finally {
          await Promise.all([left.side.close(), right.side.close()]);
        }
      },
    ),
  );
});
