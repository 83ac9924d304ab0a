import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { inventorySchema, playbookSchema } from '../../../engine/playbook/editor-schema.ts';
import { modules } from '../workspace.ts';

const ajv = new Ajv({ strict: false });
const playbook = ajv.compile(playbookSchema(modules));
const inventory = ajv.compile(inventorySchema());
const sound = parse(readFileSync(new URL('../validate/mistakes/sound.yml', import.meta.url), 'utf8'));

test('the schemas are valid by draft-07', () => {
  for (const schema of [playbookSchema(modules), inventorySchema()]) {
    expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
  }
});

describe('the editor', () => {
  const plays = (resource: object) => ({ hosts: 'all', resources: [resource] });
  test.each([
    ['a sound playbook', sound, true],
    ['several plays', { plays: [sound] }, true],
    ['a template for a number', plays({ package: { names: ['a'], keep: '{{ n }}' } }), true],
    ['text for a number', plays({ package: { names: ['a'], keep: 'n' } }), false],
    ['a template for a list', plays({ package: { names: '{{ names }}' } }), true],
    ['a template for an enum', plays({ file: { path: '/a', state: '{{ s }}' } }), true],
    ['an unknown argument', plays({ file: { path: '/a', pth: '/b' } }), false],
    ['no module', plays({ name: 'x' }), false],
    ['two modules', plays({ file: { path: '/a' }, service: { name: 'a' } }), false],
    ['an unknown module', plays({ fiel: {} }), false],
    ['a play without hosts', { resources: [] }, false],
    [
      'a check that changes something',
      { ...plays({ file: { path: '/a' } }), checks: [{ file: { path: '/a' } }] },
      false,
    ],
    ['keys beside plays', { plays: [sound], hosts: 'all' }, false],
  ])('%s', (_, data, expected) => {
    expect(playbook(data)).toBe(expected);
  });

  test('shows descriptions of a module and its arguments', () => {
    const { definitions } = playbookSchema(modules) as {
      definitions: Record<string, { properties: Record<string, object>; defaultSnippets: object[] }>;
    };
    expect(definitions['file']?.properties['path']).toMatchObject({
      anyOf: [{ type: 'string' }, { $ref: '#/definitions/template' }],
      markdownDescription: 'An absolute path.',
    });
    expect(definitions['tree']?.defaultSnippets).toEqual([
      { label: 'tree: required arguments', body: { src: '$1', path: '$2' } },
    ]);
  });

  test('knows the keys of an inventory', () => {
    expect(
      inventory({
        defaults: { user: 'a' },
        hosts: { a: null, b: { port: 22 } },
        groups: { g: { hosts: ['a'] } },
      }),
    ).toBe(true);
    expect(inventory({ hosts: { a: { prot: 22 } } })).toBe(false);
  });
});
