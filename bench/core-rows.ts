// Seals and opens whole datagrams in every way that is compared, on whatever runtime runs this:
//   RUNTIME core-rows.js MS        prints one line of JSON: MB of frames per second of processor time, and what was left out
// Before anything is measured, what each way seals is opened by the others.
import { OTHERS, ours, STOCK, stockOf, type Way } from './core-ways.js';

export const SIZES = [64, 576, 1412] as const;
export const BATCHES = [1, 8, 32] as const;

export interface CoreResults {
  /** By way, then by `seal 64 × 8`: a direction, bytes of a frame, datagrams of a batch. */
  readonly rates: Record<string, Record<string, number>>;
  /** Why a way does not exist here. */
  readonly missing: Record<string, string>;
}

/** Bytes of the frame that each way is checked with. */
const CHECK = 100;

/** MB of frames per second of processor time: what a neighbour takes away meanwhile does not count. */
function rate(size: number, count: number, ms: number, step: () => void): number {
  const before = process.cpuUsage();
  const from = performance.now();
  let batches = 0;
  do {
    for (let i = 0; i < 4; i++) step();
    batches += 4;
  } while (performance.now() - from < ms);
  const { user, system } = process.cpuUsage(before);
  return (batches * count * size) / (user + system);
}

async function main(): Promise<void> {
  const ms = Number(process.argv[2]);
  const results: CoreResults = { rates: {}, missing: {} };
  const ways: Way[] = [await ours('blowfish'), await ours('chacha20'), await ours('secure')];
  const check = Buffer.from(Array.from({ length: CHECK }, (_, i) => i));
  for (const [name, make] of Object.entries(OTHERS)) {
    try {
      const way = make();
      way.seal(check, 1);
      ways.push(way);
    } catch (error) {
      results.missing[name] = error instanceof Error ? error.message : String(error);
    }
  }
  for (const way of ways) {
    if (way.name.endsWith('(a bound)')) continue;
    way.seal(check, 3);
    const reader = await ours(way.suite);
    reader.open([way.sealed()], 0, 1);
    const stock = await stockOf(way.suite, check);
    way.rewind?.();
    way.open(stock, 0, 3);
    for (const frame of [reader.opened(), way.opened()])
      if (!frame.equals(check)) throw new Error(`${way.name}, ${way.suite}: not the frame that was sealed`);
  }
  for (const size of SIZES) {
    const frame = Buffer.from(Array.from({ length: size }, (_, i) => (i * 73) & 0xff));
    const stocks = {
      blowfish: await stockOf('blowfish', frame),
      chacha20: await stockOf('chacha20', frame),
      secure: await stockOf('secure', frame),
    };
    for (const count of BATCHES) {
      for (const way of ways) {
        const name = `${way.suite}: ${way.name}`;
        results.rates[name] ??= {};
        const rates = results.rates[name];
        const stock = stocks[way.suite];
        let next = STOCK;
        const open = () => {
          if (next + count > STOCK) {
            way.rewind?.();
            next = 0;
          }
          way.open(stock, next, count);
          next += count;
        };
        const seal = () => way.seal(frame, count);
        rate(size, count, ms / 4, seal); // until it is compiled
        rates[`seal ${size} × ${count}`] = rate(size, count, ms, seal);
        rate(size, count, ms / 4, open);
        rates[`open ${size} × ${count}`] = rate(size, count, ms, open);
      }
    }
  }
  console.log(JSON.stringify(results));
}

if (process.argv[1]?.endsWith('core-rows.js')) await main();
