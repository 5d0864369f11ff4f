import type { Socket } from 'node:net';
import { type Libc, loadLibc, SO, SOL } from '../cable/native/linux/libc.js';

/** Who the other end of a UNIX socket is; undefined where that is unknown. */
export type UserOf = (socket: Socket) => number | undefined;

/** `struct ucred`: pid, uid, gid, 32 bits each. */
const UCRED_BYTES = 12;
const UID_AT = 4;

/**
 * Asks the kernel (SO_PEERCRED), which needs the C library and the descriptor of a Node socket. Where one is missing,
 * the modes of the socket and of its directory protect it alone.
 */
export async function userOf(): Promise<UserOf> {
  let libc: Libc;
  try {
    libc = await loadLibc();
  } catch {
    return () => undefined;
  }
  return (socket) => {
    const { fd } = (socket as { _handle?: { fd?: number } | null })._handle ?? {};
    if (fd === undefined || fd < 0) return undefined;
    const bytes = new Uint8Array(new ArrayBuffer(UCRED_BYTES + 4)); // a buffer of its own does not move
    const view = new DataView(bytes.buffer);
    view.setUint32(UCRED_BYTES, UCRED_BYTES, true);
    const address = libc.address(bytes);
    if (libc.getsockopt(fd, SOL.SOCKET, SO.PEERCRED, address, address + UCRED_BYTES) < 0) return undefined;
    return view.getUint32(UID_AT, true);
  };
}
