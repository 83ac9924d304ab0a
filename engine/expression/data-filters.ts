import { createHash } from 'node:crypto';
import { shellQuote } from '../quote.ts';
import { isMap, Secret, type Value } from '../value.ts';
import { truthy } from './comparison.ts';
import {
  asValue,
  describe,
  known,
  Refusal,
  type Result,
  type Run,
  salted,
  TextBuilder,
  Undefined,
} from './evaluation.ts';
import { exact } from './operators.ts';
import { jsonText, yamlText } from './serialize.ts';
import {
  any,
  bind,
  flag,
  integer,
  map,
  number,
  type Operation,
  onResult,
  operation,
  text,
} from './signature.ts';
import { eachCharacter, stripped } from './text-filters.ts';

/** Encodes all characters but letters, digits and -._~ as %XX, also the slash, which would end a password in a URL. */
function percentEncoded(value: string): string {
  return encodeURIComponent(value.replace(/[\ud800-\udfff]/gu, '\ufffd')).replace(
    /[!'()*]/g,
    it => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Names and values as a form sends them, with + for a space. */
function queryString(value: Value[] | { [key: string]: Value }, run: Run): Value {
  const encode = eachCharacter(part => percentEncoded(part).replaceAll('%20', '+'));
  const nothing = { positional: [], named: new Map() };
  const out = new TextBuilder(run.budget);
  for (const [index, pair] of (Array.isArray(value) ? value : Object.entries(value)).entries()) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new Refusal('urlencode takes pairs of name and value');
    out.addText(index > 0 ? '&' : '');
    out.add(encode.apply(pair[0]!, nothing, run) as Value);
    out.addText('=');
    out.add(encode.apply(pair[1]!, nothing, run) as Value);
  }
  return out.done();
}

/** One word for a POSIX shell. */
function shellQuoted(value: string): string {
  if (value.includes('\0')) throw new Refusal('a text with a NUL cannot be given to a shell');
  return shellQuote(value);
}

function base64Decoded(value: string): string {
  const compact = value.replace(/\s/g, '');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64') !== compact) throw new Refusal('the text is not base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refusal('what the base64 holds is not UTF-8 text');
  }
}

/** A number in a text, as Python's int() and float() read it. */
function numberIn(value: string, base: number): number | undefined {
  const compact = value.trim().replace(/(?<=\d)_(?=\d)/g, '');
  if (base === 10)
    return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(compact) ? Number(compact) : undefined;
  const prefix = { 2: '0b', 8: '0o', 16: '0x' }[base] ?? '';
  const [, sign, digits = ''] = /^([-+]?)(.*)$/s.exec(compact.toLowerCase())!;
  const bare = prefix !== '' && digits.startsWith(prefix) ? digits.slice(2) : digits;
  if (bare === '' || [...bare].some(digit => !(Number.parseInt(digit, 36) < base))) return undefined;
  return Number.parseInt(bare, base) * (sign === '-' ? -1 : 1);
}

function toNumber(
  value: Value,
  base: number,
  fallback: Value | undefined,
  cut: (n: number) => number,
  run: Run,
): Value {
  const it = known(value);
  if (typeof it === 'string') run.budget.reads(it.length);
  if (it instanceof Secret) {
    throw new Refusal(
      'a secret text does not become a number',
      'A number could not be masked. Keep it as text.',
    );
  }
  const read = typeof it === 'boolean' ? Number(it) : typeof it === 'string' ? numberIn(it, base) : it;
  if (typeof read === 'number') return exact(cut(read));
  if (fallback !== undefined) return fallback;
  throw new Refusal(
    `${describe(it)} is not a number`,
    'Give a default, as in | int(0), for what is not one.',
  );
}

/** Rounds a half to the even neighbour, as in Python. toFixed sees the exact binary value. */
function rounded(value: number, precision: number, method: string): number {
  if (!['common', 'ceil', 'floor'].includes(method))
    throw new Refusal('method: "common", "ceil" or "floor" is wanted');
  if (Math.abs(precision) > 15) throw new Refusal('precision: at most 15 digits');
  const scale = 10 ** Math.abs(precision);
  const scaled = precision < 0 ? value / scale : value * scale;
  if (method !== 'common') {
    const whole = method === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled);
    return exact(precision < 0 ? whole * scale : whole / scale);
  }
  if (precision < 0) return exact(halfToEven(scaled) * scale);
  const tie = /^50*$/.test(value.toFixed(100).split('.')[1]!.slice(precision));
  return exact(tie ? halfToEven(scaled) / scale : Number(value.toFixed(precision)));
}

function halfToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** Merges maps; later ones win. `recursive` also merges inner maps. */
function combined(maps: { [key: string]: Value }[], recursive: boolean, run: Run): { [key: string]: Value } {
  const result = new Map<string, Value>();
  for (const entries of maps) {
    for (const [key, value] of Object.entries(entries)) {
      run.budget.spend(1);
      const before = result.get(key);
      result.set(
        key,
        recursive && isMap(before) && isMap(value) ? combined([before, value], true, run) : value,
      );
    }
  }
  return Object.fromEntries(result);
}

function asBoolean(value: Value, run: Run): boolean {
  const it = known(value);
  if (typeof it === 'boolean') return it;
  const word = it instanceof Secret ? it.reveal() : it;
  if (typeof word === 'string') run.budget.reads(word.length);
  if (typeof word === 'string' && /^(true|yes|on|1)$/i.test(word.trim())) return true;
  if (typeof word === 'string' && /^(false|no|off|0)$/i.test(word.trim())) return false;
  if (word === 1 || word === 0) return word === 1;
  throw new Refusal(
    `${describe(it)} is neither true nor false`,
    'bool takes true, yes, on, 1, false, no, off and 0.',
  );
}

const defaultParameters = { default_value: any.or(''), boolean: flag.or(false) };
const orDefault = onResult(defaultParameters, (input, given, run): Result => {
  const { default_value, boolean } = bind(defaultParameters, given, run, new Set());
  const lacking = input instanceof Undefined || (boolean === true && !truthy(asValue(input), run.budget));
  return lacking ? (default_value as Value) : input;
});

const toJson = operation(any, { indent: integer.maybe(), sort_keys: flag.or(false) }, (value, args, run) =>
  jsonText(value, { indent: args.indent, sort: args.sort_keys }, run.budget),
);

/** Filters between texts and other data, for URLs, shells, files and formats. */
export const dataFilters: { [name: string]: Operation } = {
  default: orDefault,
  d: orDefault,
  urlencode: operation(any, {}, (value, _args, run) => {
    const it = known(value);
    if (Array.isArray(it) || isMap(it)) return queryString(it, run);
    return eachCharacter(percentEncoded).apply(it, { positional: [], named: new Map() }, run);
  }),
  nonsensitive: operation(any, {}, value => {
    const it = known(value);
    return it instanceof Secret ? salted(it).reveal() : it;
  }),
  quote: operation(text, {}, shellQuoted),
  b64encode: operation(text, {}, value => Buffer.from(value, 'utf8').toString('base64')),
  b64decode: operation(text, {}, base64Decoded),
  sha256: operation(text, {}, value => createHash('sha256').update(value, 'utf8').digest('hex')),
  to_json: toJson,
  to_nice_json: operation(any, { indent: integer.or(4), sort_keys: flag.or(true) }, (value, args, run) =>
    jsonText(value, { indent: args.indent, sort: args.sort_keys }, run.budget),
  ),
  tojson: operation(any, { indent: integer.maybe() }, (value, args, run) =>
    jsonText(value, { indent: args.indent, sort: true, html: true }, run.budget),
  ),
  to_yaml: operation(any, {}, (value, _args, run) => yamlText(value, run.budget)),
  int: operation(any, { default: any.maybe(), base: integer.or(10) }, (value, args, run) =>
    toNumber(value, args.base, args.default, Math.trunc, run),
  ),
  float: operation(any, { default: any.maybe() }, (value, args, run) =>
    toNumber(value, 10, args.default, n => n, run),
  ),
  abs: operation(number, {}, Math.abs),
  round: operation(number, { precision: integer.or(0), method: text.or('common') }, (value, args) =>
    rounded(value, args.precision, args.method),
  ),
  bool: operation(any, {}, (value, _args, run) => asBoolean(value, run)),
  ternary: operation(any, { true_val: any, false_val: any, none_val: any.maybe() }, (value, args, run) => {
    if (known(value) === null && args.none_val !== undefined) return args.none_val;
    return truthy(value, run.budget) ? args.true_val : args.false_val;
  }),
  basename: operation(text, {}, path => path.slice(path.lastIndexOf('/') + 1)),
  dirname: operation(text, {}, path => {
    const head = path.slice(0, path.lastIndexOf('/') + 1);
    return /^\/*$/.test(head) ? head : stripped(head, '/', 'right');
  }),
  combine: {
    misfit(_positional, named) {
      const other = [...named].find(name => name !== 'recursive');
      return other === undefined ? undefined : { message: `takes no "${other}"` };
    },
    apply(input, given, run) {
      const recursive = flag.read(given.named.get('recursive') ?? false, run, new Set());
      const maps = [asValue(input), ...given.positional].flat().map(value => map.read(value, run, new Set()));
      return combined(maps, recursive, run);
    },
  },
};
