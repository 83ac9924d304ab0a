import { isMap, Secret, type Value } from '../value.ts';
import { equals, identity, order, truthy } from './comparison.ts';
import {
  asValue,
  characters,
  type Given,
  known,
  Refusal,
  type Result,
  type Run,
  TextBuilder,
  Undefined,
} from './evaluation.ts';
import { arithmetic, Group, member } from './operators.ts';
import { any, flag, integer, list, map, type Operation, onResult, operation, text } from './signature.ts';

/** The value at a dotted path such as `address.city` or `0.name`; a number is one position. */
function at(value: Value, path: Value | undefined, run: Run): Result {
  if (path === undefined || path === null) return value;
  if (typeof path === 'number') return member(value, path, '', run.budget);
  if (typeof path !== 'string') throw new Refusal('attribute: a name is wanted');
  let result: Result = value;
  for (const name of path.split('.'))
    result = member(result, /^\d+$/.test(name) ? Number(name) : name, '', run.budget);
  return result;
}

/** Returns the key for comparing elements: an attribute or the element itself, in small letters unless case counts. */
function sortKey(value: Value, path: Value | undefined, caseSensitive: boolean, run: Run): Value {
  const key = known(asValue(at(value, path, run)));
  if (caseSensitive) return key;
  run.budget.reads(typeof key === 'string' ? key.length : key instanceof Secret ? key.reveal().length : 0);
  if (key instanceof Secret) return key.mapParts(part => part.toLowerCase());
  return typeof key === 'string' ? key.toLowerCase() : key;
}

interface Ordering {
  readonly attribute?: Value | undefined;
  readonly case_sensitive: boolean;
}

const ordering = { case_sensitive: flag.or(false), attribute: any.maybe() };

function sorted(elements: Value[], by: Ordering, reverse: boolean, run: Run): Value[] {
  const paths = typeof by.attribute === 'string' ? by.attribute.split(',') : [by.attribute];
  const keyed = elements.map(element => ({
    element,
    key: paths.map(path => sortKey(element, path, by.case_sensitive, run)),
  }));
  // Equal elements keep their order in both directions, as in Python.
  keyed.sort((a, b) => (reverse ? order(b.key, a.key, run.budget) : order(a.key, b.key, run.budget)));
  return keyed.map(({ element }) => element);
}

function extreme(elements: Value[], by: Ordering, sign: 1 | -1, run: Run): Result {
  let best: { element: Value; key: Value } | undefined;
  for (const element of elements) {
    const key = sortKey(element, by.attribute, by.case_sensitive, run);
    if (best === undefined || order(key, best.key, run.budget) * sign < 0) best = { element, key };
  }
  return best?.element ?? new Undefined('the list is empty and has no smallest or largest element');
}

function grouped(
  elements: Value[],
  attribute: Value,
  fallback: Value | undefined,
  caseSensitive: boolean,
  run: Run,
): Value[] {
  const keyOf = (element: Value): Value => {
    const found = at(element, attribute, run);
    return found instanceof Undefined && fallback !== undefined ? fallback : asValue(found);
  };
  const keyed = elements.map(element => ({ element, key: keyOf(element) }));
  keyed.sort((a, b) =>
    order(
      sortKey(a.key, undefined, caseSensitive, run),
      sortKey(b.key, undefined, caseSensitive, run),
      run.budget,
    ),
  );
  const groups: { key: Value; elements: Value[] }[] = [];
  for (const { element, key } of keyed) {
    const last = groups.at(-1);
    const same =
      last &&
      equals(
        sortKey(last.key, undefined, caseSensitive, run),
        sortKey(key, undefined, caseSensitive, run),
        run.budget,
      );
    if (same) last.elements.push(element);
    else groups.push({ key, elements: [element] });
  }
  return groups.map(group => Group.of(group.key, group.elements));
}

function batches(elements: Value[], size: number, fill: Value | undefined): Value[] {
  if (size < 1) throw new Refusal('linecount: at least 1 is needed');
  const rows: Value[][] = [];
  for (let start = 0; start < elements.length; start += size) rows.push(elements.slice(start, start + size));
  const last = rows.at(-1);
  if (last !== undefined && fill !== undefined && fill !== null) while (last.length < size) last.push(fill);
  return rows;
}

function columns(elements: Value[], count: number, fill: Value | undefined, run: Run): Value[] {
  if (count < 1) throw new Refusal('slices: at least 1 is needed');
  run.budget.spend(count);
  const size = Math.floor(elements.length / count);
  const longer = elements.length % count;
  return Array.from({ length: count }, (_, column) => {
    const start = column * size + Math.min(column, longer);
    const part = elements.slice(start, start + size + (column < longer ? 1 : 0));
    if (fill !== undefined && fill !== null && column >= longer) part.push(fill);
    return part;
  });
}

function flattened(elements: Value[], levels: number, run: Run): Value[] {
  run.budget.spend(elements.length);
  return elements.flatMap(element =>
    Array.isArray(element) && levels !== 0 ? flattened(element, levels - 1, run) : [element],
  );
}

/** Returns the distinct elements of one list that have (or do not have) an equal one in the other list. */
function setOf(run: Run, elements: Value[], keeps: (identity: string) => boolean = () => true): Value[] {
  const seen = new Set<string>();
  return elements.filter(element => {
    const key = identity(element, run.budget);
    if (seen.has(key) || !keeps(key)) return false;
    seen.add(key);
    return true;
  });
}

function identities(elements: Value[], run: Run): Set<string> {
  return new Set(elements.map(element => identity(element, run.budget)));
}

/** `map('filter', arguments…)` or `map(attribute='path', default=…)`. */
function mapped(input: Result, given: Given, run: Run): Result {
  const elements = list.read(asValue(input), run, new Set());
  const [name, ...positional] = given.positional;
  const attribute = given.named.get('attribute');
  if (attribute !== undefined) {
    const fallback = given.named.get('default');
    return elements.map(element => {
      const found = at(element, attribute, run);
      return found instanceof Undefined && fallback !== undefined ? fallback : asValue(found);
    });
  }
  if (typeof name !== 'string') throw new Refusal('map needs the name of a filter, or attribute=');
  return elements.map(element => asValue(run.filter(name, element, { positional, named: given.named })));
}

/** Builds select, reject, selectattr and rejectattr. */
function selection(keep: boolean, byAttribute: boolean): Operation {
  return {
    misfit: () => undefined,
    apply(input, given, run) {
      const elements = list.read(asValue(input), run, new Set());
      const rest = [...given.positional];
      const attribute = byAttribute ? rest.shift() : undefined;
      if (byAttribute && attribute === undefined) throw new Refusal('the name of an attribute is needed');
      const [check, ...positional] = rest;
      if (check !== undefined && typeof check !== 'string') throw new Refusal('the name of a test is wanted');
      return elements.filter(element => {
        const subject = at(element, attribute, run);
        const holds =
          check === undefined
            ? truthy(asValue(subject), run.budget)
            : run.check(check, subject, { positional, named: given.named });
        return holds === keep;
      });
    },
  };
}

const count = operation(any, {}, (value, _args, run) => {
  const it = known(value);
  if (typeof it === 'string' || it instanceof Secret) {
    const text = it instanceof Secret ? it.reveal() : it;
    run.budget.reads(text.length);
    return characters(text).length;
  }
  if (Array.isArray(it)) return it.length;
  if (isMap(it)) return Object.keys(map.read(it, run, new Set())).length;
  throw new Refusal('only a text, a list or a map has a length');
});

/** Filters that take the elements of a list or a map. */
export const listFilters: { [name: string]: Operation } = {
  length: count,
  count,
  first: operation(list, {}, elements => elements[0] ?? emptiness(elements, 'first')),
  last: operation(list, {}, elements => elements.at(-1) ?? emptiness(elements, 'last')),
  list: operation(list, {}, elements => [...elements]),
  reverse: operation(any, {}, (value, _args, run) => {
    const it = known(value);
    if (typeof it === 'string' || it instanceof Secret)
      run.budget.reads(typeof it === 'string' ? it.length : it.reveal().length);
    if (it instanceof Secret) return it.map(whole => characters(whole).reverse().join(''));
    if (typeof it === 'string') return characters(it).reverse().join('');
    return [...list.read(it, run, new Set())].reverse();
  }),
  sort: operation(list, { reverse: flag.or(false), ...ordering }, (elements, args, run) =>
    sorted(elements, args, args.reverse, run),
  ),
  min: operation(list, ordering, (elements, args, run) => extreme(elements, args, 1, run)),
  max: operation(list, ordering, (elements, args, run) => extreme(elements, args, -1, run)),
  unique: operation(list, ordering, (elements, args, run) => {
    const seen = new Set<string>();
    return elements.filter(element => {
      const key = identity(sortKey(element, args.attribute, args.case_sensitive, run), run.budget);
      return !seen.has(key) && seen.add(key);
    });
  }),
  groupby: operation(
    list,
    { attribute: any, default: any.maybe(), case_sensitive: flag.or(false) },
    (elements, args, run) => grouped(elements, args.attribute, args.default, args.case_sensitive, run),
  ),
  sum: operation(list, { attribute: any.maybe(), start: any.or(0) }, (elements, args, run) =>
    elements.reduce<Value>(
      (total, element) => arithmetic('+', total, asValue(at(element, args.attribute, run)), run.budget),
      args.start,
    ),
  ),
  join: operation(list, { d: any.or(''), attribute: any.maybe() }, (elements, args, run) => {
    const builder = new TextBuilder(run.budget);
    for (const [index, element] of elements.entries()) {
      if (index > 0) builder.add(args.d);
      builder.add(asValue(at(element, args.attribute, run)));
    }
    return builder.done();
  }),
  batch: operation(list, { linecount: integer, fill_with: any.maybe() }, (elements, args, run) => {
    run.budget.spend(args.fill_with === undefined ? 0 : args.linecount);
    return batches(elements, args.linecount, args.fill_with);
  }),
  slice: operation(list, { slices: integer, fill_with: any.maybe() }, (elements, args, run) =>
    columns(elements, args.slices, args.fill_with, run),
  ),
  flatten: operation(list, { levels: integer.or(-1) }, (elements, { levels }, run) =>
    flattened(elements, levels, run),
  ),
  union: operation(list, { other: list }, (elements, { other }, run) => setOf(run, [...elements, ...other])),
  intersect: operation(list, { other: list }, (elements, { other }, run) => {
    const others = identities(other, run);
    return setOf(run, elements, key => others.has(key));
  }),
  difference: operation(list, { other: list }, (elements, { other }, run) => {
    const others = identities(other, run);
    return setOf(run, elements, key => !others.has(key));
  }),
  items: onResult({}, (input, _given, run) =>
    input instanceof Undefined
      ? []
      : Object.entries(map.read(asValue(input), run, new Set())).map(pair => [...pair]),
  ),
  dictsort: operation(
    map,
    { case_sensitive: flag.or(false), by: text.or('key'), reverse: flag.or(false) },
    (entries, args, run) => {
      if (args.by !== 'key' && args.by !== 'value') throw new Refusal('by: "key" or "value" is wanted');
      const attribute = args.by === 'key' ? 0 : 1;
      return sorted(
        Object.entries(entries).map(pair => [...pair]),
        { ...args, attribute },
        args.reverse,
        run,
      );
    },
  ),
  map: { misfit: () => undefined, apply: mapped },
  select: selection(true, false),
  reject: selection(false, false),
  selectattr: selection(true, true),
  rejectattr: selection(false, true),
};

function emptiness(elements: Value[], which: string): Result {
  return elements.length > 0 ? null : new Undefined(`the list is empty and has no ${which} element`);
}
