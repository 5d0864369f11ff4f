// A relay for datagrams between clients and a server on this host, that loses, delays, reorders, duplicates and
// corrupts them by seed: not every kernel has netem. Like a NAT it has an upstream socket for each client.
//   node relay.js PORT SERVERPORT SEED     prints "relaying"
// Each line on standard input is a command: {"id": N, "faults": {…}, "forget": "ADDRESS"}, the last two as wanted,
// the address empty for all clients; it is answered by a line with the same id and the counts so far. Ends with its standard input.
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { generator } from './generator.js';
import { type Done, type Faults, HOLD_MS, NO_FAULTS } from './rough.js';

const SERVER = '127.0.0.1';
const CLIENTS_MAX = 64;
/** Datagrams that wait; about as many as 100 ms of 1 Gbit/s. */
const WAITING_MAX = 16_384;
const WAIT_MAX_MS = 4_096;
/** Asked for; the kernel gives at most net.core.rmem_max and wmem_max. */
const BUFFER_BYTES = 4 << 20;

type Counts = { -readonly [name in keyof Done]: number };
const none = (): Counts => ({ seen: 0, lost: 0, duplicated: 0, corrupted: 0, reordered: 0, overflowed: 0 });

/** Things to do later, by the millisecond. */
class Later {
  readonly #slots: (() => void)[][] = Array.from({ length: WAIT_MAX_MS }, () => []);
  #done = 0;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @returns whether there was room */
  add(ms: number, act: () => void): boolean {
    if (this.#count >= WAITING_MAX) return false;
    const now = Math.floor(performance.now());
    if (this.#count++ === 0) {
      this.#done = now;
      this.#timer = setInterval(() => this.#run(), 1);
    }
    const at = now + Math.min(Math.max(1, Math.round(ms)), WAIT_MAX_MS - 1);
    this.#slots[at % WAIT_MAX_MS]?.push(act);
    return true;
  }

  #run(): void {
    const now = Math.floor(performance.now());
    while (this.#done < now) {
      const slot = this.#slots[++this.#done % WAIT_MAX_MS] as (() => void)[];
      for (const act of slot) act();
      this.#count -= slot.length;
      slot.length = 0;
    }
    if (this.#count === 0) clearInterval(this.#timer);
  }
}

let faults: Faults = NO_FAULTS;
const later = new Later();

/** One direction of one client's traffic, with dice of its own: the same seed treats the n-th datagram alike. */
function direction(dice: () => number, counts: Counts, send: (datagram: Buffer) => void) {
  const one = (datagram: Buffer) => {
    let bytes = datagram;
    if (dice() < faults.corruption && bytes.length > 0) {
      counts.corrupted++;
      bytes = Buffer.from(datagram);
      const bit = Math.floor(dice() * bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    }
    let wait = faults.delay + (2 * dice() - 1) * faults.jitter;
    if (dice() < faults.reordering) {
      counts.reordered++;
      wait += 1 + dice() * (HOLD_MS - 1);
    }
    if (wait <= 0) send(bytes);
    else if (!later.add(wait, () => send(bytes))) counts.overflowed++;
  };
  return (datagram: Buffer) => {
    counts.seen++;
    if (dice() < faults.loss) {
      counts.lost++;
      return;
    }
    one(datagram);
    if (dice() < faults.duplication) {
      counts.duplicated++;
      one(datagram);
    }
  };
}

const udp = () =>
  createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_BYTES,
    sendBufferSize: BUFFER_BYTES,
    lookup: (
      address: string,
      _options: unknown,
      found: (error: null, address: string, family: number) => void,
    ) => found(null, address, 4),
  } as never);

const [port, serverPort, seed] = process.argv.slice(2).map(Number) as [number, number, number];
const counts = { up: none(), down: none() };
const clients = new Map<string, { upstream: Socket; up: (datagram: Buffer) => void }>();
/** Sockets of the clients that were forgotten last: open and deaf, so that nobody gets their ports at once. */
let forgotten: Socket[] = [];
let clientsSeen = 0;
const downstream = udp();

function meet(key: string, address: string, clientPort: number) {
  for (const [oldest, { upstream }] of clients) {
    if (clients.size < CLIENTS_MAX) break;
    clients.delete(oldest);
    upstream.close();
  }
  const dice = [0, 1].map((i) => generator(seed + 2 * clientsSeen + i)) as [() => number, () => number];
  clientsSeen++;
  const upstream = udp();
  const down = direction(dice[1], counts.down, (datagram) =>
    downstream.send(datagram, clientPort, address, () => {}),
  );
  upstream.on('message', down);
  const up = direction(dice[0], counts.up, (datagram) => {
    // What waited while its client was forgotten, or crowded out, is lost.
    if (clients.get(key)?.upstream === upstream) upstream.send(datagram, serverPort, SERVER, () => {});
  });
  const client = { upstream, up };
  clients.set(key, client);
  return client;
}

/** Forgets all clients, or those of one address. */
function forget(address: string): void {
  for (const socket of forgotten) socket.close();
  forgotten = [];
  for (const [key, { upstream }] of clients) {
    if (address !== '' && !key.startsWith(`${address}:`)) continue;
    clients.delete(key);
    forgotten.push(upstream.removeAllListeners('message'));
  }
}

downstream.on('message', (datagram, { address, port: clientPort }) => {
  const key = `${address}:${clientPort}`;
  (clients.get(key) ?? meet(key, address, clientPort)).up(datagram);
});
downstream.bind(port, () => console.log('relaying'));

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command: { id: number; faults?: Partial<Faults>; forget?: string } = JSON.parse(line);
  if (command.faults) faults = { ...NO_FAULTS, ...command.faults };
  if (command.forget !== undefined) forget(command.forget);
  console.log(JSON.stringify({ id: command.id, clients: clients.size, ...counts }));
});
commands.on('close', () => process.exit(0));
