import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { BackOff, noSwitch } from './back-off.js';
import type { OpenPlug, Plug, PlugEvents } from './plug.js';

/** A vde_plug that fails does so within a few ms; one that lives this long is in. */
const SETTLE_MS = 300;
/** Bytes that may wait for the switch; past that, frames are dropped. */
const BACKLOG_BYTES = 256 << 10;
/** vde_plug exits at once on SIGTERM; one that does not is killed. */
const EXIT_MS = 1_000;
const STDERR_BYTES = 2_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

class VdePlug implements Plug {
  readonly settled: Promise<void>;
  readonly #locator: string;
  readonly #events: PlugEvents;
  #child: Child | undefined;
  #exited: Promise<void> = Promise.resolve();
  #respawn: NodeJS.Timeout | undefined;
  readonly #backOff = new BackOff();
  #closed = false;
  #paused = false;
  /** Settles `settled`, once. */
  #outcome: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(locator: string, events: PlugEvents) {
    this.#locator = locator;
    this.#events = events;
    this.settled = new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
    });
    this.settled.catch(() => {}); // whoever cares awaits it; nobody has to
    this.#spawn();
  }

  #spawn(): void {
    const started = performance.now();
    // In a process group of its own: on SIGINT vde_plug kills its whole group.
    const child: Child = spawn('vde_plug', ['--', this.#locator], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let says = '';
    let failure: Error | undefined;
    child.stderr.on('data', (bytes: Buffer) => {
      says = (says + bytes.toString()).slice(-STDERR_BYTES);
    });
    child.stdout.on('data', (piece: Buffer) => this.#events.stream(piece));
    if (this.#paused) child.stdout.pause();
    child.stdin.on('error', () => {}); // it has exited: 'close' tells
    const settle = setTimeout(() => this.#settled(), SETTLE_MS);
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => {
        failure = error;
        // Of a child that did not start Bun tells no 'close'.
        if (child.pid === undefined) child.emit('close', null, null);
      });
      child.once('close', (status, signal) => {
        this.#child = undefined;
        clearTimeout(settle);
        // When it was in and the switch ended it leaves with 0, in silence; and somebody may have killed it.
        if (status === 0 || signal !== null) this.#settled();
        if (!this.#closed) this.#lost(this.#why(failure, says), performance.now() - started);
        resolve();
      });
    });
  }

  #settled(): void {
    if (this.#outcome === undefined) this.#events.back();
    this.#outcome?.resolve();
    this.#outcome = undefined;
  }

  #why(failure: Error | undefined, says: string): string {
    if (codeOf(failure) === 'ENOENT')
      return 'vde_plug is not installed, or not on the PATH: install the package vdeplug';
    if (failure !== undefined) return `vde_plug does not start: ${messageOf(failure)}`;
    const last = says
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^vde_plug: */, '');
    return noSwitch(this.#locator, last ?? '');
  }

  #lost(why: string, lived: number): void {
    this.#outcome?.reject(new CryptcabError(why));
    this.#outcome = undefined;
    this.#events.lost(why);
    if (this.#closed) return; // whoever was told closed it
    this.#respawn = setTimeout(() => this.#spawn(), this.#backOff.after(lived));
  }

  write(frames: Uint8Array): boolean {
    const stdin = this.#child?.stdin;
    if (stdin === undefined || stdin.writableLength + frames.length > BACKLOG_BYTES || !stdin.writable)
      return false;
    stdin.write(frames);
    return true;
  }

  pause(): void {
    this.#paused = true;
    this.#child?.stdout.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#child?.stdout.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#respawn);
    const child = this.#child;
    if (child !== undefined) {
      child.kill('SIGTERM');
      // Deno takes a child for dead that was sent a signal, and its kill() then sends no other.
      const kill = setTimeout(() => process.kill(child.pid as number, 'SIGKILL'), EXIT_MS);
      child.stdout.resume(); // 'close' waits for its end
      await this.#exited;
      clearTimeout(kill);
    }
  }
}

/**
 * Plugs by a vde_plug child, which is started again whenever it ends.
 * @param locator a switch's directory, or any VDE network locator
 */
export function vdePlug(locator: string): OpenPlug {
  return Object.assign((events: PlugEvents) => new VdePlug(locator, events), { locator });
}
