// Two secure ends joined in memory: machines, cores and cables as they are, sockets and switches that are only here.
import type { Cable } from '../../src/cable/cable.js';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import { PortableCable } from '../../src/cable/portable/portable-cable.js';
import type { UdpEvents } from '../../src/cable/udp/udp.js';
import { Core } from '../../src/core/core.js';
import type { Ask } from '../../src/ends/resolve.js';
import { SecureSide } from '../../src/ends/secure-side.js';
import type { SleepClock } from '../../src/ends/sleep-clock.js';
import { keyText } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { SeldomLog } from '../../src/log.js';
import { libraryText } from '../../src/option-mark.js';
import type { Remote } from '../../src/protocol/remote.js';
import { MESSAGE } from '../../src/protocol/secure/constants.js';
import { isSecure } from '../../src/protocol/secure/messages.js';
import type { Peer } from '../../src/protocol/secure/peer.js';
import { quiet } from './quiet.js';

export const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
export const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };

export const batch = () => new Promise<void>((resolve) => setImmediate(resolve));

export class End {
  readonly sent: Uint8Array[] = [];
  readonly frames: Uint8Array[] = [];
  readonly port: MemoryPort = memoryPort((frame) => this.frames.push(frame.slice()));
  readonly privateKey: Uint8Array;
  side!: SecureSide;
  /** Addresses that it has sent to. */
  readonly to = new Set<string>();
  /** Where its initiations went, one after the other. */
  readonly called: string[] = [];
  #socket: UdpEvents | undefined;
  #peer: Peer | undefined;
  /** Whether it calls again when it is not up any more, as a client does. */
  calls = false;
  ups = 0;
  downs = 0;
  /** What somebody should look at, as the log has it. */
  readonly warned: string[] = [];
  /** Public keys of strangers, and where they call from. */
  readonly strangers: string[] = [];
  /** How many handshakes for another end each report counted. */
  readonly misdirected: number[] = [];

  /** Peers that have enrolled and were forgotten. */
  forgotten = 0;
  readonly #clock: SleepClock | undefined;

  /** @param clock the system's unless told */
  constructor(privateKey: Uint8Array, clock?: SleepClock) {
    this.privateKey = privateKey;
    this.#clock = clock;
  }

  async open(local: Remote, ask?: Ask, forgetAfter?: number): Promise<void> {
    const cable: Cable = await PortableCable.open(
      await Core.load(),
      async (_port, socket) => {
        this.#socket = socket;
        return {
          local,
          send: (bytes, start, length, to, done) => {
            this.to.add(to.address);
            if (bytes[start] === MESSAGE.INITIATION) this.called.push(to.address);
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
        plugged() {},
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
      log: { ...quiet, warn: (_, line) => this.warned.push(libraryText(line)) },
      ask,
      forgetAfter,
      seldom: new SeldomLog(),
      ...(this.#clock && { clock: this.#clock }),
      handlers: {
        up: (peer) => {
          this.ups++;
          this.#peer = peer;
          this.side.plug(peer, this.port.open);
        },
        gone: () => {
          this.forgotten++;
        },
        stranger: (key, { address }) => this.strangers.push(`${keyText(key)} ${address}`),
        misdirected: (_, times) => this.misdirected.push(times),
        down: (peer) => {
          this.downs++;
          this.side.pull(peer);
          if (this.calls) this.side.wanted(peer);
        },
      },
    });
  }

  /** Takes a port of the switch for its peer, as a client has one that is not up. */
  plugAgain(): void {
    if (this.#peer !== undefined) this.side.plug(this.#peer, this.port.open);
  }

  receive(datagram: Uint8Array, from: Remote): void {
    this.#socket?.datagram(datagram, from);
  }
}

/** Brings what was sent to the other end, until nothing is; what was brought. */
export async function settle(left: End, right: End): Promise<Uint8Array[]> {
  const brought: Uint8Array[] = [];
  await batch(); // frames of one turn go together
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

/** Has the left end know the right one and call it, and the right one know the left; what went back and forth. */
export async function join(left: End, right: End): Promise<Uint8Array[]> {
  await left.open(LEFT);
  await right.open(RIGHT);
  right.side.add({ publicKey: publicKeyOf(left.privateKey) });
  left.side.add({ publicKey: publicKeyOf(right.privateKey) }, { host: RIGHT.address, port: RIGHT.port });
  while (left.sent.length === 0) await batch(); // its address is looked up
  return settle(left, right);
}
