import { CryptcabError } from '../../error.js';
import { isBytes } from '../../is-bytes.js';
import type { OpenPlug, PlugEvents } from './plug.js';

/** A plug into nothing but the program itself: for those who embed a cable, for the demo and for tests. */
export interface MemoryPort {
  /** Hands this to a cable. */
  readonly open: OpenPlug;
  /**
   * A frame from the switch's side; copied. Those that are sent in one turn of the event loop travel together. A frame that
   * the cable does not carry, of less than 14 bytes or more than 9216, is refused and counted there.
   * @returns whether it was taken: it is dropped where no cable is plugged in, or while the cable does not take them as fast
   * @throws RangeError for more than 65535 bytes
   */
  send(frame: Uint8Array): boolean;
}

/** The length before a frame in a plug's stream, and the longest frame that it can tell. */
const HEADER = 2;
const FRAME_MAX = 0xffff;
/** Bytes of frames that go together; and that wait while the cable has stopped the stream. */
const PIECE = 64 << 10;
const WAITING_MAX = 4 << 20;

const TAKEN =
  'this memoryPort is plugged in already, and is for one peer at a time: make one for each, as plug(events, peer) is called';

/**
 * Makes a plug of one port, for one cable, or one client of a server, at a time; others wait for it.
 * @param receive takes each frame that the cable delivers; a view, good until it returns. When it throws, the frame is lost, and
 * those that follow are delivered
 */
export function memoryPort(receive: (frame: Uint8Array) => void): MemoryPort {
  if (typeof receive !== 'function')
    throw new TypeError('a memory port is given a function, which gets frames');
  /** Who has the port, and who would like to. */
  let holder: PlugEvents | undefined;
  const queue: PlugEvents[] = [];
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let paused = false;
  let scheduled = false;

  function empty(): void {
    waiting = [];
    bytes = 0;
    paused = false;
  }

  function flush(): void {
    if (holder === undefined || paused || bytes === 0) return;
    const piece = new Uint8Array(bytes);
    let at = 0;
    for (const frame of waiting) {
      piece[at] = frame.length >> 8;
      piece[at + 1] = frame.length;
      piece.set(frame, at + HEADER);
      at += HEADER + frame.length;
    }
    empty();
    holder.stream(piece);
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      flush();
    });
  }

  function deliver(frames: Uint8Array): boolean {
    let fault: { error: unknown } | undefined;
    for (let at = 0; at + HEADER <= frames.length; ) {
      const end = at + HEADER + (((frames[at] as number) << 8) | (frames[at + 1] as number));
      try {
        receive(frames.subarray(at + HEADER, end));
      } catch (error) {
        fault ??= { error };
      }
      at = end;
    }
    if (fault !== undefined) throw fault.error;
    return true;
  }

  return {
    open(events) {
      const taken = holder === undefined ? undefined : new CryptcabError(TAKEN);
      if (taken === undefined) holder = events;
      else queue.push(events);
      const settled = taken === undefined ? Promise.resolve() : Promise.reject(taken);
      settled.catch(() => queue.includes(events) && events.lost(TAKEN));
      return {
        settled,
        write: (frames) => holder === events && deliver(frames),
        pause() {
          if (holder === events) paused = true;
        },
        resume() {
          if (holder !== events) return;
          paused = false;
          schedule();
        },
        async close() {
          const place = queue.indexOf(events);
          if (place >= 0) queue.splice(place, 1);
          if (holder !== events) return;
          empty();
          holder = queue.shift();
          holder?.back();
        },
      };
    },
    send(frame) {
      if (!(isBytes(frame) && frame.length <= FRAME_MAX))
        throw new RangeError(`a frame has at most ${FRAME_MAX} bytes`);
      if (holder === undefined || bytes + HEADER + frame.length > WAITING_MAX) return false;
      waiting.push(Uint8Array.from(frame));
      bytes += HEADER + frame.length;
      if (paused) return true;
      if (bytes < PIECE) schedule();
      else flush();
      return true;
    },
  };
}
