// What all questions share: their options, medians, tables, the machine, and where results go.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Chart, svg } from './svg.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Options {
  /** A first look, at the price of more noise. */
  readonly quick: boolean;
  /** How often each thing is measured, in rotation. */
  readonly rounds: number;
  /** The directory for results. */
  readonly out: string;
}

/** scripts/bench.mjs has looked at what the user gave, and passes it on. */
export function options(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      out: { type: 'string', default: join(root, 'build/bench') },
    },
  });
  return {
    quick: values.quick,
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    out: values.out,
  };
}

/** What is no number does not count. */
export function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** A number for people: three digits that count; a dash where there is none. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  if (value !== 0 && Math.abs(value) < 100) return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
  return value.toFixed(0);
}

/** Prints rows of cells under their heads: the first column to the left, the others to the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [heads, ...rows];
  const widths = heads.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  for (const row of all) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number),
    );
    console.log(`  ${cells.join('  ')}`.trimEnd());
  }
  console.log();
}

/** A runtime besides Node that scripts/bench.mjs has installed. */
export interface Runtime {
  readonly name: string;
  /** The beginning of a command line that runs a script. */
  readonly command: readonly string[];
}

/** Which of them are there; of the others it is said why not. */
export function otherRuntimes(): Runtime[] {
  const runtimes: Runtime[] = [];
  for (const [name, ...args] of [['bun'], ['deno', 'run', '--quiet', '-A']] as const) {
    const path = join(root, 'build/runtimes/node_modules/.bin', name);
    if (existsSync(path)) runtimes.push({ name, command: [path, ...args] });
    else console.log(`left out: ${name} is not installed under build/runtimes`);
  }
  return runtimes;
}

/** The first line that a program prints about its version. */
export function version(...command: readonly string[]): string {
  const [program, ...args] = command as [string, ...string[]];
  try {
    return (
      execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 })
        .trim()
        .split('\n')[0] ?? ''
    );
  } catch {
    return 'unknown';
  }
}

function debianVersion(name: string): string {
  return version('dpkg-query', '-W', '-f', '$' + '{Version}', name);
}

export interface Machine {
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly openssl: string;
  readonly date: string;
  /** Of one minute, at the beginning. */
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Prints and returns what the figures depend on. */
export function machine(debianPackages: readonly string[] = []): Machine {
  const versions: Record<string, string> = {};
  for (const name of debianPackages) versions[name] = debianVersion(name);
  for (const { name, command } of otherRuntimes())
    versions[name] = version(command[0] as string, '--version').replace(/^deno (\S+).*/, '$1');
  for (const name of ['egoroof-blowfish', '@noble/ciphers']) {
    const manifest = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
    versions[name] = JSON.parse(manifest).version;
  }
  const found: Machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    openssl: process.versions.openssl,
    date: new Date().toISOString(),
    load: loadavg()[0] as number,
    versions,
  };
  console.log(
    `${found.cores} × ${found.cpu}, Linux ${found.kernel}, Node ${found.node}, load ${found.load.toFixed(2)}\n`,
  );
  return found;
}

/** Keeps raw results, the machine they are from, and the plots: NAME.json, NAME-CHART.svg. */
export function save(
  { out }: Options,
  name: string,
  results: object,
  charts: Readonly<Record<string, Chart>>,
): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(results, compact, 1)}\n`);
  for (const [chart, content] of Object.entries(charts))
    writeFileSync(join(out, `${name}-${chart}.svg`), svg(content));
  console.log(`${name}: raw results and plots are in ${out}`);
}

/** Four digits count, and no more are kept. */
function compact(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

/** Runs a question; whatever it made is taken away also when it is interrupted. */
export function ask(question: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(130)); // a Lab is taken down at exit
  }
  question().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
