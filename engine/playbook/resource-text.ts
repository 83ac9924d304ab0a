import { compileExpression, type Expression, isTemplate } from '../expression/expression.ts';
import { compileTree, type Tree } from '../expression/template-tree.ts';
import { refuseReserved } from '../expression/variables.ts';
import type { Named } from '../inventory/inventory-model.ts';
import type { Module } from '../module.ts';
import { complete, validate } from '../schema/json-schema.ts';
import { checkKeys, isPlainMap, type PlainMap } from '../schema/known-keys.ts';
import { notForIncludes, resourceKeys } from '../schema/resource-keys.ts';
import { mapSchemas, type Schema } from '../schema/schema.ts';
import { durationS } from '../util/duration.ts';
import { Problems } from '../util/problem-collector.ts';
import type { Plain } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import type {
  ComponentReader,
  EntryText,
  Envelope,
  IncludeText,
  Reading,
  ResourceText,
} from './entry-text.ts';

/** Reads the list of resources and includes at `path`. */
export function readEntries(doc: Doc, path: Path, reading: Reading, problems: Problems): EntryText[] {
  return listOf(doc.get(path)).flatMap((_, index) => readEntry(doc, [...path, index], reading, problems));
}

/** Reads a check: a resource of a module that is a check, or of one with a form as a check, such as `command`. */
export function readCheck(doc: Doc, path: Path, reading: Reading, problems: Problems): EntryText[] {
  const { modules } = reading;
  const data = doc.get(path) ?? null;
  const keys = isPlainMap(data) ? Object.keys(data) : [];
  const key = keys.find(name => Object.hasOwn(modules, name) || name === 'include');
  const module = key === undefined ? undefined : modules[key];
  const asCheck = module?.check ? module : module?.asCheck;
  if (key !== undefined && asCheck === undefined) {
    const able = Object.values(modules).filter(each => each.check || each.asCheck);
    const message = `${key} is not a check: it changes the host.`;
    const hint = `Put it under resources. A check is one of ${able.map(({ name }) => name).join(', ')}.`;
    problems.report('invalid-value', message, doc.place([...path, key], 'key'), hint);
    return [];
  }
  const own = asCheck ? { ...modules, [key!]: asCheck } : modules;
  return readEntry(doc, path, { ...reading, modules: own }, problems);
}

function readEntry(doc: Doc, path: Path, reading: Reading, all: Problems): EntryText[] {
  const problems = new Problems();
  const { modules, components } = reading;
  const data = doc.get(path) ?? null;
  const written = isPlainMap(data) ? Object.keys(data) : [];
  const keys = written.filter(key => key === 'include' || Object.hasOwn(modules, key));
  const included = keys[0] === 'include';
  const unknown = checkKeys(
    { doc, path, label: included ? 'An include' : 'A resource' },
    data,
    included ? includeSchema : resourceSchema,
    problems,
    modules,
    keys[0] === undefined,
  );
  if (keys[1] !== undefined) {
    const message = `A resource has one module, not both ${keys[0]} and ${keys[1]}.`;
    problems.report('unknown-key', message, doc.place([...path, keys[1]], 'key'), 'Make it two resources.');
  } else if (keys[0] === undefined && !unknown && isPlainMap(data)) {
    const hint = 'Add one, such as file: { path: /etc/motd }. `reconcile modules` lists them.';
    problems.report('missing-key', 'This resource has no module.', doc.place(path), hint);
  }
  if (written.includes('with') && !included) {
    const message = 'with gives values to a component, so it stands beside include.';
    const hint = 'Remove it, or replace the module by include:.';
    problems.report('unknown-key', message, doc.place([...path, 'with'], 'key'), hint);
  }
  const [key] = keys;
  const beside = argumentsBeside(key === undefined ? undefined : modules[key], data);
  const read =
    key === undefined || keys.length > 1
      ? undefined
      : included
        ? readInclude(doc, path, data as PlainMap, components, problems)
        : readResource(doc, path, data as PlainMap, modules[key]!, problems);
  if (beside.length > 0) {
    const message = `The arguments of ${key} stand beside it, not under it.`;
    const hint = `Indent ${beside.join(', ')} by two more spaces.`;
    all.report('unknown-key', message, doc.place([...path, beside[0]!], 'key'), hint);
  } else all.add(...problems.all());
  return read === undefined ? [] : [{ ...read, sound: problems.size === 0 }];
}

/** Returns the arguments of a module without a value that follow it at its own indentation. */
function argumentsBeside(module: Module | undefined, data: Plain): string[] {
  if (module === undefined || !isPlainMap(data) || data[module.name] !== null) return [];
  const keys = Object.keys(data);
  return keys
    .slice(keys.indexOf(module.name) + 1)
    .filter(key => Object.hasOwn((module.args as Schema).properties ?? {}, key));
}

function readResource(
  doc: Doc,
  path: Path,
  data: PlainMap,
  module: Module,
  problems: Problems,
): Omit<ResourceText, 'sound'> {
  const at = [...path, module.name];
  const schema = module.args as unknown as Schema;
  const args = literalModes(schema, data[module.name] ?? {}, doc, at);
  problems.add(...validate(schema, args, { doc, path: at, label: module.name }, 'template'));
  const register = data['register'];
  const retry = isPlainMap(data['retry']) ? data['retry'] : {};
  const { delegate_to: delegateTo } = treeAt('delegate_to', doc, path, data, problems);
  const delegation = delegateTo === undefined ? {} : { delegateTo };
  if (data['run_once'] === true && data['loop'] !== undefined) {
    const message = 'run_once and loop do not go together: hosts may loop over different elements.';
    const hint = 'Write one resource for each element, or give the list to the module.';
    problems.report('unknown-key', message, doc.place([...path, 'run_once'], 'key'), hint);
  }
  if (typeof register === 'string') refuseReserved(register, doc.place([...path, 'register']), problems);
  return {
    ...readEnvelope(doc, at, data, problems),
    module,
    args: compileTree(doc, at, args, problems),
    ...(typeof register === 'string'
      ? { register: { name: register, at: doc.place([...path, 'register']) } }
      : {}),
    retry: {
      attempts: Number(retry['attempts'] ?? 1),
      delayS:
        problems.size > 0 || retry['attempts'] === undefined ? 0 : durationS(String(retry['delay'] ?? '5s')),
    },
    ...(typeof data['risky'] === 'boolean' && { risky: data['risky'] }),
    runOnce: data['run_once'] === true,
    ...(typeof data['at_once'] === 'number' && { atOnce: data['at_once'] }),
    ...delegation,
  };
}

/** Reads an include of a component that can be read, and checks the literal values for it. */
function readInclude(
  doc: Doc,
  path: Path,
  data: PlainMap,
  components: ComponentReader,
  problems: Problems,
): Omit<IncludeText, 'sound'> | undefined {
  const file = data['include'];
  if (typeof file !== 'string' || isTemplate(file)) return undefined;
  const at = [...path, 'include'];
  const component = components.read(file, doc, doc.place(at), problems);
  if (component === undefined) return undefined;
  const given = data['with'] ?? {};
  const inside = data['with'] === undefined ? at : [...path, 'with'];
  // A value that is no map has a problem already.
  if (isPlainMap(given))
    problems.add(
      ...validate(component.takes, given, { doc, path: inside, label: component.name }, 'template'),
    );
  const values = Object.entries(isPlainMap(given) ? given : {});
  return {
    ...readEnvelope(doc, at, data, problems),
    component,
    given: new Map(
      values.map(([key, value]) => [key, compileTree(doc, [...path, 'with', key], value, problems)]),
    ),
  };
}

function readEnvelope(doc: Doc, at: Path, data: PlainMap, problems: Problems): Omit<Envelope, 'sound'> {
  const path = at.slice(0, -1);
  const names = (key: string) => namedList(doc, [...path, key]);
  const onFailure = data['on_failure'];
  return {
    doc,
    path: at,
    at: doc.place(at, 'key'),
    ...treeAt('name', doc, path, data, problems),
    ...treeAt('loop', doc, path, data, problems),
    ...treeAt('become', doc, path, data, problems),
    ...condition(doc, [...path, 'when'], data['when'], problems),
    tags: names('tags').map(({ name }) => name),
    needs: names('needs'),
    ...((onFailure === 'stop' || onFailure === 'continue') && { onFailure }),
  };
}

function condition(
  doc: Doc,
  path: Path,
  when: Plain | undefined,
  problems: Problems,
): { when?: boolean | Expression } {
  if (typeof when === 'boolean') return { when };
  if (typeof when !== 'string') return {};
  if (isTemplate(when)) {
    const bare = /^\{\{\s*([^{}]*?)\s*\}\}$/.exec(when)?.[1];
    const hint = bare === undefined ? undefined : `Write: when: ${bare}`;
    problems.report(
      'expression-syntax',
      'when is an expression already; it stands without {{ }}.',
      doc.place(path),
      hint,
    );
    return {};
  }
  const expression = problems.attempt(() => compileExpression(when, doc.within(path)));
  return expression === undefined ? {} : { when: expression };
}

/** Returns the arguments. A mode without quotes is read from its source, as octal digits. */
function literalModes(schema: Schema, args: Plain, doc: Doc, path: Path): Plain {
  let bare = withoutDefaults.get(schema);
  if (bare === undefined) withoutDefaults.set(schema, (bare = dropDefaults(schema)));
  return complete(bare, args, inner => doc.source([...path, ...inner])) as Plain;
}

const withoutDefaults = new WeakMap<Schema, Schema>();
const dropDefaults = (schema: Schema): Schema => mapSchemas({ ...schema, default: undefined }, dropDefaults);

const resourceSchema: Schema = { type: 'object', properties: resourceKeys };
const includeSchema: Schema = {
  type: 'object',
  properties: Object.fromEntries(
    Object.entries(resourceKeys).filter(([key]) => !notForIncludes.includes(key)),
  ),
};

/** Returns the elements of a list; none for any other value, which validation reports. */
export function listOf(value: Plain | undefined): Plain[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the texts of the list at `path`, with their places. */
export function namedList(doc: Doc, path: Path): Named[] {
  return listOf(doc.get(path)).map((name, index) => ({
    name: String(name),
    at: doc.place([...path, index]),
  }));
}

/** Returns the compiled value of a key, under the name of the key. */
export function treeAt<K extends string>(
  key: K,
  doc: Doc,
  path: Path,
  data: PlainMap,
  problems: Problems,
): { [P in K]?: Tree } {
  const value = data[key];
  if (value === undefined) return {};
  return { [key]: compileTree(doc, [...path, key], value, problems) } as { [P in K]?: Tree };
}
