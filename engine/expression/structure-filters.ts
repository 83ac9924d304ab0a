import { createHash } from 'node:crypto';
import { ProblemError } from '../problem.ts';
import { isMap, Secret, type Value } from '../value.ts';
import { parseYaml } from '../yaml/document.ts';
import { asValue, describe, elementsOf, known, Refusal, type Run, Undefined } from './evaluation.ts';
import { keyText } from './operators.ts';
import { passwordHash } from './password-hash.ts';
import { yamlText } from './serialize.ts';
import {
  any,
  bind,
  flag,
  integer,
  list,
  map,
  type Operation,
  onResult,
  operation,
  text,
} from './signature.ts';

/** Reads a text of a format. Of a secret text, every text and number in the result is secret. */
function reading(read: (value: string) => Value, name: string): Operation {
  return operation(any, {}, (value, _args, run) => {
    const it = known(value);
    if (typeof it !== 'string' && !(it instanceof Secret)) {
      if (name === 'YAML') return it;
      throw new Refusal(`${describe(it)} is not a text with ${name}`);
    }
    const source = it instanceof Secret ? it.reveal() : it;
    // The parsers touch each character several times.
    run.budget.reads(source.length * 10);
    const data = read(source);
    return checked(it instanceof Secret ? hidden(data, it.labels.join(' + ')) : data, run, 0);
  });
}

function checked(value: Value, run: Run, depth: number): Value {
  run.budget.spend(1);
  if (depth > 100) throw new Refusal('the text is nested more than 100 deep', undefined, 'expression-limit');
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new Refusal(
      'a number in the text is beyond ±2^53 and cannot be kept exactly',
      'Write it in quotes.',
    );
  if (Array.isArray(value) || isMap(value))
    for (const inner of Object.values(value)) checked(inner, run, depth + 1);
  return value;
}

/** A number cannot be masked, so a number of a secret becomes a secret text. The names of a map stay clear. */
function hidden(value: Value, label: string): Value {
  if (typeof value === 'string' || typeof value === 'number') return new Secret(String(value), label);
  if (Array.isArray(value)) return value.map(element => hidden(element, label));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner, label)]));
}

function jsonIn(source: string): Value {
  try {
    return JSON.parse(source) as Value;
  } catch {
    // The message of the parser quotes the text, which may be secret.
    throw new Refusal('the text is not JSON');
  }
}

function yamlIn(source: string): Value {
  try {
    return parseYaml(source, 'from_yaml', 'ansible').data;
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    throw new Refusal(`the text is not YAML: line ${thrown.problems[0]?.at?.line ?? 1} cannot be read`);
  }
}

const pairNames = { key_name: text.or('key'), value_name: text.or('value') };

function fromPairs(elements: Value[], args: { key_name: string; value_name: string }): Value {
  const entries = elements.map(element => {
    const it = known(element);
    if (!isMap(it)) throw new Refusal(`${describe(it)} is not a map`, 'items2dict takes a list of maps.');
    for (const name of [args.key_name, args.value_name])
      if (!Object.hasOwn(it, name))
        throw new Refusal(
          `an element has no "${name}"`,
          'Name the keys: items2dict(key_name=…, value_name=…)',
        );
    return [keyText(it[args.key_name]!), it[args.value_name]!] as const;
  });
  return Object.fromEntries(entries);
}

/** Every combination of one element of each list. */
function combinations(lists: readonly Value[][], run: Run): Value[][] {
  run.budget.spend(lists.reduce((count, each) => count * each.length, 1) * lists.length);
  return lists.reduce<Value[][]>(
    (rows, elements) => rows.flatMap(row => elements.map(element => [...row, element])),
    [[]],
  );
}

/** An operation on several lists, the further ones as arguments. */
function onLists(
  named: { readonly [name: string]: typeof any | typeof integer },
  apply: (lists: Value[][], args: { [name: string]: Value }, run: Run) => Value,
): Operation {
  return {
    takes: [
      'lists…',
      ...Object.entries(named).map(([name, { fallback }]) => `${name}=${fallback ?? 'none'}`),
    ],
    misfit: (_positional, names) => onResult(named, () => null).misfit(0, names),
    apply(input, given, run) {
      const lists = [asValue(input), ...given.positional].map(each => elementsOf(each, run.budget));
      const args = bind(named, { positional: [], named: given.named }, run, new Set());
      return apply(lists, args as { [name: string]: Value }, run);
    },
  };
}

function zipped(lists: Value[][], length: number, fill: Value, run: Run): Value[][] {
  run.budget.spend(length * lists.length);
  return Array.from({ length }, (_, index) => lists.map(each => (index < each.length ? each[index]! : fill)));
}

const digests = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];

function digest(value: string, type: string): string {
  if (!digests.includes(type)) throw new Refusal(`hashtype: one of ${digests.join(', ')} is wanted`);
  return createHash(type).update(value, 'utf8').digest('hex');
}

/** The name and the extension of a path, as Python's `os.path.splitext` splits them. */
function splitExtension(path: string): [string, string] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  const hasExtension = dot > 0 && /[^.]/.test(name.slice(0, dot));
  const at = path.length - (hasExtension ? name.length - dot : 0);
  return [path.slice(0, at), path.slice(at)];
}

const mandatoryParameters = { msg: text.maybe() };

/** Filters between texts and data, and between shapes of data, as Ansible has them. */
export const structureFilters: { [name: string]: Operation } = {
  from_json: reading(jsonIn, 'JSON'),
  from_yaml: reading(yamlIn, 'YAML'),
  to_nice_yaml: operation(
    any,
    { indent: integer.or(4), width: integer.maybe(), sort_keys: flag.or(true) },
    (value, args, run) => {
      if (args.indent < 2 || args.indent > 9) throw new Refusal('indent: 2 to 9 is wanted');
      return yamlText(value, run.budget, { indent: args.indent, sort: args.sort_keys });
    },
  ),
  dict2items: operation(map, pairNames, (entries, args) =>
    Object.entries(entries).map(([key, value]) => ({ [args.key_name]: key, [args.value_name]: value })),
  ),
  items2dict: operation(list, pairNames, fromPairs),
  product: onLists({ repeat: integer.or(1) }, (lists, args, run) => {
    const repeat = args['repeat'] as number;
    if (repeat < 1 || repeat > 10) throw new Refusal('repeat: 1 to 10 is wanted');
    return combinations(Array.from({ length: repeat }, () => lists).flat(), run);
  }),
  zip: onLists({}, (lists, _args, run) =>
    zipped(lists, Math.min(...lists.map(each => each.length)), null, run),
  ),
  zip_longest: onLists({ fillvalue: any.or(null) }, (lists, args, run) =>
    zipped(lists, Math.max(...lists.map(each => each.length)), args['fillvalue'] ?? null, run),
  ),
  hash: operation(text, { hashtype: text.or('sha1') }, (value, { hashtype }) => digest(value, hashtype)),
  password_hash: passwordHash,
  splitext: operation(text, {}, splitExtension),
  mandatory: onResult(mandatoryParameters, (input, given, run) => {
    const { msg } = bind(mandatoryParameters, given, run, new Set());
    if (!(input instanceof Undefined) || msg === undefined) return asValue(input);
    throw new Refusal(msg as string, input.hint, 'undefined-variable', input.at);
  }),
};
