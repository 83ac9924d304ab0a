import type { Secret, Unknown, Value } from '../value.ts';
import { type Body, captured, type MacroParameter, type Statement, type Target } from './ast.ts';
import { equals, truthy } from './comparison.ts';
import { type Evaluator, Frame } from './evaluate.ts';
import {
  asValue,
  Callable,
  describe,
  elementsOf,
  Fields,
  type Given,
  known,
  Refusal,
  type Result,
  TextBuilder,
  Undefined,
} from './evaluation.ts';

/** Runs the statements of a template. An unknown value makes the text unknown. */
export class Renderer {
  readonly #evaluator: Evaluator;

  constructor(evaluator: Evaluator) {
    this.#evaluator = evaluator;
  }

  /** Returns the text of a body. Throws NotYet if the choice of the text depends on an unknown value. */
  text(body: Body, frame: Frame): string | Secret | Unknown {
    const out = new TextBuilder(this.#evaluator.budget);
    this.#body(body, frame, out);
    return out.done();
  }

  #body(body: Body, frame: Frame, out: TextBuilder): void {
    for (const statement of body) {
      this.#evaluator.budget.spend(1);
      this.#statement(statement, frame, out);
    }
  }

  #statement(statement: Statement, frame: Frame, out: TextBuilder): void {
    const evaluator = this.#evaluator;
    switch (statement.kind) {
      case 'text':
        out.addText(statement.text);
        break;
      case 'output': {
        const { value } = statement;
        evaluator.placed(value, () => out.add(evaluator.value(value, frame)));
        break;
      }
      case 'if': {
        const holds = truthy(evaluator.value(statement.condition, frame), evaluator.budget);
        this.#body(holds ? statement.body : statement.otherwise, frame, out);
        break;
      }
      case 'for':
        this.#loop(statement, frame, out);
        break;
      case 'set':
        this.#bind(statement.target, evaluator.binding(statement.value, frame), frame);
        break;
      case 'capture':
        this.#capture(statement, frame, out);
        break;
      case 'with': {
        const inner = new Frame(frame);
        for (const { target, value } of statement.bindings)
          this.#bind(target, evaluator.binding(value, frame), inner);
        this.#body(statement.body, inner, out);
        break;
      }
      case 'macro':
        void frame.names.set(
          statement.name,
          this.#macro(statement.name, statement.parameters, statement.body, frame),
        );
        break;
      case 'call':
        this.#callBlock(statement, frame, out);
        break;
    }
  }

  #capture(statement: Statement & { kind: 'capture' }, frame: Frame, out: TextBuilder): void {
    const inner = new Frame(frame);
    inner.names.set(captured, this.text(statement.body, new Frame(frame)));
    const value = this.#evaluator.value(statement.value, inner);
    if (statement.target) this.#bind(statement.target, value, frame);
    else this.#evaluator.placed(statement.value, () => out.add(value));
  }

  #loop(statement: Statement & { kind: 'for' }, frame: Frame, out: TextBuilder): void {
    const { over, target, only, body, otherwise } = statement;
    const evaluator = this.#evaluator;
    const all = evaluator.placed(over, () => elementsOf(evaluator.value(over, frame), evaluator.budget));
    const elements = all.filter(element => {
      if (only === undefined) return true;
      const inner = new Frame(frame);
      this.#bind(target, element, inner);
      return truthy(evaluator.value(only, inner), evaluator.budget);
    });
    let changed: Value[] | undefined;
    const differs = new Callable(({ positional }) => {
      const same = changed !== undefined && equals(changed, [...positional], evaluator.budget);
      changed = [...positional];
      return !same;
    });
    for (const [index, element] of elements.entries()) {
      const inner = new Frame(frame);
      inner.names.set('loop', loopFields(elements, index, 1, differs));
      this.#bind(target, element, inner);
      this.#body(body, inner, out);
    }
    if (elements.length === 0) this.#body(otherwise, new Frame(frame), out);
  }

  #bind(target: Target, value: Result, frame: Frame): void {
    if (target.kind === 'name') {
      frame.names.set(target.name, value);
      return;
    }
    this.#evaluator.placed(target, () => {
      if (target.kind === 'field') {
        const fields = frame.get(target.name);
        if (!(fields instanceof Fields) || fields.what !== 'a namespace') {
          throw new Refusal(
            `"${target.name}" is not a namespace`,
            `Make it with {% set ${target.name} = namespace() %}.`,
          );
        }
        fields.fields.set(target.field, value);
        return;
      }
      const parts = known(value as Value);
      if (!Array.isArray(parts))
        throw new Refusal(`${describe(parts)} cannot be unpacked`, 'Go through a map with .items().');
      if (parts.length !== target.targets.length) {
        throw new Refusal(`${parts.length} values cannot be unpacked into ${target.targets.length} names`);
      }
      for (const [index, inner] of target.targets.entries()) this.#bind(inner, parts[index]!, frame);
    });
  }

  #macro(name: string, parameters: readonly MacroParameter[], body: Body, outer: Frame): Callable {
    return new Callable(given => {
      const frame = new Frame(outer);
      this.#fill(name, parameters, given, frame);
      if (given.caller) frame.names.set('caller', given.caller);
      return this.#evaluator.budget.nested(() => this.text(body, frame));
    });
  }

  #fill(name: string, parameters: readonly MacroParameter[], given: Given, frame: Frame): void {
    const { positional, named } = given;
    if (positional.length > parameters.length)
      throw new Refusal(`${name}() takes at most ${parameters.length} arguments`);
    const names = parameters.map(parameter => parameter.name);
    const odd = [...named.keys()].find(key => !names.includes(key));
    if (odd !== undefined) throw new Refusal(`${name}() takes no "${odd}"`);
    for (const [index, parameter] of parameters.entries()) {
      const value = index < positional.length ? positional[index] : named.get(parameter.name);
      const otherwise = () =>
        parameter.default
          ? this.#evaluator.value(parameter.default, frame)
          : new Undefined(`${name}() was not given "${parameter.name}"`);
      frame.names.set(parameter.name, value === undefined ? otherwise() : value);
    }
  }

  #callBlock(statement: Statement & { kind: 'call' }, frame: Frame, out: TextBuilder): void {
    const { call } = statement;
    if (call.kind !== 'call') return;
    const caller = this.#macro('caller', statement.parameters, statement.body, frame);
    const evaluator = this.#evaluator;
    evaluator.placed(call, () => {
      const given = { ...evaluator.given(call.args, frame), caller };
      out.add(asValue(evaluator.call(call.callee, given, frame)));
    });
  }
}

function loopFields(elements: readonly Value[], index: number, depth: number, changed: Callable): Fields {
  const { length } = elements;
  const make = () =>
    new Map<string, Result>([
      ['index', index + 1],
      ['index0', index],
      ['revindex', length - index],
      ['revindex0', length - index - 1],
      ['first', index === 0],
      ['last', index === length - 1],
      ['length', length],
      ['depth', depth],
      ['depth0', depth - 1],
      ['changed', changed],
      ['cycle', new Callable(({ positional }) => positional[index % positional.length] ?? null)],
      ['previtem', index > 0 ? elements[index - 1]! : new Undefined('there is no element before the first')],
      [
        'nextitem',
        index + 1 < length ? elements[index + 1]! : new Undefined('there is no element after the last'),
      ],
    ]);
  return new Fields('loop', make);
}
