import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile, type Options, placeIn } from '../../../engine/expression/expression.ts';
import { ProblemError } from '../../../engine/problem.ts';
import type { Value } from '../../../engine/value.ts';
import { counted } from '../../steps.ts';

const { exports: counting, steps } = await counted<typeof import('../../../engine/expression/expression.ts')>(
  join(import.meta.dirname, '../../../engine/expression/expression.ts'),
);

const scope = { name: 'web1', list: [1, 2], map: { a: 1 } } as { [name: string]: Value };

function evaluated(source: string, options?: Options): Value {
  return compile(source, placeIn('play.yml', source), options).evaluate(scope);
}

function codes(source: string, options?: Options): string[] {
  try {
    evaluated(source, options);
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown.problems.map(({ code }) => code);
    throw thrown;
  }
  return [];
}

const roots = [
  'name',
  'list',
  'map',
  '1',
  'none',
  'true',
  'range',
  'loop',
  "'a'.upper",
  'dict',
  'namespace()',
  'list|first',
];
const ways = [
  '.constructor',
  "['constructor']",
  '.__proto__',
  "['__proto__']",
  '.prototype',
  '.toString',
  '.__class__',
  '.hasOwnProperty',
  '.at',
  '.push',
  '.call',
  '.bind',
];

describe('only data is reachable', () => {
  it.each(
    roots.flatMap(root =>
      ways.flatMap(way => [`{{ ${root}${way} }}`, `{{ ${root}${way}('x') }}`, `{{ ${root}${way}${way} }}`]),
    ),
  )('%s is a problem', source => {
    expect(codes(source)).not.toEqual([]);
  });

  it.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'globalThis',
    'process',
    'require',
    'this',
    'Object',
    'eval',
    'Function',
  ])('the name %s is not defined', name => {
    expect(codes(`{{ ${name} }}`)).toEqual(['undefined-variable']);
  });

  it.each([
    '{{ name | constructor }}',
    '{{ name is constructor }}',
    "{{ list | map('constructor') | list }}",
    "{{ list | map('__proto__') | list }}",
    "{{ list | select('toString') | list }}",
    "{{ list | map(attribute='constructor') | list }}",
    "{{ [map] | map(attribute='__proto__') | list }}",
    "{{ [map] | sum(attribute='constructor.name') }}",
    "{{ [map] | sort(attribute='__proto__') }}",
    "{{ [map] | groupby('constructor') }}",
    '{{ name | default(x, constructor=1) }}',
  ])('%s is a problem', source => {
    expect(codes(source)).not.toEqual([]);
  });

  it('a key "__proto__" is data and pollutes nothing', () => {
    for (const source of [
      "{{ {'__proto__': {'polluted': 1}} }}",
      "{{ map | combine({'__proto__': {'polluted': 1}}, recursive=true) }}",
      "{{ dict([['__proto__', {'polluted': 1}]]) }}",
      "{{ dict(__proto__={'polluted': 1}) }}",
      "{% set ns = namespace() %}{% set ns.__proto__ = {'polluted': 1} %}{{ ns.__proto__ | to_json }}",
      "{% set __proto__ = {'polluted': 1} %}{{ __proto__ | to_json }}",
    ]) {
      const value = evaluated(source);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      if (typeof value === 'object') {
        expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
        expect(Object.hasOwn(value as object, '__proto__')).toBe(true);
      } else expect(value).toBe('{"polluted": 1}');
    }
  });

  it('a value of the scope that is not plain data cannot be inspected or called', () => {
    const odd = { fn: (() => 1) as unknown as Value, date: new Date() as unknown as Value };
    for (const source of [
      '{{ fn() }}',
      '{{ fn.name }}',
      '{{ fn.constructor }}',
      '{{ date.getTime() }}',
      '{{ date.constructor }}',
      'x{{ date }}',
      'x{{ fn }}',
      '{{ date | to_json }}',
    ]) {
      expect(() => compile(source, placeIn('play.yml', source)).evaluate(odd), source).toThrow(ProblemError);
    }
  });
});

describe('every evaluation ends', () => {
  it.each([
    '{{ range(1000000000) }}',
    '{{ range(10 ** 15) | length }}',
    "{{ 'a' * 1000000000 }}",
    '{{ [0] * 1000000000 }}',
    "{{ 'a' | center(10 ** 10) }}",
    "{{ 'a' | indent(10 ** 10, first=true) }}",
    "{{ 'a'.ljust(10 ** 10) }}",
    "{{ 'a'.zfill(10 ** 10) }}",
    '{{ {} | to_json(indent=10 ** 10) }}',
    '{{ [1] | batch(10 ** 10, 0) }}',
    '{{ [1] | slice(10 ** 10) }}',
    "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
    "{{ ('a' * 1000000) | wordwrap(1, wrapstring='b' * 1000000) }}",
    '{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}',
    "{% for a in range(10000) %}{{ 'a' * 10000 }}{% endfor %}",
    "{% set s = namespace(t='a') %}{% for i in range(40) %}{% set s.t = s.t ~ s.t %}{% endfor %}",
    '{% set s = namespace(l=[1]) %}{% for i in range(40) %}{% set s.l = s.l + s.l %}{% endfor %}',
    '{% set s = namespace(l=[1]) %}{% for i in range(40) %}{% set s.l = [s.l, s.l] %}{% endfor %}{{ s.l | to_json }}',
    '{% set s = namespace(l=[1]) %}{% for i in range(40) %}{% set s.l = [s.l, s.l] %}{% endfor %}{{ s.l | to_yaml }}',
    '{% set s = namespace(l=[1]) %}{% for i in range(40) %}{% set s.l = [s.l, s.l] %}{% endfor %}{{ s.l | flatten }}',
    '{% set s = namespace(l=[1], m=[1]) %}{% for i in range(40) %}{% set s.l = [s.l, s.l] %}{% set s.m = [s.m, s.m] %}{% endfor %}{{ s.l == s.m }}',
    '{% set s = namespace(l=[1]) %}{% for i in range(50000) %}{% set s.l = [s.l] %}{% endfor %}{{ s.l | to_json }}',
    '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
    '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}',
    '{{ [] | sum(start=1) if range(999999) | sort | map("string") | join == "" else 1 }}',
  ])('%s meets a limit', source => {
    expect(codes(source)).toEqual(['expression-limit']);
  });

  const [text, map] = [
    "{% set l = 'a' * 900000 %}{% set k = l ~ '' %}",
    "{% set m = dict(range(4000) | map('string') | batch(2)) %}",
  ];
  it.each([
    ...['l | length', 'l | trim', 'l | int(0)', 'l[i]', 'l[::-1]', 'l < k', 'l == k', 'l | reverse'].map(
      read => text + `{% for i in range(99999) %}{{ ${read} }}{% endfor %}`,
    ),
    ...['m | length', '1 if m else 0', 'm | default(1, true) | count', 'dict(m) | count', 'm.get("x")'].map(
      read => map + `{% for i in range(9999) %}{{ ${read} }}{% endfor %}`,
    ),
  ])('%s counts all that it goes through', source => {
    expect(codes(source, { maxSteps: 100_000 })).toEqual(['expression-limit']);
  });

  it.each<[source: string, most: number]>([
    ['{{ range(99999) | map("to_json") | list | to_yaml }}', 6_000_000],
    ['{{ ("a " * 900000).split(none, 99999) | length }}', 1_000_000],
    [
      "{% for i in range(9999) %}{{ m.nothing | default('') }}{{ nothing | default('') }}{% endfor %}",
      2_000_000,
    ],
    ['{{ range(99999) | map("wordwrap", 1) | list }}', 8_000_000],
  ])('%s has a value, and takes few steps', (source, most) => {
    const m = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`name${i}`, i]));
    steps.begin(2 * most);
    counting.compile(source, placeIn('play.yml', source)).evaluate({ m });
    expect(steps.count()).toBeLessThan(most);
  });

  it('a template with too many branches is refused', () => {
    expect(codes(`{% if 0 %}${'{% elif 0 %}'.repeat(5000)}{% endif %}`)).toEqual(['expression-limit']);
    expect(codes(`{% if 0 %}${'{% elif 0 %}'.repeat(90)}{% endif %}`)).toEqual([]);
  });

  it('a small result with an endless text is refused', () => {
    let value: Value = [1];
    for (let depth = 0; depth < 40; depth++) value = [value, value];
    expect(() => compile('{{ v }}', placeIn('p', '')).evaluate({ v: value })).toThrow(ProblemError);
  });

  it('the limits can be set', () => {
    expect(codes('{{ range(100) }}', { maxSteps: 50 })).toEqual(['expression-limit']);
    expect(codes('{{ "a" * 11 }}', { maxLength: 10 })).toEqual(['expression-limit']);
    expect(codes('{{ "a" * 10 }}', { maxLength: 10 })).toEqual([]);
  });
});
