// vitest's own reporter, which prints failures briefly, and of a file with failures nothing but these.
import type { RunnerTask } from 'vitest';
import { DefaultReporter, type TestCase, type TestModuleState } from 'vitest/node';
import { briefly } from './failures.js';

type Files = Parameters<DefaultReporter['reportSummary']>[0];

/** Tests and suites, in the order in which they are printed. */
function withErrors(tasks: readonly RunnerTask[]): RunnerTask[] {
  return tasks.flatMap((task) => [
    ...(task.result?.errors ? [task] : []),
    ...('tasks' in task ? withErrors(task.tasks) : []),
  ]);
}

export default class BriefReporter extends DefaultReporter {
  protected override printTestCase(moduleState: TestModuleState, test: TestCase): void {
    if (moduleState !== 'failed' || test.result().state === 'failed') super.printTestCase(moduleState, test);
  }

  override reportSummary(files: Files, errors: unknown[]): void {
    const failed = withErrors(files).map(({ result }) => ({ result, all: result?.errors ?? [] }));
    const brief = briefly(failed.flatMap(({ all }) => all));
    for (const { result, all } of failed) {
      const shown = brief.splice(0, all.length).filter((error) => error !== undefined);
      if (result !== undefined) result.errors = shown;
    }
    try {
      super.reportSummary(files, errors);
    } finally {
      // Other reporters get all of it.
      for (const { result, all } of failed) if (result !== undefined) result.errors = all;
    }
  }
}
