import { labelOf, listText, predictedFrom } from './changes.ts';
import { columnsOf } from './columns.ts';
import { type Span, span, wrap } from './style.ts';
import type { ResourceView } from './view.ts';

/** Names of causes in a line. The others are counted, or all of them are a footnote. */
const mostNames = 2;
/** Columns of causes that are short enough for every line. */
const shortColumns = 32;
/** Resources with the same causes, from which on these become a footnote. */
const mostRepeats = 3;

/** The causes that the resources of a play were predicted from, in a few words each. */
export class Causes {
  /** The label of each resource by its name. */
  readonly #labels: ReadonlyMap<string, string>;
  readonly #footnotes: string[];
  readonly #whole: boolean;

  /** `whole` shows all names that are no footnote. */
  constructor(resources: Iterable<ResourceView>, whole: boolean) {
    this.#whole = whole;
    const labels = new Map<string, string>();
    const users = new Map<string, Set<string>>();
    for (const resource of resources) {
      labels.set(resource.name, labelOf(resource));
      if (resource.status !== 'would_change') continue;
      const causes = predictedFrom(resource);
      if (causes.length === 0) continue;
      const key = JSON.stringify(causes);
      users.set(key, (users.get(key) ?? new Set()).add(resource.name));
    }
    this.#labels = labels;
    const repeated = [...users].filter(([, names]) => names.size >= mostRepeats);
    this.#footnotes = repeated
      .map(([key]) => this.#names(JSON.parse(key)))
      .filter(names => !isShort(names))
      .map(names => names.join(', '));
  }

  /** Returns the label of a resource by its name. */
  labelOf(name: string): string {
    return this.#labels.get(name) ?? name;
  }

  /** Returns the words behind a change: `after Nginx, PostgreSQL +2`, or `after ①`. */
  wordsOf(resource: ResourceView): Span[] {
    const causes = resource.status === 'would_change' ? predictedFrom(resource) : [];
    if (causes.length === 0) return [];
    const names = this.#names(causes);
    const footnote = this.#footnotes.indexOf(names.join(', '));
    if (footnote >= 0) return [span(`after ${digit(footnote)}`, 'cyan')];
    const shown = this.#whole || isShort(names) ? names.join(', ') : listText(names, mostNames);
    return [span(`after ${shown}`, 'cyan')];
  }

  /** Returns the footnotes, with an empty line behind them; nothing without any. */
  footnotes(columns: number): Span[][] {
    if (this.#footnotes.length === 0) return [];
    const lines = this.#footnotes.flatMap((names, i) =>
      wrap([span(names, 'cyan')], Math.max(10, columns - 4)).map((line, row) => [
        span(row === 0 ? `  ${digit(i)} ` : '    ', 'cyan'),
        ...line,
      ]),
    );
    return [...lines, []];
  }

  #names(causes: readonly string[]): string[] {
    return causes.map(name => this.labelOf(name));
  }
}

function isShort(names: readonly string[]): boolean {
  return names.length <= mostNames && columnsOf(names.join(', ')) <= shortColumns;
}

/** Returns the sign of a footnote: ①, ② … ⑳, then (21). */
function digit(index: number): string {
  return index < 20 ? String.fromCodePoint(0x2460 + index) : `(${index + 1})`;
}
