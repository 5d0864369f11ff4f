// Keeps three clients up for a while, on a network whose weather changes: loss, delay, reordering and more of it or
// less, short cuts, a NAT that forgets, a server that is restarted. Prints a line every 10 s, and fails when a
// cable does not come back, a file arrives changed, or memory or descriptors grow.
//   node soak.js MINUTES SEED
import { carried, transfer } from './checks.js';
import { generator } from './generator.js';
import { type Host, Lab } from './lab.js';
import type { Process } from './process.js';
import { type Faults, type Relay, startRelay } from './rough.js';
import { growth, megabytes, type Vitals, vitals } from './vitals.js';

const CLIENTS = 3;
const SERVER_PORT = 7667;
const RELAY_PORT = 9000;
/** Within this every client is to reach the server again, ms. */
const BACK = 45_000;
const TRANSFER_MS = 180_000;
const STREAMS = 8;
const REPORT_S = 10;
/**
 * The part of the time after which what the ends have counts: by then they have seen of everything. The server is
 * restarted before that only, so that it, too, has a long life to look at.
 */
const WARM_UP = 1 / 3;

/** Faults that are times; the others are probabilities. */
const TIMES: ReadonlySet<string> = new Set(['delay', 'jitter']);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Soak {
  readonly #lab: Lab;
  readonly #dice: () => number;
  readonly #from = performance.now();
  readonly #ms: number;
  readonly #keyFile: string;
  readonly #samples = new Map<string, Vitals[]>();
  #server!: Process;
  #clients: Process[] = [];
  #relay!: Relay;
  #weather = '';
  #transfers = 0;
  #restarts = 0;
  #forgets = 0;
  #cuts = 0;

  constructor(lab: Lab, ms: number, seed: number) {
    this.#lab = lab;
    this.#ms = ms;
    this.#dice = generator(seed);
    this.#keyFile = lab.keyFile(
      'key',
      Uint8Array.from({ length: 44 }, () => this.#below(256)),
    );
  }

  #below(below: number): number {
    return Math.floor(this.#dice() * below);
  }

  get #hub(): Host {
    return this.#lab.host(0);
  }

  get #past(): number {
    return performance.now() - this.#from;
  }

  get #warm(): boolean {
    return this.#past > this.#ms * WARM_UP;
  }

  async run(): Promise<void> {
    await Promise.all(this.#lab.hosts.map((host) => host.startSwitch()));
    await this.#startServer();
    this.#relay = await startRelay(this.#hub, RELAY_PORT, SERVER_PORT, this.#below(2 ** 31));
    for (const [i, host] of this.#lab.hosts.slice(1).entries()) {
      const more = [[], ['-k'], ['--cipher', 'chacha20']][i] ?? [];
      const server = `${host.link.hub4}:${RELAY_PORT}`;
      this.#clients.push(host.cryptcab(['-c', server, '-P', this.#keyFile, '-v', ...more]));
    }
    for (const client of this.#clients) await client.prints(/the cable is up/, BACK);
    await Promise.all([this.#bad(), this.#busy(), this.#watch()]);
    const grown = [...this.#samples].flatMap(([who, samples]) =>
      growth(samples).map((what) => `${who}: ${what}`),
    );
    if (grown.length > 0) throw new Error(grown.join('\n'));
  }

  async #startServer(): Promise<void> {
    this.#server = this.#hub.cryptcab(['-p', String(SERVER_PORT), '-P', this.#keyFile, '-v']);
    await this.#server.prints(/waiting for clients/);
  }

  /** One thing after the other goes wrong; after each the cables have to come back. */
  async #bad(): Promise<void> {
    while (this.#past < this.#ms) {
      await this.#changeWeather();
      await sleep(3_000 + this.#below(7_000));
      const what = this.#below(6);
      if (what === 0) {
        this.#cuts++;
        await this.#relay.cut();
        await sleep(2_000 + this.#below(6_000));
        await this.#changeWeather();
      } else if (what === 1) {
        // One at a time: vde_switch loses its way, and spins, when several plugs end at the same moment under load.
        this.#forgets++;
        await this.#relay.forget(this.#lab.host(1 + this.#below(CLIENTS)).link.own4);
      } else if (what <= 3 && !this.#warm) {
        this.#restarts++;
        await this.#server.stop(what === 2 ? 'SIGTERM' : 'SIGKILL');
        await this.#startServer();
      }
      await this.#back();
    }
  }

  /** Every client reaches the server again. */
  async #back(): Promise<void> {
    try {
      await Promise.all(this.#lab.hosts.slice(1).map((host) => host.reaches(this.#hub.inner, BACK)));
    } catch (error) {
      for (const [who, end] of this.#ends()) console.error(`${who} said last:\n${end.output.slice(-2_000)}`);
      throw error;
    }
  }

  async #changeWeather(): Promise<void> {
    const sometimes = (most: number) => (this.#dice() < 0.5 ? 0 : this.#dice() * most);
    const faults: Faults = {
      loss: sometimes(0.05),
      reordering: sometimes(0.25),
      duplication: sometimes(0.05),
      corruption: sometimes(0.01),
      delay: sometimes(50),
      jitter: sometimes(10),
    };
    await this.#relay.set(faults);
    this.#weather = Object.entries(faults)
      .filter(([, value]) => value > 0)
      .map(([name, value]) =>
        TIMES.has(name) ? `${name} ${value.toFixed(1)} ms` : `${name} ${(100 * value).toFixed(1)} %`,
      )
      .join(', ');
  }

  /** Files go from anywhere to anywhere. */
  async #busy(): Promise<void> {
    while (this.#past < this.#ms) {
      const from = this.#below(this.#lab.hosts.length);
      const to = (from + 1 + this.#below(this.#lab.hosts.length - 1)) % this.#lab.hosts.length;
      const bytes = 200_000 + this.#below(2_000_000);
      const [one, other] = [this.#lab.host(from), this.#lab.host(to)];
      const { sent, received } = await transfer(
        one,
        other,
        { bytes },
        this.#below(2 ** 31),
        TRANSFER_MS,
        STREAMS,
      );
      if (sent.sha256 !== received.sha256)
        throw new Error(`a file from host ${from} to host ${to} arrived changed`);
      this.#transfers++;
    }
  }

  /** Looks at the ends every second, and reports now and then. */
  async #watch(): Promise<void> {
    const seen = this.#clients.map((client) => client.printed);
    let reconnects = 0;
    while (this.#past < this.#ms) {
      for (let i = 0; i < REPORT_S && this.#past < this.#ms; i++) {
        await sleep(1_000);
        if (this.#warm) this.#sample();
      }
      for (const [i, client] of this.#clients.entries()) {
        if (!client.running) throw new Error(`client ${i + 1} ended: ${client.output.slice(-1_000)}`);
        reconnects += client.since(seen[i] as number).split('the cable is up').length - 1;
        seen[i] = client.printed;
      }
      const counts = await Promise.all(this.#clients.map(carried));
      const frames = counts.reduce((sum, one) => sum + Number(one.sealed) + Number(one.opened), 0);
      const { up, down } = await this.#relay.counts();
      const ends = this.#ends().map(([who, { pid }]) => {
        const { resident, descriptors } = vitals(pid);
        return `${who} ${megabytes(resident)} ${descriptors} fd`;
      });
      console.log(
        `${String(Math.round(this.#past / 1000)).padStart(5)} s: ${frames} frames, ${up.lost + down.lost} lost, ` +
          `${reconnects} reconnects (${this.#cuts} cuts, ${this.#forgets} forgotten, ${this.#restarts} restarts), ` +
          `${this.#transfers} files; ${ends.join(', ')}; ${this.#weather || 'clear'}`,
      );
    }
  }

  #ends(): (readonly [string, Process])[] {
    return [
      ['server', this.#server],
      ...this.#clients.map((client, i) => [`client ${i + 1}`, client] as const),
    ];
  }

  #sample(): void {
    for (const [who, end] of this.#ends()) {
      const samples = this.#samples.get(who) ?? [];
      this.#samples.set(who, samples);
      samples.push(vitals(end.pid));
    }
  }
}

async function main(): Promise<void> {
  const [minutes, seed] = process.argv.slice(2).map(Number) as [number, number];
  let lab: Lab | undefined;
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      if (interrupted) return;
      interrupted = true;
      await lab?.close();
      console.log('soak: interrupted; everything that it started is gone');
      process.exit(130);
    });
  }
  console.log(`soak: ${minutes} min, seed ${seed} (repeat with CRYPTCAB_SEED=${seed})`);
  lab = new Lab(1 + CLIENTS);
  try {
    await new Soak(lab, minutes * 60_000, seed).run();
    console.log(`soak: all cables held for ${minutes} min, and nothing grew`);
  } catch (error) {
    if (interrupted) return;
    console.error(`soak: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
  if (!interrupted) await lab.close();
}

await main();
