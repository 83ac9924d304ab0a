import { spawnSync } from 'node:child_process';
import { compile, compileExpression, placeIn } from '../../../engine/expression/expression.ts';
import { ProblemError } from '../../../engine/problem.ts';
import type { Plain } from '../../../engine/value.ts';

const python = '/usr/bin/python3';

/** A bare expression whose value counts, or a template whose text counts. */
export interface Case {
  kind: 'value' | 'text';
  source: string;
  scope: { [name: string]: Plain };
}

/** The result: a value, or the reason why there is none. */
export type Outcome = { value: Plain } | { error: string };

/** Why the reference implementation cannot be asked here; undefined when it can. */
export function missingOracle(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import jinja2']);
  if (status === 0) return undefined;
  if (process.env['RECONCILE_LAB'] === 'required')
    throw new Error(`${python} cannot import jinja2: install python3-jinja2`);
  return `${python} cannot import jinja2`;
}

/** Why Ansible's own filters cannot be asked here; undefined when they can. */
export function missingAnsible(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import jinja2, ansible.plugins.filter.core']);
  return status === 0 ? undefined : `${python} cannot import ansible`;
}

/** The outcomes of all cases in one run of the reference implementation. */
export function theirs(cases: readonly Case[]): Outcome[] {
  const script = new URL('oracle.py', import.meta.url).pathname;
  const input = JSON.stringify(cases);
  const { stdout, stderr, status } = spawnSync(python, [script], { input, encoding: 'utf8', maxBuffer: 1e8 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome[];
}

/** The outcome here; anything but a value or a problem is thrown on. */
export function ours({ kind, source, scope }: Case): Outcome {
  try {
    const where = placeIn('case', source);
    const value =
      kind === 'value'
        ? compileExpression(source, where).evaluate(scope)
        : compile(source, where).render(scope);
    return { value: value as Plain };
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return { error: thrown.message };
  }
}
