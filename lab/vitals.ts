// What a program that runs for long must not have ever more of.
import { readdirSync, readFileSync } from 'node:fs';

export interface Vitals {
  /** Resident set, bytes. */
  readonly resident: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** Of a process that runs. */
export function vitals(pid: number): Vitals {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { resident: Number(kilobytes) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/**
 * A garbage collector lets the resident set rise and fall by some megabytes, and never gives all of it back: in runs of
 * 10 minutes, of ends of 65 MB, the medians moved by up to 4 MB.
 */
const RESIDENT_MARGIN = (first: number) => 8e6 + first / 10;
/**
 * A vde_plug has three pipes. A server that got a LOGIN with a wrong bit in its id has one more for up to 120 s
 * when that client has another address: two such count as chance.
 */
const DESCRIPTORS_MARGIN = 6;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/**
 * What has grown, as a sentence for each: the medians of the last third of the samples against those of the first.
 * @param samples in the order in which they were taken, at least three
 */
export function growth(samples: readonly Vitals[]): string[] {
  const third = Math.floor(samples.length / 3);
  const medians = (of: (sample: Vitals) => number) =>
    [samples.slice(0, third), samples.slice(-third)].map((part) => median(part.map(of))) as [number, number];
  const grown: string[] = [];
  const resident = medians((sample) => sample.resident);
  if (resident[1] > resident[0] + RESIDENT_MARGIN(resident[0]))
    grown.push(`its memory grew from ${megabytes(resident[0])} to ${megabytes(resident[1])}`);
  const descriptors = medians((sample) => sample.descriptors);
  if (descriptors[1] > descriptors[0] + DESCRIPTORS_MARGIN)
    grown.push(`its open descriptors grew from ${descriptors[0]} to ${descriptors[1]}`);
  return grown;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
