import type { Module } from '../module.ts';
import { durationPattern } from '../util/duration.ts';
import { columnsOf, pad } from './columns.ts';
import { paint, type Span, span, wrap } from './style.ts';
import { yamlText } from './yaml-text.ts';

/** One argument, from its schema. */
export interface ArgumentRow {
  name: string;
  required: boolean;
  type: string;
  /** The default in YAML; undefined = none. */
  default?: string;
  description: string;
}

interface Schema {
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  items?: Schema;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  additionalProperties?: boolean | Schema;
  properties?: Readonly<Record<string, Schema>>;
  pattern?: string;
  default?: unknown;
  description?: string;
  required?: readonly string[];
}

/** Returns the arguments of a module, the required ones first, and the keys of a map (`tls.key`) after the map. */
export function argumentRows(module: Module): ArgumentRow[] {
  return rowsOf(module.args as Schema, '').map(row =>
    module.secrets?.in.includes(row.name)
      ? { ...row, description: `${row.description} May hold a secret.` }
      : row,
  );
}

function rowsOf(schema: Schema, prefix: string): ArgumentRow[] {
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    {
      name: prefix + name,
      required: schema.required?.includes(name) ?? false,
      type: typeName(property),
      ...(property.default === undefined ? {} : { default: flow(property.default) }),
      description: property.description ?? '',
    },
    ...rowsOf(property, `${prefix}${name}.`),
  ]);
  return [...rows.filter(([row]) => row!.required), ...rows.filter(([row]) => !row!.required)].flat();
}

function typeName(schema: Schema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeName))].join(' or ');
  if (schema.const !== undefined) return flow(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(flow).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map(type => typeName({ ...schema, type })).join(' or ');
  if (schema.type === 'array') return schema.items ? `list of ${typeName(schema.items)}` : 'list';
  if (schema.type === 'object') return 'map';
  if (schema.type === 'string' && schema.pattern === durationPattern) return 'duration';
  if (schema.type === 'string' && /^\^\(?\//.test(schema.pattern ?? '')) return 'absolute path';
  return String(schema.type ?? 'any');
}

function flow(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(flow).join(', ')}]` : yamlText(value).trimEnd();
}

/** Returns the reference of a module for the terminal. */
export function moduleText(module: Module, layout: { columns: number; color: boolean }): string {
  const rows = argumentRows(module);
  const name = (row: ArgumentRow) => row.name + (row.required ? ' *' : '');
  const type = (row: ArgumentRow) => row.type + (row.default === undefined ? '' : ` = ${row.default}`);
  const nameColumns = Math.max(...rows.map(row => columnsOf(name(row))));
  const typeColumns = Math.min(32, Math.max(...rows.map(row => columnsOf(type(row)))));
  const start = 2 + nameColumns + 2 + typeColumns + 2;
  const lines: Span[][] = [[span(module.name, 'bold')], ...wrap([span(module.summary)], layout.columns), []];
  for (const row of rows) {
    const head = [
      span(`  ${row.name}`, 'cyan'),
      span(row.required ? ' *' : '', 'red'),
      span(' '.repeat(nameColumns - columnsOf(name(row)) + 2)),
      span(pad(type(row), typeColumns), 'dim'),
    ];
    const words = wrap([span(row.description)], Math.max(24, layout.columns - start));
    // A long list of choices takes a separate line.
    const beside = columnsOf(type(row)) <= typeColumns && layout.columns - start >= 24;
    lines.push(beside ? [...head, span('  '), ...(words.shift() ?? [])] : head);
    for (const line of words)
      lines.push([span(' '.repeat(layout.columns - start >= 24 ? start : 6)), ...line]);
  }
  lines.push([], [span('* required', 'dim')], []);
  for (const sentence of module.together) lines.push(...wrap([span(sentence)], layout.columns));
  if (module.together.length > 0) lines.push([]);
  for (const { title, args } of module.examples) {
    lines.push([span(`# ${title}`, 'dim')]);
    for (const line of exampleYaml(module, args).split('\n')) lines.push([span(line)]);
    lines.push([]);
  }
  return (
    lines
      .map(line => paint(line, layout.color))
      .join('\n')
      .trimEnd() + '\n'
  );
}

/** Returns the list of modules, one on each line. */
export function moduleList(modules: readonly Module[], layout: { columns: number; color: boolean }): string {
  const width = Math.max(...modules.map(({ name }) => name.length)) + 2;
  return modules
    .flatMap(({ name, summary }) =>
      wrap([span(summary)], Math.max(30, layout.columns - width)).map((words, i) => {
        const head = [
          span(i === 0 ? name : '', 'bold'),
          span(' '.repeat(width - (i === 0 ? name.length : 0))),
        ];
        return paint([...head, ...words], layout.color) + '\n';
      }),
    )
    .join('');
}

/** Returns the page of a module in docs/modules/. */
export function moduleMarkdown(module: Module): string {
  const rows = argumentRows(module).map(row => {
    const name = `\`${row.name}\`${row.required ? ' **\\***' : ''}`;
    const fallback = row.default === undefined ? '' : `\`${row.default}\``;
    return `| ${name} | ${cell(row.type)} | ${fallback} | ${cell(row.description)} |\n`;
  });
  const examples = module.examples.map(
    ({ title, args }) => `### ${title}\n\n\`\`\`yaml\n${exampleYaml(module, args)}\n\`\`\`\n`,
  );
  return (
    `# ${module.name}\n\n${module.summary}\n\n## Arguments\n\n` +
    `| argument | type | default | |\n| --- | --- | --- | --- |\n${rows.join('')}\n` +
    `**\\*** required. [Keys that every resource takes](../keys.md), such as \`when\` and \`loop\`, are beside ` +
    `\`${module.name}\`, not in it.\n\n${module.together.map(sentence => `- ${sentence}\n`).join('')}${module.together.length > 0 ? '\n' : ''}## Examples\n\n${examples.join('\n')}`
  );
}

function exampleYaml(module: Module, args: Readonly<Record<string, unknown>>): string {
  return yamlText([{ [module.name]: args }]).trimEnd();
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
