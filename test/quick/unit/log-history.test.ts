// `cryptcab log`: what an end keeps of its log, and who reads it by the control socket.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogHistory } from '../../../src/cli/log/history.js';
import { openEndControl } from '../../../src/cli/run/control.js';
import { controlSockets, type Place } from '../../../src/control/path.js';
import { askForStream } from '../../../src/control/stream.js';
import type { RunningServer } from '../../../src/ends/server.js';
import { SILENT } from '../../../src/log.js';
import { endStatus } from '../../support/status.js';

const lostLine = (lines: number) => `${lines} lost\n`;

/** What a reader gets; `behind` bytes of it wait to be read. */
function reader() {
  const state = { text: '', behind: 0, ended: 0 };
  const sink = {
    get waiting() {
      return state.behind;
    },
    write(bytes: Uint8Array) {
      state.text += new TextDecoder().decode(bytes);
    },
  };
  return { state, sink, ended: () => state.ended++ };
}

test('the last thousand lines are kept, and what comes is for who follows', () => {
  const history = new LogHistory(lostLine);
  for (let i = 0; i < 1_005; i++) history.push(`${i}\n`);
  const once = reader();
  history.read(false, once.sink, once.ended);
  expect(once.state.ended).toBe(1);
  expect(once.state.text.split('\n').slice(0, 2)).toEqual(['5', '6']);
  expect(once.state.text.split('\n')).toHaveLength(1_001);
  const follower = reader();
  const end = history.read(true, follower.sink, follower.ended);
  history.push('more\n');
  expect(follower.state.text).toBe(`${once.state.text}more\n`);
  expect(once.state.text).not.toContain('more');
  end();
  end();
  expect(follower.state.ended).toBe(1);
  history.push('not for it\n');
  expect(follower.state.text).not.toContain('not for it');
});

test('long lines make room for themselves, and the last one stays', () => {
  const history = new LogHistory(lostLine);
  const long = `${'x'.repeat(100 << 10)}\n`;
  for (const line of ['first\n', long, long, long, `${long}${long}${long}`]) history.push(line);
  const { state, sink, ended } = reader();
  history.read(false, sink, ended);
  expect(state.text).toBe(`${long}${long}${long}`);
});

test('who reads too slowly loses lines, and is told how many', () => {
  const history = new LogHistory(lostLine);
  const { state, sink, ended } = reader();
  history.read(true, sink, ended);
  state.behind = 2 << 20;
  history.push('a\n');
  history.push('b\n');
  state.behind = 0;
  history.push('c\n');
  history.push('d\n');
  expect(state.text).toBe('2 lost\nc\nd\n');
  history.close();
  expect(state.ended).toBe(1);
});

let directory: string;
let place: Place;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-log-'));
  place = { user: process.geteuid?.(), roots: [directory] };
});
afterEach(() => rmSync(directory, { recursive: true }));

test('it goes by the control socket, until the end closes', async () => {
  const { version: _1, name: _2, program: _3, pid: _4, ...report } = endStatus({ port: 7 });
  const running = { local: { address: '::', port: 7 }, enrol: () => undefined, report: () => report };
  const history = new LogHistory(lostLine);
  const control = await openEndControl(running as unknown as RunningServer, SILENT, history, place);
  const path = controlSockets(place)[0]?.path as string;
  const read = async (follow: boolean) => askForStream(path, { do: 'log', follow }, 'log');
  const textOf = async ({ pieces }: { pieces: AsyncIterable<Uint8Array> }) => {
    let text = '';
    for await (const piece of pieces) text += new TextDecoder().decode(piece);
    return text;
  };
  expect(await textOf(await read(false))).toBe('');
  history.push('one\n');
  expect(await textOf(await read(false))).toBe('one\n');
  const following = await read(true);
  const enough = await read(true);
  const text = textOf(following);
  history.push('two\n');
  enough.end();
  expect(await textOf(enough)).toBe('one\ntwo\n');
  await control?.close();
  expect(await text).toBe('one\ntwo\n');
});

test('an end that was stopped keeps nobody who has enough', async () => {
  const path = join(directory, 'stopped.sock');
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.write('{"log":"json"}\none\n'); // and nothing more, not even an end
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const { pieces, abandon } = await askForStream(path, { do: 'log', follow: true }, 'log');
    let text = '';
    for await (const piece of pieces) {
      text += new TextDecoder().decode(piece);
      abandon();
    }
    expect(text).toBe('one\n');
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});
