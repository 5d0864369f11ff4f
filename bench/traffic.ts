// What goes through a cable while it is measured: iperf3 and pings, from host to host.
import type { Host } from '../lab/lab.js';
import type { Process } from '../lab/process.js';

/** What iperf3 says in the end. */
export interface Traffic {
  /** Received. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Ends with the program, or by force when its time is up. */
async function ended(process: Process, ms: number): Promise<string> {
  const timer = setTimeout(() => process.signal('SIGKILL'), ms);
  await process.exited;
  clearTimeout(timer);
  return process.output;
}

export async function iperf(from: Host, to: Host, seconds: number, ...args: string[]): Promise<Traffic> {
  const receiver = to.start(['iperf3', '-s', '-1', '--forceflush']);
  try {
    await receiver.prints(/listening/);
    const sender = from.start(['iperf3', '-c', to.inner, '-t', String(seconds), '-J', ...args]);
    const said = await ended(sender, (seconds + 10) * 1000);
    const { end, error } = JSON.parse(said.slice(said.indexOf('{')));
    if (error !== undefined) throw new Error(`iperf3: ${error}`);
    return end.sum_received;
  } finally {
    await receiver.stop('SIGKILL');
  }
}

export const mbit = ({ bytes, seconds }: Traffic) => (8 * bytes) / seconds / 1e6;

/** The round trips of some pings, ms. */
export async function ping(from: Host, to: Host, count: number, interval = 0.01): Promise<number[]> {
  const pings = from.start(['ping', '-n', '-c', String(count), '-i', String(interval), '-W', '2', to.inner]);
  const said = await ended(pings, 1000 * (5 + 4 * count * interval));
  return [...said.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
}
