import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  Parser,
  Scalar,
} from 'yaml';
import { type Place, ProblemError, type Where } from '../problem.ts';
import type { Plain } from '../value.ts';
import { alignment, type Style } from './alignment.ts';
import { type Path, SourceText } from './source-text.ts';
import { firstErrors, firstOfEachLine, syntaxProblem } from './yaml-problems.ts';
import { type Dialect, keyText, maxDepth, YamlReader } from './yaml-reader.ts';

/** Far beyond any sensible file, so that a hostile file cannot exhaust the controller. */
const maxCharacters = 10_000_000;

/** A YAML file as plain data with places. */
export class Doc {
  readonly file: string;
  readonly data: Plain;
  readonly #text: SourceText;
  readonly #root: Node | null;
  readonly #targets: YamlReader['targets'];
  readonly #tags: YamlReader['tags'];
  readonly #pairs = new WeakMap<object, Map<string | undefined, { key: unknown; value: unknown }>>();

  constructor(text: SourceText, root: Node | null, data: Plain, { targets, tags }: YamlReader) {
    this.file = text.file;
    this.data = data;
    this.#text = text;
    this.#root = root;
    this.#targets = targets;
    this.#tags = tags;
  }

  /** Returns the place of the key or the value at `path`, or of the nearest thing around a missing one. */
  place(path: Path, which: 'key' | 'value' = 'value'): Place {
    const { key, value } = this.#find(path);
    const node = which === 'key' ? (key ?? value) : (value ?? key);
    const [start, end] = node?.range ?? [0, 0];
    return this.#text.place(start, end);
  }

  /** Returns the data at `path`, or undefined. */
  get(path: Path): Plain | undefined {
    let data: Plain | undefined = this.data;
    for (const step of path) {
      if (typeof data !== 'object' || data === null || !Object.hasOwn(data, step)) return undefined;
      data = (data as { [key: string]: Plain })[step];
    }
    return data;
  }

  /** Returns the source text of an unquoted scalar, such as `0644`; undefined for any other value. */
  source(path: Path): string | undefined {
    const { value } = this.#find(path);
    return isScalar(value) && value.type === Scalar.PLAIN ? value.source : undefined;
  }

  /** Returns a function for the places in the text at `path`, by offsets in its decoded form. */
  within(path: Path): Where {
    let where: Where | undefined;
    return (offset, length) => {
      where ??= this.#within(path);
      return where(offset, length);
    };
  }

  #within(path: Path): Where {
    const { value } = this.#find(path);
    if (!isScalar(value) || value.range == null || typeof value.value !== 'string')
      return () => this.place(path);
    const [start, end] = value.range;
    const offsets = alignment(this.#text.text.slice(start, end), value.value, styleOf(value));
    const last = offsets.length - 1;
    return (offset, length) => {
      const from = offsets[Math.min(offset, last)]!;
      const to = offsets[Math.min(offset + length, last)]!;
      return this.#text.place(start + from, start + Math.max(to, from + 1));
    };
  }

  /** Returns the tag of Ansible of the value at `path`, if any. */
  tag(path: Path): string | undefined {
    return this.#tags.size === 0 ? undefined : this.#tags.get(JSON.stringify(path));
  }

  #find(path: Path): { key?: Node; value?: Node } {
    let found: { key?: Node; value?: Node } = this.#root === null ? {} : { value: this.#root };
    for (const step of path) {
      const parent = this.#resolve(found.value);
      const pair = isMap(parent) ? this.#pairsOf(parent).get(step as string) : undefined;
      const element = isSeq(parent) ? parent.items[step as number] : undefined;
      if (pair === undefined && element === undefined) return found;
      found = {};
      if (pair !== undefined) found.key = pair.key as Node;
      const value = this.#resolve((pair === undefined ? element : pair.value) as Node | undefined);
      if (value != null) found.value = value;
    }
    return found;
  }

  /** Finds a key quickly, also in a map with many keys. */
  #pairsOf(map: { items: { key: unknown; value: unknown }[] }) {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.toReversed().map(pair => [keyText(pair.key as Node), pair]));
      this.#pairs.set(map, pairs);
    }
    return pairs;
  }

  #resolve(node: Node | undefined): Node | undefined {
    return isAlias(node) ? this.#targets.get(node) : node;
  }
}

/** Reads one YAML document. Throws a ProblemError with all its syntax errors. */
export function parseYaml(text: string, file: string, dialect: Dialect = 'own'): Doc {
  return yamlReader(text, file)(dialect);
}

/** Reads one YAML document in one dialect after the other, which share most of the work. */
export function yamlReader(text: string, file: string): (dialect: Dialect) => Doc {
  const source = new SourceText(file, text.startsWith('\uFEFF') ? text.slice(1) : text);
  let documents: Document[] | undefined;
  return dialect => readDocument(source, (documents ??= compose(source)), dialect);
}

function readDocument(source: SourceText, documents: readonly Document[], dialect: Dialect): Doc {
  const errors = documents
    .flatMap(({ errors, warnings }) => [...errors, ...warnings])
    .filter(({ message }) => dialect === 'own' || !ansibleTags.test(message));
  const problems = firstErrors(errors, source).map(error => syntaxProblem(error, source));
  const document = documents[0]!;
  const second = documents[1]?.range;
  if (second !== undefined) {
    problems.push({
      code: 'yaml-syntax',
      message: 'A second document starts here; a file holds one.',
      hint: 'Several plays of one file stand under plays:.',
      at: source.place(second[0], second[0] + 3),
    });
  }
  const reader = new YamlReader(source, dialect);
  const root = document.contents as Node | null;
  const data = reader.read(root, []);
  const exact = new Set(reader.problems.map(({ at }) => at?.line));
  const all = [...reader.problems, ...problems.filter(({ at }) => !exact.has(at?.line))];
  if (all.length > 0) throw new ProblemError(...firstOfEachLine(all));
  return new Doc(source, root, data, reader);
}

function compose(source: SourceText): Document[] {
  const refuse = (message: string, offset: number): never => {
    throw new ProblemError({ code: 'yaml-syntax', message, at: source.place(offset, offset + 1) });
  };
  if (source.text.length > maxCharacters) refuse('The file is larger than 10 million characters.', 0);
  const parser = new Parser();
  function* tokens() {
    for (const lexeme of new Lexer().lex(source.text)) {
      yield* parser.next(lexeme);
      if (parser.stack.length > 2 * maxDepth)
        refuse(`This is nested more than ${maxDepth} deep.`, parser.offset);
    }
    yield* parser.end();
  }
  const composer = new Composer({ uniqueKeys: false, logLevel: 'silent', keepSourceTokens: false });
  return [...composer.compose(tokens(), true, source.text.length)];
}

/** The warning of the YAML parser about a tag that only Ansible knows. */
const ansibleTags = /^Unresolved tag: !(?:vault|vault-encrypted|unsafe)$/;

function styleOf(node: Scalar): Style {
  if (node.type === Scalar.QUOTE_SINGLE) return 'single';
  if (node.type === Scalar.QUOTE_DOUBLE) return 'double';
  return node.type === Scalar.PLAIN ? 'plain' : 'block';
}
