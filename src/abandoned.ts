import { lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { codeOf } from './error.js';

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Whether a file is a socket that nobody listens at any more, so that it may be removed: a killed program has left it. */
export async function isAbandoned(path: string): Promise<boolean> {
  return isSocket(path) && (await refuses(path));
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
  });
}
