import { isAlias, isMap, isScalar, isSeq, type Node, Scalar } from 'yaml';
import type { Problem } from '../problem.ts';
import type { Plain } from '../value.ts';
import type { Path, SourceText } from './source-text.ts';
import { unquotedTemplate } from './yaml-problems.ts';
import { mergedBy, scalar11 } from './yaml11.ts';

/** YAML 1.2 in the form of this program, or the dialect of Ansible: YAML 1.1 with merge keys and its own tags. */
export type Dialect = 'own' | 'ansible';

// Far beyond any sensible file, so that a hostile file cannot exhaust the controller.
export const maxDepth = 60;
const maxAliasedNodes = 10_000;

/** Turns nodes into data, and collects the errors that the YAML parser accepts. */
export class YamlReader {
  readonly problems: Problem[] = [];
  /** Tags of Ansible by their paths as JSON. */
  readonly tags = new Map<string, string>();
  /** The value of each alias. */
  readonly targets = new Map<Node, Node>();
  readonly #dialect: Dialect;
  readonly #text: SourceText;
  /** The nodes with an anchor so far. Of several with one name, the last counts. */
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #aliased = 0;
  #inAlias = 0;

  constructor(text: SourceText, dialect: Dialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  read(node: Node | null | undefined, path: Path): Plain {
    if (node == null) return null;
    if (path.length > maxDepth) return this.#report(node, `This is nested more than ${maxDepth} deep.`);
    if (this.#inAlias > 0 && ++this.#aliased > maxAliasedNodes) {
      return this.#aliased > maxAliasedNodes + 1
        ? null
        : this.#report(node, 'Aliases (*name) repeat more than 10000 values.', 'Use variables instead.');
    }
    if (isAlias(node)) return this.#alias(node, path);
    this.#anchor(node);
    if (this.#dialect === 'ansible' && node.tag?.startsWith('!'))
      this.tags.set(JSON.stringify(path), node.tag.replace('-encrypted', ''));
    if (isScalar(node)) return this.#scalar(node);
    if (this.#open.has(node)) return this.#report(node, 'This anchor holds an alias of itself.');
    this.#open.add(node);
    const value = isMap(node)
      ? this.#map(node, path)
      : isSeq(node)
        ? node.items.map((item, index) => this.read(item as Node, [...path, index]))
        : null;
    this.#open.delete(node);
    return value;
  }

  #anchor(node: Node & { anchor?: string }): void {
    if (node.anchor !== undefined && this.#inAlias === 0) this.#anchors.set(node.anchor, node);
  }

  #alias(node: Node & { source: string }, path: Path): Plain {
    const target = this.targets.get(node) ?? this.#anchors.get(node.source);
    if (target === undefined)
      return this.#report(node, `There is no anchor &${node.source} before this alias.`);
    this.targets.set(node, target);
    this.#inAlias++;
    const value = this.read(target, path);
    this.#inAlias--;
    return value;
  }

  #scalar(node: Scalar): Plain {
    const { source } = node;
    const value =
      this.#dialect === 'ansible' && node.type === Scalar.PLAIN && node.tag === undefined
        ? scalar11(source ?? '')
        : node.value;
    if (typeof value !== 'number') return value as Plain;
    if (!Number.isFinite(value))
      return this.#report(node, `${source} is not a number that can be used here.`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return this.#report(
        node,
        `The number ${source} is too large to be kept exactly.`,
        `Quote it: "${source}"`,
      );
    }
    return value;
  }

  #map(node: { items: { key: unknown; value: unknown }[] } & Node, path: Path): Plain {
    const template = unquotedTemplate(node, this.#text);
    if (template !== undefined) {
      this.problems.push(template);
      return null;
    }
    const lines = new Map<string, number>();
    const merged: [string, Plain][] = [];
    const entries = node.items.map(({ key, value }): [string, Plain] => {
      const name = keyText(key as Node);
      if (isScalar(key)) this.#anchor(key);
      const plain = this.read(value as Node, [...path, name ?? '']);
      if (name === '<<' && this.#dialect === 'ansible')
        merged.unshift(...(mergedBy(plain) ?? this.#refuseMerge(key as Node)));
      else if (name === undefined)
        this.#report((key as Node | null) ?? node, 'A key must be a single word or text.');
      else if (name === '<<')
        this.#report(
          key as Node,
          'Merge keys (<<) are not part of YAML 1.2.',
          'Write the keys out, or keep shared values in vars.',
        );
      else if (lines.has(name))
        this.#report(key as Node, `"${name}" is already set on line ${lines.get(name)}.`);
      else lines.set(name, this.#text.lineAt((key as Node).range![0]) + 1);
      return [name ?? '', plain];
    });
    if (this.#dialect === 'own') return Object.fromEntries(entries);
    return Object.fromEntries([...merged, ...entries.filter(([name]) => name !== '<<')]);
  }

  #refuseMerge(node: Node): [] {
    this.#report(node, 'A merge key (<<) takes a map, or a list of maps.');
    return [];
  }

  #report(node: Node, message: string, hint?: string): null {
    const [start, end] = node.range ?? [0, 0];
    const at = this.#text.place(start, end);
    this.problems.push({ code: 'yaml-syntax', message, at, ...(hint === undefined ? {} : { hint }) });
    return null;
  }
}

/** Returns a key as text, from its source: `8080:` is "8080". Returns undefined for a list, a map or null. */
export function keyText(key: Node | null | undefined): string | undefined {
  if (!isScalar(key) || key.value === null) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}
