// qemu: as a plug, with a QEMU that is a socket of this test.
import { existsSync, mkdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join, normalize } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../../lab/process.js';
import { temporaryDirectory } from '../../../lab/temporary.js';
import { plugOf } from '../../../src/cable/plug/kinds.js';
import type { OpenPlug, Plug } from '../../../src/cable/plug/plug.js';
import { NoAnswer, NotThere } from '../../../src/cable/start-patience.js';

const FRAME = Uint8Array.from({ length: 60 }, (_, i) => i);
const IN_PLUG = Buffer.from([0, 60, ...FRAME]);
const IN_QEMU = Buffer.from([0, 0, 0, 60, ...FRAME]);

let path: string;
let said: string[];
let got: Buffer;
let opened: OpenPlug | undefined;
let plugs: Plug[];
let sockets: Socket[];
let server: Server | undefined;

beforeEach(() => {
  path = join(temporaryDirectory('qemu-plug'), 'socket');
  said = [];
  got = Buffer.alloc(0);
  plugs = [];
  sockets = [];
});
afterEach(async () => {
  for (const plug of plugs) await plug.close();
  await opened?.close?.();
  opened = undefined;
  for (const socket of sockets) socket.destroy();
  server?.close();
  server = undefined;
});

function open(locator: string): Plug {
  opened ??= plugOf(locator);
  const plug = opened({
    stream: (piece) => {
      got = Buffer.concat([got, piece]);
    },
    lost: (why) => said.push(why),
    back: () => said.push('back'),
  });
  plugs.push(plug);
  return plug;
}

/** A socket, and what it has received so far. */
function keep(socket: Socket): { socket: Socket; got: () => Buffer; gone: () => boolean } {
  sockets.push(socket);
  const pieces: Buffer[] = [];
  let gone = false;
  socket
    .on('data', (piece: Buffer) => pieces.push(piece))
    .on('close', () => {
      gone = true;
    });
  socket.on('error', () => {});
  return { socket, got: () => Buffer.concat(pieces), gone: () => gone };
}

test('it listens: frames go both ways, QEMU goes and comes back, a second one is sent away', async () => {
  const plug = open(`qemu:${path}`);
  await expect(plug.settled).rejects.toBeInstanceOf(NoAnswer);
  expect(said).toEqual([expect.stringMatching(/^no QEMU is connected at .*server=off/)]);
  expect(plug.write(IN_PLUG)).toBe(false);
  const first = keep(connect({ path }));
  await until('it is back', () => said.includes('back'));
  expect(plug.write(IN_PLUG)).toBe(true);
  await until('QEMU has it', () => first.got().equals(IN_QEMU));
  first.socket.write(IN_QEMU.subarray(0, 30));
  first.socket.write(IN_QEMU.subarray(30));
  await until('the plug has it', () => got.equals(IN_PLUG));
  const second = keep(connect({ path }));
  await until('it is sent away', second.gone);
  first.socket.destroy();
  await until('it is lost', () => said.some((text) => /QEMU has left/.test(text)));
  const third = keep(connect({ path }));
  await until('it is back again', () => said.filter((text) => text === 'back').length === 2);
  plug.write(IN_PLUG);
  await until('the third one has it', () => third.got().equals(IN_QEMU));
});

test('the next plug begins with a whole frame, though QEMU has gone on meanwhile', async () => {
  const plug = open(`qemu:${path}`);
  await plug.settled.catch(() => {});
  const qemu = keep(connect({ path }));
  await until('it is there', () => said.includes('back'));
  qemu.socket.write(IN_QEMU.subarray(0, 20));
  await plug.close();
  const next = open(`qemu:${path}`);
  await next.settled;
  qemu.socket.write(IN_QEMU.subarray(20));
  qemu.socket.write(IN_QEMU);
  await until('two frames have come', () => got.length === 2 * IN_PLUG.length);
  expect(got.equals(Buffer.concat([IN_PLUG, IN_PLUG]))).toBe(true);
});

test('what does not speak as QEMU does is sent away', async () => {
  const plug = open(`qemu:${path}`);
  await plug.settled.catch(() => {});
  const other = keep(connect({ path }));
  other.socket.write('GET / HTTP/1.1\r\n\r\n');
  await until('it is sent away', other.gone);
  expect(said.at(-1)).toMatch(/does not speak as QEMU's -netdev stream does/);
});

test('a socket that a killed program left behind is taken over, and one in use is not', async () => {
  const plug = open(`qemu:${path}`);
  await plug.settled.catch(() => {});
  const other = plugOf(`qemu:${path}`)({ stream() {}, lost() {}, back() {} });
  await expect(other.settled).rejects.toThrow(/cannot listen at .*another program does/);
  await other.close();
  await plug.close();
  await opened?.close?.();
  opened = undefined;
  expect(existsSync(path)).toBe(false);
});

test('a directory that is not there is named, and waited for', async () => {
  const directory = dirname(path);
  path = join(directory, 'later', 'socket');
  const plug = open(`qemu:${path}`);
  const why = await plug.settled.catch((error: Error) => error);
  expect(why).toBeInstanceOf(NotThere);
  expect((why as Error).message).toMatch(
    /^cannot make the socket \S+: there is no directory \S+\/later; make /,
  );
  expect(said).toEqual([(why as NotThere).marked]);
  mkdirSync(dirname(path));
  await until('it listens', () => said.some((text) => /^no QEMU is connected at /.test(text)));
  expect(said).not.toContain('back');
  const qemu = keep(connect({ path }));
  await until('it is there', () => said.includes('back'));
  expect(plug.write(IN_PLUG)).toBe(true);
  await until('QEMU has it', () => qemu.got().equals(IN_QEMU));
});

test('two ends of qemu-dgram: with one path are refused', async () => {
  const { absoluteLocator } = await import('../../../src/cable/plug/kinds.js');
  const resolve = (name: string) => normalize(join('/here', name));
  for (const one of ['qemu-dgram:a,a', 'qemu-dgram:a,./a', 'qemu-dgram:x/../a,a'])
    expect(() => absoluteLocator(one, resolve), one).toThrow(
      / names one socket twice: write qemu-dgram:LOCAL,REMOTE/,
    );
});

test('it connects, and again when QEMU has gone and come back', async () => {
  const plug = open(`qemu:${path},connect`);
  await expect(plug.settled).rejects.toBeInstanceOf(NoAnswer);
  const listen = () => {
    server = createServer((socket) => keep(socket)).listen(path);
  };
  listen();
  await until('it is there', () => said.includes('back'));
  expect(plug.write(IN_PLUG)).toBe(true);
  await until('QEMU has a connection', () => sockets.length === 1);
  server?.close();
  (sockets[0] as Socket).destroy();
  await until('it is lost', () => said.some((text) => /QEMU has left/.test(text)));
  listen();
  await until('it is there again', () => said.filter((text) => text === 'back').length === 2);
  await until('QEMU has another connection', () => sockets.length === 2);
  (sockets[1] as Socket).write(IN_QEMU);
  await until('a frame has come', () => got.equals(IN_PLUG));
});

test('locators that are not whole, and paths as they are found from anywhere', async () => {
  const { absoluteLocator } = await import('../../../src/cable/plug/kinds.js');
  const resolve = (name: string) => `/here/${name}`;
  expect(absoluteLocator('ctl', resolve)).toBe('/here/ctl');
  expect(absoluteLocator('vde:///ctl', resolve)).toBe('vde:///ctl');
  expect(absoluteLocator('qemu:a,connect', resolve)).toBe('qemu:/here/a,connect');
  expect(absoluteLocator('qemu-dgram:a,b', resolve)).toBe('qemu-dgram:/here/a,/here/b');
  expect(absoluteLocator('cmd:vde_plug a', resolve)).toBe('cmd:vde_plug a');
  expect(absoluteLocator('cmd://vde_plug', resolve)).toBe('cmd://vde_plug');
  for (const wrong of ['qemu:', 'qemu:a,b', 'qemu-dgram:a', 'cmd:', 'stdio:x', 'nic:eth1', 'nic://', 'tap:a'])
    expect(() => absoluteLocator(wrong, resolve), wrong).toThrow(/is not whole: write /);
});
