import type { Place, Where } from '../problem.ts';
import {
  type Arguments,
  type Body,
  captured,
  type MacroParameter,
  type Node,
  type Span,
  type Statement,
  type Target,
} from './ast.ts';
import { functionNames } from './functions.ts';

/** A name that the scope must provide, with the literal keys behind it. */
export interface Reference {
  readonly path: string[];
  readonly at: Place;
  /** It may be undefined, or its place may not be reached: under `default` or `is defined`, or in a branch. */
  readonly guarded: boolean;
  /** It may be undefined: under `default` or `is defined`, or behind a condition that tests it. */
  readonly optional: boolean;
}

/** The way to an expression: whether it is certainly evaluated, and the paths that earlier conditions test. */
interface Way {
  readonly guarded: boolean;
  readonly asked: readonly (readonly string[])[];
}

const sure: Way = { guarded: false, asked: [] };

/** Returns the references of a template or of an expression, in the order of the source. */
export function referencesOf(source: Body | Node, where: Where): Reference[] {
  const collector = new Collector(where);
  if ('kind' in source) collector.node(source, new Set(functionNames), sure);
  else collector.body(source, new Set(functionNames), sure);
  return collector.found.toSorted((a, b) => a.start - b.start).map(({ reference }) => reference);
}

/** Returns the paths that a condition tests: `x.y is defined`, `x | default(…)`, `'y' in x`. */
export function askedIn(condition: Node): string[][] {
  const own = askedBy(condition);
  const { sure, guarded = [] } = partsOf(condition);
  return [...own, ...[...sure, ...guarded].flatMap(askedIn)];
}

function askedBy(it: Node): string[][] {
  if (it.kind === 'filter' || it.kind === 'check') {
    const path = lenient.has(it.name) ? pathOf(it.input) : undefined;
    return path === undefined ? [] : [path];
  }
  if (it.kind !== 'compare' || it.first.kind !== 'literal' || typeof it.first.value !== 'string') return [];
  const key = it.first.value;
  const of = it.rest[0]!.operator.endsWith('in') ? pathOf(it.rest[0]!.operand) : undefined;
  if (of === undefined) return [];
  return of.length === 1 && of[0] === 'vars' ? [[key], ['vars', key]] : [[...of, key]];
}

class Collector {
  readonly found: { start: number; reference: Reference }[] = [];
  readonly #where: Where;

  constructor(where: Where) {
    this.#where = where;
  }

  /** Statements share one set of local names, to which `set` and `macro` add. */
  body(body: Body, locals: Set<string>, way: Way): void {
    for (const statement of body) this.#statement(statement, locals, way);
  }

  #statement(it: Statement, locals: Set<string>, way: Way): void {
    switch (it.kind) {
      case 'text':
        break;
      case 'output':
        this.node(it.value, locals, way);
        break;
      case 'if': {
        this.node(it.condition, locals, way);
        const branch = after(it.condition, way);
        this.body(it.body, locals, branch);
        this.body(it.otherwise, locals, branch);
        break;
      }
      case 'for': {
        this.node(it.over, locals, way);
        const inner = new Set([...locals, ...namesOf(it.target), 'loop']);
        if (it.only) this.node(it.only, inner, way);
        this.body(it.body, inner, it.only ? { ...after(it.only, way), guarded: way.guarded } : way);
        this.body(it.otherwise, new Set(locals), { ...way, guarded: true });
        break;
      }
      case 'set':
        this.node(it.value, locals, way);
        bind(it.target, locals);
        break;
      case 'capture':
        this.body(it.body, new Set(locals), way);
        this.node(it.value, new Set([...locals, captured]), way);
        if (it.target) bind(it.target, locals);
        break;
      case 'with': {
        const inner = new Set(locals);
        for (const { target, value } of it.bindings) {
          this.node(value, locals, way);
          bind(target, inner);
        }
        this.body(it.body, inner, way);
        break;
      }
      case 'macro':
        locals.add(it.name);
        this.#macro(it.parameters, it.body, new Set([...locals, 'caller']), way);
        break;
      case 'call':
        this.node(it.call, locals, way);
        this.#macro(it.parameters, it.body, new Set(locals), way);
        break;
    }
  }

  #macro(parameters: readonly MacroParameter[], body: Body, locals: Set<string>, way: Way): void {
    for (const parameter of parameters) {
      if (parameter.default) this.node(parameter.default, locals, way);
      locals.add(parameter.name);
    }
    this.body(body, locals, way);
  }

  node(node: Node, locals: ReadonlySet<string>, way: Way, optional = false): void {
    const path = pathOf(node);
    if (path !== undefined) {
      if (!locals.has(path[0]!)) this.#add(path, node, way, optional);
      return;
    }
    const { sure, guarded = [] } = partsOf(node);
    for (const part of sure) this.node(part, locals, way);
    const may = node.kind === 'filter' || node.kind === 'check';
    for (const part of guarded)
      this.node(part, locals, may ? { ...way, guarded: true } : after(sure[0]!, way), may);
  }

  #add(path: string[], at: Span, { guarded, asked }: Way, may: boolean): void {
    const where = this.#where;
    const optional = may || asked.some(known => known.every((key, index) => key === path[index]));
    const reference: Reference = {
      path,
      guarded: guarded || optional,
      optional,
      // Finding a place is costly, and few places are needed.
      get at() {
        return where(at.start, at.end - at.start);
      },
    };
    this.found.push({ start: at.start, reference });
  }
}

/** The way into a branch behind a condition. */
function after(condition: Node, way: Way): Way {
  return { guarded: true, asked: [...way.asked, ...askedIn(condition)] };
}

const lenient = new Set(['default', 'd', 'items', 'defined', 'undefined']);

/** Returns the inner expressions: those whose names must be defined, and those whose names need not be. */
function partsOf(it: Node): { sure: readonly Node[]; guarded?: readonly Node[] } {
  switch (it.kind) {
    case 'literal':
    case 'name':
      return { sure: [] };
    case 'list':
      return { sure: it.elements };
    case 'map':
      return { sure: it.entries.flatMap(({ key, value }) => [key, value]) };
    case 'attribute':
      return { sure: [it.of] };
    case 'index':
      return { sure: [it.of, it.key] };
    case 'slice':
      return { sure: [it.of, ...it.bounds.filter(bound => bound !== undefined)] };
    case 'sign':
    case 'not':
      return { sure: [it.operand] };
    case 'binary':
      return { sure: [it.left, it.right] };
    case 'logic':
      return { sure: [it.left], guarded: [it.right] };
    case 'compare':
      return { sure: [it.first, ...it.rest.map(({ operand }) => operand)] };
    case 'concat':
      return { sure: it.operands };
    case 'choice':
      return { sure: [it.condition], guarded: [it.chosen, ...(it.otherwise ? [it.otherwise] : [])] };
    case 'filter':
    case 'check':
      if (lenient.has(it.name)) return { sure: argumentsOf(it.args), guarded: [it.input] };
      return { sure: [it.input, ...argumentsOf(it.args)] };
    case 'call':
      // The last name of `facts.disks.keys()` is a method, not a key.
      return { sure: [it.callee.kind === 'attribute' ? it.callee.of : it.callee, ...argumentsOf(it.args)] };
  }
}

function argumentsOf({ positional, named }: Arguments): Node[] {
  return [...positional, ...named.map(({ value }) => value)];
}

/** The names of `a.b['c']`, undefined for anything else. */
function pathOf(node: Node): string[] | undefined {
  if (node.kind === 'name') return [node.name];
  if (node.kind === 'attribute') {
    const of = pathOf(node.of);
    return of && [...of, node.name];
  }
  if (node.kind !== 'index' || node.key.kind !== 'literal' || typeof node.key.value !== 'string')
    return undefined;
  const of = pathOf(node.of);
  return of && [...of, node.key.value];
}

function namesOf(target: Target): string[] {
  if (target.kind === 'name') return [target.name];
  return target.kind === 'tuple' ? target.targets.flatMap(namesOf) : [];
}

function bind(target: Target, locals: Set<string>): void {
  for (const name of namesOf(target)) locals.add(name);
}
