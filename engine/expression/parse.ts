import type { Arguments, BinaryOperator, CompareOperator, Comparison, Node, Span } from './ast.ts';
import { filters } from './filters.ts';
import { jinjaTests } from './jinja-tests.ts';
import type { Operation } from './signature.ts';
import { constants, keywords, TokenReader } from './token-reader.ts';
import { noSuch } from './unknown-name-hints.ts';

const noArguments: Arguments = { positional: [], named: [] };

/** Left-associative operators from weak to strong, between comparison and power, as Jinja2 ranks them. */
const ranks: readonly (readonly string[])[] = [['+', '-'], ['~'], ['*', '/', '//', '%'], ['**']];

/** Reads expressions from tokens. It stops at the first mistake, which the syntax collects. */
export class Parser extends TokenReader {
  /** One expression or, separated by commas, a list of them. `choice: false` leaves an `if` to the caller. */
  tuple(choice = true): Node {
    const first = choice ? this.expression() : this.#or();
    if (!this.sees(',')) return first;
    const elements = [first];
    while (this.takes(',') && !this.#endsTuple()) elements.push(choice ? this.expression() : this.#or());
    return { kind: 'list', elements, ...span(first, elements.at(-1)!) };
  }

  #endsTuple(): boolean {
    return this.token.kind === 'end' || this.sees(')') || this.sees('if') || this.sees('=');
  }

  /** One expression. */
  expression(): Node {
    return this.syntax.nested(this.token, () => {
      let node = this.#or();
      while (this.takes('if')) {
        const condition = this.#or();
        const otherwise = this.takes('else') ? this.expression() : undefined;
        const last = otherwise ?? condition;
        node = {
          kind: 'choice',
          condition,
          chosen: node,
          ...(otherwise && { otherwise }),
          ...span(node, last),
        };
      }
      return node;
    });
  }

  #or(): Node {
    let left = this.#and();
    while (this.takes('or')) {
      const right = this.#and();
      left = { kind: 'logic', operator: 'or', left, right, ...span(left, right) };
    }
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.takes('and')) {
      const right = this.#not();
      left = { kind: 'logic', operator: 'and', left, right, ...span(left, right) };
    }
    return left;
  }

  #not(): Node {
    const { start } = this.token;
    if (!this.sees('not')) return this.#comparison();
    return this.syntax.nested(this.take(), () => {
      const operand = this.#not();
      return { kind: 'not', operand, start, end: operand.end };
    });
  }

  #comparison(): Node {
    const first = this.#ranked(0);
    const rest: Comparison[] = [];
    for (let operator = this.#compareOperator(); operator !== undefined; operator = this.#compareOperator()) {
      rest.push({ operator, operand: this.#ranked(0) });
    }
    return rest.length === 0 ? first : { kind: 'compare', first, rest, ...span(first, rest.at(-1)!.operand) };
  }

  #compareOperator(): CompareOperator | undefined {
    for (const operator of ['==', '!=', '<=', '>=', '<', '>', 'in'] as const)
      if (this.takes(operator)) return operator;
    if (this.sees('not') && this.follows('name', 'in')) {
      this.skip(2);
      return 'not in';
    }
    if (this.sees('=')) this.syntax.fail(this.token, '"=" does not compare', 'Write == to compare.');
    return undefined;
  }

  #ranked(rank: number): Node {
    const operators = ranks[rank];
    if (operators === undefined) return this.#signed(true);
    let left = this.#ranked(rank + 1);
    for (;;) {
      const operator = operators.find(candidate => this.sees(candidate) && this.token.kind === 'operator');
      if (operator === undefined) return left;
      this.take();
      const right = this.#ranked(rank + 1);
      if (operator !== '~') {
        left = { kind: 'binary', operator: operator as BinaryOperator, left, right, ...span(left, right) };
      } else {
        const operands = left.kind === 'concat' ? [...left.operands, right] : [left, right];
        left = { kind: 'concat', operands, ...span(left, right) };
      }
    }
  }

  /** As in Jinja2 a sign binds tighter than `**`, and a filter after a signed number takes the signed number. */
  #signed(filtered: boolean): Node {
    const { start, value } = this.token;
    let node: Node;
    if (this.sees('-') || this.sees('+')) {
      node = this.syntax.nested(this.take(), () => {
        const operand = this.#signed(false);
        return { kind: 'sign', operator: value as '-' | '+', operand, start, end: operand.end };
      });
    } else node = this.#primary();
    node = this.#postfix(node);
    return filtered ? this.#filtered(node) : node;
  }

  #primary(): Node {
    const token = this.take();
    const { start, end } = token;
    if (token.kind === 'number') return { kind: 'literal', value: token.value, start, end };
    if (token.kind === 'text') return { kind: 'literal', ...this.texts(token.value), start };
    if (token.kind === 'name' && constants.has(token.value)) {
      return { kind: 'literal', value: constants.get(token.value)!, start, end };
    }
    if (token.kind === 'name' && !keywords.has(token.value))
      return { kind: 'name', name: token.value, start, end };
    if (token.kind === 'operator') {
      if (token.value === '(') return this.#group(start);
      if (token.value === '[') return this.#list(start);
      if (token.value === '{') return this.#map(start);
    }
    return this.unexpected('a value', token);
  }

  #group(start: number): Node {
    if (this.sees(')')) return { kind: 'list', elements: [], start, end: this.take().end };
    const inner = this.tuple();
    return { ...inner, start, end: this.expect(')').end };
  }

  #list(start: number): Node {
    const elements: Node[] = [];
    while (!this.sees(']')) {
      elements.push(this.expression());
      if (!this.takes(',')) break;
    }
    return { kind: 'list', elements, start, end: this.expect(']').end };
  }

  #map(start: number): Node {
    const entries: { key: Node; value: Node }[] = [];
    while (!this.sees('}')) {
      const key = this.expression();
      this.expect(':');
      entries.push({ key, value: this.expression() });
      if (!this.takes(',')) break;
    }
    return { kind: 'map', entries, start, end: this.expect('}').end };
  }

  #postfix(first: Node): Node {
    let node = first;
    for (;;) {
      if (this.takes('.')) node = this.#member(node);
      else if (this.takes('[')) node = this.#subscript(node);
      else if (this.sees('(')) node = this.#call(node);
      else return node;
    }
  }

  #member(of: Node): Node {
    const token = this.take();
    const place = { start: of.start, end: token.end };
    if (token.kind === 'name') return { kind: 'attribute', of, name: token.value, ...place };
    if (token.kind === 'number' && token.whole) {
      return {
        kind: 'index',
        of,
        key: { kind: 'literal', value: token.value, start: token.start, end: token.end },
        ...place,
      };
    }
    return this.unexpected('a name', token);
  }

  #subscript(of: Node): Node {
    const bounds: (Node | undefined)[] = [undefined];
    while (!this.sees(']')) {
      if (this.takes(':')) bounds.push(undefined);
      else if (bounds.at(-1) === undefined) bounds[bounds.length - 1] = this.expression();
      else break;
    }
    const close = this.expect(']');
    const [key] = bounds;
    const place = { start: of.start, end: close.end };
    if (bounds.length > 3) this.syntax.fail(place, 'a slice has at most three parts: [from:to:step]');
    if (bounds.length > 1) return { kind: 'slice', of, bounds, ...place };
    if (key === undefined) this.syntax.fail(place, 'these brackets need an index or a key');
    return { kind: 'index', of, key, ...place };
  }

  #call(callee: Node): Node {
    const { args, end } = this.#arguments();
    return { kind: 'call', callee, args, start: callee.start, end };
  }

  /** Filters and tests after a value; also a macro that is called with the result of a filter. */
  #filtered(first: Node): Node {
    let node = first;
    for (;;) {
      if (this.takes('|')) node = this.filter(node);
      else if (this.sees('is')) node = this.#check(node);
      else if (this.sees('(')) node = this.#call(node);
      else return node;
    }
  }

  /** One filter, the bar before it being consumed. */
  filter(input: Node): Node {
    this.skipCollection();
    const at = this.name('the name of a filter');
    const { args, end } = this.sees('(') ? this.#arguments() : { args: noArguments, end: at.end };
    this.#known('filter', at, filters, args);
    return { kind: 'filter', input, name: at.name, at, args, start: input.start, end };
  }

  #check(input: Node): Node {
    this.take();
    const negated = this.takes('not');
    this.skipCollection();
    const token = this.take();
    if (token.kind !== 'name') return this.unexpected('the name of a test', token);
    const at = { name: token.value, start: token.start, end: token.end };
    let args = noArguments;
    let end = token.end;
    if (this.sees('(')) ({ args, end } = this.#arguments());
    else if (this.startsValue()) {
      const operand = this.#postfix(this.#primary());
      args = { positional: [operand], named: [] };
      end = operand.end;
    }
    this.#known('test', at, jinjaTests, args);
    if (this.sees('is'))
      this.syntax.fail(this.token, 'one test cannot follow another', 'Join them with and.');
    const node: Node = { kind: 'check', input, name: at.name, at, args, start: input.start, end };
    return negated ? { kind: 'not', operand: node, start: input.start, end } : node;
  }

  #arguments(): { args: Arguments; end: number } {
    this.expect('(');
    const positional: Node[] = [];
    const named: { name: string; value: Node; at: Span }[] = [];
    while (!this.sees(')')) {
      const token = this.token;
      if (this.sees('*') || this.sees('**'))
        this.syntax.fail(token, `"${token.value}" arguments are not taken here`);
      if (token.kind === 'name' && this.follows('operator', '=')) {
        this.skip(2);
        if (named.some(other => other.name === token.value))
          this.syntax.fail(token, `"${token.value}" is given twice`);
        named.push({ name: token.value, value: this.expression(), at: token });
      } else if (named.length > 0)
        this.syntax.fail(token, 'an argument without a name cannot follow one with a name');
      else positional.push(this.expression());
      if (!this.takes(',')) break;
    }
    return { args: { positional, named }, end: this.expect(')').end };
  }

  #known(
    what: 'filter' | 'test',
    at: { name: string } & Span,
    all: ReadonlyMap<string, Operation>,
    args: Arguments,
  ): void {
    const operation = all.get(at.name);
    if (operation === undefined) {
      this.syntax.report(at, ...noSuch(what, at.name, all.keys()));
      return;
    }
    const names = args.named.map(({ name }) => name);
    const misfit = operation.misfit(args.positional.length, names);
    if (misfit) this.syntax.report(at, `the ${what} ${at.name} ${misfit.message}`, misfit.hint);
  }
}

function span(first: Span, last: Span): Span {
  return { start: first.start, end: last.end };
}
