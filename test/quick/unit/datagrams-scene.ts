// Peers with a switch port each, on the native path: with a C library and a clock that are doubles.
import { vi } from 'vitest';
import { Arena, MMSGHDR_BYTES } from '../../../src/cable/native/linux/arena.js';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { Datagrams } from '../../../src/cable/native/thread/datagrams.js';
import { FrameSide } from '../../../src/cable/native/thread/frame-side.js';
import { FrameTools } from '../../../src/cable/native/thread/frame-tools.js';
import { Moderation } from '../../../src/cable/native/thread/moderation.js';
import type { Peer } from '../../../src/cable/native/thread/peer.js';
import { Refusals } from '../../../src/protocol/send-refusals.js';
import { same } from '../../support/same.js';
import { makeCore } from './core/harness.js';
import { Kernel } from './kernel.js';

const WAY_BYTES = 48;
/** The UDP socket; a switch's is 100 and its session. */
const UDP = 3;
const PORT = 100;

/** The core, the UDP socket and the peers of one I/O thread. */
export type Scene = Awaited<ReturnType<typeof scene>>;
export type End = Scene['peers'][0];

/** So many peers, whose switches may take nothing. Who calls this restores the mocks. */
export async function scene(count: number) {
  const made = await makeCore();
  const { core, ring } = made;
  const kernel = new Kernel();
  const { libc } = kernel;
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  const stopped = new Set<number>();
  const taken = new Map<number, string[]>();
  kernel.does({
    sendmmsg: (fd, at, messages) => {
      if (stopped.has(fd - PORT)) return kernel.refuse(ERRNO.AGAIN);
      for (let i = 0; i < messages; i++) {
        const frames = taken.get(fd - PORT) ?? [];
        frames.push(kernel.whole(at + i * MMSGHDR_BYTES).toString('hex'));
        taken.set(fd - PORT, frames);
      }
      return messages;
    },
  });
  const arena = new Arena(libc, Datagrams.arenaBytes(core) + FrameTools.arenaBytes(core));
  const tools = new FrameTools(libc, core, arena, undefined, () => {}, new Moderation(() => {}));
  const sides = new Map<number, FrameSide>();
  // As the I/O thread does it.
  const pump = () => {
    for (let batch = ring.process(); batch > 0; batch = ring.process()) {
      for (let back = batch - 1; back >= 0; back--) {
        const { index, session, status, address, length } = ring.processed(back);
        same(status, 0);
        sides.get(session)?.queue(index, address, length);
      }
      for (const side of sides.values()) side.flush();
      if (ring.room < 96 && datagrams.crowded) for (const side of sides.values()) side.setAside();
    }
  };
  const datagrams: Datagrams = new Datagrams(
    libc,
    core,
    arena,
    { fd: UDP, family: 'both', gso: false, tapped: false },
    { control() {}, came() {}, arrives() {}, pump, trouble() {} },
  );
  const peers = Array.from({ length: count }, (_, i) => {
    const session = made.session('plain');
    const side = new FrameSide(tools, session);
    const plug = { connection: 0, plain: true, vnet: undefined, device: undefined, controlFd: -1 };
    side.plug({ ...plug, dataFd: PORT + session }, 1);
    sides.set(session, side);
    const peer = { session, up: false, refusals: new Refusals(), secure: undefined, side } as unknown as Peer;
    const from = new Uint8Array(WAY_BYTES);
    from[3] = i + 1;
    datagrams.raise(peer, from);
    let sent = 0;
    const send = (datagrams: number, at?: number) => {
      for (let n = 0; n < datagrams; n++) {
        const bytes = new Uint8Array(61).fill(i);
        new DataView(bytes.buffer).setUint32(1, sent++);
        bytes[0] = 0x20;
        kernel.incoming.push({ bytes, from: from.subarray(0, 28), at });
      }
    };
    const counted = () => {
      const counts = core.counts(session);
      return {
        sent,
        taken: taken.get(session)?.length ?? 0,
        lost: Number(counts.refused['over its share'] ?? 0n) + Number(counts.droppedBySwitch),
        unopened: Number(counts.refused['over its share'] ?? 0n),
      };
    };
    /** The numbers of the frames that the switch took. */
    const numbers = () => (taken.get(session) ?? []).map((frame) => Number.parseInt(frame.slice(0, 8), 16));
    return { session, side, send, counted, numbers };
  });
  return {
    ...made,
    kernel,
    datagrams,
    peers,
    clock,
    pump,
    stop: (...ends: readonly { session: number }[]) => {
      for (const { session } of ends) stopped.add(session);
    },
    start: (...ends: readonly { session: number; side: FrameSide }[]) => {
      for (const { session, side } of ends) {
        stopped.delete(session);
        side.flush();
      }
    },
    /** Receives what there is, as far as there is room. */
    receive: () => {
      for (let i = 0; i < 10_000 && (kernel.incoming.length > 0 || datagrams.staged); i++) {
        datagrams.receive();
        pump();
      }
    },
  };
}
