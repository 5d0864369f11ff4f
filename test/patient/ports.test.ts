// Ports of a real switch that cannot be had: there is none left, the one that was asked for does not exist, or the switch does
// not answer. By both ways of plugging in: natively, and by vde_plug.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server as Listener, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../lab/lab.js';
import { Process, until } from '../../lab/process.js';
import { socketName } from '../../src/cable/plug/vde-plug.js';
import { type CableEnd, connect, memoryPort, type OpenPlug, type Server, serve } from '../../src/index.js';

let directory: string;
const processes: Process[] = [];
const ends: CableEnd[] = [];
const listeners: Listener[] = [];
const aborts: AbortController[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-ports-'));
});

afterEach(async () => {
  for (const abort of aborts.splice(0)) abort.abort();
  for (const end of ends.splice(0).reverse()) await end.close();
  for (const process of processes.splice(0).reverse()) {
    process.signal('SIGCONT');
    await process.stop();
  }
  for (const listener of listeners.splice(0)) listener.close();
  rmSync(directory, { recursive: true, force: true });
});

function track<E extends CableEnd>(end: E): E {
  ends.push(end);
  return end;
}

function start(...command: string[]): Process {
  const process = new Process(command);
  processes.push(process);
  return process;
}

async function startSwitch(...options: string[]): Promise<{ path: string; process: Process }> {
  const path = join(directory, 'switch');
  const process = start('vde_switch', '-s', path, ...options);
  await until('the switch answers', () => answers(join(path, 'ctl')));
  return { path, process };
}

/** What an end says: lines of its log, warnings alone, and events. */
function said() {
  const lines: string[] = [];
  const add = (_fields: object, message: string) => void lines.push(message);
  return { lines, log: { trace() {}, debug() {}, info() {}, warn: add, error: add } };
}

function eventsOf(end: CableEnd): string[] {
  const events: string[] = [];
  for (const type of ['up', 'unplugged', 'plugged', 'down'] as const)
    end.addEventListener(type, () => events.push(type));
  return events;
}

const nowhere: OpenPlug = (events) => memoryPort(() => {}).open(events);

async function client(server: Server, plug: OpenPlug | string = nowhere, more: object = {}) {
  return track(await connect({ host: '127.0.0.1', port: server.local.port, plain: true, plug, ...more }));
}

/** Connects without waiting for it. */
function begin(server: Server, plug: string, more: object): Promise<unknown> {
  const abort = new AbortController();
  aborts.push(abort);
  const { port } = server.local;
  const came = connect({ host: '127.0.0.1', port, plain: true, plug, signal: abort.signal, ...more });
  return came.then(track).catch((error: unknown) => error);
}

/** Of a switch's directory: sockets of ends that are not plugged in. */
const litter = (path: string) => readdirSync(path).filter((name) => name.startsWith('.'));

test('the socket that a vde_plug leaves is called so, also of one that was started soon after the machine', () => {
  expect([socketName(42), socketName(123_456)]).toEqual(['.00042-00000', '.123456-00000']);
});

describe.each(['native', 'portable'] as const)('%s', (io) => {
  test('no port is left: who has none is not up, and gets one when there is', async () => {
    const { path } = await startSwitch('-n', '3'); // the first one is never given away
    const { lines, log } = said();
    const server = track(await serve({ port: 0, plain: true, plug: path, io, log }));
    const events = eventsOf(server);
    const others = [start('vde_plug', path), start('vde_plug', path)];
    await until(
      'both ports are taken',
      () => readdirSync(path).filter((name) => /^\d/.test(name)).length === 2,
    );
    for (let i = 0; i < 3; i++) await client(server);
    await until('all are reported missing', () => events.filter((one) => one === 'unplugged').length >= 3);
    expect(events).not.toContain('up');
    expect(server.stats().peers.map(({ port }) => port)).toEqual([undefined, undefined, undefined]);
    const free = lines.filter((line) => /has no free port: start it with more/.test(line));
    expect(free, 'one line for all').toHaveLength(1);
    for (const other of others) await other.stop();
    await until('two are up', () => events.filter((one) => one === 'up').length === 2);
    expect(events.filter((one) => one === 'plugged')).toHaveLength(2);
    expect(server.stats().peers.filter(({ port }) => port === 'open')).toHaveLength(2);
  });

  test('a port that does not exist', async () => {
    const { path } = await startSwitch('-n', '3');
    const server = track(await serve({ port: 0, plain: true, plug: nowhere, io: 'portable' }));
    const { lines, log } = said();
    begin(server, `${path}[40]`, { io, log });
    await until('it is said', () => lines.some((line) => /has no port 40 for this user/.test(line)));
    await until('it is asked for again', () => litter(path).length === 1);
    aborts[0]?.abort();
    await until('nothing is left', () => litter(path).length === 0);
  });

  test('a switch that is stopped at the start', async () => {
    const { path, process } = await startSwitch();
    process.signal('SIGSTOP');
    const { lines, log } = said();
    const server = track(await serve({ port: 0, plain: true, plug: path, io, log }));
    const events = eventsOf(server);
    await until('it is said', () => lines.some((line) => /does not answer: see whether/.test(line)));
    await client(server);
    expect(events).not.toContain('up');
    process.signal('SIGCONT');
    await until('the client is up', () => events.includes('up'));
  });

  test('what has the socket is no switch', async () => {
    const path = join(directory, 'other');
    mkdirSync(path);
    const sockets: Socket[] = [];
    let answer = '';
    // It does not close a connection that the other end closes: a switch does.
    const listener = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => {}));
      if (answer !== '') socket.end(answer);
    });
    listeners.push(listener);
    await new Promise<void>((resolve) => listener.listen(join(path, 'ctl'), resolve));
    const { lines, log } = said();
    const silent = await serve({ port: 0, plain: true, plug: path, io, log });
    expect(lines).toEqual([
      expect.stringMatching(/^not encrypted \(plain\)/),
      expect.stringMatching(/does not answer: see whether/),
    ]);
    await silent.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    answer = 'SSH-2.0-OpenSSH\n';
    await expect(serve({ port: 0, plain: true, plug: path, io, log })).rejects.toThrow(
      /^no switch to plug into at /,
    );
  });
});
