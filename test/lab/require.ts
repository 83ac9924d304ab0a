import { describe, it, type TestContext } from 'vitest';
import { labImpossible } from './machine.ts';

/** Skips a test, with the reason, on a machine that lacks something; with RECONCILE_LAB=required the test fails. */
export function needs<T>(context: TestContext, there: T | undefined, lacks: string): T {
  if (there !== undefined) return there;
  if (process.env['RECONCILE_LAB'] === 'required') throw new Error(`RECONCILE_LAB=required, but ${lacks}`);
  return context.skip(lacks);
}

/**
 * `describe` for tests that need a lab: skipped with the reason where none can run, failed instead when
 * RECONCILE_LAB=required. Missing packages are no reason: `openLab` installs them.
 */
export function describeLab(title: string, tests: () => void): void {
  const reason = labImpossible();
  if (reason === null) {
    describe(title, tests);
  } else if (process.env['RECONCILE_LAB'] === 'required') {
    it(title, () => {
      throw new Error(`RECONCILE_LAB=required, but ${reason}`);
    });
  } else {
    console.warn(`skipped: ${title}: ${reason}`);
    describe.skip(title, tests);
  }
}
