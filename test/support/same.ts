import { expect } from 'vitest';

/** expect(is).toBe(wanted) for what is looked at many thousand times: vitest is asked only where it fails, as each question takes it microseconds. */
export function same<T>(is: T, wanted: T): void {
  if (!Object.is(is, wanted)) expect(is).toBe(wanted);
}
