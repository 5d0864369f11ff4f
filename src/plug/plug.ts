/** What a plug tells. */
export interface PlugEvents {
  /** A piece of the stream of frames from the switch; cut anywhere. */
  stream(piece: Uint8Array): void;
  /** The plug was lost, and is tried again. */
  lost(why: string): void;
  /** It is back: the stream begins anew. */
  back(): void;
}

/** One port of a switch: frames both ways, each behind its length (two bytes, big-endian). */
export interface Plug {
  /**
   * Resolves once the plug is in; rejects with a CryptcabError when the first attempt fails. It is tried on
   * all the same, until close().
   */
  readonly settled: Promise<void>;
  /**
   * Whole frames for the switch. The bytes are the plug's from now on.
   * @returns false when they were dropped, because the switch does not take them as fast
   */
  write(frames: Uint8Array): boolean;
  /** Stops the stream from the switch. */
  pause(): void;
  /** And restarts it. */
  resume(): void;
  /** Gives the port back; nothing is told after that. */
  close(): Promise<void>;
}

/**
 * Makes plugs: a client takes one, a server one for each client, and one for a try at its start, which is closed as soon as
 * it has settled.
 */
export interface OpenPlug {
  /** Takes a port, and tells of it from the next turn of the event loop on. */
  (events: PlugEvents): Plug;
  /** Of a VDE network: the cable may then plug itself in, by another way. */
  readonly locator?: string;
}

/** How many frames a plug's stream holds. */
export function framesIn(stream: Uint8Array): number {
  let frames = 0;
  for (let at = 0; at < stream.length; frames++)
    at += 2 + (((stream[at] as number) << 8) | (stream[at + 1] as number));
  return frames;
}
