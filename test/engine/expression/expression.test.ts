import { describe, expect, it } from 'vitest';
import {
  compile,
  compileExpression,
  isTemplate,
  placeIn,
  type Scope,
} from '../../../engine/expression/expression.ts';
import { type Problem, problemsOf } from '../../../engine/problem.ts';
import { type Plain, Unknown } from '../../../engine/value.ts';

const scope: Scope = {
  facts: { cpus: 4, os: { id: 'debian' } },
  app: 'flaskapp',
  domains: ['example.com', 'www.example.com'],
  debug: false,
};

function evaluated(source: string, more: { [name: string]: Plain } = {}) {
  return compile(source, placeIn('play.yml', source)).evaluate({ ...(scope as object), ...more });
}

function problemsIn(work: () => unknown): readonly Problem[] {
  try {
    work();
  } catch (thrown) {
    return problemsOf(thrown);
  }
  throw new Error('there was no problem');
}

/** `line:column+length message. hint [code]` for each problem. */
function told(work: () => unknown): string[] {
  return problemsIn(work).map(({ at, message, hint, code }) => {
    const end = hint === undefined ? '' : ` (${hint})`;
    return `${at?.line}:${at?.column}+${at?.length} ${message}${end} [${code}]`;
  });
}

describe('a value', () => {
  it.each<[string, Plain]>([
    ['{{ facts.cpus * 2 + 1 }}', 9],
    ['  {{ facts.cpus }}\n', 4],
    ['{{ facts.cpus }} ', 4],
    ['{{ domains }}', ['example.com', 'www.example.com']],
    ['{{ debug }}', false],
    ['{{ none }}', null],
    ['{{ facts.cpus }}{{ facts.cpus }}', '44'],
    ['x{{ debug }}', 'xFalse'],
    ['{# note #}{{ facts.cpus }}', 4],
    ['plain text', 'plain text'],
    ['', ''],
    ['{{ "{{ app }}" }}', '{{ app }}'],
  ])('%j is %j', (source, wanted) => {
    expect(evaluated(source)).toEqual(wanted);
  });

  it('of a file is text even if it is one expression', () => {
    expect(compile('{{ 1 + 1 }}', placeIn('a.j2', '')).render({})).toBe('2');
  });

  it('that contains a template is not evaluated again', () => {
    expect(evaluated('{{ printed }}', { printed: '{{ 1 + 1 }}' })).toBe('{{ 1 + 1 }}');
    expect(evaluated('> {{ printed }}', { printed: '{% if %}' })).toBe('> {% if %}');
  });

  it('of a bare expression keeps its type', () => {
    expect(compileExpression("facts.os.id == 'debian'", placeIn('play.yml', '')).evaluate(scope)).toBe(true);
  });

  it('comes from a lazy Map only if its name is used', () => {
    class Lazy extends Map<string, Plain> {
      override has(name: string): boolean {
        return name === 'used' || name === 'unused';
      }
      override get(name: string): Plain {
        if (name === 'unused') throw new Error('read');
        return 5;
      }
    }
    expect(compile('{{ used }}', placeIn('p', '')).evaluate(new Lazy())).toBe(5);
  });
});

describe('a filter beyond those of Jinja2', () => {
  it.each<[string, Plain]>([
    ["{{ 'p/w @é' | urlencode }}", 'p%2Fw%20%40%C3%A9'],
    ["{{ 'é' | b64encode }}", 'w6k='],
    ["{{ 'w6k=' | b64decode }}", 'é'],
    ["{{ 'a' | sha256 }}", 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ['{{ "it\'s" | quote }}', "'it'\\''s'"],
    ["{{ '' | quote }}", "''"],
    ["{{ {'b': [1, 'é'], 'a': none} | to_json }}", '{"b": [1, "é"], "a": null}'],
    [
      "{{ {'b': [1], 'a': {}} | to_json(indent=2, sort_keys=true) }}",
      '{\n  "a": {},\n  "b": [\n    1\n  ]\n}',
    ],
    ["{{ {'b': [1], 'a': 2} | to_nice_json }}", '{\n    "a": 2,\n    "b": [\n        1\n    ]\n}'],
    ["{{ 'yes' | bool }}", true],
    ["{{ 'Off' | bool }}", false],
    ['{{ 1 | bool }}', true],
    ["{{ '/srv/app/site.conf' | basename }}", 'site.conf'],
    ["{{ '/srv/app/site.conf' | dirname }}", '/srv/app'],
    ["{{ '/srv' | dirname }}", '/'],
    ["{{ 'srv' | dirname }}", ''],
    ["{{ {'a': 1, 'b': {'c': 1}} | combine({'b': {'d': 2}}) }}", { a: 1, b: { d: 2 } }],
    ["{{ {'a': {'c': 1}} | combine({'a': {'d': 2}}, recursive=true) }}", { a: { c: 1, d: 2 } }],
    ["{{ {'a': 1} | combine({'b': 2}, {'a': 3}) }}", { a: 3, b: 2 }],
    ["{{ debug | ternary('on', 'off') }}", 'off'],
    ['{{ none | ternary(1, 2, 3) }}', 3],
    ['{{ [1, [2, [3]]] | flatten }}', [1, 2, 3]],
    ['{{ [1, [2, [3]]] | flatten(levels=1) }}', [1, 2, [3]]],
    ['{{ [1, 2, 2] | union([3, 1]) }}', [1, 2, 3]],
    ['{{ [1, 2, 2] | intersect([2, 4]) }}', [2]],
    ['{{ [1, 2, 3] | difference([2]) }}', [1, 3]],
  ])('%s', (source, wanted) => {
    expect(evaluated(source)).toEqual(wanted);
  });
});

describe('a syntax problem', () => {
  it.each<[string, string[]]>([
    ['a {{ facts.cpus', ['1:3+2 this {{ is never closed (Close it with }}.) [expression-syntax]']],
    ['{{ app | uper }}', ['1:10+4 there is no filter "uper" (Did you mean "upper"?) [expression-syntax]']],
    ['{{ app is strin }}', ['1:11+5 there is no test "strin" (Did you mean "string"?) [expression-syntax]']],
    [
      '{{ app | upper(1) }}',
      ['1:10+5 the filter upper takes no arguments (Write it without arguments.) [expression-syntax]'],
    ],
    [
      '{{ app | indent(widht=2) }}',
      ['1:10+6 the filter indent takes no "widht" (Did you mean "width"?) [expression-syntax]'],
    ],
    [
      '{{ app | replace("a") }}',
      ['1:10+7 the filter replace needs "new" (Its arguments are (old, new, [count]).) [expression-syntax]'],
    ],
    [
      '{{ app domains }}',
      [
        '1:8+7 "domains" has no place here (Complete the expression, or take away what does not belong to it.) [expression-syntax]',
      ],
    ],
    [
      '{{ 1 + }}',
      [
        '1:8+1 a value was expected here, not the end (Complete the expression, or take away what does not belong to it.) [expression-syntax]',
      ],
    ],
    ['{{ (1 }}', ['1:4+1 this ( is never closed (Close it with ).) [expression-syntax]']],
    ['{{ app = 1 }}', ['1:8+1 "=" does not compare (Write == to compare.) [expression-syntax]']],
    [
      '{{ 9007199254740993 }}',
      [
        '1:4+16 9007199254740993 is beyond ±2^53 and cannot be kept exactly (Quote it to keep it as text.) [expression-syntax]',
      ],
    ],
    [
      '{% if debug %}x',
      ['1:4+2 this "if" has no {% endif %} (Write {% endif %} where it ends.) [expression-syntax]'],
    ],
    [
      '{% endfor %}',
      [
        '1:4+6 "endfor" ends nothing that is open here (Take it away, or write what it ends before it.) [expression-syntax]',
      ],
    ],
    [
      '{% if debug %}{% endfor %}{% endif %}',
      [
        '1:18+6 "endfor" stands where {% endif %} must end the "if" (Write {% endif %} before it.) [expression-syntax]',
        '1:30+5 "endif" ends nothing that is open here (Take it away, or write what it ends before it.) [expression-syntax]',
      ],
    ],
    [
      '{% include "x.j2" %}',
      [
        '1:4+7 "include" is not supported: templates cannot load others (A template is one file: write the text here, or render several files.) [expression-syntax]',
      ],
    ],
    [
      '{{ a b }}\n{% for x in %}{% endfor %}\n{{ "open }}',
      [
        '1:6+1 "b" has no place here (Complete the expression, or take away what does not belong to it.) [expression-syntax]',
        '2:13+1 a value was expected here, not the end (Complete the expression, or take away what does not belong to it.) [expression-syntax]',
        '3:4+1 this " is never closed (Close it with ".) [expression-syntax]',
      ],
    ],
  ])('of %j is told at its place', (source, wanted) => {
    expect(told(() => compile(source, placeIn('play.yml', source)))).toEqual(wanted);
  });

  it('of a bare expression in braces asks to remove them', () => {
    const source = '{{ debug }}';
    expect(told(() => compileExpression(source, placeIn('play.yml', source)))).toEqual([
      '1:1+2 this is an expression already (Leave the braces out.) [expression-syntax]',
    ]);
  });

  it('of excessive nesting is a problem, not a crash', () => {
    for (const source of [
      `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`,
      `{{ ${'- '.repeat(5000)}1 }}`,
      '{% if 1 %}'.repeat(5000),
    ]) {
      expect(
        problemsIn(() => compile(source, placeIn('play.yml', source))).map(({ code }) => code),
      ).toContain('expression-limit');
    }
  });
});

describe('a problem of evaluation', () => {
  it.each<[string, string]>([
    ['a\n{{ facts.cpu }}', '2:4+9 facts has no "cpu" (Did you mean "cpus"?) [undefined-variable]'],
    ['{{ fact.cpus }}', '1:4+4 "fact" is not defined (Did you mean "facts"?) [undefined-variable]'],
    [
      '{{ app ~ nope }}',
      '1:10+4 "nope" is not defined (Give it a value under vars, in the inventory or with --var, or write nope | default(…).) [undefined-variable]',
    ],
    ['{{ domains[2] }}', '1:4+10 domains has no element 2 [undefined-variable]'],
    ['{{ app.name }}', '1:4+8 app has no "name" [undefined-variable]'],
    ['{{ facts.cpus.x }}', '1:4+12 facts.cpus is the number 4 and has no "x" [undefined-variable]'],
    [
      '{{ facts.cpus + "1" }}',
      '1:4+16 + does not take the number 4 and a text (Join texts with ~, or convert a text with | int.) [expression-type]',
    ],
    [
      '{{ "a" < 1 }}',
      '1:4+7 a text and the number 1 have no order (Convert the text with | int or | float.) [expression-type]',
    ],
    [
      '{{ domains }}, {{ app }}',
      '1:4+7 a list cannot be put into text as it is (Write it with | to_json, or | join(", ").) [expression-type]',
    ],
    [
      '{{ app | int }}',
      '1:10+3 a text is not a number (Give a default, as in | int(0), for what is not one.) [expression-type]',
    ],
    ['{{ app | indent("2", 1) }}', '1:10+6 first: the number 1 is not true or false [expression-type]'],
    [
      '{{ app | bool }}',
      '1:10+4 a text is neither true nor false (bool takes true, yes, on, 1, false, no, off and 0.) [expression-type]',
    ],
    ['{{ 1 // 0 }}', '1:4+6 division by zero (Ask first whether the divisor is 0.) [expression-type]'],
    ['{{ "%" | b64decode }}', '1:10+9 the text is not base64 [expression-type]'],
    ['{{ app.uper() }}', '1:4+10 a text has no method uper() (Did you mean "upper"?) [expression-type]'],
    ['{{ app() }}', '1:4+5 a text cannot be called (Write it without the brackets.) [expression-type]'],
    ['{{ range }}', '1:4+5 a function is not a value (Call it: write () after its name.) [expression-type]'],
    [
      '{% for a, b in domains %}{% endfor %}',
      '1:8+4 a text cannot be unpacked (Go through a map with .items().) [expression-type]',
    ],
    ['{{ 2 ** 53 }}', '1:4+7 the result is beyond ±2^53 and cannot be kept exactly [expression-limit]'],
    ['{{ {none: 1} }}', '1:5+4 none cannot be the key of a map [expression-type]'],
  ])('%j is told at its place', (source, wanted) => {
    expect(told(() => evaluated(source))).toEqual([wanted]);
  });
});

describe('env()', () => {
  const template = (source: string) => compile(source, placeIn('play.yml', source));

  it('returns the value of its reader', () => {
    expect(template("{{ env('HOME') }}").evaluate({}, { env: name => `<${name}>` })).toBe('<HOME>');
  });

  it('of a variable that is not set is a problem unless there is a default', () => {
    const env = () => undefined;
    expect(told(() => template("{{ env('DB') }}").evaluate({}, { env }))).toEqual([
      "1:4+9 the environment variable DB is not set (Set it, or write env('DB') | default(…).) [undefined-variable]",
    ]);
    expect(template("{{ env('DB') | default('x') }}").evaluate({}, { env })).toBe('x');
    expect(template("{{ env('DB', 'y') }}").evaluate({}, { env })).toBe('y');
  });
});

describe('an unknown value', () => {
  const later = {
    ...(scope as object),
    pg: new Unknown('System packages'),
    list: [1, new Unknown('facts')],
  } as Scope;
  const settled = (source: string) => compile(source, placeIn('play.yml', source)).evaluate(later);

  it.each([
    '{{ pg }}',
    '{{ pg.version }}',
    '{{ pg + 1 }}',
    '{{ pg | upper }}',
    '{{ 1 if pg else 2 }}',
    '{{ not pg }}',
    '{{ pg[0] }}',
    '{{ domains[pg] }}',
    '{{ pg.split(",") }}',
    '{{ pg == 1 }}',
    '{{ "a" in pg }}',
    'port {{ pg }}',
    '{% if pg %}a{% endif %}',
    '{% for x in pg %}{% endfor %}',
    '{% set x = pg + 1 %}{{ x }}',
    '{{ app | replace("a", pg) }}',
    '{{ [pg] | join }}',
    '{{ [pg] | to_json }}',
    '{{ pg is number }}',
    '{{ pg | default(1) }}',
    '{% macro m(x) %}{{ x }}{% endmacro %}{{ m(pg) }}',
  ])('makes %s unknown for the same reason', source => {
    expect(settled(source)).toEqual(new Unknown('System packages'));
  });

  it.each<[string, Plain]>([
    ['{{ pg is defined }}', true],
    ['{{ debug and pg }}', false],
    ['{{ app or pg }}', 'flaskapp'],
    ['{{ list | length }}', 2],
    ['{{ list | first }}', 1],
    ["{{ 'x' if debug == false else pg }}", 'x'],
  ])('leaves %s known', (source, wanted) => {
    expect(settled(source)).toEqual(wanted);
  });
});

describe('references', () => {
  const of = (source: string) =>
    compile(source, placeIn('p', source)).references.map(
      ({ path, guarded, optional }) => path.join('.') + (optional ? '??' : guarded ? '?' : ''),
    );

  it.each<[string, string[]]>([
    ['{{ facts.cpus }} {{ app }}', ['facts.cpus', 'app']],
    ["{{ vars['app'].x[0].y }}", ['vars.app.x']],
    ['{{ facts[app] }}', ['facts', 'app']],
    ['{{ facts.disks.keys() }}', ['facts.disks']],
    ['{{ a | default(b) }}', ['a??', 'b']],
    ['{{ a is defined and b }}', ['a??', 'b?']],
    ['{{ a.x if a is defined else b }}', ['a.x??', 'a??', 'b?']],
    ["{% if 'k' in m and n %}{{ m.k }}{{ m.j }}{% endif %}", ['m', 'n?', 'm.k??', 'm.j?']],
    ["{% if 'k' in vars %}{{ k }}{% endif %}", ['vars', 'k??']],
    ['{% for x in xs if a is defined %}{{ a }}{% endfor %}', ['xs', 'a??', 'a??']],
    ['{{ b if a else c }}', ['b?', 'a', 'c?']],
    ['{% if a %}{{ b }}{% elif c %}{% else %}{{ d }}{% endif %}', ['a', 'b?', 'c?', 'd?']],
    ['{% for x in xs %}{{ x }}{{ loop.index }}{{ y }}{% endfor %}{{ x }}', ['xs', 'y', 'x']],
    ['{% set a = b %}{{ a }}', ['b']],
    ['{% macro m(a, b=c) %}{{ a }}{{ b }}{{ d }}{% endmacro %}{{ m(e) }}', ['c', 'd', 'e']],
    ['{% with a = b %}{{ a }}{% endwith %}{{ a }}', ['b', 'a']],
    ['{% filter replace(a, "b") %}{{ c }}{% endfilter %}', ['a', 'c']],
    ['{% set x | upper %}{{ a }}{% endset %}{{ x }}', ['a']],
    ['{{ range(n) }}{{ nope(1) }}', ['n', 'nope']],
    ['{{ [a, {b: c}] }}{{ x[d:e] }}{{ 1 < f < g }}', ['a', 'b', 'c', 'x', 'd', 'e', 'f', 'g']],
    ['text', []],
  ])('of %s', (source, wanted) => {
    expect(of(source)).toEqual(wanted);
  });

  it('have the place of the whole path', () => {
    const source = 'a\n  {{ facts.cpus + 1 }}';
    expect(compile(source, placeIn('p.j2', source)).references).toEqual([
      {
        path: ['facts', 'cpus'],
        guarded: false,
        optional: false,
        at: { file: 'p.j2', line: 2, column: 6, length: 10, text: '  {{ facts.cpus + 1 }}' },
      },
    ]);
  });
});

it.each([
  ['{{ a', true],
  ['{% x', true],
  ['{# x', true],
  ['{ {', false],
  ['${a}', false],
])('isTemplate(%j) is %s', (text, wanted) => {
  expect(isTemplate(text)).toBe(wanted);
});
