import { closeSync, openSync, readSync } from 'node:fs';

/** Seconds since the system started, in text, the time that it slept included. */
const UPTIME = '/proc/uptime';
/** What two clocks may differ by, besides a sleep: they are read one after the other, and one is coarse. */
const COARSE_MS = 1_000;
/** The same for a wall clock, which NTP steps. */
const STEP_MS = 30_000;

/** A clock that goes on while the system sleeps, which performance.now() does not everywhere. */
export interface SleepClock {
  /** ms; never goes back. */
  now(): number;
  /** Looks whether the system has slept. */
  look(): void;
  close(): void;
}

/** Reads the time that includes sleep, ms; undefined where it cannot. */
function uptimeReader(): { read: () => number; close: () => void } | undefined {
  let fd: number;
  const bytes = new Uint8Array(64);
  const read = () =>
    1_000 * Number(String.fromCharCode(...bytes.subarray(0, readSync(fd, bytes, 0, 64, 0))).split(' ')[0]);
  try {
    fd = openSync(UPTIME, 'r');
  } catch {
    return undefined;
  }
  const close = () => closeSync(fd);
  try {
    if (read() > 0) return { read, close };
  } catch {
    // it is no such file
  }
  close();
  return undefined;
}

/** The clock of this machine: Linux says how long it slept; elsewhere a wall clock that is far ahead does. */
export function sleepClock(): SleepClock {
  const uptime = uptimeReader();
  const asleepToo = uptime?.read ?? Date.now;
  const apart = uptime === undefined ? STEP_MS : COARSE_MS;
  const start = asleepToo() - performance.now();
  let slept = 0;
  let closed = false;
  return {
    now: () => performance.now() + slept,
    look() {
      if (closed) return;
      const ahead = asleepToo() - performance.now() - start;
      if (ahead > slept + apart) slept = ahead;
    },
    close() {
      if (!closed) uptime?.close();
      closed = true;
    },
  };
}
