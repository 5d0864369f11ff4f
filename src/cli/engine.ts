// What the command asks of V8, whose flags are of the whole process: the library leaves them to whom it is embedded in.
import { setFlagsFromString } from 'node:v8';

/** Until a cable is up, most of what runs runs once, and would be compiled for nothing, ms. */
const COMPILE_AFTER = 1_000;

/**
 * Of what a cable makes, all but everything is garbage at once. Node would let its young generation grow to 32 MiB under load all the
 * same; one that stays at its first size keeps a cable, and a flood, small.
 */
export function keepSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Has V8 11 (Node 20) compile early what the I/O thread runs. It waits for far more bytecode than a quiet cable gives it
 * in minutes, and a frame that comes alone costs a third more until then. Later ones count calls, and other engines are not asked.
 */
export function compileEarlySoon(): void {
  const { v8, bun, deno } = process.versions;
  if (!v8?.startsWith('11.') || bun !== undefined || deno !== undefined) return;
  setTimeout(() => setFlagsFromString('--interrupt-budget=2000'), COMPILE_AFTER).unref();
}
