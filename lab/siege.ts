// A cable under a flood of datagrams with forged addresses: what it still carries, and what the flood costs the end that it
// is meant for.
import { readFileSync } from 'node:fs';
import { type ForgedAddress, flood, type Payload } from './flood.js';
import type { Host, Lab } from './lab.js';
import type { Process } from './process.js';

const RATE = 50_000;
/** The flood begins before what is measured, and ends after it, s. */
const MARGIN = 2;

export interface Siege {
  readonly lab: Lab;
  readonly attacker: Host;
  readonly victim: Host;
  /** The end that is attacked. */
  readonly end: Process;
  readonly from: ForgedAddress;
  readonly to: { readonly address: string; readonly port: number };
  readonly payloads: readonly Payload[];
  /** How long is measured, s. */
  readonly seconds: number;
  /** Mbit/s that go through the cable in so many seconds. */
  carried(seconds: number): Promise<number>;
}

export interface Damage {
  /** What the cable carried, Mbit/s. */
  readonly mbit: number;
  /** Of the resident set, MB: by how much it was larger at most, and what it was before. */
  readonly grown: number;
  readonly resident: number;
  readonly logLines: number;
}

/** Resident set of a process, MB. */
function resident({ pid }: Process): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

const lines = ({ output }: Process) => output.split('\n').length;

/** @throws Error when the flood was not the flood that it was to be */
export async function besiege(siege: Siege): Promise<Damage> {
  const { lab, attacker, victim, end, from, to, payloads, seconds } = siege;
  const before = { resident: resident(end), lines: lines(end) };
  let peak = before.resident;
  const watch = setInterval(() => {
    peak = Math.max(peak, resident(end));
  }, 200);
  try {
    const count = { rate: RATE, seconds: seconds + MARGIN };
    const running = flood(lab, attacker, victim, from, to, payloads, count);
    await running.prints(/Running/);
    const mbit = await siege.carried(seconds);
    const sent = `${count.rate * count.seconds} packets outgoing`;
    if ((await running.exited) !== 0 || !running.output.includes(sent))
      throw new Error(`not a flood of ${sent}: ${running.output}`);
    const logLines = lines(end) - before.lines;
    return { mbit, grown: peak - before.resident, resident: before.resident, logLines };
  } finally {
    clearInterval(watch);
  }
}

export function damageText({ mbit, grown, resident, logLines }: Damage): string {
  return (
    `${mbit.toFixed(0)} Mbit/s; resident set +${grown.toFixed(1)} MB of ${resident.toFixed(0)}; ` +
    `${logLines} log lines`
  );
}
