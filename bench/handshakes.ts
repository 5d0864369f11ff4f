// How many handshakes of the secure cable a core does at either end, and what it costs a server to have all its clients back.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ask, figure, machine, median, options, otherRuntimes, save, table } from './measure.js';

const END = fileURLToPath(new URL('./handshakes-end.js', import.meta.url));
const ROWS = {
  'initiator, handshakes': ({ initiator }: Results) => initiator,
  'responder, handshakes': ({ responder }: Results) => responder,
} as const;

/** What handshakes-end.ts prints. */
interface Results {
  readonly initiator: number;
  readonly responder: number;
  readonly back: { readonly listed: number; readonly processor: number; readonly took: number };
}

ask(async () => {
  const chosen = options();
  const found = machine();
  const clients = chosen.quick ? 1_000 : 10_000;
  const runtimes = [{ name: 'node', command: [process.execPath] }, ...otherRuntimes()];
  const raw: Record<string, Results[]> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    for (const { name, command } of runtimes) {
      const [program, ...args] = command as [string, ...string[]];
      const printed = execFileSync(program, [...args, END, String(clients), chosen.quick ? '500' : '2000'], {
        encoding: 'utf8',
        timeout: 600_000,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      raw[name] = [...(raw[name] ?? []), JSON.parse(printed.trim().split('\n').at(-1) as string)];
      console.log(`  round ${round + 1}  ${name}`);
    }
  }
  const of = (name: string, value: (results: Results) => number) =>
    figure(median((raw[name] ?? []).map(value)));
  console.log('\nfor a second of processor time');
  table(
    ['', ...Object.keys(ROWS)],
    runtimes.map(({ name }) => [name, ...Object.values(ROWS).map((value) => of(name, value))]),
  );
  console.log(`${clients} clients, after their server has died and come back`);
  table(
    ['', 'to list them, processor s', 'to answer them, processor s', 'all are back, s'],
    runtimes.map(({ name }) => [
      name,
      of(name, ({ back }) => back.listed),
      of(name, ({ back }) => back.processor),
      of(name, ({ back }) => back.took),
    ]),
  );
  const groups = Object.entries(ROWS).map(([name, value]) => ({
    name,
    bars: runtimes.map((runtime) => ({
      name: runtime.name,
      value: median((raw[runtime.name] ?? []).map(value)),
    })),
  }));
  save(
    chosen,
    'handshakes',
    { machine: found, clients, results: raw },
    { rates: { title: 'Handshakes', unit: 'per second of processor time', groups } },
  );
});
