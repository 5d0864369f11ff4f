import { STATUS } from '../../../../src/core/status.js';
import { hex, layout, makeCore } from './harness.js';
import { decodeVnet, encodeVnet, type Vnet } from './tap-twin.js';

const { TAP_FRAME, TAP_HEADER, VNET_BYTES, STAGE_OUT, RING_SLOTS } = layout;

/** What is written to a tap at once. */
export interface Write {
  readonly vnet: Vnet;
  readonly frame: Buffer;
  /** How many frames it is made of. */
  readonly frames: number;
}

/** A core that has a tap. */
export async function makeTapCore() {
  const test = await makeCore();
  const { core, ring, session, batch } = test;
  const number = session('plain');

  /** Empties the ring: frames as hexadecimal digits, or why they are refused. */
  const drained = (): string[] => {
    const list: string[] = [];
    for (let next = batch(); next.length > 0; next = batch()) {
      for (const { index, status, bytes } of next) {
        list.push(status === 'ok' ? hex(bytes.subarray(1)) : status);
        ring.release(index);
      }
    }
    return list;
  };

  return {
    ...test,
    number,
    drained,
    statuses: STATUS,
    /** Puts what a tap gives where it belongs. */
    put(vnet: Vnet, frame: Uint8Array): void {
      ring.bytes.set(encodeVnet(vnet), TAP_FRAME - VNET_BYTES);
      ring.bytes.set(frame, TAP_FRAME);
      core.beginFrame(frame.length);
    },
    /** Has it cut to its end, the ring emptied whenever it is full. @returns what came, and how often it was full */
    finish(): { came: string[]; waits: number } {
      const came: string[] = [];
      let waits = 0;
      for (; !core.cutFrame(number); waits++) {
        core.endFrames(number);
        if (ring.room > 0 && ring.room === RING_SLOTS) throw new Error('it stops, and there is room');
        came.push(...drained());
      }
      core.endFrames(number);
      came.push(...drained());
      return { came, waits };
    },
    /** Writes frames as the host does, with as many as go joined. */
    join(frames: readonly Uint8Array[], most = 64, datagrams = true): Write[] {
      const places: (readonly [number, number])[] = [];
      let at = STAGE_OUT + 1; // wherever they are
      for (const frame of frames) {
        ring.bytes.set(frame, at);
        places.push([at, frame.length]);
        at += frame.length + 3;
      }
      const writes: Write[] = [];
      for (let i = 0; i < places.length; ) {
        core.beginJoined(...(places[i] as [number, number]), datagrams);
        let count = 1;
        while (
          count < most &&
          i + count < places.length &&
          core.join(...(places[i + count] as [number, number]))
        )
          count++;
        const skip = core.endJoined();
        const parts = places.slice(i, i + count).map(([address, length], part) => {
          const from = part === 0 ? 0 : skip;
          return ring.bytes.slice(address + from, address + length);
        });
        const vnet = decodeVnet(Buffer.from(ring.bytes.slice(TAP_HEADER, TAP_HEADER + VNET_BYTES)));
        writes.push({ vnet, frame: Buffer.concat(parts), frames: count });
        i += count;
      }
      return writes;
    },
  };
}
