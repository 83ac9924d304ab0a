import { describe, expect, it } from 'vitest';
import type { Plain } from '../../../engine/value.ts';
import fc, { runs } from '../../random.ts';
import { ansibleValues } from './ansible-samples.ts';
import { type Case, missingAnsible, missingOracle, type Outcome, ours, theirs } from './oracle.ts';
import { random } from './random-expressions.ts';
import { differences, scope, templates, values } from './samples.ts';

const missing = missingOracle();
const title = missing === undefined ? 'as Jinja2 has it' : `as Jinja2 has it (skipped: ${missing})`;

/** Errors are told in other words, so that only the fact of one is compared. */
function fact(outcome: Outcome): Plain {
  return 'error' in outcome ? 'an error' : { value: outcome.value };
}

/** Whether a number on the way has no exact form, which is refused here on purpose; see `differences`. */
function beyondExact(outcome: Outcome): boolean {
  return 'error' in outcome && outcome.error.includes('beyond ±2^53');
}

function compare(cases: readonly Case[]): void {
  const answers = theirs(cases);
  const here = cases.map((each, index) => ({ source: each.source, outcome: fact(ours(each)), index }));
  const there = cases.map((each, index) => ({ source: each.source, outcome: fact(answers[index]!), index }));
  const differing = here.filter((mine, index) => !equal(mine.outcome, there[index]!.outcome));
  expect(differing.map(mine => ({ ...mine, raw: ours(cases[mine.index]!) }))).toEqual(
    differing.map(mine => ({ ...there[mine.index]!, raw: answers[mine.index]! })),
  );
}

function equal(a: Plain, b: Plain): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= 1e-12 * Math.abs(b);
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  const keys = Object.keys(a);
  const [left, right] = [a, b] as { [key: string]: Plain }[];
  return (
    keys.length === Object.keys(b).length && keys.every(key => key in b && equal(left![key]!, right![key]!))
  );
}

describe.skipIf(missing !== undefined)(title, () => {
  it('expressions have the same value', () => {
    compare(values.map(source => ({ kind: 'value', source, scope })));
  });

  it('templates give the same text', () => {
    compare(templates.map(source => ({ kind: 'text', source, scope })));
  });

  it('random expressions have the same value', () => {
    const cases = fc.sample(random, runs(800)).map((source): Case => ({ kind: 'value', source, scope }));
    const comparable = cases.filter(each => !beyondExact(ours(each)));
    expect(cases.length - comparable.length).toBeLessThan(cases.length / 100);
    compare(comparable);
  });

  it('deliberate differences are the documented ones', () => {
    const cases = differences.map(([source]): Case => ({ kind: 'text', source, scope }));
    const answers = theirs(cases);
    const seen = cases.map((each, index) => [each.source, fact(ours(each)), fact(answers[index]!)]);
    const wanted = differences.map(([source, here, there]) => [source, outcome(here), outcome(there)]);
    expect(seen).toEqual(wanted);
  });
});

const noAnsible = missing ?? missingAnsible();

describe.skipIf(noAnsible !== undefined)(
  `as Ansible has it${noAnsible ? ` (skipped: ${noAnsible})` : ''}`,
  () => {
    it('filters and tests have the same value', () => {
      compare(ansibleValues.map(source => ({ kind: 'value', source, scope })));
    });
  },
);

function outcome(text: string | undefined): Plain {
  return text === undefined ? 'an error' : { value: text };
}
