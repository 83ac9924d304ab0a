import type { Place } from '../problem.ts';
import { isMap, type Value } from '../value.ts';
import {
  Callable,
  characters,
  elementsOf,
  Fields,
  type Given,
  Refusal,
  type Result,
  type Run,
  Undefined,
} from './evaluation.ts';
import { filters } from './filters.ts';
import { keyText } from './operators.ts';
import { any, flag, integer, map, type Operation, operation, text } from './signature.ts';
import { capitalized, lines, replaced, stripped, words, wordsOf } from './text-filters.ts';
import { timeText } from './time-text.ts';

/** The functions of the program that an expression can reach. */
export interface Runtime {
  /** Returns the value of an environment variable, preferably as a Secret, or undefined if it is not set. */
  readonly env?: (name: string) => Value | undefined;
  /** Returns the time of the run, in seconds since 1970. It is the same for all expressions of the run. */
  readonly now?: () => number;
  /** Decrypts a text of Ansible Vault, named `label`. Throws a ProblemError. */
  readonly vaulted?: (sealed: string, label: string, at: Place) => Value;
}

type Maker = (run: Run, runtime: Runtime) => (given: Given) => Result;

const functions: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ['range', run => checked('range()', range, run)],
  ['dict', run => given => dict(given, run)],
  [
    'namespace',
    run => given => {
      const fields = new Map(Object.entries(dict(given, run)));
      return new Fields('a namespace', () => fields);
    },
  ],
  ['env', (run, runtime) => checked('env()', environment(runtime), run)],
  ['now', (run, runtime) => checked('now()', clock(runtime), run)],
]);

/** The names of the functions that every expression can call. */
export const functionNames: readonly string[] = [...functions.keys()];

/** Returns a function by name, for one evaluation, or undefined if there is none. */
export function functionNamed(name: string, run: Run, runtime: Runtime): Callable | undefined {
  const maker = functions.get(name);
  return maker && new Callable(maker(run, runtime));
}

function checked(name: string, operation: Operation, run: Run) {
  return (given: Given): Result => {
    const misfit = operation.misfit(given.positional.length, given.named.keys());
    if (misfit) throw new Refusal(`${name} ${misfit.message}`, misfit.hint);
    return operation.apply(null, given, run);
  };
}

const range = operation(
  any,
  { start: integer, stop: integer.maybe(), step: integer.or(1) },
  (_input, args, run) => {
    const [from, to] = args.stop === undefined ? [0, args.start] : [args.start, args.stop];
    if (args.step === 0) throw new Refusal('range() cannot go in steps of 0');
    const length = Math.max(0, Math.ceil((to - from) / args.step));
    run.budget.spend(length);
    return Array.from({ length }, (_, index) => from + index * args.step);
  },
);

function dict(given: Given, run: Run): { [key: string]: Value } {
  const [source, ...more] = given.positional;
  if (more.length > 0) throw new Refusal('dict() takes one map or list of pairs, and named values');
  const entries = new Map<string, Value>();
  if (isMap(source)) {
    for (const [key, value] of Object.entries(map.read(source, run, new Set()))) entries.set(key, value);
  } else if (source !== undefined) {
    for (const pair of elementsOf(source, run.budget)) {
      if (!Array.isArray(pair) || pair.length !== 2) throw new Refusal('dict() takes pairs of key and value');
      entries.set(keyText(pair[0]!), pair[1]!);
    }
  }
  for (const [key, value] of given.named) entries.set(key, value);
  return Object.fromEntries(entries);
}

function environment({ env }: Runtime): Operation {
  return operation(any, { name: any, default: any.maybe() }, (_input, args) => {
    if (env === undefined) throw new Refusal('env() is not available here');
    if (typeof args.name !== 'string') throw new Refusal('name: the name of a variable is wanted');
    const value = env(args.name) ?? args.default;
    return (
      value ??
      new Undefined(
        `the environment variable ${args.name} is not set`,
        `Set it, or write env('${args.name}') | default(…).`,
      )
    );
  });
}

function clock({ now }: Runtime): Operation {
  return operation(any, { utc: flag.or(true), fmt: text.maybe() }, (_input, args, run) => {
    if (now === undefined) throw new Refusal('now() is not available here');
    if (!args.utc) throw new Refusal('now() is in UTC only', 'Leave out utc: two controllers would differ.');
    if (args.fmt === undefined) return now();
    run.budget.fits(args.fmt.length * 10);
    return timeText(now(), args.fmt);
  });
}

const affix = (holds: (value: string, part: string) => boolean) =>
  operation(text, { part: any }, (value, { part }, run) => {
    const parts = Array.isArray(part) ? part : [part];
    return parts.some(each => holds(value, text.read(each, run, new Set())));
  });
const strip = (ends: 'both' | 'left' | 'right') =>
  operation(text, { chars: text.maybe() }, (value, { chars }) => stripped(value, chars, ends));
const made = (pattern: RegExp) => operation(text, {}, value => pattern.test(value));

const textMethods: { [name: string]: Operation } = {
  upper: filters.get('upper')!,
  lower: filters.get('lower')!,
  title: filters.get('title')!,
  center: filters.get('center')!,
  capitalize: operation(text, {}, capitalized),
  strip: strip('both'),
  lstrip: strip('left'),
  rstrip: strip('right'),
  startswith: affix((value, part) => value.startsWith(part)),
  endswith: affix((value, part) => value.endsWith(part)),
  replace: operation(text, { old: text, new: text, count: integer.maybe() }, (value, args, run) =>
    replaced(value, args.old, args.new, args.count, run),
  ),
  split: operation(text, { sep: text.maybe(), maxsplit: integer.or(-1) }, (value, args, run) =>
    split(value, args.sep, args.maxsplit, run),
  ),
  splitlines: operation(text, {}, lines),
  find: operation(text, { part: text }, (value, { part }) => {
    const found = value.indexOf(part);
    return found < 0 ? -1 : characters(value.slice(0, found)).length;
  }),
  count: operation(text, { part: text }, (value, { part }) =>
    part === '' ? characters(value).length : value.split(part).length - (part === '' ? 0 : 1),
  ),
  zfill: operation(text, { width: integer }, (value, { width }, run) => {
    run.budget.fits(width);
    const [, sign, rest = ''] = /^([-+]?)(.*)$/s.exec(value)!;
    return sign + '0'.repeat(Math.max(0, width - characters(value).length)) + rest;
  }),
  ljust: operation(
    text,
    { width: integer, fill: text.or(' ') },
    (value, args, run) => value + padding(value, args, run),
  ),
  rjust: operation(
    text,
    { width: integer, fill: text.or(' ') },
    (value, args, run) => padding(value, args, run) + value,
  ),
  removeprefix: operation(text, { prefix: text }, (value, { prefix }) =>
    value.startsWith(prefix) ? value.slice(prefix.length) : value,
  ),
  removesuffix: operation(text, { suffix: text }, (value, { suffix }) =>
    suffix !== '' && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value,
  ),
  isdigit: made(/^\p{Nd}+$/u),
  isalpha: made(/^\p{L}+$/u),
  isalnum: made(/^[\p{L}\p{N}]+$/u),
  isspace: made(/^\s+$/),
  join: operation(text, { parts: any }, (value, { parts }, run) =>
    run.filter('join', parts, { positional: [value], named: new Map() }),
  ),
};

const mapMethods: { [name: string]: Operation } = {
  items: operation(map, {}, entries => Object.entries(entries).map(pair => [...pair])),
  keys: operation(map, {}, entries => Object.keys(entries)),
  values: operation(map, {}, entries => Object.values(entries)),
  get: operation(map, { key: any, default: any.or(null) }, (entries, args) => {
    const key = keyText(args.key);
    return Object.hasOwn(entries, key) ? entries[key]! : args.default;
  }),
};

/** Returns a method of a value by name, or undefined if it has none. Only the listed methods can be called. */
export function methodOf(value: Result, name: string): Operation | undefined {
  const methods = isMap(value) ? mapMethods : Array.isArray(value) ? {} : textMethods;
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}

/** The names of a value's methods. */
export function methodNames(value: Result): string[] {
  return Object.keys(isMap(value) ? mapMethods : Array.isArray(value) ? {} : textMethods);
}

function split(value: string, separator: string | undefined, most: number, run: Run): string[] {
  if (separator === '') throw new Refusal('sep: a separator cannot be empty');
  run.budget.reads(value.length);
  if (separator === undefined) {
    if (most < 0) return words(value);
    const pieces: string[] = [];
    for (const { 0: word, index } of wordsOf(value)) {
      if (pieces.length === most) return [...pieces, value.slice(index)];
      pieces.push(word);
    }
    return pieces;
  }
  const pieces = value.split(separator);
  if (most < 0 || pieces.length <= most + 1) return pieces;
  return [...pieces.slice(0, most), pieces.slice(most).join(separator)];
}

function padding(value: string, args: { width: number; fill: string }, run: Run): string {
  if (characters(args.fill).length !== 1) throw new Refusal('fill: one character is wanted');
  run.budget.fits(args.width);
  return args.fill.repeat(Math.max(0, args.width - characters(value).length));
}
