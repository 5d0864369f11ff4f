import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

/** How long output that has come already takes to be read. */
const READ_MS = 500;

/** Bytes of output that are kept for later. */
const OUTPUT_BYTES = 1 << 20;
const EXIT_MS = 5_000;

/** Runs a program to its end; returns what it printed, and throws with it when it failed. */
export function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { status, stderr, stdout } = error as { status?: number; stderr?: string; stdout?: string };
    throw new Error(`${[command, ...args].join(' ')}: status ${status}: ${stderr ?? ''}${stdout ?? ''}`);
  }
}

/** A program of the lab's that runs; ended by its process id. */
export class Process {
  readonly name: string;
  readonly #child: ChildProcess;
  #output = '';
  /** Characters printed, kept or not. */
  #printed = 0;
  readonly #watchers = new Set<() => void>();
  readonly exited: Promise<number>;
  #ended = false;
  /** How it ended. */
  #how = 'ended';

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const [program, ...args] = command;
    this.name = command.join(' ');
    // Its standard input stays open: vde_switch and vde_plug end when theirs does.
    this.#child = spawn(program as string, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        const text = bytes.toString();
        this.#printed += text.length;
        this.#output = (this.#output + text).slice(-OUTPUT_BYTES);
        this.#wake();
      });
    }
    this.#child.stdin?.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#output += `\n${error.message}\n`;
        this.#end();
        resolve(127);
      });
      this.#child.on('close', (status, signal) => {
        this.#how = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
        this.#end();
        resolve(status ?? (signal === null ? 1 : 128));
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** What was printed last, on both streams: all of it, unless that is a great deal. */
  get output(): string {
    return this.#output;
  }

  /** How many characters have been printed so far. */
  get printed(): number {
    return this.#printed;
  }

  /** What was printed after that many characters, as far as it is kept. */
  since(from: number): string {
    return this.#output.slice(Math.max(0, this.#output.length - (this.#printed - from)));
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  /**
   * Waits until what was printed matches; throws when the program ends first, or time is up.
   * @param from what was printed before that many characters does not count
   */
  async prints(pattern: RegExp, ms = 30_000, from = 0): Promise<RegExpExecArray> {
    return await new Promise((resolve, reject) => {
      const give = (result: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        result();
      };
      const fail = (why: string) =>
        give(() =>
          reject(
            new Error(`${this.name}: ${why} before it printed ${pattern}; it printed:\n${this.#output}`),
          ),
        );
      const look = () => {
        const found = pattern.exec(
          this.#output.slice(Math.max(0, this.#output.length - (this.#printed - from))),
        );
        if (found) give(() => resolve(found));
        else if (this.#ended) fail(this.#how);
      };
      // A test beside it may have held this process up past that time: what was printed meanwhile is read first.
      let timer = setTimeout(() => {
        timer = setTimeout(() => fail(`${ms} ms passed`), READ_MS);
      }, ms);
      this.#watchers.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    // Not the child's kill(): after any signal, SIGUSR2 too, Deno takes it for dead and sends no other.
    const { exitCode, signalCode } = this.#child; // its number may be another's, though its output is not closed yet
    if (this.#ended || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // Of several children that ended at once, all are reaped before the second one is said to have ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Ends it, with force if it does not; returns its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.signal(signal);
    const force = setTimeout(() => this.signal('SIGKILL'), EXIT_MS);
    const status = await this.exited;
    clearTimeout(force);
    return status;
  }
}

/** Waits until a condition holds, by looking again and again; throws with `what` when time is up. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for nothing: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
