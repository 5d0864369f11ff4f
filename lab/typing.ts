// What a demo shows: what a person types, and what is answered.
import { cryptcab, type Host } from './lab.js';
import type { Process } from './process.js';

export const say = (text = '') => console.log(text);

/** Says what a person types, and types it at a terminal. */
export function types(who: string, host: Host, ...words: string[]): Process {
  say(`  ${who}$ cryptcab ${words.join(' ')}`);
  return host.start(['script', '-qfc', [...cryptcab, ...words].join(' '), '/dev/null']);
}

/** Waits for a line that the program says at the terminal, and shows it. */
export async function shows(end: Process, line: RegExp): Promise<void> {
  const [said] = await end.prints(line, 30_000);
  say(`    ${said.trim()}`);
}

/** Ends a program at a terminal, as a person does. */
export async function interrupt(end: Process): Promise<void> {
  end.write('\u0003');
  await end.exited;
}

/** Says what a person types, runs it to its end, and shows what it prints. */
export async function runs(who: string, host: Host, ...words: string[]): Promise<void> {
  say(`  ${who}$ cryptcab ${words.join(' ')}`);
  const process = host.start([...cryptcab, ...words]);
  await process.exited;
  for (const line of process.output.trimEnd().split('\n')) say(`    ${line}`);
}
