// Cables whose sockets and switches are only here.
import type { ClassicLink } from '../../../src/cable/link.js';
import type { Plug, PlugEvents } from '../../../src/cable/plug/plug.js';
import { PortableCable } from '../../../src/cable/portable/portable-cable.js';
import type { UdpEvents } from '../../../src/cable/udp/udp.js';
import { Core } from '../../../src/core/core.js';
import type { Keying } from '../../../src/core/terms.js';
import { WEAR_BYTES } from '../../../src/protocol/classic/constants.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { numbered } from '../protocol/examples.js';

export const KEYING: Keying = { suite: 'blowfish', key: numbered(24) };
export const LEFT: Remote = { address: '192.0.2.1', port: 1001 };
export const RIGHT: Remote = { address: '192.0.2.2', port: 1002 };

/** What the cable does after the socket has handed out what it had: setImmediate, in turn. */
export const batch = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Frames as a plug's stream. */
export function stream(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    Buffer.concat(frames.flatMap((f) => [Uint8Array.of(f.length >> 8, f.length & 0xff), f])),
  );
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
export const hexes = (frames: readonly Uint8Array[]) => frames.map(hex);

export interface Sent {
  readonly bytes: Uint8Array;
  readonly to: Remote;
}

/** One end: a cable with a socket and a switch that are only here. */
export const NO_PLUG: Plug = {
  settled: Promise.resolve(),
  write: () => true,
  pause() {},
  resume() {},
  async close() {},
};

export class End {
  cable!: PortableCable;
  link!: ClassicLink;
  plug!: PlugEvents;
  socket!: UdpEvents;
  readonly local: Remote;
  /** Datagrams that nobody has carried yet. */
  readonly sent: Sent[] = [];
  /** What tells that they were sent; called at once, unless they are held. */
  readonly held: (() => void)[] = [];
  hold = false;
  /** Why the system refuses the next datagrams; undefined for those that it sends. */
  readonly refuses: (string | undefined)[] = [];
  /** Frames that came out at the switch. */
  readonly frames: Uint8Array[] = [];
  /** What happened, in order. */
  readonly log: string[] = [];
  /** Whether the switch takes frames. */
  takes = true;
  throws = false;

  static async open(
    local: Remote,
    { wearBytes = WEAR_BYTES, turn }: { wearBytes?: number; turn?: number } = {},
  ): Promise<End> {
    const end = new End(local);
    end.cable = await PortableCable.open(
      await Core.load(),
      async (_port, socket) => {
        end.socket = socket;
        return {
          local,
          turn,
          send: (bytes, start, length, to, done) => {
            end.sent.push({ bytes: bytes.slice(start, start + length), to });
            const refused = end.refuses.shift();
            if (refused !== undefined) end.sent.pop();
            if (end.hold) end.held.push(done);
            else done(refused);
          },
          connect: async (to) => to,
          close: async () => {
            end.log.push('socket closed');
          },
        };
      },
      local.port,
      {
        control: (datagram, from) => end.log.push(`control ${datagram.length} ${from.address}`),
        heard: () => end.log.push('heard'),
        sent: () => end.log.push('sent'),
        refused: (_link, why) => end.log.push(`refused ${why}`),
        plugLost: (_link, why) => end.log.push(`plug lost ${why}`),
        plugged: () => {
          if (end.log.at(-1)?.startsWith('plug lost')) end.log.push('plug back');
        },
        unreachable: () => end.log.push('unreachable'),
        sendFailed: (why, times, lasts) => end.log.push(`failed ${why} ${times}${lasts ? ' lasts' : ''}`),
        failed: (error) => end.log.push(error.message),
        large: () => end.log.push('large'),
        tooLong: (_link, frameMax) => end.log.push(`too long ${frameMax}`),
        worn: () => end.log.push('worn'),
      },
      (direction, remote, datagram) => end.tapped.push(`${direction} ${remote.address} ${hex(datagram)}`),
      { wearBytes },
    );
    return end;
  }

  readonly tapped: string[] = [];

  private constructor(local: Remote) {
    this.local = local;
  }

  /** Plugs a peer in, and lets frames flow. */
  raise(remote: Remote, keying = KEYING, even = false): ClassicLink {
    const open = (events: PlugEvents): Plug => {
      this.plug = events;
      return {
        settled: Promise.resolve(),
        write: (frames) => {
          if (this.throws) throw new Error('no switch');
          for (let at = 0; this.takes && at < frames.length; ) {
            const length = ((frames[at] as number) << 8) | (frames[at + 1] as number);
            this.frames.push(frames.subarray(at + 2, at + 2 + length)); // the plug's to keep
            at += 2 + length;
          }
          return this.takes;
        },
        pause: () => this.log.push('pause'),
        resume: () => this.log.push('resume'),
        close: async () => {
          this.log.push('plug closed');
        },
      };
    };
    this.link = this.cable.plugIn(remote, Object.assign(open, { even })) as ClassicLink;
    this.link.raise(keying);
    return this.link;
  }

  get dropped(): bigint {
    return this.link.counts().droppedUnopened;
  }

  /** Frames come from the switch, in one piece. */
  feed(...frames: Uint8Array[]): void {
    this.plug.stream(stream(frames));
  }

  /** Tells that so many of the datagrams have been sent. */
  release(count = this.held.length): void {
    for (const done of this.held.splice(0, count)) done();
  }

  count(what: string): number {
    return this.log.filter((entry) => entry === what).length;
  }
}

/** Brings what was sent to the other end, and lets that work. */
export async function carry(from: End, to: End): Promise<void> {
  for (const { bytes } of from.sent.splice(0)) to.socket.datagram(bytes, from.local);
  await batch();
}

export async function joined(keying = KEYING): Promise<{ left: End; right: End }> {
  const [left, right] = await Promise.all([End.open(LEFT), End.open(RIGHT)]);
  left.raise(RIGHT, keying);
  right.raise(LEFT, keying);
  return { left, right };
}
