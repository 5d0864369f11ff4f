import type { Policy } from '../../network/policy.js';
import type { TapNetwork } from '../../network/tap-network.js';

/** The events of a plug. */
export interface PlugEvents {
  /** A piece of the stream of frames from the switch; cut anywhere. */
  stream(piece: Uint8Array): void;
  /** The plug was lost, and is tried again. */
  lost(why: string): void;
  /** It is back: the stream starts again. */
  back(): void;
}

/** One port of a switch: frames both ways, each behind its length (two bytes, big-endian). */
export interface Plug {
  /**
   * Resolves once the plug is in; rejects with a CryptcabError when the first attempt fails, with NoAnswer when it
   * may yet succeed. It is tried again until close().
   */
  readonly settled: Promise<void>;
  /** What it is plugged into, where that has a name of its own: a tap's device. */
  readonly device?: string | undefined;
  /**
   * Whole frames for the switch. The bytes are the plug's from now on.
   * @returns false when they were dropped, because the switch does not take them as fast
   */
  write(frames: Uint8Array): boolean;
  /** Stops the stream from the switch. */
  pause(): void;
  /** And restarts it. */
  resume(): void;
  /** Gives the port back; there are no events after that. */
  close(): Promise<void>;
}

/** Who is at the other end. */
export interface PeerIdentity {
  /** For people: its address; of a secure peer its name and the beginning of its public key. */
  readonly peer: string;
  /** Of a secure peer: 44 characters of base64. */
  readonly publicKey?: string;
  /** Of a secure peer that was given one. */
  readonly name?: string;
}

/** Bytes of a frame in the stream of a plug, where `even` is as OpenPlug has it; the core does the same (assembly/frames.ts). */
export function bytesInStream(length: number, even: boolean): number {
  return even ? length + (length & 1) : length;
}

/**
 * Makes plugs: a client takes one, a server one for each client, and one for a try at its start, which is closed as soon as
 * it has settled.
 */
export interface OpenPlug {
  /**
   * Takes a port, and reports what happens to it from the next turn of the event loop on.
   * @param peer whose port it is; undefined for a server's try at its start, and in a client of the classic protocol
   */
  (events: PlugEvents, peer?: PeerIdentity): Plug;
  /** Of a VDE network: the cable may then plug itself in, by another way. */
  readonly locator?: string;
  /** Whether frames of odd length get one zero byte more on the way to its plugs: vde_plug wants it so. */
  readonly even?: boolean;
  /** Of a tap: it was there at the start. When it is deleted it is waited for; any other one is made again. */
  readonly standing?: boolean;
  /** Why a server can have one client alone on it, and what to do; undefined where it can have many. */
  readonly alone?: string | undefined;
  /** Where its plugs are taps of a network that keeps policies. */
  readonly network?: TapNetwork;
  /** What its plugs keep, as it is now; nothing when undefined. */
  readonly policy?: () => Policy;
  /** Whether only the native path has it. */
  readonly native?: boolean;
  /** Resolves, with the reason, when there will be no more plugs of it. */
  readonly over?: Promise<string>;
  /** Lets go of what it holds besides its plugs: called when the cable has ended. */
  close?(): Promise<void>;
}

/** The same, under a policy. */
export function governed(open: OpenPlug, policy: () => Policy): OpenPlug {
  return Object.assign((events: PlugEvents, peer?: PeerIdentity) => open(events, peer), open, { policy });
}

/** The same, for one peer. */
export function forPeer(open: OpenPlug, peer: PeerIdentity): OpenPlug {
  return Object.assign((events: PlugEvents) => open(events, peer), open);
}

/** A plug that only shows whether there can be one. @param had called when it is in, for the first time or later */
export function probed(open: OpenPlug, had: () => void): Plug {
  const plug = open({ stream() {}, lost() {}, back: had });
  plug.settled.then(had, () => {});
  return plug;
}

/** How many frames a plug's stream holds. */
export function framesIn(stream: Uint8Array): number {
  let frames = 0;
  for (let at = 0; at < stream.length; frames++)
    at += 2 + (((stream[at] as number) << 8) | (stream[at + 1] as number));
  return frames;
}
