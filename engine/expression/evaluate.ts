import { ProblemError, type Where } from '../problem.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { Secret, Unknown, type Value } from '../value.ts';
import type { Arguments, Comparison, Node, Span } from './ast.ts';
import { contains, equals, order, truthy } from './comparison.ts';
import {
  Absent,
  asValue,
  type Budget,
  Callable,
  describe,
  Fields,
  type Given,
  NotYet,
  Refusal,
  type Result,
  type Run,
  Undefined,
} from './evaluation.ts';
import { filters } from './filters.ts';
import { functionNamed, functionNames, methodNames, methodOf, type Runtime } from './functions.ts';
import { jinjaTests } from './jinja-tests.ts';
import { arithmetic, joined, keyText, member, signed, slice } from './operators.ts';
import type { Operation } from './signature.ts';
import { nameOfAnsible, noSuch, undefinedHint } from './unknown-name-hints.ts';

/** The names that an expression sees. Only `has`, `get` and `keys` of a Map are used, so it can be a lazy one. */
export type Scope = ReadonlyMap<string, Value> | { readonly [name: string]: Value };

/** The names that a template itself binds, inside the names around it. */
export class Frame {
  readonly names = new Map<string, Result>();
  readonly #outer: Frame | undefined;

  constructor(outer?: Frame) {
    this.#outer = outer;
  }

  get(name: string): Result | undefined {
    return this.names.has(name) ? this.names.get(name) : this.#outer?.get(name);
  }

  all(): string[] {
    return [...this.names.keys(), ...(this.#outer?.all() ?? [])];
  }
}

/** Evaluates expressions of one source with one scope. */
export class Evaluator implements Run {
  readonly budget: Budget;
  readonly #where: Where;
  readonly #scope: Scope;
  readonly #runtime: Runtime;
  #latest: Span = { start: 0, end: 1 };

  constructor(scope: Scope, runtime: Runtime, where: Where, budget: Budget) {
    this.#scope = scope;
    this.#where = where;
    this.budget = budget;
    this.#runtime = runtime;
  }

  /** Returns the value of an expression. A missing name is a problem. */
  value(node: Node, frame: Frame): Value {
    return this.placed(node, () => asValue(this.evaluate(node, frame)));
  }

  /** Returns a result that a name can be bound to: a value, a function or a namespace. An undefined one is a problem. */
  binding(node: Node, frame: Frame): Result {
    const result = this.evaluate(node, frame);
    return result instanceof Undefined ? this.placed(node, () => asValue(result)) : result;
  }

  /** Runs an operation that may refuse values, and gives its refusal a place. */
  placed<T>(at: Span, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof Refusal) throw this.#problem(thrown, thrown.at ?? at);
      throw thrown;
    }
  }

  #problem({ code, message, hint }: Refusal, at: Span): ProblemError {
    const place = this.#where(at.start, Math.max(1, at.end - at.start));
    return new ProblemError({ code, message, at: place, ...(hint === undefined ? {} : { hint }) });
  }

  /** Runs a whole evaluation. JavaScript's own limits on depth and length become a problem at the last place. */
  whole<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const deep = /stack/i.test(thrown.message);
      const message = deep ? 'the values here are nested too deep' : 'this makes more than can be kept';
      throw this.#problem(new Refusal(message, undefined, 'expression-limit'), this.#latest);
    }
  }

  /** Returns the result of an expression. If it needs an unknown value, it is unknown itself. */
  evaluate(node: Node, frame: Frame): Result {
    this.budget.spend(1);
    const at = 'at' in node ? node.at : node;
    this.#latest = at;
    try {
      const result = this.placed(at, () => this.#evaluate(node, frame));
      if (result instanceof Undefined) result.at ??= node;
      return result;
    } catch (thrown) {
      if (thrown instanceof NotYet) return thrown.unknown.untyped;
      throw thrown;
    }
  }

  #evaluate(node: Node, frame: Frame): Result {
    switch (node.kind) {
      case 'literal':
        return node.value as Value;
      case 'name':
        return this.#lookUp(node.name, frame);
      case 'list':
        return node.elements.map(element => this.value(element, frame));
      case 'map':
        return Object.fromEntries(
          node.entries.map(({ key, value }) => [
            this.placed(key, () => keyText(this.value(key, frame))),
            this.value(value, frame),
          ]),
        );
      case 'attribute':
        return member(this.evaluate(node.of, frame), node.name, pathOf(node.of), this.budget);
      case 'index':
        return this.#index(node.of, node.key, frame);
      case 'slice': {
        const bounds = node.bounds.map(bound => bound && this.value(bound, frame));
        return slice(this.value(node.of, frame), bounds, this.budget);
      }
      case 'sign':
        return signed(node.operator, this.value(node.operand, frame));
      case 'not':
        return !truthy(this.value(node.operand, frame), this.budget);
      case 'binary':
        return arithmetic(
          node.operator,
          this.value(node.left, frame),
          this.value(node.right, frame),
          this.budget,
        );
      case 'logic': {
        const left = this.value(node.left, frame);
        return truthy(left, this.budget) === (node.operator === 'and') ? this.value(node.right, frame) : left;
      }
      case 'compare':
        return this.#compare(this.value(node.first, frame), node.rest, frame);
      case 'concat':
        return joined(
          node.operands.map(operand => this.value(operand, frame)),
          this.budget,
        );
      case 'choice':
        if (truthy(this.value(node.condition, frame), this.budget)) return this.evaluate(node.chosen, frame);
        if (node.otherwise) return this.evaluate(node.otherwise, frame);
        return new Absent();
      case 'filter':
        return this.filter(node.name, this.evaluate(node.input, frame), this.given(node.args, frame));
      case 'check':
        return this.#is(node.name, this.evaluate(node.input, frame), this.given(node.args, frame));
      case 'call':
        return this.call(node.callee, this.given(node.args, frame), frame);
    }
  }

  /** Applies a filter by name. */
  filter(name: string, input: Result, given: Given): Result {
    const filter = filters.get(name);
    if (!filter) throw new Refusal(...noSuch('filter', name, filters.keys()));
    return this.#apply(`the filter ${name}`, filter, input, given);
  }

  /** Returns whether a test holds, by its name. */
  check(name: string, input: Result, given: Given): boolean {
    const holds = this.#is(name, input, given);
    if (holds instanceof Unknown) throw new NotYet(holds);
    return holds === true;
  }

  #is(name: string, input: Result, given: Given): Result {
    const test = jinjaTests.get(name);
    if (!test) throw new Refusal(...noSuch('test', name, jinjaTests.keys()));
    return this.#apply(`the test ${name}`, test, input, given);
  }

  #apply(what: string, operation: Operation, input: Result, given: Given): Result {
    this.budget.spend(1);
    const misfit = operation.misfit(given.positional.length, given.named.keys());
    if (misfit) throw new Refusal(`${what} ${misfit.message}`, misfit.hint);
    return operation.apply(input, given, this);
  }

  /** Calls a function, a macro, a field of `loop` or a registered method. */
  call(callee: Node, given: Given, frame: Frame): Result {
    if (callee.kind === 'attribute') {
      const of = this.evaluate(callee.of, frame);
      if (of instanceof Unknown) return of.untyped;
      if (!(of instanceof Fields)) return this.#callMethod(asValue(of), callee.name, given);
    }
    const target = this.evaluate(callee, frame);
    if (target instanceof Callable) return target.call(given);
    if (target instanceof Unknown) return target.untyped;
    throw new Refusal(`${describe(asValue(target))} cannot be called`, 'Write it without the brackets.');
  }

  #callMethod(value: Value, name: string, given: Given): Result {
    const method = typeof value === 'object' || typeof value === 'string' ? methodOf(value, name) : undefined;
    if (!method)
      throw new Refusal(
        `${describe(value)} has no method ${name}()`,
        didYouMean(name, methodNames(value)) ?? 'Use a filter: value | filter',
      );
    return this.#apply(`${name}()`, method, value, given);
  }

  #lookUp(name: string, frame: Frame): Result {
    const bound = frame.get(name);
    if (bound !== undefined) return bound;
    const scope = this.#scope;
    if (scope instanceof Map) {
      if (scope.has(name)) return scope.get(name) as Value;
    } else if (Object.hasOwn(scope, name)) return (scope as { [name: string]: Value })[name]!;
    const callable = functionNamed(name, this, this.#runtime);
    if (callable) return callable;
    const names = () => [...(scope instanceof Map ? scope.keys() : Object.keys(scope)), ...frame.all()];
    const hint = () =>
      nameOfAnsible(name) ?? didYouMean(name, [...names(), ...functionNames]) ?? undefinedHint(name);
    return new Undefined(`"${name}" is not defined`, hint);
  }

  #index(of: Node, key: Node, frame: Frame): Result {
    const result = this.evaluate(of, frame);
    const index = this.value(key, frame);
    if (index instanceof Unknown) return index.untyped;
    if (index instanceof Secret) {
      const found = member(result, index.reveal(), '', this.budget);
      // The message of a missing key would show the secret.
      return found instanceof Undefined ? new Undefined('there is no such key') : found;
    }
    const name = typeof index === 'boolean' ? Number(index) : index;
    if (typeof name === 'string' || typeof name === 'number')
      return member(result, name, pathOf(of), this.budget);
    throw new Refusal(`${describe(name)} is not a name or a position`);
  }

  #compare(first: Value, rest: readonly Comparison[], frame: Frame): Value {
    let left = first;
    for (const { operator, operand } of rest) {
      const right = this.value(operand, frame);
      if (!holds(operator, left, right, this.budget)) return false;
      left = right;
    }
    return true;
  }

  /** Evaluates arguments. */
  given(args: Arguments, frame: Frame): Given {
    return {
      positional: args.positional.map(node => this.value(node, frame)),
      named: new Map(args.named.map(({ name, value }) => [name, this.value(value, frame)])),
    };
  }
}

function holds(operator: Comparison['operator'], left: Value, right: Value, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return equals(left, right, budget);
    case '!=':
      return !equals(left, right, budget);
    case 'in':
      return contains(right, left, budget);
    case 'not in':
      return !contains(right, left, budget);
    case '<':
      return order(left, right, budget) < 0;
    case '<=':
      return order(left, right, budget) <= 0;
    case '>':
      return order(left, right, budget) > 0;
    case '>=':
      return order(left, right, budget) >= 0;
  }
}

/** Returns a path such as `facts.os` as a person writes it, for messages; empty for any other expression. */
export function pathOf(node: Node): string {
  if (node.kind === 'name') return node.name;
  if (node.kind !== 'attribute') return '';
  const of = pathOf(node.of);
  return of === '' ? '' : `${of}.${node.name}`;
}
