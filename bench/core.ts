// How fast the core seals and opens whole datagrams, against OpenSSL and what npm has, on Node, Bun and Deno.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BATCHES, type CoreResults, SIZES } from './core-rows.js';
import {
  ask,
  figure,
  machine,
  median,
  options,
  otherRuntimes,
  type Runtime,
  save,
  table,
} from './measure.js';

const ROWS = fileURLToPath(new URL('./core-rows.js', import.meta.url));
/** The rows that others are divided by. */
const AGAINST: Readonly<Record<string, string>> = {
  blowfish: 'blowfish: OpenSSL bf-cbc, one cipher kept',
  chacha20: 'chacha20: OpenSSL chacha20, a cipher per datagram',
  secure: 'secure: OpenSSL chacha20-poly1305, a cipher per datagram',
};
const DIRECTIONS = ['seal', 'open'] as const;

ask(async () => {
  const chosen = options();
  const found = machine();
  const ms = chosen.quick ? 20 : 60;
  const runtimes: Runtime[] = [
    // OpenSSL 3 keeps Blowfish in its legacy provider.
    { name: 'node', command: [process.execPath, '--openssl-legacy-provider'] },
    ...otherRuntimes(),
  ];
  const raw: Record<string, CoreResults[]> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    for (const { name, command } of runtimes) {
      const [program, ...args] = command as [string, ...string[]];
      const printed = execFileSync(program, [...args, ROWS, String(ms)], {
        encoding: 'utf8',
        timeout: 300_000,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      raw[name] = [...(raw[name] ?? []), JSON.parse(printed.trim().split('\n').at(-1) as string)];
      console.log(`  round ${round + 1}  ${name}`);
    }
  }
  const columns = SIZES.flatMap((size) => BATCHES.map((batch) => `${size} × ${batch}`));
  for (const { name } of runtimes) {
    const rounds = raw[name] as CoreResults[];
    const [first] = rounds as [CoreResults, ...CoreResults[]];
    const rate = (row: string, what: string) =>
      median(rounds.map(({ rates }) => rates[row]?.[what] as number));
    const rows = Object.keys(first.rates).sort();
    for (const direction of DIRECTIONS) {
      console.log(
        `\n${name}: ${direction}, MB of frames per second of processor time; bytes of a frame × datagrams of a batch`,
      );
      table(
        ['', ...columns],
        rows.map((row) => [row, ...columns.map((column) => figure(rate(row, `${direction} ${column}`)))]),
      );
      table(
        ['cryptcab ÷ the OpenSSL that is best', ...columns],
        Object.entries(AGAINST)
          .filter(([, row]) => row in first.rates)
          .map(([suite, row]) => [
            suite,
            ...columns.map((column) => {
              const what = `${direction} ${column}`;
              return figure(
                median(
                  rounds.map(
                    ({ rates }) =>
                      (rates[`${suite}: cryptcab`]?.[what] as number) / (rates[row]?.[what] as number),
                  ),
                ),
              );
            }),
          ]),
      );
    }
    for (const [row, why] of Object.entries(first.missing)) console.log(`${name}: left out: ${row}: ${why}`);
  }
  const charts = Object.fromEntries(
    DIRECTIONS.map((direction) => [
      direction,
      {
        title: `${direction === 'seal' ? 'Sealing' : 'Opening'} datagrams of 1412-byte frames, 32 in a batch`,
        unit: 'MB of frames per second of processor time, medians; longer is better',
        groups: runtimes.map(({ name }) => ({
          name,
          bars: Object.keys(raw[name]?.[0]?.rates ?? {})
            .sort()
            .map((row) => ({
              name: row.replace(/OpenSSL [^,]+/, 'OpenSSL'),
              value: median(
                (raw[name] ?? []).map(({ rates }) => rates[row]?.[`${direction} 1412 × 32`] ?? NaN),
              ),
            })),
        })),
      },
    ]),
  );
  save(chosen, 'core', { machine: found, ms, runs: raw }, charts);
});
