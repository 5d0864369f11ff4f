import type { OpenPlug, Plug, PlugEvents } from './plug.js';

/** A plug into nothing but the program itself: for those who embed a cable, for the demo and for tests. */
export interface MemoryPort {
  /** Hands this to a cable. */
  readonly open: OpenPlug;
  /** A frame from the switch's side; dropped where no cable is plugged in. */
  send(frame: Uint8Array): void;
}

/**
 * Makes a plug of one port, for one cable at a time.
 * @param receive takes each frame that the cable delivers, its zero byte of padding included if it has one; a view, good until it returns
 */
export function memoryPort(receive: (frame: Uint8Array) => void): MemoryPort {
  let events: PlugEvents | undefined;
  const plug: Omit<Plug, 'close'> = {
    settled: Promise.resolve(),
    write(frames) {
      for (let at = 0; at + 2 <= frames.length; ) {
        const length = ((frames[at] as number) << 8) | (frames[at + 1] as number);
        receive(frames.subarray(at + 2, at + 2 + length));
        at += 2 + length;
      }
      return true;
    },
    pause() {},
    resume() {},
  };
  return {
    open(theirs) {
      events = theirs;
      return {
        ...plug,
        async close() {
          if (events === theirs) events = undefined; // somebody else may have plugged in meanwhile
        },
      };
    },
    send(frame) {
      const piece = new Uint8Array(2 + frame.length);
      piece[0] = frame.length >> 8;
      piece[1] = frame.length & 0xff;
      piece.set(frame, 2);
      events?.stream(piece);
    },
  };
}
