import fc, { type Arbitrary } from '../../random.ts';

/** Which kinds of expression refer to one another. */
type Kinds = {
  number: string;
  text: string;
  boolean: string;
};

const texts = ['', 'a', 'B', 'ab', 'Hello', 'x y', 'ö', '10', '😀!', "it's"];
const bound = fc.option(fc.integer({ min: -5, max: 5 }), { nil: '' as const });

function infix(operand: Arbitrary<string>, ...operators: string[]): Arbitrary<string> {
  return fc
    .tuple(operand, fc.constantFrom(...operators), operand, fc.boolean())
    .map(([left, operator, right, grouped]) =>
      grouped ? `(${left} ${operator} ${right})` : `${left} ${operator} ${right}`,
    );
}

function suffixed(operand: Arbitrary<string>, ...suffixes: string[]): Arbitrary<string> {
  return fc.tuple(operand, fc.constantFrom(...suffixes)).map(([it, suffix]) => `(${it})${suffix}`);
}

const { number, text, boolean } = fc.letrec<Kinds>(tie => {
  const sliced = fc
    .tuple(tie('text'), bound, bound, fc.constantFrom('', ':2', ':-1', ':'))
    .map(([of, from, to, step]) => `(${of})[${from}:${to}${step}]`);
  const chosen = (kind: 'number' | 'text') =>
    fc.tuple(tie(kind), tie('boolean'), tie(kind)).map(([yes, when, no]) => `(${yes} if ${when} else ${no})`);
  return {
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('n', 'neg', 'f', '0', '1', '2', '3', '-4', '2.5', '0.1', '1_000', '0x1f'),
      infix(tie('number'), '+', '-', '*', '/', '//', '%'),
      infix(fc.constantFrom('2', '3', 'neg', '-2'), '**'),
      fc.tuple(fc.constantFrom('-', '+', '- -'), tie('number')).map(([sign, it]) => `${sign}${it}`),
      suffixed(tie('number'), '|abs', '|int', '|round', '|round(1)', "|round(0, 'floor')"),
      suffixed(tie('text'), '|length', '|int(default=5)', ".find('l')", ".count('l')"),
      chosen('number'),
    ),
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('s', ...texts.map(it => JSON.stringify(it))),
      infix(tie('text'), '~', '+'),
      infix(fc.constantFrom('"ab"', 's'), '*')
        .map(it => it.replace(/\* .*/, '* 3'))
        .map(it => (it.startsWith('(') ? `${it})` : it)),
      sliced,
      suffixed(
        tie('text'),
        '|upper',
        '|lower',
        '|title',
        '|capitalize',
        '|trim',
        '|reverse',
        '|center(9)',
        "|replace('l', 'LL')",
      ),
      suffixed(
        tie('text'),
        '.strip()',
        ".replace('a', '')",
        '.zfill(4)',
        ".ljust(5, '-')",
        '|truncate(5, true)',
        "|default('z', true)",
      ),
      chosen('text'),
    ),
    boolean: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('true', 'false', 't', 'no'),
      infix(tie('number'), '==', '!=', '<', '<=', '>', '>='),
      infix(tie('text'), '==', '!=', '<', '<=', '>', '>=', 'in', 'not in'),
      infix(tie('boolean'), 'and', 'or'),
      tie('boolean').map(it => `not ${it}`),
      suffixed(tie('number'), ' is number', ' is not none', ' is divisibleby 3', ' is string'),
      suffixed(
        tie('text'),
        ' is string',
        ' is lower',
        ' is upper',
        ' is in xs',
        ".startswith('a')",
        '.isdigit()',
      ),
      fc.tuple(tie('number'), tie('number'), tie('number')).map(([a, b, c]) => `(${a}) < (${b}) <= (${c})`),
    ),
  };
});

/** Expressions that mostly have a value, over the scope of the samples. */
export const random: Arbitrary<string> = fc.oneof(number, text, boolean);
