// What the command asks of V8, whose flags are of the whole process: the library leaves them to whom it is embedded in.
import { setFlagsFromString } from 'node:v8';

/**
 * Of what a cable makes, all but everything is garbage at once. Node would let its young generation grow to 32 MiB under load all the
 * same; one that stays at its first size keeps a cable, and a flood, small.
 */
export function keepSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Has V8 compile each function when it first runs, by its quickest compiler: what carries the first frames of a cable has not run before.
 * To be called before a cable is opened, and not before: most of what starts the program runs once.
 */
export function compileAtOnce(): void {
  setFlagsFromString('--always-sparkplug');
}

/**
 * Has V8 11 (Node 20) compile early what runs from here on: to be called when the cable is up, as most of what ran before will not run
 * again. V8 waits for far more bytecode than a quiet cable gives it in minutes, and a frame that comes alone costs twice as much until
 * then. What it has given a function to run is not taken back: a second later would be too late. Later versions count calls, and other
 * engines are not asked.
 */
export function compileEarly(): void {
  const { v8, bun, deno } = process.versions;
  if (v8?.startsWith('11.') && bun === undefined && deno === undefined)
    setFlagsFromString('--interrupt-budget=2000');
}
