// `cryptcab doctor`: what works, and what to do about what does not.
import { splitOptions } from '../../../keys/scp.js';
import { print } from '../../say.js';
import type { Target } from '../../values.js';
import { factsHere } from './facts.js';
import { type Finding, lineOf } from './finding.js';

export interface DoctorWish {
  /** A switch to plug into. */
  readonly locator: string;
  /** The port that a server would have. */
  readonly port: number;
  readonly target: Target | undefined;
}

/** @returns whether nothing is wrong */
export async function doctor({ locator, port, target }: DoctorWish): Promise<boolean> {
  let well = true;
  let printing = Promise.resolve(true);
  const tell = (finding: Finding) => {
    well &&= finding.ok !== false;
    printing = printing.then(() => print(lineOf(finding)));
  };
  if (target === undefined) {
    const { findHere } = await import('./here.js');
    for (const finding of await findHere(locator, port)) tell(finding);
  } else {
    const { findThere } = await import('./there.js');
    const abort = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
    const { CRYPTCAB_REMOTE: remoteCommand = 'cryptcab' } = process.env;
    const extra = splitOptions(process.env.SSH_EXTRA_OPTIONS ?? '', 'SSH_EXTRA_OPTIONS');
    await findThere({ target, extra, remoteCommand, signal: abort.signal }, tell);
  }
  await printing;
  return well;
}

/** What the doctor of another machine wants to know of this one. */
export async function facts(): Promise<string> {
  return `${JSON.stringify(await factsHere())}\n`;
}
