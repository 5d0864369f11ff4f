// Programs by the thousand: made of a seed, run, and made short when one fails.
import { randomnessOf } from '../../support/randomness.js';
import { type Material, type Random, SESSIONS } from './material.js';
import { OPERATIONS, type Operation, type Step } from './steps.js';
import { Fault } from './watch.js';
import { World } from './world.js';

/** How often each operation comes, beside the others. */
const WEIGHTS: Readonly<Record<Operation, number>> = {
  open: 12,
  forge: 3,
  data: 4,
  fill: 3,
  process: 14,
  release: 5,
  giveBack: 3,
  secure: 4,
  host: 2,
  drop: 1,
  classic: 1,
  renew: 1,
  stream: 5,
  fetch: 2,
  tap: 3,
  control: 1,
  response: 0.2,
  tell: 2,
};
const DECK = OPERATIONS.flatMap((name) => Array<Operation>(Math.round(5 * WEIGHTS[name])).fill(name));
const STEPS = 18;
/** After so many programs all gaps are looked at, not only those near what was in use. */
const BLOCK = 50;

export interface Program {
  readonly position: number;
  readonly steps: readonly Step[];
}

function makeProgram(random: Random): Program {
  const step = (name: Operation, a = random.below(4096)): Step => ({
    do: name,
    a,
    b: random.below(65_536),
    c: random.below(4096),
  });
  const begin = Array.from({ length: SESSIONS }, (_, i) =>
    step(random.below(3) === 0 ? 'classic' : 'secure', i),
  );
  const rest = Array.from({ length: 4 + random.below(2 * STEPS) }, () =>
    step(DECK[random.below(DECK.length)] as Operation),
  );
  return {
    position: random.below(3) === 0 ? -random.below(80) : random.below(1000),
    steps: [...begin, ...rest],
  };
}

function attempt(world: World, { position, steps }: Program, thorough: boolean): void {
  world.reset(position);
  for (const step of steps) world.run(step, thorough);
  world.check(thorough);
}

/** What does not hold in a program, in a world of its own where every gap is looked at after every step. */
async function faultOf(program: Program, make: () => Promise<World>): Promise<string | undefined> {
  const world = await make();
  try {
    attempt(world, program, true);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A program that fails. */
export class Failure {
  constructor(
    readonly program: Program,
    readonly fault: string,
    readonly make: () => Promise<World>,
  ) {}

  /** The same, without the steps that it fails without. */
  async shortened(): Promise<Failure> {
    let { program, fault } = this as Failure;
    for (let size = program.steps.length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from + size <= program.steps.length; ) {
        const steps = [...program.steps.slice(0, from), ...program.steps.slice(from + size)];
        const still = await faultOf({ ...program, steps }, this.make);
        if (still === undefined) {
          from += size;
        } else {
          program = { ...program, steps };
          fault = still;
        }
      }
    }
    return new Failure(program, fault, this.make);
  }

  toString(): string {
    const steps = this.program.steps.map(({ do: name, a, b, c }) => `  ${name} ${a} ${b} ${c}`);
    return [`${this.fault}, with the ring at ${this.program.position} and`, ...steps].join('\n');
  }
}

/**
 * Runs programs that a seed makes.
 * @param material what they are made of
 * @param core the module that they are run by
 * @returns one that fails
 */
export async function runPrograms(
  seed: number,
  count: number,
  material: Material,
  core: WebAssembly.Module,
): Promise<Failure | undefined> {
  const random = randomnessOf(seed);
  const make = () => World.make(material, core);
  const world = await make();
  let block: Program[] = [];
  for (let i = 0; i < count; i++) {
    const program = makeProgram(random);
    block.push(program);
    try {
      attempt(world, program, false);
      if (block.length < BLOCK && i + 1 < count) continue;
      world.check(true);
      block = [];
    } catch (error) {
      // It may be one before that wrote where nobody looked.
      for (const suspect of block.reverse()) {
        const fault = await faultOf(suspect, make);
        if (fault !== undefined) return new Failure(suspect, fault, make);
      }
      if (!(error instanceof Fault)) throw error;
      // Only what others before it had left in the memory brought it out.
      return new Failure(program, `${error.message}, after the ${i} programs before it`, make);
    }
  }
  return undefined;
}
