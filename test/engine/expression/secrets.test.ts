import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { compile, placeIn } from '../../../engine/expression/expression.ts';
import { ProblemError } from '../../../engine/problem.ts';
import { masked, reveal, Secret, type Value } from '../../../engine/value.ts';

const canary = "cAn/ary pass'wörd";
const scope = {
  secrets: {
    password: new Secret(canary, 'secrets.password'),
    other: new Secret('o-t-h-e-r', 'secrets.other'),
  },
  user: 'flaskapp',
};

function evaluated(source: string): Value {
  return compile(source, placeIn('play.yml', source)).evaluate(scope);
}

/** Every form in which a value could be printed by accident. */
function printed(value: unknown): string {
  return [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: null, showHidden: true }),
    `${[value]}`,
  ].join('\n');
}

const forms = [
  canary,
  encodeURIComponent(canary),
  canary.toUpperCase(),
  canary.replaceAll("'", "'\\''"),
  Buffer.from(canary).toString('base64'),
];

function leaks(text: string): boolean {
  return forms.some(form => text.includes(form)) || text.includes('o-t-h-e-r');
}

describe('a text made from a secret is secret', () => {
  it.each([
    ['{{ secrets.password }}', '«secrets.password»', canary],
    [
      'postgres://{{ user }}:{{ secrets.password | urlencode }}@db',
      'postgres://flaskapp:«secrets.password»@db',
      'postgres://flaskapp:cAn%2Fary%20pass%27w%C3%B6rd@db',
    ],
    ['{{ "x" ~ secrets.password + "y" }}', 'x«secrets.password»y', `x${canary}y`],
    ['{{ secrets.password ~ secrets.other }}', '«secrets.password»«secrets.other»', `${canary}o-t-h-e-r`],
    ['{{ ("a" ~ secrets.other) | upper }}', 'A«secrets.other»', 'AO-T-H-E-R'],
    ['{{ secrets.other | b64encode }}', '«secrets.other»', 'by10LWgtZS1y'],
    ['{{ (user ~ secrets.other) | sha256 | length }}', 64, 64],
    ['{{ secrets.password | quote }}', '«secrets.password»', "'cAn/ary pass'\\''wörd'"],
    [
      '{{ (secrets.password ~ secrets.other) | b64encode | b64decode }}',
      '«secrets.password + secrets.other»',
      `${canary}o-t-h-e-r`,
    ],
    ['{{ "a-b" | replace("-", secrets.other) }}', '«secrets.other»', 'ao-t-h-e-rb'],
    ['{{ [user, secrets.other] | join(":") }}', 'flaskapp:«secrets.other»', 'flaskapp:o-t-h-e-r'],
    ['{{ ["a", "b"] | join(secrets.other) }}', 'a«secrets.other»b', 'ao-t-h-e-rb'],
    [
      '{{ {"p": secrets.other, "u": user} | to_json }}',
      '{"p": "«secrets.other»", "u": "flaskapp"}',
      '{"p": "o-t-h-e-r", "u": "flaskapp"}',
    ],
    ['{{ {"p": secrets.other} | tojson }}', '{"p": "«secrets.other»"}', '{"p": "o-t-h-e-r"}'],
    ['{{ {"p": secrets.other} | to_yaml }}', 'p: "«secrets.other»"\n', 'p: "o-t-h-e-r"\n'],
    ['{{ {"p": secrets.other} | urlencode }}', 'p=«secrets.other»', 'p=o-t-h-e-r'],
    ['{{ secrets.other[:3] }}', '«secrets.other»', 'o-t'],
    ['{{ secrets.other[0] }}', '«secrets.other»', 'o'],
    ['{{ secrets.other * 2 }}', '«secrets.other»', 'o-t-h-e-ro-t-h-e-r'],
    ['{{ secrets.other.split("-") }}', Array(5).fill('«secrets.other»'), ['o', 't', 'h', 'e', 'r']],
    ['{{ secrets.other.upper() }}', '«secrets.other»', 'O-T-H-E-R'],
    ['{{ secrets.other | string | trim | reverse }}', '«secrets.other»', 'r-e-h-t-o'],
    ['{{ [secrets.other] | map("upper") | first }}', '«secrets.other»', 'O-T-H-E-R'],
    ['{{ [secrets.other, "a"] | sort | last }}', '«secrets.other»', 'o-t-h-e-r'],
    ['{% set p = secrets.other %}{% filter upper %}{{ p }}{% endfilter %}', '«secrets.other»', 'O-T-H-E-R'],
    [
      '{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(secrets.other) | trim }}',
      '«secrets.other»',
      '[o-t-h-e-r]',
    ],
    ['{{ secrets.other | default("x", true) }}', '«secrets.other»', 'o-t-h-e-r'],
    ['{{ user if secrets.other == "x" else secrets.other }}', '«secrets.other»', 'o-t-h-e-r'],
    [
      '{{ {"a": 1} | combine(secrets) }}',
      { a: 1, password: '«secrets.password»', other: '«secrets.other»' },
      { a: 1, password: canary, other: 'o-t-h-e-r' },
    ],
  ] as [string, Value, Value][])('%s', (source, shown, clear) => {
    const value = evaluated(source);
    expect(masked(value)).toEqual(shown);
    expect(reveal(value).value).toEqual(clear);
    expect(leaks(printed(value))).toBe(false);
  });

  it('in YAML reads back as the same text, whatever it contains', () => {
    for (const text of ['yes', '1', '- a', 'a: b', 'x\ny', '"', '\u2028', "'", '#', ' a ']) {
      const scope = {
        it: {
          secret: new Secret(text, 's'),
          plain: text,
          list: [text, [text, { k: text }], [], {}],
          n: [1, null, true, 0.5],
        },
      };
      const value = compile('{{ it | to_yaml }}', placeIn('p', '')).evaluate(scope);
      expect(parse(reveal(value).value as string)).toEqual(reveal(scope.it).value);
      expect(parse(reveal(value).value as string, { version: '1.1' })).toEqual(reveal(scope.it).value);
    }
  });
});

describe('a problem with a secret does not reveal it', () => {
  it.each([
    '{{ secrets.password + 1 }}',
    '{{ secrets.password | int }}',
    '{{ secrets.password | int(5) }}',
    '{{ secrets.password | float }}',
    '{{ secrets.password | list }}',
    '{% for c in secrets.password %}{{ c }}{% endfor %}',
    '{{ secrets.password.nope }}',
    '{{ secrets.password.nope() }}',
    '{{ secrets.password < 1 }}',
    '{{ secrets.password | bool }}',
    '{{ secrets.password | b64decode }}',
    '{{ secrets[secrets.password] }}',
    '{{ {secrets.password: 1} }}',
    '{{ [1] | map(secrets.password) | list }}',
    '{{ [1] | select(secrets.password) | list }}',
    '{{ -secrets.password }}',
    '{{ [{}] | map(attribute=secrets.password) | list }}',
    '{{ [{}] | groupby(secrets.password) }}',
    '{{ [1] | round(secrets.password) }}',
    '{{ 1.5 | round(0, secrets.password) }}',
    '{{ {} | dictsort(by=secrets.password) }}',
    '{{ env(secrets.password) }}',
    '{{ dict(secrets.password) }}',
    '{{ secrets.password() }}',
    '{{ range(secrets.password) }}',
    '{{ user[secrets.password] }}',
    '{{ secrets.password % 1 }}',
    '{{ [1, 2] | sum(start=secrets.password) }}',
    '{{ secrets.password | join(",") }}',
    '{{ secrets }}x',
    '{{ [secrets.password] | sum }}',
    '{{ [secrets.password, 1] | sort }}',
    '{{ [secrets.password, 1] | max }}',
    '{{ secrets.password is even }}',
  ])('%s', source => {
    let shown = '';
    try {
      const value = evaluated(source);
      shown = printed(value);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(ProblemError);
      shown =
        JSON.stringify((thrown as ProblemError).problems) +
        inspect(thrown, { depth: null, showHidden: true });
    }
    expect(shown).not.toBe('');
    expect(leaks(shown)).toBe(false);
  });
});

it('env() does not reveal a secret name', () => {
  const template = compile('{{ env(secrets.password) }}', placeIn('p', ''));
  expect(() => template.evaluate(scope, { env: () => undefined })).toThrow(
    /^name: the name of a variable is wanted$/,
  );
});

it('env() may return a secret', () => {
  const template = compile("{{ env('TOKEN') | upper }}", placeIn('p', ''));
  const value = template.evaluate({}, { env: name => new Secret('t0ken', `env.${name}`) });
  expect([masked(value), reveal(value).value]).toEqual(['«env.TOKEN»', 'T0KEN']);
});
