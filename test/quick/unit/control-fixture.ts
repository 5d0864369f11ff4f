// Control sockets in a directory of their own, for each test.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { commandText } from '../../../src/cli/names.js';
import { answerLine } from '../../../src/control/message.js';
import { controlPaths, type Place } from '../../../src/control/path.js';
import { type Control, type ControlConfiguration, openControl } from '../../../src/control/server.js';
import type { Log } from '../../../src/log.js';
import { endStatus } from '../../support/status.js';

export const publicKey = new Uint8Array(32).fill(1);
export const presharedKey = new Uint8Array(32).fill(2);
export const serverKey = new Uint8Array(32).fill(3);
export const me = process.geteuid?.() as number;

export let directory: string;
export let place: Place;
export const controls: Pick<Control, 'close'>[] = [];
export const said: string[] = [];
export const log = new Proxy({} as Log, {
  get: (_, level) => (fields: object, message: string) =>
    said.push(`${String(level)} ${message} ${JSON.stringify(fields)}`),
});

/** Has a directory made before each test of a file, and all taken away after it. */
export function useControls(): void {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cryptcab-control-'));
    place = { user: me, roots: [directory] };
    said.length = 0;
  });

  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all(controls.splice(0).map((control) => control.close()));
    rmSync(directory, { recursive: true });
  });

  /** Where the socket of a server on this UDP port should be. */
}

export function allPaths(name: string, where: Place): { paths: string[]; faults: string[] } {
  const all = [...controlPaths(name, where)];
  return {
    paths: all.flatMap((one) => ('path' in one ? [one.path] : [])),
    faults: all.flatMap((one) => ('fault' in one ? [one.fault] : [])),
  };
}

export const pathOf = (port: number) => allPaths(String(port), place).paths[0] as string;

export async function open(port: number, more: Partial<ControlConfiguration> = {}): Promise<string> {
  const path = pathOf(port);
  const control = await openControl({
    path,
    userOf: () => undefined,
    words: commandText,
    log,
    enrol: () => ({ publicKey: serverKey, port }),
    invite: () => ({ publicKey: serverKey, port, until: 1, addresses: [] }),
    cancelInvites: () => 0,
    status: () => endStatus({ name: String(port), port }),
    ping: () => expect.unreachable(),
    capture: () => expect.unreachable(),
    readLog: () => expect.unreachable(),
    addPeer: () => expect.unreachable(),
    removePeer: () => expect.unreachable(),
    renamePeer: () => expect.unreachable(),
    limitPeer: () => expect.unreachable(),
    usedAddresses: () => expect.unreachable(),
    leaseAddress: () => expect.unreachable(),
    kick: () => expect.unreachable(),
    drain: () => expect.unreachable(),
    ...more,
  });
  controls.push(control);
  return path;
}

export const statusLine = answerLine(endStatus({ name: '7', port: 7 }));

/** Everything that comes back for some bytes, until the other end closes. */
export function raw(path: string, bytes: string, half = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    if (half) socket.end(bytes);
    else socket.write(bytes);
  });
}
