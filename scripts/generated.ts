import { readFileSync } from 'node:fs';
import { compileExpression } from '../engine/expression/expression.ts';
import { filterReference, functionReference, testReference } from '../engine/expression/filter-reference.ts';
import { filters } from '../engine/expression/filters.ts';
import { jinjaTests } from '../engine/expression/jinja-tests.ts';
import { namesOfAnsible } from '../engine/expression/unknown-name-hints.ts';
import { planSchema } from '../engine/plan/saved-plan-schema.ts';
import { componentSchema, inventorySchema, playbookSchema } from '../engine/playbook/editor-schema.ts';
import { explanations, type ProblemCode } from '../engine/problem.ts';
import { remedies } from '../engine/remedies.ts';
import { eventsSchema } from '../engine/report/events-schema.ts';
import { moduleMarkdown } from '../engine/report/module-reference.ts';
import { factNames } from '../engine/resolve/fact-names.ts';
import { modulesOfAnsible } from '../engine/schema/ansible-modules.ts';
import { keywordsOfAnsible } from '../engine/schema/ansible-words.ts';
import { inventoryFileSchema } from '../engine/schema/inventory-keys.ts';
import { componentKeys, playKeys, resourceKeys } from '../engine/schema/resource-keys.ts';
import type { Schema } from '../engine/schema/schema.ts';
import { warnings } from '../engine/validate/lint/lint.ts';
import { modules } from '../modules/index.ts';
import { moduleContract } from './module-contract.ts';
import { roomsSvg } from './rooms-svg.ts';

const note = '<!-- Written by `npm run gen`. -->\n\n';

/** Returns every generated file by its path from the root of the repository. */
export function generatedFiles(): Map<string, string> {
  const all = Object.values(modules);
  return new Map([
    ['schemas/playbook.schema.json', json(playbookSchema(modules))],
    ['schemas/component.schema.json', json(componentSchema(modules))],
    ['schemas/inventory.schema.json', json(inventorySchema())],
    ['schemas/events.schema.json', json(eventsSchema)],
    ['schemas/plan.schema.json', json(planSchema)],
    ['docs/errors.md', errorsPage()],
    ['docs/keys.md', keysPage()],
    ['docs/filters.md', filtersPage()],
    ['docs/guide/ansible.md', ansiblePage()],
    ['docs/modules/README.md', modulesPage()],
    ['docs/module-contract.md', note + moduleContract()],
    ['docs/rooms.svg', roomsSvg()],
    ...all.map(module => [`docs/modules/${module.name}.md`, note + moduleMarkdown(module)] as const),
  ]);
}

function modulesPage(): string {
  const rows = Object.values(modules)
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map(({ name, summary }) => `| [${name}](${name}.md) | ${summary} |\n`);
  return `${note}# Modules\n\nThe resource types. \`reconcile modules NAME\` shows the same in the terminal.\n\n| module | |\n| --- | --- |\n${rows.join('')}`;
}

function keysPage(): string {
  const { defaults, hosts, groups } = inventoryFileSchema.properties as Record<string, Schema>;
  const keysOf = (schema: unknown) => (schema as { properties: Record<string, Schema> }).properties;
  const described = (keys: Readonly<Record<string, Schema>>) =>
    Object.entries(keys).map(([key, schema]) => [key, `${shapeOf(schema)}${schema['description']}`] as const);
  return [
    `${note}# Keys\n\nThe keys of playbooks and inventories. \`schemas/\` contains the same for editors.\n`,
    table('A play', described(playKeys)),
    table('A resource, besides its module', described(resourceKeys)),
    table('A component file', described(componentKeys)),
    table('A host of the inventory', described(keysOf(hosts!['additionalProperties']))),
    `\`defaults\` takes ${Object.keys(keysOf(defaults))
      .map(key => `\`${key}\``)
      .join(', ')}.\n`,
    table('A group of the inventory', described(keysOf(groups!['additionalProperties']))),
    table('Facts', Object.entries(factNames)),
  ].join('\n');
}

/** Returns the page with its tables of words, each of which stands between two comments. */
function ansiblePage(): string {
  const words = (row: string) =>
    row
      .split(' ')
      .map(word => `\`${word}\``)
      .join(', ');
  const tables: Readonly<Record<string, [word: string, text: string][]>> = {
    keywords: Object.entries(keywordsOfAnsible),
    modules: Object.entries(modulesOfAnsible).map(([row, { text, example }]) => [
      row,
      example === undefined ? text : `${text}: ${code(example)}`,
    ]),
    names: Object.entries(namesOfAnsible).map(([name, text]) => [name, text.replaceAll('|', '\\|')]),
  };
  return readFileSync('docs/guide/ansible.md', 'utf8').replaceAll(
    /(<!-- (\w+) by `npm run gen` -->\n).*?(<!-- -->)/gs,
    (_, start, name, end) => {
      const lines = tables[name]!.map(([row, text]) => `| ${words(row)} | ${text} |\n`);
      return `${start}\n| Ansible | reconcile |\n| --- | --- |\n${lines.join('')}\n${end}`;
    },
  );
}

/** Returns the words of a key with a few choices, or the keys of a map, before its description. */
function shapeOf(schema: Schema): string {
  const shape = (each: Schema): string[] => {
    const {
      anyOf,
      oneOf,
      enum: words,
      const: word,
      properties,
      type,
    } = each as Readonly<Record<string, never>>;
    const choices = (anyOf ?? oneOf) as readonly Schema[] | undefined;
    if (choices !== undefined) return choices.flatMap(shape);
    if (words !== undefined) return (words as readonly unknown[]).map(String);
    if (word !== undefined) return [String(word)];
    if (properties !== undefined) return [`{ ${Object.keys(properties).join(', ')} }`];
    if (type === 'boolean') return ['true', 'false'];
    return type === undefined ? [] : [`a ${type}`];
  };
  const shapes = [...new Set(shape(schema))];
  const told = shapes.some(each => !/^a |^true$|^false$/.test(each));
  return told ? `${shapes.map(each => (each.startsWith('a ') ? each : `\`${each}\``)).join(' or ')}: ` : '';
}

function table(title: string, rows: readonly (readonly [key: string, description: string])[]): string {
  const lines = rows.map(([key, text]) => `| \`${key}\` | ${text} |\n`);
  return `## ${title}\n\n| key | |\n| --- | --- |\n${lines.join('')}`;
}

function filtersPage(): string {
  const shown = (entries: typeof filterReference, name: (name: string) => string) => {
    const rows = Object.entries(entries).map(
      ([key, [summary, example]]) =>
        `| ${code(name(key))} | ${summary}. | ${code(example.trim())} | ${code(resultOf(example))} |\n`,
    );
    return `| | | example | gives |\n| --- | --- | --- | --- |\n${rows.join('')}`;
  };
  const withArguments = (operations: typeof filters) => (name: string) => {
    const takes = operations.get(name)?.takes ?? [];
    return takes.length === 0 ? name : `${name}(${takes.join(', ')})`;
  };
  return [
    `${note}# Filters, tests and functions\n\nThe filters, tests and functions of expressions. [Expressions](guide/expressions.md) describes the syntax.\n`,
    `## Filters\n\n${shown(filterReference, withArguments(filters))}`,
    `## Tests\n\nAfter \`is\` or \`is not\`, and by their names in \`select\`, \`selectattr\` and their like.\n\n${shown(testReference, withArguments(jinjaTests))}`,
    `## Functions\n\n${shown(functionReference, name => `${name}()`)}`,
  ].join('\n');
}

function resultOf(example: string): string {
  const where = () => ({ file: example, line: 1, column: 1 });
  return JSON.stringify(
    compileExpression(example, where).evaluate({}, { env: () => undefined, now: () => 1_767_225_600 }),
  );
}

/** Returns code for a cell of a table. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function errorsPage(): string {
  const entries = Object.entries(explanations).map(
    ([code, text]) => `## ${code}\n\n${text}\n\n${remedies[code as ProblemCode]}\n`,
  );
  const lint = Object.entries(warnings).map(([code, text]) => `## ${code}\n\n${text}\n`);
  const about =
    'What `reconcile validate` warns of: it works, and is seldom meant. `# lint: allow CODE` on the line, or on a line of its own above, keeps one quiet.';
  return `${note}# Problem codes\n\nEvery problem ends with its code in brackets. \`reconcile explain CODE\` shows the same.\n\n${entries.join('\n')}\n# Warnings of lint\n\n${about}\n\n${lint.join('\n')}`;
}

function json(schema: unknown): string {
  return JSON.stringify(schema, null, 2) + '\n';
}
