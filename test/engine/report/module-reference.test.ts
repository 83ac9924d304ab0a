import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { anyOf, duration, listOf, oneOf, text } from '../../../engine/module-kit/argument.ts';
import { defineModule } from '../../../engine/module-kit/define-module.ts';
import { argumentRows, moduleMarkdown, moduleText } from '../../../engine/report/module-reference.ts';
import { yamlText } from '../../../engine/report/yaml-text.ts';
import fc from '../../random.ts';

const module = defineModule({
  name: 'sample',
  summary: 'A sample.',
  args: {
    state: oneOf(['present', 'absent'], 'Whether it is there | not.', { default: 'present' }),
    name: text('What it is called.'),
    settle: duration('How long.', { default: '3s' }),
    packages: listOf({ type: 'string' }, 'Some.'),
    port: anyOf([{ type: 'integer' }, { type: 'string' }], 'Where.'),
    unit: {
      type: 'object',
      properties: { text: text('Its text.') },
      required: ['text'],
      description: 'Sections.',
    },
    mode: { type: ['string', 'boolean'], description: 'Or not.' },
    at: text('Its place.', { pattern: '^/' }),
  },
  required: ['name'],
  examples: { One: { name: 'a', packages: ['b', 'yes'], unit: { text: 'x\ny\n' } } },
  identity: ({ name }) => name,
  probes: () => ({}),
  actual: () => null,
  desired: () => ({}),
});

it('required arguments are listed first', () => {
  expect(argumentRows(module).map(({ name, type, default: value }) => [name, type, value])).toEqual([
    ['name', 'string', undefined],
    ['state', 'present | absent', 'present'],
    ['settle', 'duration', '3s'],
    ['packages', 'list of string', undefined],
    ['port', 'integer or string', undefined],
    ['unit', 'map', undefined],
    ['unit.text', 'string', undefined],
    ['mode', 'string or boolean', undefined],
    ['at', 'absolute path', undefined],
  ]);
});

it('the reference shows every argument and example', () => {
  expect(moduleText(module, { columns: 80, color: false })).toBe(`sample
A sample.

  name *       string                      What it is called.
  state        present | absent = present  Whether it is there | not.
  settle       duration = 3s               How long.
  packages     list of string              Some.
  port         integer or string           Where.
  unit         map                         Sections.
  unit.text *  string                      Its text.
  mode         string or boolean           Or not.
  at           absolute path               Its place.

* required

# One
- sample:
    name: a
    packages: [b, "yes"]
    unit:
      text: |
        x
        y
`);
});

it('no line of the reference is wider than the terminal', () => {
  for (const columns of [60, 80, 120]) {
    for (const line of moduleText(module, { columns, color: false }).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(columns);
    }
  }
});

it('the page keeps bars out of its table', () => {
  expect(moduleMarkdown(module)).toContain(
    '| `state` | present \\| absent | `present` | Whether it is there \\| not. |',
  );
});

describe('YAML', () => {
  test.each<[value: unknown, yaml: string]>([
    [{ a: [] }, 'a: []\n'],
    [{ a: {} }, 'a: {}\n'],
    [{ a: 'no' }, 'a: "no"\n'],
    [{ a: '0644' }, 'a: "0644"\n'],
    [{ a: '1h' }, 'a: 1h\n'],
    [{ a: '{{ vars.x }}' }, 'a: "{{ vars.x }}"\n'],
    [{ a: [{ b: 1, c: [2] }] }, 'a:\n  - b: 1\n    c: [2]\n'],
    [{ a: 'x\n\n  y' }, 'a: |-\n  x\n\n    y\n'],
  ])('of %j is %j', (value, yaml) => {
    expect(yamlText(value)).toBe(yaml);
  });

  it('reads back as the same value', () => {
    const values = fc.letrec(tie => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.stringMatching(/^[ -~\n]*$/),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(values, value => {
        expect(parse(yamlText({ value }))).toEqual({ value });
      }),
    );
  });
});
