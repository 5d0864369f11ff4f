import type { Socket } from 'node:net';
import { CryptcabError } from '../../error.js';
import { BACKLOG_BYTES } from './backlog.js';
import type { Line, LineEvents } from './retried-plug.js';
import { FrameReader, toQemu } from './stream-frames.js';

/**
 * Frames over a connection to QEMU, which is there.
 * @param path of its socket, for people
 */
export function qemuLine(socket: Socket, path: string, events: Omit<LineEvents, 'open'>): Line {
  const reader = new FrameReader('qemu');
  let why = `QEMU has left ${path}`;
  socket.on('data', (piece) => {
    let frames: Uint8Array;
    try {
      frames = reader.read(piece as Buffer);
    } catch {
      why = `what is connected at ${path} does not speak as QEMU's -netdev stream does`;
      socket.destroy();
      return;
    }
    if (frames.length > 0) events.stream(frames);
  });
  socket.on('error', () => {}); // 'close' follows
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      events.ended(new CryptcabError(why));
      resolve();
    });
  });
  return {
    write(frames) {
      const stream = toQemu(frames);
      if (!socket.writable || socket.writableLength + stream.length > BACKLOG_BYTES) return false;
      socket.write(stream);
      return true;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    async close() {
      socket.destroy();
      await closed;
    },
  };
}
