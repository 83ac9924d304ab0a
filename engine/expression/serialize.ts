import { isMap, Secret, type Value } from '../value.ts';
import { textOrder } from './comparison.ts';
import { type Budget, describe, known, numberText, Refusal, TextBuilder } from './evaluation.ts';

interface Layout {
  readonly indent?: number | undefined;
  readonly sort?: boolean;
  /** Escapes the special characters of HTML, as Jinja's `tojson` does. */
  readonly html?: boolean;
}

/** JSON with Python's spacing: `{"a": [1, 2]}`. Secret texts in it stay secret. */
export function jsonText(value: Value, layout: Layout, budget: Budget): Value {
  const out = new TextBuilder(budget);
  const { indent } = layout;
  const line = (depth: number) =>
    indent === undefined ? '' : `\n${' '.repeat(Math.max(0, indent) * depth)}`;
  const separator = indent === undefined ? ', ' : ',';
  budget.fits(indent ?? 0);
  const block = (open: string, close: string, depth: number, writers: (() => void)[]) => {
    out.addText(open);
    for (const [index, write] of writers.entries()) {
      out.addText((index > 0 ? separator : '') + line(depth + 1));
      write();
    }
    out.addText(writers.length > 0 ? line(depth) + close : close);
  };
  const write = (inner: Value, depth: number): void => {
    budget.spend(1);
    const it = known(inner);
    if (Array.isArray(it)) {
      const writers = it.map(element => () => write(element, depth + 1));
      block('[', ']', depth, writers);
    } else if (isMap(it)) {
      const keys = layout.sort ? Object.keys(it).sort(textOrder) : Object.keys(it);
      const entry = (key: string) => () => {
        out.addText(`${escapedText(key, layout)}: ` as string);
        write(it[key]!, depth + 1);
      };
      block('{', '}', depth, keys.map(entry));
    } else out.addText(scalar(it, layout));
  };
  write(value, 0);
  return out.done();
}

function scalar(value: Value, layout: Layout): string | Secret {
  if (value instanceof Secret) return quoted(value, layout);
  if (typeof value === 'string') return escapedText(value, layout);
  if (typeof value === 'number') return numberText(value);
  if (value === null || typeof value === 'boolean') return String(value);
  throw new Refusal(`${describe(value)} cannot be written`);
}

function quoted(value: Secret, layout: Layout): Secret {
  const inner = value.mapParts(part => escapedText(part, layout).slice(1, -1));
  return new Secret(['"', ...inner.parts, '"']);
}

function escapedText(value: string, layout: Layout): string {
  const json = JSON.stringify(value).replaceAll('\x7f', '\\u007f');
  if (!layout.html) return json;
  return json.replace(/[<>&'\x80-\uffff]/g, it => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Words that YAML 1.1 or 1.2 would not read as text, though they look like it. */
const notText = /^(?:y|n|yes|no|on|off|true|false|null|~|[-+]?\.?(?:inf|nan))$/i;
const safeText = /^[A-Za-z_/][A-Za-z0-9_./ -]*(?<! )$/;

/**
 * Block-style YAML that means the same to readers of 1.1 and 1.2. Secret texts in it stay secret. With an `indent`, lists stand
 * under their key without one, as Ansible's `to_nice_yaml` writes them.
 */
export function yamlText(
  value: Value,
  budget: Budget,
  layout: { indent?: number; sort?: boolean } = {},
): Value {
  const out = new TextBuilder(budget);
  const { indent = 2, sort = false } = layout;
  const dash = `-${' '.repeat(indent - 1)}`;
  const write = (inner: Value, column: number, afterDash: boolean): void => {
    budget.spend(1 + column / 20);
    const it = known(inner);
    const list = Array.isArray(it);
    const entries = entriesOf(it, sort);
    if (entries.length === 0) {
      out.addText(list ? '[]' : isMap(it) ? '{}' : yamlScalar(it));
      out.addText('\n');
      return;
    }
    for (const [index, [key, element]] of entries.entries()) {
      if (index > 0 || !afterDash) out.addText(' '.repeat(column));
      const nested = entriesOf(element).length > 0;
      if (list) out.addText(nested ? dash : '- ');
      else out.addText(yamlScalar(key));
      if (!list) out.addText(nested ? ':\n' : ': ');
      const isBeside = !list && Array.isArray(element) && layout.indent !== undefined;
      write(element, isBeside ? column : column + indent, list || !nested);
    }
  };
  write(value, 0, true);
  return out.done();
}

function entriesOf(it: Value, sort = false): [string, Value][] {
  if (Array.isArray(it)) return it.map(element => ['-', element]);
  if (!isMap(it)) return [];
  return sort ? Object.entries(it).toSorted(([a], [b]) => textOrder(a, b)) : Object.entries(it);
}

function yamlScalar(value: Value): string | Secret {
  if (typeof value === 'string' && safeText.test(value) && !notText.test(value)) return value;
  return scalar(value, {});
}
