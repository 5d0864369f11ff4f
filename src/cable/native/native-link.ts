import type { SessionCounts } from '../../core/terms.js';
import type { Remote } from '../../protocol/remote.js';
import type { Link, SecureEvents } from '../cable.js';
import type { Plug } from '../plug/plug.js';
import type { NativePlug } from './native-plug.js';

/** One link, as the main thread knows it. */
export class NativeLink implements Link {
  readonly session: number;
  remote: Remote;
  /** What the counts were when last looked at. */
  seen: SessionCounts;
  activity = 0;
  frameMax = 0;
  toldLong = false;
  /** Bytes carried when the key was new; undefined with other ciphers, and when worn() has been said. */
  wornFrom: bigint | undefined;
  /** Bytes of pieces from its plug that the I/O thread has not read yet, if its plug is on this thread. */
  feeding = 0;
  paused = false;
  native: NativePlug | undefined;
  foreign: Plug | undefined;
  port: string | undefined;
  readonly secure: SecureEvents | undefined;
  /** Of a secure link: the receiver's index of each keypair, by place; the place of the one that seals. */
  readonly indices: (number | undefined)[] = [];
  sealing: number | undefined;
  /** Who sent the last authentic message that the I/O thread reported, and the place of its keypair, while that is there. */
  heardFrom: Remote | undefined;
  heardPlace: number | undefined;
  /** Of a secure link: the largest UDP payload that was asked for, the one in force, bytes; and when the kernel was asked for that, ms. */
  pathMax = 0;
  path: number | undefined;
  pathAsked = 0;

  constructor(session: number, remote: Remote, seen: SessionCounts, secure?: SecureEvents) {
    this.session = session;
    this.remote = remote;
    this.seen = seen;
    this.secure = secure;
  }

  get plug(): Pick<Plug, 'settled'> | undefined {
    return this.native ?? this.foreign;
  }
}
