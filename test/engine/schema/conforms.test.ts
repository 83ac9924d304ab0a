import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { conforms } from '../../../engine/schema/conforms.ts';
import { mapSchemas, type Schema } from '../../../engine/schema/schema.ts';
import { modules } from '../../../modules/index.ts';
import fc from '../../random.ts';

const ajv = new Ajv({ strict: false, meta: false, validateSchema: false });
const never = () => false;

/** The example with the value at one of its places replaced, taken out, or put where none was. */
function mutated(data: unknown, steps: readonly number[], value: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof data !== 'object' || data === null) return value;
  const keys = [...Object.keys(data), 'extra'];
  const key = keys[step % keys.length]!;
  const copy = structuredClone(data) as Record<string, unknown>;
  copy[Array.isArray(data) && key === 'extra' ? data.length : key] = mutated(copy[key], rest, value);
  return copy;
}

const value = fc.oneof(
  fc.constantFrom('', 'present', 'absent', '/a', '0644', '1h', 0, 1, 1.5, -1, true, null, 'ä{{ x }}'),
  fc.jsonValue({ maxDepth: 2 }),
);

describe.each(Object.values(modules))('$name', module => {
  test('Ajv accepts every conforming value, and every example conforms', () => {
    const schema = module.args as unknown as Schema;
    const takes = ajv.compile(schema);
    for (const { args } of module.examples) expect(conforms(schema, args, never)).toBe(true);
    const example = fc.constantFrom(...module.examples.map(({ args }) => args));
    fc.assert(
      fc.property(example, fc.array(fc.nat(9), { maxLength: 4 }), value, (args, steps, put) => {
        const data = mutated(args, steps, put);
        expect(conforms(schema, data, never) && !takes(data)).toBe(false);
      }),
    );
  });
});

test('nothing conforms to an unknown keyword, at any depth', () => {
  const unknown = (schema: Schema): Schema => ({ ...mapSchemas(schema, unknown), futureKeyword: true });
  expect(conforms(unknown({ type: 'string' }), 'a', never)).toBe(false);
  expect(conforms({ items: unknown({}) }, ['a'], never)).toBe(false);
  expect(conforms({ items: unknown({}) }, ['a'], data => data === 'a')).toBe(true);
});
