import type { Module } from '../module.ts';
import { inventoryFileSchema } from '../schema/inventory-keys.ts';
import { componentKeys, playbookKeys, playKeys, resourceKeys } from '../schema/resource-keys.ts';
import { isMode, mapSchemas, type Schema } from '../schema/schema.ts';

const draft = 'http://json-schema.org/draft-07/schema#';
const templateRef = { $ref: '#/definitions/template' };
const template = {
  type: 'string',
  pattern: '\\{[{%#]',
  description: 'A template, such as "{{ vars.app }}".',
};

/** Returns the JSON Schema (draft-07) by which editors complete and check playbooks. */
export function playbookSchema(modules: Readonly<Record<string, Module>>): Schema {
  const checks = Object.values(modules).flatMap(each => (each.check ? [each] : (each.asCheck ?? [])));
  // A module may have another form as a check.
  const nameOf = (each: Module) => (modules[each.name] === each ? each.name : `${each.name}_as_check`);
  const resources = { type: 'array', items: { $ref: '#/definitions/resource' } };
  const rollout = playKeys['rollout']!;
  const play = {
    ...playKeys,
    become: relaxed(playKeys['become']!),
    resources: { ...playKeys['resources'], ...resources },
    checks: { ...playKeys['checks'], type: 'array', items: { $ref: '#/definitions/check' } },
    rollout: {
      ...rollout,
      properties: {
        ...rollout.properties,
        before: { ...rollout.properties!['before'], ...resources },
        after: { ...rollout.properties!['after'], ...resources },
      },
    },
  };
  return {
    $schema: draft,
    title: 'A playbook of reconcile',
    type: 'object',
    allOf: [
      { if: { required: ['plays'] }, else: { $ref: '#/definitions/play' } },
      { if: { not: { required: ['plays'] } }, else: { $ref: '#/definitions/plays' } },
    ],
    definitions: {
      template,
      plays: {
        type: 'object',
        additionalProperties: false,
        properties: {
          ...mapValues(playbookKeys, described),
          plays: { ...playbookKeys['plays'], items: { $ref: '#/definitions/play' } },
        },
      },
      play: {
        type: 'object',
        required: ['hosts', 'resources'],
        additionalProperties: false,
        properties: mapValues(play, described),
      },
      resource: resourceSchema(Object.values(modules), nameOf, true),
      check: resourceSchema(checks, nameOf, false),
      ...Object.fromEntries(
        [...Object.values(modules), ...checks].map(each => [nameOf(each), argumentsSchema(each)]),
      ),
    },
  };
}

/** Returns the JSON Schema (draft-07) by which editors complete and check component files. */
export function componentSchema(modules: Readonly<Record<string, Module>>): Schema {
  const all = Object.values(modules);
  const items = { $ref: '#/definitions/resource' };
  return {
    $schema: draft,
    title: 'A component of reconcile',
    type: 'object',
    required: ['resources'],
    additionalProperties: false,
    properties: mapValues(
      { ...componentKeys, resources: { ...componentKeys['resources'], type: 'array', items } },
      described,
    ),
    definitions: {
      template,
      resource: resourceSchema(all, ({ name }) => name, true),
      ...Object.fromEntries(all.map(each => [each.name, argumentsSchema(each)])),
    },
  };
}

/** Returns the JSON Schema (draft-07) by which editors complete and check inventories. */
export function inventorySchema(): Schema {
  return { $schema: draft, title: 'An inventory of reconcile', ...described(inventoryFileSchema) };
}

/** Returns the schema of a resource: its own keys and exactly one module, or a component. */
function resourceSchema(
  modules: readonly Module[],
  nameOf: (module: Module) => string,
  includes: boolean,
): Schema {
  const names = [...modules.map(({ name }) => name), ...(includes ? ['include'] : [])];
  const keys = Object.entries(resourceKeys).filter(([key]) => includes || !['include', 'with'].includes(key));
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...mapValues(Object.fromEntries(keys), described),
      loop: described(relaxed(resourceKeys['loop']!)),
      become: described(relaxed(resourceKeys['become']!)),
      ...Object.fromEntries(
        modules.map(module => [
          module.name,
          {
            $ref: `#/definitions/${nameOf(module)}`,
            description: module.summary,
          },
        ]),
      ),
    },
    ...(includes && { dependencies: { with: ['include'] } }),
    ...(names.length > 0 && { oneOf: names.map(name => ({ required: [name] })) }),
    defaultSnippets: modules.map(({ name, summary, args }) => ({
      label: name,
      description: summary,
      body: { [name]: snippet(args as unknown as Schema) },
    })),
  };
}

function argumentsSchema({ args, summary, name, examples }: Module): Schema {
  const schema = args as unknown as Schema;
  const [example] = examples;
  const shown =
    example === undefined
      ? ''
      : `\n\n${example.title}:\n\`\`\`yaml\n${name}: ${JSON.stringify(example.args)}\n\`\`\``;
  return {
    ...described(mapSchemas(schema, open)),
    description: summary,
    markdownDescription: summary + shown,
    defaultSnippets: [{ label: `${name}: required arguments`, body: snippet(schema) }],
  };
}

/** Returns the required arguments with a placeholder for each, in the form of yaml-language-server's snippets. */
function snippet(schema: Schema): Record<string, unknown> {
  const required = (schema['required'] ?? []) as readonly string[];
  return Object.fromEntries(
    required.map((key, index) => {
      const inner = schema.properties?.[key];
      const stop = `$${index + 1}`;
      return [key, inner?.type === 'array' ? [stop] : inner?.type === 'object' ? {} : stop];
    }),
  );
}

/** Returns a schema with its descriptions repeated as Markdown. */
function described(schema: Schema): Schema {
  const { description } = schema;
  return {
    ...mapSchemas(schema, described),
    ...(description === undefined ? {} : { markdownDescription: description }),
  };
}

/** Returns a schema that takes a template for every value. */
function open(schema: Schema): Schema {
  return relaxed(mapSchemas(schema, open));
}

function relaxed(schema: Schema): Schema {
  const { description, default: value, ...rest } = schema;
  const limited = ['pattern', 'enum', 'const', 'anyOf', 'oneOf'].some(keyword => rest[keyword] !== undefined);
  // A text can be a template already, and a schema without a type takes every value.
  if (!limited && (rest.type === undefined || rest.type === 'string')) return schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    // An unquoted mode is read from its source text.
    anyOf: [rest, ...(isMode(schema) ? [{ type: 'integer' }] : []), templateRef],
  };
}

function mapValues<T, R>(map: Readonly<Record<string, T>>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
