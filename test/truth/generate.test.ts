import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { flag, text } from '../../engine/module-kit/argument.ts';
import { defineModule } from '../../engine/module-kit/define-module.ts';
import { modules } from '../../modules/index.ts';
import { withDefaults } from './arguments.ts';
import { caseText, parseCase, playbookOf } from './case-file.ts';
import { generateCase } from './generate.ts';

const seeds = Array.from({ length: 600 }, (_, at) => `unit/${at}`);

it('makes equal cases from equal seeds, and different ones from different seeds', () => {
  const texts = seeds.slice(0, 100).map(seed => caseText(generateCase(modules, seed)));
  expect(seeds.slice(0, 100).map(seed => caseText(generateCase(modules, seed)))).toEqual(texts);
  expect(new Set(texts).size).toBe(100);
});

it('gives every module valid arguments by its schema and its own rules', () => {
  const ajv = new Ajv({ strict: false, logger: false });
  const checks = Object.fromEntries(
    Object.values(modules).map(module => [module.name, ajv.compile(module.args)]),
  );
  const wrong = seeds
    .flatMap(seed => generateCase(modules, seed).plays.flat())
    // A name that a loop gives is not worked out here.
    .filter(({ keys }) => keys['loop'] === undefined)
    .flatMap(({ module, args }) => {
      const literal = Object.entries(args).filter(([, value]) => !String(value).includes('{{'));
      const fits = checks[module]!(Object.fromEntries(literal));
      const against = modules[module]!.refine?.(withDefaults(modules[module]!, args)) ?? [];
      return fits && against.length === 0 ? [] : [{ module, args, against }];
    });
  expect(wrong).toEqual([]);
});

it('draws every module of the registry', () => {
  const drawn = seeds.flatMap(seed =>
    generateCase(modules, seed)
      .plays.flat()
      .map(({ module }) => module),
  );
  expect(new Set(drawn)).toEqual(new Set(Object.keys(modules)));
});

it('draws an unknown module, with arguments from its schema or its examples', () => {
  const gadget = defineModule({
    name: 'gadget',
    summary: 'A device.',
    args: { key: text('The key.', { pattern: '^[a-z.]+$' }), live: flag('Whether it is set at once.') },
    required: ['key'],
    examples: { One: { key: 'lamp.brightness' } },
    identity: ({ key }) => key,
    probes: () => ({}),
    actual: () => null,
    desired: () => ({}),
    steps: () => [],
  });
  const drawn = [...seeds, ...seeds.map(seed => `${seed} again`)]
    .flatMap(seed => generateCase({ ...modules, gadget }, seed).plays.flat())
    .filter(({ module }) => module === 'gadget');
  expect(drawn.length).toBeGreaterThan(10);
  expect(new Set(drawn.map(({ args }) => args['key']))).toEqual(new Set(['lamp.brightness']));
  expect(new Set(drawn.map(({ args }) => typeof args['live']))).toEqual(new Set(['undefined', 'boolean']));
});

it('gives two resources of a case different names', () => {
  for (const seed of seeds) {
    const names = generateCase(modules, seed)
      .plays.flat()
      .map(({ name }) => name);
    expect(new Set(names).size, seed).toBe(names.length);
  }
});

it('contacts no certificate authority but that of the lab', () => {
  const drawn = seeds.flatMap(seed => generateCase(modules, seed).plays.flat());
  const asked = drawn.filter(({ module }) => module === 'certbot').map(({ args }) => args['server']);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked)).toEqual(new Set(['{{ acme_server }}']));
});

it('reads a case back from its file', () => {
  for (const seed of seeds.slice(0, 100)) {
    const subject = generateCase(modules, seed);
    const again = parseCase(caseText(subject), Object.keys(modules));
    expect(again, seed).toEqual(subject);
    expect(playbookOf(again)).toEqual(playbookOf(subject));
  }
});
