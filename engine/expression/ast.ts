import type { Plain } from '../value.ts';

/** A range of the source: offsets from 0, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The arguments of a filter, a test or a call. */
export interface Arguments {
  readonly positional: readonly Node[];
  readonly named: readonly { readonly name: string; readonly value: Node; readonly at: Span }[];
}

/** An operator that always evaluates both operands. */
export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';

/** An operator of a comparison chain. */
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

/** An expression. `at` of filters, tests and calls spans the name alone, so that a message underlines it. */
export type Node = Span &
  (
    | { readonly kind: 'literal'; readonly value: Plain }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'list'; readonly elements: readonly Node[] }
    | { readonly kind: 'map'; readonly entries: readonly { readonly key: Node; readonly value: Node }[] }
    | { readonly kind: 'attribute'; readonly of: Node; readonly name: string }
    | { readonly kind: 'index'; readonly of: Node; readonly key: Node }
    | { readonly kind: 'slice'; readonly of: Node; readonly bounds: readonly (Node | undefined)[] }
    | { readonly kind: 'sign'; readonly operator: '-' | '+'; readonly operand: Node }
    | { readonly kind: 'not'; readonly operand: Node }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Node;
        readonly right: Node;
      }
    | { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly left: Node; readonly right: Node }
    | { readonly kind: 'compare'; readonly first: Node; readonly rest: readonly Comparison[] }
    | { readonly kind: 'concat'; readonly operands: readonly Node[] }
    | { readonly kind: 'choice'; readonly condition: Node; readonly chosen: Node; readonly otherwise?: Node }
    | {
        readonly kind: 'filter';
        readonly input: Node;
        readonly name: string;
        readonly at: Span;
        readonly args: Arguments;
      }
    | {
        readonly kind: 'check';
        readonly input: Node;
        readonly name: string;
        readonly at: Span;
        readonly args: Arguments;
      }
    | { readonly kind: 'call'; readonly callee: Node; readonly args: Arguments }
  );

/** One link of a chain such as `1 < x <= 5`. */
export interface Comparison {
  readonly operator: CompareOperator;
  readonly operand: Node;
}

/** The target of a value: a name, names to unpack into, or a field of a namespace. */
export type Target = Span &
  (
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'tuple'; readonly targets: readonly Target[] }
    | { readonly kind: 'field'; readonly name: string; readonly field: string }
  );

/** A parameter of a macro or of a call block. */
export interface MacroParameter {
  readonly name: string;
  readonly default?: Node;
}

/** A part of a template. `capture` renders its body to the name `captured`, then binds or prints `value`. */
export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly value: Node }
  | { readonly kind: 'if'; readonly condition: Node; readonly body: Body; readonly otherwise: Body }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly over: Node;
      readonly only?: Node;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Node }
  | { readonly kind: 'capture'; readonly target?: Target; readonly body: Body; readonly value: Node }
  | {
      readonly kind: 'with';
      readonly bindings: readonly { readonly target: Target; readonly value: Node }[];
      readonly body: Body;
    }
  | {
      readonly kind: 'macro';
      readonly name: string;
      readonly parameters: readonly MacroParameter[];
      readonly body: Body;
    }
  | {
      readonly kind: 'call';
      readonly call: Node;
      readonly parameters: readonly MacroParameter[];
      readonly body: Body;
    };

/** Statements in order. */
export type Body = readonly Statement[];

/** The name under which a captured body is filtered; no template can write it. */
export const captured = ' body';
