import { isMap, PossiblyMissing, Secret, type Value } from '../value.ts';
import { contains, equals, order } from './comparison.ts';
import { asValue, Callable, known, NotYet, Refusal, type Result, type Run, Undefined } from './evaluation.ts';
import { regexTests } from './regex-filters.ts';
import { any, integer, number, type Operation, onResult, operation, text } from './signature.ts';
import { versionTest } from './versions.ts';

const aliases: { [name: string]: string[] } = {
  eq: ['==', 'equalto'],
  ne: ['!='],
  lt: ['<', 'lessthan'],
  le: ['<='],
  gt: ['>', 'greaterthan'],
  ge: ['>='],
  search: ['regex'],
  version: ['version_compare'],
};

function kind(holds: (value: Value) => boolean): Operation {
  return operation(any, {}, value => holds(known(value)));
}

function comparison(holds: (left: Value, right: Value, run: Run) => boolean): Operation {
  return operation(any, { other: any }, (value, { other }, run) => holds(known(value), other, run));
}

function parity(rest: 0 | 1): Operation {
  return operation(integer, {}, value => Math.abs(value % 2) === rest);
}

function isUndefined(input: Result): boolean {
  if (input instanceof PossiblyMissing) throw new NotYet(input);
  return input instanceof Undefined;
}

const isText = (value: Value) => typeof value === 'string' || value instanceof Secret;

/** The tests after `is`, by name. Each returns true or false. */
const operations: { [name: string]: Operation } = {
  defined: onResult({}, (input: Result) => !isUndefined(input)),
  undefined: onResult({}, isUndefined),
  callable: onResult({}, (input: Result) => input instanceof Callable),
  none: kind(value => value === null),
  true: kind(value => value === true),
  false: kind(value => value === false),
  boolean: kind(value => typeof value === 'boolean'),
  integer: kind(value => typeof value === 'number' && Number.isInteger(value)),
  float: kind(value => typeof value === 'number' && !Number.isInteger(value)),
  number: kind(value => typeof value === 'number' || typeof value === 'boolean'),
  string: kind(isText),
  mapping: kind(isMap),
  sequence: kind(value => isText(value) || Array.isArray(value) || isMap(value)),
  iterable: kind(value => isText(value) || Array.isArray(value) || isMap(value)),
  even: parity(0),
  odd: parity(1),
  divisibleby: operation(number, { num: number }, (value, { num }) => {
    if (num === 0) throw new Refusal('division by zero');
    return value % num === 0;
  }),
  lower: operation(text, {}, value => value !== value.toUpperCase() && value === value.toLowerCase()),
  upper: operation(text, {}, value => value !== value.toLowerCase() && value === value.toUpperCase()),
  in: comparison((left, right, run) => contains(asValue(right), left, run.budget)),
  eq: comparison((left, right, run) => equals(left, right, run.budget)),
  ne: comparison((left, right, run) => !equals(left, right, run.budget)),
  lt: comparison((left, right, run) => order(left, right, run.budget) < 0),
  le: comparison((left, right, run) => order(left, right, run.budget) <= 0),
  gt: comparison((left, right, run) => order(left, right, run.budget) > 0),
  ge: comparison((left, right, run) => order(left, right, run.budget) >= 0),
  ...regexTests,
  version: versionTest,
};

/** The tests by name, with aliases such as `==` and `lessthan` for `select` and similar filters. */
export const jinjaTests: ReadonlyMap<string, Operation> = new Map(
  Object.entries(operations).flatMap(([name, check]) =>
    [name, ...(aliases[name] ?? [])].map(alias => [alias, check] as const),
  ),
);
