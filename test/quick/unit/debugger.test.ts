// SIGUSR1 and the runtime's debugger: what this program does about it, whatever the runtime lets it ask.
import { afterEach, expect, test, vi } from 'vitest';

const SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const;
const before = SIGNALS.map((signal) => process.listeners(signal));

afterEach(() => {
  vi.useRealTimers();
  vi.doUnmock('node:inspector');
  vi.resetModules();
  for (const [i, signal] of SIGNALS.entries())
    for (const listener of process.listeners(signal))
      if (!before[i]?.includes(listener)) process.off(signal, listener);
});

test('a debugger that opens a moment after the signal is closed, where it may not be asked whether it is open', async () => {
  vi.useFakeTimers();
  vi.resetModules();
  let open = true; // by a signal before the program was loaded
  const close = () => {
    open = false;
  };
  const url = () => {
    throw new Error('Requires sys access to "inspector", run again with the --allow-sys flag');
  };
  vi.doMock('node:inspector', () => ({ close, url, default: { close, url } }));
  await import('../../../src/cli/early.js');
  expect(open).toBe(false);
  await vi.advanceTimersByTimeAsync(5_000);
  for (const late of [0, 10, 500]) {
    process.emit('SIGUSR1');
    await vi.advanceTimersByTimeAsync(late);
    open = true;
    await vi.advanceTimersByTimeAsync(20);
    expect(open).toBe(false);
  }
});
