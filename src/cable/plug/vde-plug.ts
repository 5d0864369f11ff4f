import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { guardedCommand, kill } from '../../child.js';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { BackOff } from './back-off.js';
import { BACKLOG_BYTES } from './backlog.js';
import { deviceExists, tapOf, waitsForFiles } from './devices.js';
import { onlyForOne, switchPlace, tapName } from './locator.js';
import type { OpenPlug, Plug, PlugEvents } from './plug.js';
import { ANSWER_MS, noSwitch, tapGone, whySilent } from './trouble.js';

/** How often a vde_plug that was just started is looked at. */
const LOOK_MS = 20;
/** One that fails does so within a few ms. Where the system does not tell more, one that lives this long is in. */
const SETTLE_MS = 300;
/** How often it is looked at whether a tap is still there: vde_plug does not notice. */
const TAP_MS = 1_000;
/** vde_plug exits at once on SIGTERM; one that does not is killed. */
const EXIT_MS = 1_000;
const STDERR_BYTES = 2_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What keeps a plug out that vde_plug cannot tell. */
type Fault = 'no answer' | 'no tap';

class VdePlug implements Plug {
  readonly settled: Promise<void>;
  readonly #locator: string;
  readonly #standing: boolean;
  readonly #events: PlugEvents;
  device: string | undefined;
  #child: Child | undefined;
  #exited: Promise<void> = Promise.resolve();
  #respawn: NodeJS.Timeout | undefined;
  readonly #backOff = new BackOff();
  #in = false;
  #closed = false;
  #paused = false;
  /** Settles `settled`, once. */
  #outcome: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(locator: string, standing: boolean, events: PlugEvents) {
    this.#locator = locator;
    this.#standing = standing;
    this.#events = events;
    this.settled = new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
    });
    this.settled.catch(() => {}); // a caller who cares awaits it; nobody has to
    this.#start();
  }

  #start(): void {
    const tap = this.#standing ? tapName(this.#locator) : undefined;
    if (tap !== undefined && !deviceExists(tap)) {
      this.#exited = Promise.resolve().then(() => this.#lost(new CryptcabError(tapGone(tap, true)), 0));
      return;
    }
    try {
      this.#spawn();
    } catch (error) {
      this.#exited = Promise.resolve().then(() => this.#lost(this.#why(error, ''), 0));
    }
  }

  #spawn(): void {
    const started = performance.now();
    // It ends by itself when its standard input does, but not while it waits for a switch: there it needs the guard.
    // In a process group of its own: on SIGINT vde_plug kills its whole group.
    const child: Child = spawn(...guardedCommand('vde_plug', ['--', this.#locator]), {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let says = '';
    let failure: unknown;
    let fault: Fault | undefined;
    // A child that could not be started for lack of descriptors lacks some streams.
    const { stdin, stdout, stderr } = child as Partial<Child>;
    stderr?.on('data', (bytes: Buffer) => {
      says = (says + bytes.toString()).slice(-STDERR_BYTES);
    });
    stdout?.on('data', (piece: Buffer) => {
      this.#settle();
      this.#events.stream(piece);
    });
    if (this.#paused) stdout?.pause();
    stdin?.on('error', () => {}); // it has exited: 'close' follows
    const end = (why: Fault) => {
      fault = why;
      kill(child, 'SIGKILL');
    };
    let watch = this.#watchStart(child, started, end, () => {
      watch = this.#watchTap(child, end);
    });
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => {
        failure = error;
        // For a child that did not start Bun fires no 'close'.
        if (child.pid === undefined) child.emit('close', null, null);
      });
      child.once('close', async (status, signal) => {
        clearInterval(watch);
        const lived = this.#in ? performance.now() - started : 0;
        // When it was in and the switch ended it leaves with 0, in silence; and somebody may have killed it.
        if (fault === undefined && (status === 0 || signal !== null)) this.#settle();
        this.#child = undefined;
        this.#in = false;
        this.device = undefined;
        if (fault === 'no answer') this.#tidy(child);
        if (!this.#closed) this.#lost(await this.#whyEnded(fault, failure, says), lived);
        resolve();
      });
    });
  }

  /** Looks at a child until it is in, or has to be ended. */
  #watchStart(
    { pid }: Child,
    started: number,
    end: (why: Fault) => void,
    done: () => void,
  ): NodeJS.Timeout | undefined {
    if (pid === undefined) return undefined;
    const watch = setInterval(() => {
      const age = performance.now() - started;
      if (waitsForFiles(pid) ?? age >= SETTLE_MS) this.#settle();
      if (this.#in) {
        clearInterval(watch);
        done();
      } else if (age >= ANSWER_MS) {
        clearInterval(watch);
        end('no answer');
      }
    }, LOOK_MS);
    return watch;
  }

  /** Looks whether its tap is still there. */
  #watchTap({ pid }: Child, end: (why: Fault) => void): NodeJS.Timeout | undefined {
    if (pid === undefined || tapName(this.#locator) === undefined) return undefined;
    return setInterval(() => {
      if (tapOf(pid) === '') end('no tap');
    }, TAP_MS);
  }

  #settle(): void {
    const pid = this.#child?.pid;
    if (this.#in || pid === undefined) return;
    this.#in = true;
    if (tapName(this.#locator) !== undefined) this.device = tapOf(pid);
    if (this.#outcome === undefined) this.#events.back();
    this.#outcome?.resolve();
    this.#outcome = undefined;
  }

  /** Takes away the socket that a vde_plug leaves in the switch's directory when it is killed before it is in. */
  #tidy({ pid }: Child): void {
    const place = switchPlace(this.#locator);
    if (place === undefined) return;
    try {
      if (pid !== undefined) rmSync(join(place.directory, socketName(pid)), { force: true });
    } catch {
      // it does no harm
    }
  }

  async #whyEnded(fault: Fault | undefined, failure: unknown, says: string): Promise<CryptcabError> {
    if (fault === 'no answer') return await whySilent(this.#locator);
    if (fault === 'no tap') return new CryptcabError(tapGone(tapName(this.#locator) ?? '', this.#standing));
    return this.#why(failure, says);
  }

  #why(failure: unknown, says: string): CryptcabError {
    const code = codeOf(failure);
    if (code === 'ENOENT')
      return new CryptcabError('vde_plug is not installed, or not on the PATH: install the package vdeplug');
    if (code === 'EMFILE' || code === 'ENFILE') return noSwitch(this.#locator, 'Too many open files');
    if (failure !== undefined) return new CryptcabError(`vde_plug does not start: ${messageOf(failure)}`);
    const last = says
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^(?:vde_plug: *|vde_open \S+: *|setpriv: *)/, '');
    if (/failed to execute vde_plug/.test(last ?? ''))
      return this.#why(Object.assign(new Error(), { code: 'ENOENT' }), '');
    return noSwitch(this.#locator, last ?? '');
  }

  #lost(why: CryptcabError, lived: number): void {
    if (this.#closed) return;
    this.#outcome?.reject(why);
    this.#outcome = undefined;
    this.#events.lost(why.marked);
    if (this.#closed) return; // the listener closed it
    this.#respawn = setTimeout(() => this.#start(), this.#backOff.after(lived));
  }

  write(frames: Uint8Array): boolean {
    const stdin = this.#child?.stdin;
    if (
      stdin === undefined ||
      stdin === null ||
      stdin.writableLength + frames.length > BACKLOG_BYTES ||
      !stdin.writable
    )
      return false;
    stdin.write(frames);
    return true;
  }

  pause(): void {
    this.#paused = true;
    this.#child?.stdout?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#child?.stdout?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#respawn);
    const child = this.#child;
    if (child !== undefined) {
      kill(child, 'SIGTERM');
      const force = setTimeout(() => kill(child, 'SIGKILL'), EXIT_MS);
      child.stdout?.resume(); // 'close' waits for its end
      await this.#exited;
      clearTimeout(force);
      this.#tidy(child); // a slow machine may have taken it for one that is in
    }
  }
}

/** What a vde_plug calls its socket in a switch's directory before it is in (seen with `ls -a`): its process id has five digits at least. */
export function socketName(pid: number): string {
  return `.${String(pid).padStart(5, '0')}-00000`;
}

/**
 * Plugs by a vde_plug child, which is started again whenever it ends.
 * @param locator a switch's directory, or any VDE network locator
 */
export function vdePlug(locator: string): OpenPlug {
  const tap = tapName(locator);
  const standing = tap !== undefined && deviceExists(tap);
  return Object.assign((events: PlugEvents) => new VdePlug(locator, standing, events), {
    locator,
    standing,
    even: true,
    alone: onlyForOne(locator),
  });
}
