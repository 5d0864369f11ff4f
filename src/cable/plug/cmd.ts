// cmd:COMMAND: frames on a child's standard input and output, as vde_plug has them: `cmd:ssh HOST vde_plug`.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { guardedCommand, kill } from '../../child.js';
import { CryptcabError, messageOf } from '../../error.js';
import { BACKLOG_BYTES } from './backlog.js';
import type { PlugKind } from './kind.js';
import type { PlugEvents } from './plug.js';
import { type Line, type LineEvents, RetriedPlug } from './retried-plug.js';

/** One that fails mostly does so at once; one that lives this long, or says something, is taken to be in. */
const SETTLE_MS = 500;
/** One that does not end on SIGTERM is killed. */
const EXIT_MS = 1_000;
const STDERR_BYTES = 2_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function commandLine(command: string, events: LineEvents): Line {
  // A process group of its own: a pipeline has to end as a whole.
  const child: Child = spawn(...guardedCommand('sh', ['-c', command]), {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let opened = false;
  let failure: unknown;
  let says = '';
  const open = () => {
    if (!opened) events.open();
    opened = true;
  };
  const timer = setTimeout(open, SETTLE_MS);
  // A child that could not be started for lack of descriptors lacks some streams.
  const { stdin, stdout, stderr } = child as Partial<Child>;
  stdin?.on('error', () => {}); // it has exited: 'close' follows
  stderr?.on('data', (bytes: Buffer) => {
    says = (says + bytes.toString()).slice(-STDERR_BYTES);
  });
  stdout?.on('data', (piece: Buffer) => {
    open();
    events.stream(piece);
  });
  child.on('error', (error) => {
    failure = error;
    // For a child that did not start Bun fires no 'close'.
    if (child.pid === undefined) child.emit('close', null, null);
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      const how =
        failure !== undefined
          ? messageOf(failure)
          : signal === null
            ? `it ended with status ${status}`
            : `it was ended by ${signal}`;
      const last = says.trim().split('\n').at(-1);
      events.ended(new CryptcabError(`the command of cmd: is gone, ${how}${last ? `: ${last}` : ''}`));
      resolve();
    });
  });
  return {
    write(frames) {
      if (!stdin?.writable || stdin.writableLength + frames.length > BACKLOG_BYTES) return false;
      stdin.write(frames);
      return true;
    },
    pause: () => void stdout?.pause(),
    resume: () => void stdout?.resume(),
    async close() {
      clearTimeout(timer);
      kill(child, 'SIGTERM', true);
      const force = setTimeout(() => kill(child, 'SIGKILL', true), EXIT_MS);
      stdout?.resume(); // 'close' waits for its end
      await closed;
      clearTimeout(force);
    },
  };
}

const LOCATOR = /^cmd:(?!\/\/)(.*\S.*)$/s;

export const CMD: PlugKind = {
  serves: (locator) => LOCATOR.test(locator),
  open(locator) {
    const [, command = ''] = LOCATOR.exec(locator) ?? [];
    const open = (events: PlugEvents) => new RetriedPlug((line) => commandLine(command, line), events);
    // It is vde_plug at the other end, mostly.
    return Object.assign(open, { locator, even: true });
  },
};
