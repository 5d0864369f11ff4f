// Runs each file of tests with one seed of CRYPTCAB_SEEDS after the other, in one process: scripts/seeds.mjs starts it.
import { fileURLToPath } from 'node:url';
import { describe, TestRunner } from 'vitest';

const { CRYPTCAB_SEEDS: seeds = '' } = process.env;
const SEED_FILE = fileURLToPath(new URL('seed.ts', import.meta.url));

/** A module that vitest has loaded, and all of them. */
interface Module {
  readonly importers: ReadonlySet<string>;
}
interface Modules {
  getModuleById(id: string): Module | undefined;
  invalidateModule(module: Module): void;
}

export default class SeedRunner extends TestRunner {
  override importFile(...[path, source]: Parameters<TestRunner['importFile']>): unknown {
    if (source === 'setup') return super.importFile(path, source);
    for (const seed of seeds.split(',')) {
      describe(`seed ${seed}`, async () => {
        process.env.CRYPTCAB_SEED = seed;
        this.#forget();
        await super.importFile(path, source);
      });
    }
    return undefined;
  }

  /** Has all be loaded anew that has drawn on the last seed: what imports it, and what imports that. The rest stays as it is, and compiled. */
  #forget(id = SEED_FILE): void {
    const { evaluatedModules: modules } = (this as unknown as { workerState: { evaluatedModules: Modules } })
      .workerState;
    const module = modules.getModuleById(id);
    if (module === undefined) return;
    const importers = [...module.importers];
    modules.invalidateModule(module); // which forgets its importers, too
    for (const importer of importers) this.#forget(importer);
  }
}
