// What every cable has to withstand.
import type { PeerStatistics } from '../src/ends/running.js';
import { type Host, labProgram } from './lab.js';
import type { Process } from './process.js';

export interface Transfer {
  readonly bytes: number;
  readonly seconds: number;
  readonly mbit: number;
  readonly sha256: string;
}

/** What an end of ours has carried, as it logs it on SIGUSR2: a client, or a server with one client. */
export async function carried(end: Process): Promise<PeerStatistics> {
  const from = end.printed;
  end.signal('SIGUSR2');
  return JSON.parse((await end.prints(/^\{.*"msg":"carried"\}$/m, 5_000, from))[0]);
}

/** The same of each client of a server that has so many. */
export async function carriedByEach(end: Process, clients: number): Promise<PeerStatistics[]> {
  const from = end.printed;
  end.signal('SIGUSR2');
  const line = '^\\{.*"msg":"carried"\\}$';
  const [lines] = await end.prints(new RegExp(`(?:${line}[^]*?){${clients}}`, 'm'), 5_000, from);
  return [...lines.matchAll(new RegExp(line, 'gm'))].map(([one]) => JSON.parse(one));
}

const PORTS = { first: 5_000, last: 30_000 };
let lastPort = PORTS.last;

/** Each check has a TCP or UDP port of its own: several run at once. */
function nextPort(): string {
  lastPort = lastPort < PORTS.last ? lastPort + 1 : PORTS.first;
  return String(lastPort);
}

/**
 * Moves bytes over TCP from one host to another, across the cable between them; both ends' reports.
 * @param streams how many TCP connections share the work
 * @param address of the receiver there
 */
export async function transfer(
  from: Host,
  to: Host,
  amount: { readonly bytes: number } | { readonly seconds: number },
  seed: number,
  ms = 60_000,
  streams = 1,
  address = to.inner,
): Promise<{ sent: Transfer; received: Transfer }> {
  const port = nextPort();
  const receiver = to.start([...labProgram('transfer'), 'receive', port, String(streams)]);
  await receiver.prints(/listening/);
  const bytes = 'bytes' in amount ? amount.bytes : 0;
  const seconds = 'seconds' in amount ? amount.seconds : 0;
  const sender = from.start([
    ...labProgram('transfer'),
    ...['send', address, port, ...[streams, bytes, seed, seconds].map(String)],
  ]);
  const received = JSON.parse((await receiver.prints(/^\{.*\}$/m, ms))[0]);
  const sent = JSON.parse((await sender.prints(/^\{.*\}$/m, ms))[0]);
  return { sent, received };
}

export interface Arrivals {
  /** How many of the datagrams arrived. */
  readonly different: number;
  /** How many arrived besides, as one that had come before. */
  readonly duplicates: number;
}

/** Sends numbered UDP datagrams from one host to another, across the cable between them. */
export async function datagrams(from: Host, to: Host, count: number, rate: number): Promise<Arrivals> {
  const port = nextPort();
  const receiver = to.start([...labProgram('datagrams'), 'receive', port]);
  await receiver.prints(/listening/);
  const sender = from.start([
    ...labProgram('datagrams'),
    ...['send', to.inner, port, ...[count, rate].map(String)],
  ]);
  const arrivals = JSON.parse((await receiver.prints(/^\{.*\}$/m, 60_000))[0]);
  await sender.stop(); // or it would go on for lack of an answer, were that lost
  return arrivals;
}

/** UDP in pieces of many datagrams, which the sender leaves to its kernel to cut. */
export interface Pieces {
  /** Bytes of a datagram; datagrams of a piece; by how many bytes the last one of a piece is shorter. */
  readonly bytes: number;
  readonly each: number;
  readonly short?: number;
  readonly mbit: number;
  readonly seconds: number;
}

export interface PiecesCame {
  readonly datagrams: number;
  readonly bytes: number;
  /** Not as they were sent, and as one that had come before. */
  readonly wrong: number;
  readonly again: number;
  readonly seconds: number;
}

/** Sends such pieces from one host to another, across the cable between them; what either says. */
export async function pieces(
  from: Host,
  to: Host,
  { bytes, each, mbit, seconds, short = 0 }: Pieces,
  address = to.inner,
): Promise<{ sent: { datagrams: number; bytes: number }; came: PiecesCame }> {
  const port = nextPort();
  const receiver = to.start([...labProgram('pieces'), 'receive', port]);
  await receiver.prints(/listening/);
  const sender = from.start([
    ...labProgram('pieces'),
    ...['send', address, port, ...[bytes, each, mbit, seconds, short].map(String)],
  ]);
  const ms = 1000 * seconds + 30_000;
  const sent = JSON.parse((await sender.prints(/^\{.*\}$/m, ms))[0]);
  receiver.write('end\n');
  const came = JSON.parse((await receiver.prints(/^\{.*\}$/m, ms))[0]);
  return { sent, came };
}

/** Sizes of Ethernet frames: the smallest and largest, odd and even, around the cipher's blocks. */
export const FRAME_SIZES = [
  60, 61, 62, 63, 64, 65, 66, 67, 68, 100, 127, 128, 511, 576, 999, 1000, 1436, 1437, 1451, 1452, 1500, 1513,
  1514,
];

/** Pings of one size before it counts as lost: a busy machine may drop one. */
const TRIES = 3;

/** The sizes of frames that do not come back. */
export async function lostSizes(
  from: Host,
  to: Host,
  sizes: readonly number[] = FRAME_SIZES,
): Promise<number[]> {
  const lost: number[] = [];
  for (const size of sizes) {
    let back = false;
    // Ethernet, IPv4 and ICMP headers: 42 bytes.
    for (let i = 0; i < TRIES && !back; i++) back = await from.pings(to.inner, size - 42);
    if (!back) lost.push(size);
  }
  return lost;
}
