// qemu:PATH and qemu:PATH,connect: QEMU's `-netdev stream`, and what speaks the same (passt, gvproxy, socket_vmnet).
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { isAbandoned } from '../../abandoned.js';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { NoAnswer } from '../start-patience.js';
import { BackOff } from './back-off.js';
import type { PlugKind } from './kind.js';
import type { OpenPlug, Plug, PlugEvents } from './plug.js';
import { qemuLine } from './qemu-line.js';
import { type Line, type LineEvents, RetriedPlug } from './retried-plug.js';
import { noDirectory } from './trouble.js';

const LOCATOR = /^qemu:([^,]+)(,connect)?$/;

const option = (path: string, server: 'on' | 'off') =>
  `-netdev stream,id=net0,server=${server},addr.type=unix,addr.path=${path}`;

/** Connects to QEMU, which listens. */
function connectLine(path: string, events: LineEvents): Line {
  let line: Line | undefined;
  let failed = false;
  let paused = false;
  const socket = connect({ path });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.once('connect', () => {
    line = qemuLine(socket, path, events);
    events.open();
    if (paused) line.pause();
  });
  socket.on('error', (error) => {
    if (line !== undefined || failed) return;
    failed = true;
    const code = codeOf(error);
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED';
    const why = `no QEMU listens at ${path}: start it with ${option(path, 'on')}`;
    events.ended(
      absent ? new NoAnswer(why) : new CryptcabError(`cannot connect to QEMU: ${messageOf(error)}`),
    );
  });
  return {
    write: (frames) => line?.write(frames) ?? false,
    pause() {
      paused = true;
      line?.pause();
    },
    resume() {
      paused = false;
      line?.resume();
    },
    async close() {
      socket.destroy();
      await closed;
    },
  };
}

/** Who has the socket: gets QEMU's frames, and learns when it comes and goes. */
interface Taker {
  came(): void;
  stream(piece: Uint8Array): void;
  left(why: CryptcabError): void;
}

/**
 * A socket where one QEMU at a time connects. The plug that took it last gets the frames, as a server's try at its start may wait for
 * QEMU as well. What comes while there is no plug is dropped.
 */
class QemuSocket {
  readonly #path: string;
  #server: Server | undefined;
  #listening: Promise<void> | undefined;
  /** QEMU, while it is connected: it stays so while plugs come and go, and its stream is read all the time. */
  guest: Line | undefined;
  readonly #takers: Taker[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws CryptcabError */
  listen(): Promise<void> {
    this.#listening ??= this.#listen().catch((error) => {
      this.#listening = undefined;
      throw error;
    });
    return this.#listening;
  }

  async #listen(): Promise<void> {
    const path = this.#path;
    if (await isAbandoned(path)) rmSync(path, { force: true });
    const server = createServer((socket) => this.#came(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        const why =
          codeOf(error) === 'EADDRINUSE'
            ? 'another program does, or what is there is no socket; name another path'
            : messageOf(error);
        reject(noDirectory(path) ?? new CryptcabError(`cannot listen at ${path}: ${why}`));
      });
      server.listen(path, resolve);
    });
    server.on('error', () => {}); // of one connection; others may come
    this.#server = server;
  }

  #came(socket: Socket): void {
    if (this.guest !== undefined) {
      socket.destroy(); // one is there
      return;
    }
    this.guest = qemuLine(socket, this.#path, {
      stream: (piece) => this.#takers.at(-1)?.stream(piece),
      ended: (why) => {
        this.guest = undefined;
        for (const taker of [...this.#takers]) taker.left(why);
      },
    });
    for (const taker of [...this.#takers]) taker.came();
  }

  take(taker: Taker): void {
    this.#takers.push(taker);
  }

  /** A plug is closed. QEMU stays connected. */
  release(taker: Taker): void {
    const at = this.#takers.indexOf(taker);
    if (at < 0) return;
    this.#takers.splice(at, 1);
    if (this.#takers.length === at) this.guest?.resume(); // it was the one that may have stopped the stream
  }

  async close(): Promise<void> {
    await this.guest?.close();
    const server = this.#server;
    if (server?.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

class ListeningPlug implements Plug {
  readonly settled: Promise<void>;
  readonly #socket: QemuSocket;
  readonly #path: string;
  readonly #events: PlugEvents;
  readonly #taker: Taker;
  readonly #backOff = new BackOff();
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(socket: QemuSocket, path: string, events: PlugEvents) {
    this.#socket = socket;
    this.#path = path;
    this.#events = events;
    this.#taker = {
      came: () => events.back(),
      stream: (piece) => events.stream(piece),
      left: ({ marked }) => events.lost(marked),
    };
    this.settled = this.#start();
    this.settled.catch(() => {}); // a caller who cares awaits it; nobody has to
  }

  /** @throws CryptcabError, which the events had as well */
  async #start(): Promise<void> {
    try {
      await this.#socket.listen();
    } catch (error) {
      if (this.#closed) return;
      this.#events.lost(messageOf(error));
      const again = () =>
        this.#start().then(
          () => this.#closed || this.#events.back(),
          () => {},
        );
      if (!this.#closed) this.#again = setTimeout(again, this.#backOff.after(0));
      throw error;
    }
    if (this.#closed) return;
    this.#socket.take(this.#taker);
    if (this.#socket.guest !== undefined) return;
    const path = this.#path;
    const why = new NoAnswer(`no QEMU is connected at ${path} yet: start it with ${option(path, 'off')}`);
    this.#events.lost(why.marked);
    throw why;
  }

  write(frames: Uint8Array): boolean {
    return this.#socket.guest?.write(frames) ?? false;
  }

  pause(): void {
    this.#socket.guest?.pause();
  }

  resume(): void {
    this.#socket.guest?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    this.#socket.release(this.#taker);
  }
}

export const QEMU: PlugKind = {
  serves: (locator) => LOCATOR.test(locator),
  absolute(locator, resolve) {
    const [, path = '', connects = ''] = LOCATOR.exec(locator) ?? [];
    return `qemu:${resolve(path)}${connects}`;
  },
  open(locator): OpenPlug {
    const [, path = '', connects] = LOCATOR.exec(locator) ?? [];
    const alone = `${locator} is for one client, and another client of this server has it: plug into a bridge that QEMU has a tap in, or start a server for each QEMU`;
    if (connects !== undefined) {
      const open = (events: PlugEvents) => new RetriedPlug((line) => connectLine(path, line), events);
      return Object.assign(open, { locator, alone });
    }
    const socket = new QemuSocket(path);
    const open = (events: PlugEvents) => new ListeningPlug(socket, path, events);
    return Object.assign(open, { locator, alone, close: () => socket.close() });
  },
};
