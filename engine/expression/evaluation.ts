import type { ProblemCode } from '../problem.ts';
import { unsaltedAdvice, unsaltedMark, unsaltedMessage } from '../util/unsalted-password.ts';
import { isMap, Secret, type SecretText, Unknown, type Value } from '../value.ts';
import type { Span } from './ast.ts';

/** The refusal of values. If it names no place, it gets the place of the operator or filter. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly hint: string | undefined;
  readonly at: Span | undefined;
  constructor(message: string, hint?: string, code: ProblemCode = 'expression-type', at?: Span) {
    super(message);
    this.hint = hint;
    this.code = code;
    this.at = at;
  }
}

/** Thrown if an operation needs an unknown value. The result of the operation is then unknown, too. */
export class NotYet extends Error {
  readonly unknown: Unknown;
  constructor(unknown: Unknown) {
    super();
    this.unknown = unknown;
  }
}

/** The result of a missing name or key. Any use of it but `default` and `is defined` throws its refusal. */
export class Undefined {
  readonly message: string;
  readonly #hint: string | (() => string) | undefined;
  /** The expression that evaluated to it, as the place of the refusal. */
  at: Span | undefined;

  /** Computed only for a message, because a hint can be costly and a loop may only ask whether a name is defined. */
  constructor(message: string, hint?: string | (() => string)) {
    this.message = message;
    this.#hint = hint;
  }

  get hint(): string | undefined {
    return typeof this.#hint === 'function' ? this.#hint() : this.#hint;
  }
}

/** The result of `a if false`: undefined, but used as an empty text, as in Jinja2. */
export class Absent extends Undefined {
  constructor() {
    super('the condition is false and there is no else');
  }
}

/** The evaluated arguments of a filter, test, method or function. */
export interface Given {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
  /** The body of the call block that calls a macro. */
  readonly caller?: Callable;
}

/** A function or a macro: it can be called, but is not a value. */
export class Callable {
  readonly call: (given: Given) => Result;
  constructor(call: (given: Given) => Result) {
    this.call = call;
  }
}

/** The object behind `loop` and `namespace()`: its fields can be reached only by an expression. */
export class Fields {
  readonly what: string;
  readonly #make: () => Map<string, Result>;
  #fields: Map<string, Result> | undefined;

  /** `make` is called for the first access to a field, because a loop has such an object for every element. */
  constructor(what: string, make: () => Map<string, Result>) {
    this.what = what;
    this.#make = make;
  }

  get fields(): Map<string, Result> {
    return (this.#fields ??= this.#make());
  }
}

/** Any intermediate result of an expression. */
export type Result = Value | Undefined | Callable | Fields;

/** The parts of the calling evaluation that filters and tests may use. */
export interface Run {
  readonly budget: Budget;
  filter(name: string, input: Result, given: Given): Result;
  check(name: string, input: Result, given: Given): boolean;
}

/** The number of characters that are processed in the time of one step. */
const charactersAStep = 100;

/** The limits of an evaluation: all its steps, and the length of each text. */
export class Budget {
  #steps: number;
  readonly #steps0: number;
  readonly maxLength: number;
  #depth = 0;

  constructor(maxSteps: number, maxLength: number) {
    this.#steps = maxSteps;
    this.#steps0 = maxSteps;
    this.maxLength = maxLength;
  }

  /** Takes steps; about one for each value touched. */
  spend(steps: number): void {
    this.#steps -= steps;
    if (!(this.#steps >= 0)) {
      throw new Refusal(`this takes more than ${this.#steps0} steps`, undefined, 'expression-limit');
    }
  }

  /** Runs the body of a macro, with a limit of recursion. */
  nested<T>(work: () => T): T {
    if (this.#depth >= 100)
      throw new Refusal('this calls itself more than 100 deep', undefined, 'expression-limit');
    this.#depth++;
    const result = work();
    this.#depth--;
    return result;
  }

  /** Checks the length, in characters, of a text before its creation. */
  fits(length: number): void {
    if (!(length <= this.maxLength)) {
      throw new Refusal(
        `this makes a text of more than ${this.maxLength.toLocaleString('en')} characters`,
        'Take a smaller number, or put the content into a file.',
        'expression-limit',
      );
    }
    this.reads(length);
  }

  /** Takes the steps for processing a text of this length in characters. */
  reads(length: number): void {
    this.spend(length / charactersAStep);
  }
}

/** Returns the value of a result. Throws for a missing name, a function or a loop. */
export function asValue(result: Result): Value {
  if (result instanceof Absent) return '';
  if (result instanceof Undefined)
    throw new Refusal(result.message, result.hint, 'undefined-variable', result.at);
  if (result instanceof Callable)
    throw new Refusal('a function is not a value', 'Call it: write () after its name.');
  if (result instanceof Fields) throw new Refusal(`${result.what} is not a value`, 'Take one of its fields.');
  return result;
}

/** Returns the kind of a value, for messages, never its content. */
export function describe(value: Value): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return `the number ${numberText(value)}`;
  if (typeof value === 'string') return 'a text';
  if (value instanceof Secret) return 'a secret text';
  if (Array.isArray(value)) return 'a list';
  if (isMap(value)) return 'a map';
  return 'not plain data';
}

/** Returns a known value, or throws NotYet. */
export function known(value: Value): Exclude<Value, Unknown> {
  if (value instanceof Unknown) throw new NotYet(value);
  return value;
}

/** Returns a secret, unless it is a password that waits for its salt: that one stands alone in an argument. */
export function salted(it: Secret): Secret {
  if (it.reveal().includes(unsaltedMark)) throw new Refusal(unsaltedMessage, unsaltedAdvice);
  return it;
}

/** Returns a value as text, as `{{ }}` prints it. Lists and maps have no text of their own. */
export function textOf(value: Value): string | Secret {
  const it = known(value);
  if (typeof it === 'string') return it;
  if (it instanceof Secret) return salted(it);
  if (typeof it === 'number') return numberText(it);
  if (typeof it === 'boolean') return it ? 'True' : 'False';
  if (it === null) return 'None';
  const hint = Array.isArray(it)
    ? 'Write it with | to_json, or | join(", ").'
    : 'Write it with | to_json or | to_yaml.';
  throw new Refusal(`${describe(it)} cannot be put into text as it is`, hint);
}

/** A number as Python prints it, but without the `.0` of a whole float: `4 / 2` prints as 2. */
export function numberText(value: number): string {
  if (value === 0 || Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, 'e-0$1');
}

/** Joins texts and keeps which parts are secret. */
export class TextBuilder {
  readonly #budget: Budget;
  readonly #parts: (string | SecretText)[] = [];
  #length = 0;
  #secret = false;
  #unknown: Unknown | undefined;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Appends a value. An unknown one makes the whole text unknown. */
  add(value: Value): void {
    if (value instanceof Unknown) this.#unknown ??= value.untyped;
    else this.addText(textOf(value));
  }

  addText(text: string | Secret): void {
    const parts = typeof text === 'string' ? [text] : text.parts;
    this.#secret ||= typeof text !== 'string';
    for (const part of parts) {
      this.#length += typeof part === 'string' ? part.length : part.text.length;
      this.#parts.push(part);
    }
    if (this.#length > this.#budget.maxLength) this.#budget.fits(this.#length);
  }

  done(): string | Secret | Unknown {
    this.#budget.fits(this.#length);
    if (this.#unknown !== undefined) return this.#unknown;
    return this.#secret ? new Secret(this.#parts) : this.#parts.join('');
  }
}

/** The characters of a text, as Python counts them. */
export function characters(text: string): string[] {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text.split('');
}

/** The elements of a list, the keys of a map or the characters of a text. */
export function elementsOf(value: Value, budget: Budget): Value[] {
  const it = known(value);
  if (it instanceof Secret) throw new Refusal('a secret text is not taken apart into characters');
  if (typeof it === 'string') budget.reads(it.length);
  const elements = typeof it === 'string' ? characters(it) : isMap(it) ? Object.keys(it) : it;
  if (!Array.isArray(elements)) throw new Refusal(`${describe(it)} has no elements to go through`);
  budget.spend(elements.length);
  return elements;
}
