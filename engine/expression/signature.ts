import { didYouMean } from '../util/did-you-mean.ts';
import { isMap, Secret, type Value } from '../value.ts';
import {
  asValue,
  describe,
  elementsOf,
  type Given,
  known,
  Refusal,
  type Result,
  type Run,
  textOf,
} from './evaluation.ts';

/** A parameter of a filter: its reading from a value, and whether it may be left out. */
export interface Parameter<T> {
  readonly read: (value: Value, run: Run, labels: Set<string>) => T;
  readonly optional: boolean;
  readonly fallback: T;
  /** Returns the parameter with `fallback` as its default. */
  or(fallback: T): Parameter<T>;
  /** Returns the parameter with undefined as its default. */
  maybe(): Parameter<T | undefined>;
}

// biome-ignore lint/suspicious/noExplicitAny: each parameter has its own type; Read gives it back
type Parameters = { readonly [name: string]: Parameter<any> };
type Read<P> = { readonly [Name in keyof P]: P[Name] extends Parameter<infer T> ? T : never };

/** A filter, test, method or function, with the names and types of its arguments. */
export interface Operation {
  /** The arguments for messages: `width=4`, and required ones without a value. */
  readonly takes?: readonly string[];
  /** Returns the mistake in a number and in names of arguments, or undefined if they fit. */
  misfit(
    positional: number,
    named: Iterable<string>,
  ): { message: string; hint?: string | undefined } | undefined;
  apply(input: Result, given: Given, run: Run): Result;
}

function parameter<T>(read: Parameter<T>['read'], fallback?: T, optional = false): Parameter<T> {
  return {
    read,
    optional,
    fallback: fallback as T,
    or: otherwise => parameter(read, otherwise, true),
    maybe: () => parameter<T | undefined>(orNone(read), undefined, true),
  };
}

/** None counts as not given, except for a parameter that takes any value. */
function orNone<T>(read: Parameter<T>['read']): Parameter<T | undefined>['read'] {
  return (value, ...rest) =>
    value === null && (read as unknown) !== unread ? undefined : read(value, ...rest);
}

const unread = (value: Value) => value;

/** Any value. */
export const any = parameter<Value>(unread);

/** A text; numbers and booleans are written out. A secret text is revealed, and the result is secret again. */
export const text = parameter<string>((value, run, labels) => {
  const it = textOf(value);
  const clear = it instanceof Secret ? it.reveal() : it;
  run.budget.fits(clear.length);
  if (it instanceof Secret) for (const label of it.labels) labels.add(label);
  return clear;
});

/** A number. */
export const number = parameter<number>(value => {
  const it = known(value);
  if (typeof it === 'number') return it;
  throw new Refusal(
    `${describe(it)} is not a number`,
    typeof it === 'string' ? 'Convert it with | int or | float.' : undefined,
  );
});

/** A whole number. */
export const integer = parameter<number>((value, ...rest) => {
  const it = number.read(value, ...rest);
  if (Number.isInteger(it)) return it;
  throw new Refusal(`${describe(it)} is not a whole number`, 'Round it with | round or cut it with | int.');
});

/** True or false. */
export const flag = parameter<boolean>(value => {
  const it = known(value);
  if (typeof it === 'boolean') return it;
  throw new Refusal(
    `${describe(it)} is not true or false`,
    typeof it === 'string' ? 'Convert it with | bool.' : undefined,
  );
});

/** The elements of a list, the keys of a map, or the characters of a text. */
export const list = parameter<Value[]>((value, run) => elementsOf(value, run.budget));

/** A map. */
export const map = parameter<{ [key: string]: Value }>((value, run) => {
  const it = known(value);
  if (!isMap(it)) throw new Refusal(`${describe(it)} is not a map`);
  run.budget.spend(Object.keys(it).length);
  return it;
});

/** An operation on a defined value. Every text in its result that derives from a secret text is secret. */
export function operation<I, P extends Parameters>(
  input: Parameter<I>,
  parameters: P,
  apply: (input: I, args: Read<P>, run: Run) => Result,
): Operation {
  return onResult(parameters, (result, given, run) => {
    const labels = new Set<string>();
    const read = input.read(asValue(result), run, labels);
    const output = apply(read, bind(parameters, given, run, labels) as Read<P>, run);
    return labels.size === 0 ? output : tainted(output as Value, [...labels].join(' + '));
  });
}

/** An operation that also takes undefined results, functions and loops. It handles secrets itself. */
export function onResult(
  parameters: Parameters,
  apply: (input: Result, given: Given, run: Run) => Result,
): Operation {
  const names = Object.keys(parameters);
  const shape =
    names.length === 0
      ? 'Write it without arguments.'
      : `Its arguments are (${names.map(name => (parameters[name]!.optional ? `[${name}]` : name)).join(', ')}).`;
  const required = names.filter(name => !parameters[name]!.optional);
  return {
    apply,
    takes: names.map(name => {
      const { optional, fallback } = parameters[name]!;
      return optional ? `${name}=${fallback === undefined ? 'none' : JSON.stringify(fallback)}` : name;
    }),
    misfit(positional, named) {
      const given = new Set(names.slice(0, positional));
      if (positional > names.length) {
        const most = names.length === 0 ? 'no arguments' : `at most ${names.length}: ${names.join(', ')}`;
        return { message: `takes ${most}`, hint: shape };
      }
      for (const name of named) {
        if (!names.includes(name)) return { message: `takes no "${name}"`, hint: didYouMean(name, names) };
        if (given.has(name)) return { message: `was given "${name}" twice`, hint: shape };
        given.add(name);
      }
      const lacking = required.find(name => !given.has(name));
      return lacking === undefined ? undefined : { message: `needs "${lacking}"`, hint: shape };
    },
  };
}

/** Reads the arguments, which Operation.misfit has checked. */
export function bind(
  parameters: Parameters,
  given: Given,
  run: Run,
  labels: Set<string>,
): { [name: string]: unknown } {
  const read: { [name: string]: unknown } = {};
  for (const [position, [name, parameter]] of Object.entries(parameters).entries()) {
    const value = position < given.positional.length ? given.positional[position] : given.named.get(name);
    try {
      read[name] = value === undefined ? parameter.fallback : parameter.read(value, run, labels);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      throw new Refusal(`${name}: ${thrown.message}`, thrown.hint, thrown.code, thrown.at);
    }
  }
  return read;
}

function tainted(value: Value, label: string): Value {
  if (typeof value === 'string') return new Secret(value, label);
  if (Array.isArray(value)) return value.map(element => tainted(element, label));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tainted(inner, label)]));
}
