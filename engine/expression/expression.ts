import type { Where } from '../problem.ts';
import { isMap, Secret, Unknown, type Value } from '../value.ts';
import type { Body, Node } from './ast.ts';
import { Evaluator, Frame, type Scope } from './evaluate.ts';
import { Budget, NotYet, Refusal } from './evaluation.ts';
import type { Runtime } from './functions.ts';
import { tokensOf } from './lexer.ts';
import { Parser } from './parse.ts';
import { askedIn, type Reference, referencesOf } from './references.ts';
import { Renderer } from './render.ts';
import { Syntax } from './syntax.ts';
import { parseTemplate } from './template.ts';

export type { Body, Node, Statement } from './ast.ts';
export type { Reference, Runtime, Scope, Where };

/** The limits of one evaluation. Beyond them it is an `expression-limit` problem. */
export interface Options {
  /** Steps, about one for each value; default: a million. */
  readonly maxSteps?: number;
  /** Characters of each text; default: ten million. */
  readonly maxLength?: number;
  /** Whether the inside of the result is not visited, because it can be large. */
  readonly shallow?: boolean;
}

/** A compiled source that can be evaluated any number of times. */
export interface Expression {
  readonly source: string;
  readonly references: readonly Reference[];
  /** The paths that it tests as a condition. They may be undefined in the parts that it decides about. */
  readonly asked: readonly (readonly string[])[];
  /** Returns the value in a scope. Throws a ProblemError with the place in the source. Results are never evaluated again. */
  evaluate(scope: Scope, runtime?: Runtime): Value;
}

/** A text with `{{ }}`, `{% %}` and `{# #}` in it. `evaluate` keeps the type of a text that is one `{{ }}` alone. */
export interface Template extends Omit<Expression, 'asked'> {
  /** The parts of the template. */
  readonly body: Body;
  /** Returns the text in a scope, also if `evaluate` would keep another type. */
  render(scope: Scope, runtime?: Runtime): string | Secret | Unknown;
}

/** Whether a text contains template syntax. */
export function isTemplate(text: string): boolean {
  return /\{[{%#]/.test(text);
}

/** Compiles a text that may contain templates. Throws a ProblemError with every mistake. */
export function compile(source: string, where: Where, options: Options = {}): Template {
  const syntax = new Syntax(source, where);
  const body = parseTemplate(syntax);
  syntax.done();
  const whole = wholeExpression(body);
  const render: Template['render'] = (scope, runtime = {}) =>
    run(scope, runtime, where, options, evaluator =>
      new Renderer(evaluator).text(body, new Frame()),
    ) as string;
  return {
    source,
    body,
    references: referencesOf(body, where),
    render,
    evaluate: (scope, runtime = {}) => {
      if (whole === undefined) return render(scope, runtime);
      const value = evaluated(whole, scope, runtime, where, options);
      // The line end after a text belongs to it: `content: "{{ name }}\n"`.
      const isText = typeof value === 'string' || value instanceof Secret;
      return isText && body.length > 1 ? render(scope, runtime) : value;
    },
  };
}

/** Compiles a bare expression, as `when:` has it. Throws a ProblemError. */
export function compileExpression(source: string, where: Where, options: Options = {}): Expression {
  const syntax = new Syntax(source, where);
  const node = parseBare(syntax);
  syntax.done();
  return {
    source,
    references: referencesOf(node, where),
    asked: askedIn(node),
    evaluate: (scope, runtime = {}) => evaluated(node, scope, runtime, where, options),
  };
}

/** Returns the places of offsets in a whole file. */
export function placeIn(file: string, text: string): Where {
  let starts: number[] | undefined;
  return (offset, length) => {
    starts ??= [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), end => end.index + end[0].length)];
    const index = starts.findLastIndex(start => start <= offset);
    const column = offset - starts[index]! + 1;
    const line = text.slice(starts[index], starts[index + 1]).replace(/\r?\n$|\r$/, '');
    const underlined = Math.max(1, Math.min(length, line.length - column + 1));
    return { file, line: index + 1, column, length: underlined, text: line };
  };
}

function parseBare(syntax: Syntax): Node {
  const nothing: Node = { kind: 'literal', value: null, start: 0, end: 0 };
  const braces = /^\s*(\{\{|\{%)/.exec(syntax.source);
  if (braces) {
    const start = braces[0].length - 2;
    syntax.report({ start, end: start + 2 }, 'this is an expression already', 'Leave the braces out.');
    return nothing;
  }
  const tokens = tokensOf(syntax);
  if (tokens === undefined) return nothing;
  const parsed = syntax.attempt(() => {
    const parser = new Parser(syntax, tokens);
    const node = parser.expression();
    parser.end();
    return node;
  });
  return parsed ?? nothing;
}

/** Returns the expression of a template that consists of one `{{ }}`, with space around it at most. */
function wholeExpression(body: Body): Node | undefined {
  const parts = body.filter(part => part.kind !== 'text' || part.text.trim() !== '');
  const [only] = parts;
  return parts.length === 1 && only?.kind === 'output' ? only.value : undefined;
}

function evaluated(node: Node, scope: Scope, runtime: Runtime, where: Where, options: Options): Value {
  return run(scope, runtime, where, options, evaluator => {
    const value = evaluator.value(node, new Frame());
    if (!options.shallow) evaluator.placed(node, () => measure(value, evaluator.budget, 0));
    return value instanceof Unknown && !isPath(node) ? value.untyped : value;
  });
}

/** Whether an expression is a name or a member by name. It then keeps the type of its value. */
function isPath(node: Node): boolean {
  return node.kind === 'name' || (node.kind === 'attribute' && isPath(node.of));
}

function run(
  scope: Scope,
  runtime: Runtime,
  where: Where,
  options: Options,
  work: (evaluator: Evaluator) => Value,
): Value {
  const budget = new Budget(options.maxSteps ?? 1_000_000, options.maxLength ?? 10_000_000);
  const evaluator = new Evaluator(scope, runtime, where, budget);
  try {
    return evaluator.whole(() => evaluator.placed({ start: 0, end: 1 }, () => work(evaluator)));
  } catch (thrown) {
    if (thrown instanceof NotYet) return thrown.unknown.untyped;
    throw thrown;
  }
}

/** Limits the result: a list that holds another twice, which holds another twice …, is small here and endless in print. */
function measure(value: Value, budget: Budget, depth: number): void {
  budget.spend(1);
  if (depth > 100)
    throw new Refusal('the result is nested more than 100 deep', undefined, 'expression-limit');
  if (Array.isArray(value) || isMap(value))
    for (const inner of Object.values(value)) measure(inner, budget, depth + 1);
}
