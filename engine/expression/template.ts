import {
  type Body,
  captured,
  type MacroParameter,
  type Node,
  type Span,
  type Statement,
  type Target,
} from './ast.ts';
import { type Segment, segmentsOf } from './lexer.ts';
import { Parser } from './parse.ts';
import type { Syntax } from './syntax.ts';

const endings = ['endif', 'endfor', 'endset', 'endwith', 'endfilter', 'endmacro', 'endcall', 'else', 'elif'];
const loaders = ['include', 'extends', 'import', 'from', 'block'];
const nothing: Node = { kind: 'literal', value: null, start: 0, end: 0 };

interface Tag extends Span {
  readonly word: string;
  readonly parser: Parser;
  readonly broken: boolean;
}

/** Reads a whole template. The syntax collects mistakes, and the reading continues after each. */
export function parseTemplate(syntax: Syntax): Body {
  return syntax.attempt(() => new TemplateParser(syntax).read()) ?? [];
}

class TemplateParser {
  readonly #syntax: Syntax;
  readonly #segments: readonly Segment[];
  #next = 0;
  /** The tag that ended the body read last. */
  #ending: Tag | undefined;

  constructor(syntax: Syntax) {
    this.#syntax = syntax;
    this.#segments = segmentsOf(syntax);
  }

  read(): Body {
    const body: Statement[] = [];
    for (;;) {
      body.push(...this.#body([]));
      if (this.#ending === undefined) return body;
      const message = `"${this.#ending.word}" ends nothing that is open here`;
      this.#syntax.report(this.#ending, message, 'Take it away, or write what it ends before it.');
    }
  }

  /** Reads statements up to a tag with one of these words, which becomes `#ending`. Undefined means the end of the source. */
  #body(ends: readonly string[]): Body {
    const body: Statement[] = [];
    for (let segment = this.#take(); segment !== undefined; segment = this.#take()) {
      if (segment.kind === 'text') body.push({ kind: 'text', text: segment.text });
      else if (segment.kind === 'output') {
        const value = segment.broken
          ? undefined
          : this.#whole(new Parser(this.#syntax, segment.tokens), it => it.tuple());
        if (value) body.push({ kind: 'output', value });
      } else {
        const tag = this.#tag(segment);
        if (ends.includes(tag.word) || endings.includes(tag.word)) {
          this.#ending = tag;
          return body;
        }
        const statement = this.#syntax.nested(tag, () => this.#statement(tag));
        if (statement) body.push(statement);
      }
    }
    this.#ending = undefined;
    return body;
  }

  #take(): Segment | undefined {
    return this.#segments[this.#next++];
  }

  #tag(segment: Exclude<Segment, { kind: 'text' }>): Tag {
    const parser = new Parser(this.#syntax, segment.tokens);
    const token = segment.tokens[0];
    const word = token?.kind === 'name' ? token.value : '';
    if (word !== '') parser.take();
    const { start, end } =
      word === '' || token === undefined ? { start: segment.start, end: segment.start + 2 } : token;
    return { word, parser, broken: segment.broken, start, end };
  }

  /** Reads the rest of a tag. Returns undefined after a mistake in it. */
  #header<T>(tag: Tag, read: (parser: Parser) => T): T | undefined {
    return tag.broken ? undefined : this.#whole(tag.parser, read);
  }

  #whole<T>(parser: Parser, read: (parser: Parser) => T): T | undefined {
    return this.#syntax.attempt(() => {
      const result = read(parser);
      parser.end();
      return result;
    });
  }

  #statement(tag: Tag): Statement | undefined {
    switch (tag.word) {
      case 'if':
        return this.#if(tag);
      case 'for':
        return this.#for(tag);
      case 'set':
        return this.#set(tag);
      case 'with':
        return this.#with(tag);
      case 'filter':
        return this.#filter(tag);
      case 'macro':
        return this.#macro(tag);
      case 'call':
        return this.#callBlock(tag);
    }
    if (loaders.includes(tag.word)) {
      const hint = 'A template is one file: write the text here, or render several files.';
      this.#syntax.report(tag, `"${tag.word}" is not supported: templates cannot load others`, hint);
    } else if (!tag.broken) {
      const known = 'if, for, set, with, filter, macro, call, raw';
      this.#syntax.report(
        tag,
        tag.word === '' ? 'a tag begins with its name' : `there is no tag "${tag.word}"`,
        `There are ${known}.`,
      );
    }
    return undefined;
  }

  /** Reads the body up to its end tag. A missing end tag is a problem at the opening tag. */
  #block(open: Tag, ...ends: string[]): Body {
    const body: Statement[] = [];
    const end = `{% ${ends.at(-1)} %}`;
    for (;;) {
      body.push(...this.#body(ends));
      const ending = this.#ending;
      if (ending === undefined) {
        this.#syntax.report(open, `this "${open.word}" has no ${end}`, `Write ${end} where it ends.`);
        return body;
      }
      if (ends.includes(ending.word)) return body;
      const message = `"${ending.word}" stands where ${end} must end the "${open.word}"`;
      this.#syntax.report(ending, message, `Write ${end} before it.`);
      // The end tag of an outer block also ends this one. A stray word inside is skipped.
      if (ending.word.startsWith('end')) return body;
    }
  }

  #endTag(): void {
    if (this.#ending) this.#header(this.#ending, () => undefined);
  }

  #if(tag: Tag): Statement {
    const condition = this.#header(tag, it => it.tuple(false)) ?? nothing;
    const body = this.#block(tag, 'elif', 'else', 'endif');
    const ending = this.#ending;
    if (ending?.word === 'elif') {
      const otherwise = this.#syntax.nested(ending, () => this.#if(ending));
      return { kind: 'if', condition, body, otherwise: [otherwise] };
    }
    this.#endTag();
    const otherwise = ending?.word === 'else' ? this.#block(tag, 'endif') : [];
    if (ending?.word === 'else') this.#endTag();
    return { kind: 'if', condition, body, otherwise };
  }

  #for(tag: Tag): Statement {
    const header = this.#header(tag, it => {
      const target = targetOf(it, true);
      it.expect('in');
      const over = it.tuple(false);
      const only = it.takes('if') ? it.expression() : undefined;
      if (it.sees('recursive'))
        this.#syntax.fail(it.token, 'recursive loops are not supported', 'Write a macro that calls itself.');
      return { target, over, ...(only && { only }) };
    });
    const body = this.#block(tag, 'else', 'endfor');
    const hasElse = this.#ending?.word === 'else';
    this.#endTag();
    const otherwise = hasElse ? this.#block(tag, 'endfor') : [];
    if (hasElse) this.#endTag();
    return {
      kind: 'for',
      ...(header ?? { target: { kind: 'tuple', targets: [], start: 0, end: 0 }, over: nothing }),
      body,
      otherwise,
    };
  }

  #set(tag: Tag): Statement | undefined {
    const header = this.#header(tag, it => {
      const target = targetOf(it, true);
      if (it.takes('=')) return { target, value: it.tuple() };
      return { target, filters: filterChain(it) };
    });
    // A broken header with "=" counts as the short form, the usual one.
    if (header === undefined) return undefined;
    const { target } = header;
    if (header.value) return { kind: 'set', target, value: header.value };
    const body = this.#block(tag, 'endset');
    this.#endTag();
    return { kind: 'capture', target, body, value: header.filters ?? nothing };
  }

  #with(tag: Tag): Statement {
    const bindings = this.#header(tag, it => {
      const list: { target: Target; value: Node }[] = [];
      while (it.token.kind !== 'end') {
        const target = targetOf(it, false);
        it.expect('=');
        list.push({ target, value: it.expression() });
        if (!it.takes(',')) break;
      }
      return list;
    });
    const body = this.#block(tag, 'endwith');
    this.#endTag();
    return { kind: 'with', bindings: bindings ?? [], body };
  }

  #filter(tag: Tag): Statement {
    const value = this.#header(tag, it => {
      const first = it.filter({ kind: 'name', name: captured, start: tag.start, end: tag.end });
      return filterChain(it, first);
    });
    const body = this.#block(tag, 'endfilter');
    this.#endTag();
    return { kind: 'capture', body, value: value ?? nothing };
  }

  #macro(tag: Tag): Statement {
    const header = this.#header(tag, it => ({
      name: it.name('the name of the macro').name,
      parameters: this.#parameters(it),
    }));
    const body = this.#block(tag, 'endmacro');
    this.#endTag();
    return { kind: 'macro', name: '', parameters: [], ...header, body };
  }

  #callBlock(tag: Tag): Statement {
    const header = this.#header(tag, it => {
      const parameters = it.sees('(') ? this.#parameters(it) : [];
      const call = it.expression();
      if (call.kind !== 'call')
        this.#syntax.fail(call, 'a call block calls a macro', 'Write {% call name(…) %}.');
      return { parameters, call };
    });
    const body = this.#block(tag, 'endcall');
    this.#endTag();
    return { kind: 'call', ...(header ?? { call: nothing, parameters: [] }), body };
  }

  #parameters(parser: Parser): MacroParameter[] {
    const parameters: MacroParameter[] = [];
    parser.expect('(');
    while (!parser.sees(')')) {
      const { name } = parser.name('the name of a parameter');
      if (parser.takes('=')) parameters.push({ name, default: parser.expression() });
      else parameters.push({ name });
      if (!parser.takes(',')) break;
    }
    parser.expect(')');
    return parameters;
  }
}

/** The captured body with the filters that follow, as in `{% set x | upper %}`. */
function filterChain(parser: Parser, first?: Node): Node {
  const { start, end } = parser.token;
  let node: Node = first ?? { kind: 'name', name: captured, start, end };
  while (parser.takes('|')) node = parser.filter(node);
  return node;
}

/** A name, a field of a namespace, or names to unpack into. */
function targetOf(parser: Parser, several: boolean): Target {
  const first = oneTarget(parser);
  if (!several || !parser.sees(',')) return first;
  const targets = [first];
  while (parser.takes(',') && !parser.sees('in') && !parser.sees('=')) targets.push(oneTarget(parser));
  return { kind: 'tuple', targets, start: first.start, end: targets.at(-1)!.end };
}

function oneTarget(parser: Parser): Target {
  const { start } = parser.token;
  if (parser.takes('(')) {
    const inner = targetOf(parser, true);
    return { ...inner, start, end: parser.expect(')').end };
  }
  const name = parser.name('a name');
  if (!parser.takes('.')) return { kind: 'name', ...name };
  const field = parser.name('the name of a field');
  return { kind: 'field', name: name.name, field: field.name, start, end: field.end };
}
