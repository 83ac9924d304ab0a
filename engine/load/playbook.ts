import { durationS } from '../duration.ts';
import type { Module } from '../module.ts';
import type { Place } from '../problem.ts';
import type { Plain } from '../value.ts';
import { playKeys, resourceKeys } from './envelope.ts';
import { compileExpression, type Expression, isTemplate, type Where } from './expression/index.ts';
import type { Named } from './inventory/model.ts';
import { checkKeys, isPlainMap, type Modules, type PlainMap } from './keys.ts';
import type { Doc, Path } from './parse.ts';
import { Problems } from './problems.ts';
import { compileTree, type Tree } from './tree.ts';
import { complete, mapSchemas, type Schema, validate } from './validate.ts';
import { readVariables, type Variable } from './variables.ts';

/** A play as written, compiled and checked as far as that is possible without hosts. */
export interface PlayText {
  doc: Doc;
  path: Path;
  name: string;
  at: Place;
  hosts: readonly { pattern: string; where: Where }[];
  become?: Tree;
  vars: readonly Variable[];
  varsFiles: readonly Named[];
  secrets: readonly Named[];
  resources: readonly ResourceText[];
  onFailedCheck: 'stop' | 'revert';
}

/** A resource as written. */
export interface ResourceText {
  doc: Doc;
  /** Where its module's arguments are. */
  path: Path;
  /** The module key. */
  at: Place;
  module: Module;
  args: Tree;
  name?: Tree;
  when?: boolean | Expression;
  loop?: Tree;
  tags: readonly string[];
  needs: readonly Named[];
  become?: Tree;
  register?: Named;
  retry: { attempts: number; delayS: number };
  onFailure: 'stop' | 'continue';
  risky?: boolean;
  /** False when something in it is wrong, so that it cannot be resolved. */
  sound: boolean;
}

/** Reads the one play of a document, or those under `plays`. Mistakes go to `problems`. */
export function readPlays(doc: Doc, modules: Modules, problems: Problems): PlayText[] {
  const { data } = doc;
  if (!isPlainMap(data)) {
    const message =
      data === null ? 'The playbook is empty.' : 'A playbook is a map with hosts and resources.';
    const hint = Array.isArray(data)
      ? 'Take the "-" away; several plays stand under plays:'
      : 'Write:\n    hosts: all\n    resources:\n      - file: { path: /etc/motd, content: "Welcome" }';
    problems.report('wrong-type', message, doc.place([]), hint);
    return [];
  }
  if (data['plays'] === undefined) return [readPlay(doc, [], modules, problems)];
  checkKeys({ doc, path: [], label: 'A playbook with plays:' }, data, playsSchema, problems);
  return listOf(data['plays']).map((_, index) => readPlay(doc, ['plays', index], modules, problems));
}

function readPlay(doc: Doc, path: Path, modules: Modules, problems: Problems): PlayText {
  const data = doc.get(path) ?? null;
  const map = isPlainMap(data) ? data : {};
  checkKeys({ doc, path, label: 'A play' }, data, playSchema, problems);
  const hosts =
    typeof map['hosts'] === 'string' ? [['hosts']] : listOf(map['hosts']).map((_, index) => ['hosts', index]);
  return {
    doc,
    path,
    name: typeof map['name'] === 'string' ? map['name'] : doc.file,
    at: doc.place(path),
    hosts: hosts.map(inner => ({
      pattern: String(doc.get([...path, ...inner])),
      where: doc.within([...path, ...inner]),
    })),
    ...treeAt('become', doc, path, map, problems),
    vars: readVariables(doc, [...path, 'vars'], 'play', problems),
    varsFiles: namedList(doc, [...path, 'vars_files']),
    secrets: namedList(doc, [...path, 'secrets']),
    resources: [
      ...listOf(map['resources']).flatMap((_, index) =>
        readResource(doc, [...path, 'resources', index], modules, problems),
      ),
      ...listOf(map['checks']).flatMap((_, index) =>
        readCheck(doc, [...path, 'checks', index], modules, problems),
      ),
    ],
    onFailedCheck: map['on_failed_check'] === 'revert' ? 'revert' : 'stop',
  };
}

/** A check is a resource that changes nothing: one of the modules that are checks, or `command` as one. */
function readCheck(doc: Doc, path: Path, modules: Modules, problems: Problems): ResourceText[] {
  const data = doc.get(path) ?? null;
  const key = isPlainMap(data) ? Object.keys(data).find(name => Object.hasOwn(modules, name)) : undefined;
  const module = key === undefined ? undefined : modules[key];
  const asCheck = module?.check ? module : module?.asCheck;
  if (module !== undefined && asCheck === undefined) {
    const able = Object.values(modules).filter(each => each.check || each.asCheck);
    const message = `${key} is not a check: it changes the host.`;
    const hint = `Put it under resources. A check is one of ${able.map(({ name }) => name).join(', ')}.`;
    problems.report('invalid-value', message, doc.place([...path, key!], 'key'), hint);
    return [];
  }
  return readResource(doc, path, asCheck ? { ...modules, [key!]: asCheck } : modules, problems);
}

function readResource(doc: Doc, path: Path, modules: Modules, all: Problems): ResourceText[] {
  const problems = new Problems();
  const data = doc.get(path) ?? null;
  const keys = isPlainMap(data) ? Object.keys(data).filter(key => Object.hasOwn(modules, key)) : [];
  const unknown = checkKeys(
    { doc, path, label: 'A resource' },
    data,
    resourceSchema,
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
  const read =
    keys.length === 1 ? [readParts(doc, path, data as PlainMap, modules[keys[0]!]!, problems)] : [];
  all.add(...problems.all());
  return read.map(resource => ({ ...resource, sound: problems.size === 0 }));
}

function readParts(
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
  const names = (key: string) => namedList(doc, [...path, key]);
  return {
    doc,
    path: at,
    at: doc.place(at, 'key'),
    module,
    args: compileTree(doc, at, args, problems),
    ...treeAt('name', doc, path, data, problems),
    ...treeAt('loop', doc, path, data, problems),
    ...treeAt('become', doc, path, data, problems),
    ...condition(doc, [...path, 'when'], data['when'], problems),
    tags: names('tags').map(({ name }) => name),
    needs: names('needs'),
    ...(typeof register === 'string'
      ? { register: { name: register, at: doc.place([...path, 'register']) } }
      : {}),
    retry: {
      attempts: Number(retry['attempts'] ?? 1),
      delayS:
        problems.size > 0 || retry['attempts'] === undefined ? 0 : durationS(String(retry['delay'] ?? '5s')),
    },
    onFailure: data['on_failure'] === 'continue' ? 'continue' : 'stop',
    ...(typeof data['risky'] === 'boolean' && { risky: data['risky'] }),
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

/** The arguments with modes that are written without quotes read from their source, as octal digits. */
function literalModes(schema: Schema, args: Plain, doc: Doc, path: Path): Plain {
  const withoutDefaults = (inner: Schema): Schema =>
    mapSchemas({ ...inner, default: undefined }, withoutDefaults);
  return complete(withoutDefaults(schema), args, inner => doc.source([...path, ...inner])) as Plain;
}

const playSchema: Schema = { type: 'object', properties: playKeys, required: ['hosts', 'resources'] };
const resourceSchema: Schema = { type: 'object', properties: resourceKeys };
const playsSchema: Schema = {
  type: 'object',
  properties: {
    name: playKeys['name']!,
    plays: { type: 'array', minItems: 1, description: 'Plays, run in order.' },
  },
};

function listOf(value: Plain | undefined): Plain[] {
  return Array.isArray(value) ? value : [];
}

function namedList(doc: Doc, path: Path): Named[] {
  return listOf(doc.get(path)).map((name, index) => ({
    name: String(name),
    at: doc.place([...path, index]),
  }));
}

function treeAt<K extends string>(
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
