// Connections that may bring keys. A runtime reads into memory of its own, hands on a copy, and frees the first memory without wiping it.
import { Socket } from 'node:net';

interface Handle {
  useUserBuffer?: unknown;
}

type Handled = Socket & { _handle: Handle | null };

/**
 * Reads what comes on a connection into this memory, where the runtime can do that (Bun cannot).
 * @param accepted a connection that was accepted and is paused (`pauseOnConnect`); not to be used any more
 * @param room where it is read
 * @param take called with each piece, which it wipes
 * @returns the connection to use
 */
export function readInto(accepted: Socket, room: Uint8Array, take: (piece: Uint8Array) => void): Socket {
  const handed = accepted as Handled;
  const handle = handed._handle;
  if (typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', take).resume();
    return accepted;
  }
  // A Socket is given its memory when it is made. So a second one takes the handle of the first, which is closed after it, because the
  // server counts its connections by that.
  const callback = (length: number, bytes: Uint8Array) => {
    take(bytes.subarray(0, length));
    return true;
  };
  const options = { handle, allowHalfOpen: true, onread: { buffer: room, callback } };
  const socket = new Socket(options);
  handed._handle = null;
  socket.on('close', () => accepted.destroy());
  socket.resume();
  return socket;
}
