import { basename, dirname, extname, resolve } from 'node:path';
import { compileTree, isConstant } from '../expression/template-tree.ts';
import { refuseReserved } from '../expression/variables.ts';
import { type Place, ProblemError } from '../problem.ts';
import { validate } from '../schema/json-schema.ts';
import { checkKeys, isPlainMap, type Modules, type PlainMap } from '../schema/known-keys.ts';
import { componentKeys, parameterTypes } from '../schema/resource-keys.ts';
import type { Schema } from '../schema/schema.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { readText, shownPath } from '../yaml/source-files.ts';
import type { ComponentReader, ComponentText, Parameter } from './entry-text.ts';
import { readEntries } from './resource-text.ts';

/** The component files of a playbook, each read once. */
export class Components implements ComponentReader {
  readonly #modules: Modules;
  readonly #read = new Map<string, ComponentText | undefined>();
  /** The files being read, outermost first. */
  readonly #reading: string[] = [];

  constructor(modules: Modules) {
    this.#modules = modules;
  }

  /** Returns the component that `doc` includes at `at`, or undefined with a problem if it cannot be read. */
  read(name: string, doc: Doc, at: Place, problems: Problems): ComponentText | undefined {
    const path = resolve(dirname(doc.file), name);
    if (this.#read.has(path)) return this.#read.get(path);
    if (this.#reading.includes(path)) {
      const circle = [...this.#reading.slice(this.#reading.indexOf(path)), path].map(shownPath);
      const message =
        circle.length === 2
          ? `${circle[0]} includes itself.`
          : `These components include one another in a circle: ${circle.join(' → ')}.`;
      problems.report(
        'include-cycle',
        message,
        at,
        'A component cannot include itself, not even through other components.',
      );
      return undefined;
    }
    this.#reading.push(path);
    const component = problems.attempt(() => this.#component(path, at, problems));
    this.#reading.pop();
    this.#read.set(path, component);
    return component;
  }

  #component(path: string, at: Place, problems: Problems): ComponentText {
    const doc = parseYaml(readText(path, shownPath(path), at), shownPath(path));
    const { data } = doc;
    if (isMap(data) && ['hosts', 'plays'].some(key => data[key] !== undefined)) {
      const message = `${doc.file} is a playbook, not a component.`;
      const hint = 'Move the common resources into a file with only params: and resources:';
      throw new ProblemError({ code: 'invalid-value', message, hint, at });
    }
    checkKeys({ doc, path: [], label: 'A component' }, data, componentSchema, problems);
    const written = isPlainMap(data) && isPlainMap(data['params']) ? data['params'] : {};
    const params = Object.entries(written).map(([name, param]) => readParameter(doc, name, param, problems));
    return {
      doc,
      name: basename(path, extname(path)),
      params,
      takes: {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(params.map(({ name, schema }) => [name, schema])),
        required: params.filter(param => param.default === undefined).map(({ name }) => name),
      },
      resources: readEntries(doc, ['resources'], { modules: this.#modules, components: this }, problems),
    };
  }
}

const componentSchema: Schema = { type: 'object', properties: componentKeys, required: ['resources'] };

function readParameter(doc: Doc, name: string, param: Plain, problems: Problems): Parameter {
  const at = doc.place(['params', name], 'key');
  refuseReserved(name, at, problems);
  const written: PlainMap = isPlainMap(param) ? param : {};
  const schema = schemaOf(written);
  const path = ['params', name, 'default'];
  const value = written['default'];
  if (value === undefined) return { name, schema, at };
  const tree = compileTree(doc, path, value, problems);
  if (isConstant(tree)) problems.add(...validate(schema, value, { doc, path, label: name }, 'template'));
  return { name, schema, default: tree, at };
}

/** Returns the schema of the value of a parameter. A parameter whose default is null may be null. */
function schemaOf({ type, description, items, default: value, enum: values }: PlainMap): Schema {
  const own: Schema = {
    ...parameterTypes[String(type)],
    ...(type === 'list' && typeof items === 'string' && { items: parameterTypes[items] ?? {} }),
    ...(Array.isArray(values) && { enum: values }),
  };
  const about = typeof description === 'string' ? { description } : {};
  return value === null ? { anyOf: [own, { type: 'null' }], ...about } : { ...own, ...about };
}
