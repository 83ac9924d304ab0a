import type { Host } from '../../host.ts';
import { type Resource, UnknownArgument } from '../../resource.ts';
import type { Templates } from '../arguments.ts';
import { type Body, placeIn } from '../expression/index.ts';
import { type PlaybookFiles, shownPath } from '../files.ts';
import type { Path } from '../parse.ts';
import { Problems } from '../problems.ts';
import { type EntryText, type IncludeText, isInclude, type ResourceText } from '../resource-text.ts';
import { branch, referencesOf, sourceOf, type Tree } from '../tree.ts';
import type { Variable } from '../variables.ts';
import { type Text, textOf, type WrittenText } from './texts.ts';

/** A play as it is for hosts of one kind. */
export interface Subject {
  /** How many hosts are of this kind. */
  hosts: number;
  resources: readonly ResourceSubject[];
  /** The includes of the play, also those in components. */
  includes: readonly IncludeText[];
  /** All variables but those of the command line. */
  variables: readonly Variable[];
  /** The files that were looked into, as they are shown. */
  files: ReadonlySet<string>;
}

/** A resource as it is written, and as it is for the hosts of the subject. */
export interface ResourceSubject {
  text: ResourceText;
  resource: Resource;
  module: string;
  /** With those of the includes around it. */
  tags: readonly string[];
  /** False where it is left out, or takes away. */
  present: boolean;
  /** The texts in its arguments, and in the files that these name. */
  texts: readonly Text[];
  /** Whether an argument, or the template that it names, has a secret in it. */
  holdsSecret(argument: string): boolean;
}

/** What a play is made of. */
export interface Source {
  entries: readonly EntryText[];
  variables: readonly Variable[];
  files: PlaybookFiles;
  templates: Templates;
  /** What was read for it besides its entries, as it is shown. */
  shownFiles: readonly string[];
}

/** One host for each set of groups, and how many there are of its kind. */
export function kindsOf(hosts: readonly Host[]): [host: Host, count: number][] {
  const kinds = new Map<string, Host[]>();
  for (const host of hosts) {
    const key = JSON.stringify(host.groups);
    kinds.set(key, [...(kinds.get(key) ?? []), host]);
  }
  return [...kinds.values()].map(alike => [alike[0]!, alike.length]);
}

/** The play for `hosts` hosts that have `resources`. */
export function subjectOf(source: Source, resources: readonly Resource[], hosts: number): Subject {
  const written = new Map(
    entriesIn(source.entries, secretVariables(source.variables)).map(each => [each.text.at, each]),
  );
  const all = resources.flatMap(resource => {
    const found = written.get(resource.at);
    return found === undefined || isInclude(found.text)
      ? []
      : [resourceSubject(found.text, found.secret, resource, source)];
  });
  const includes = [...written.values()].flatMap(({ text }) => (isInclude(text) ? [text] : []));
  const files = new Set([
    ...source.shownFiles,
    ...[...written.values()].map(({ text }) => text.doc.file),
    ...all.flatMap(({ texts }) => texts.flatMap(({ file }) => file ?? [])),
  ]);
  return { hosts, resources: all, includes, variables: source.variables, files };
}

/** An argument at a path; undefined when it is not given or not known. */
export function argument({ resource }: ResourceSubject, ...path: Path): unknown {
  try {
    return path.reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      resource.args,
    );
  } catch (thrown) {
    if (thrown instanceof UnknownArgument) return undefined;
    throw thrown;
  }
}

interface Written {
  text: EntryText;
  secret: ReadonlySet<string>;
}

/** Every entry with the names that are secret to it. */
function entriesIn(entries: readonly EntryText[], outer: ReadonlySet<string>): Written[] {
  return entries.flatMap(text => {
    const inLoop = text.loop !== undefined && isSecret(text.loop, outer);
    const secret = inLoop ? new Set([...outer, 'item', 'key']) : outer;
    if (!isInclude(text)) return [{ text, secret }];
    const given = text.component.params.filter(({ name, default: value }) => {
      const tree = text.given.get(name) ?? value;
      return tree !== undefined && isSecret(tree, secret);
    });
    const inner = new Set(['secrets', ...given.map(({ name }) => name)]);
    return [{ text, secret }, ...entriesIn(text.component.resources, inner)];
  });
}

/** Variables that have a secret in them, also by way of others. */
function secretVariables(variables: readonly Variable[]): Set<string> {
  const secret = new Set(['secrets']);
  for (let size = 0; size !== secret.size; ) {
    size = secret.size;
    for (const { name, tree } of variables) if (isSecret(tree, secret)) secret.add(name);
  }
  return secret;
}

function isSecret(tree: Tree, names: ReadonlySet<string>): boolean {
  return tree.kind === 'vault' || tree.kind === 'secret' || refersTo(referencesOf(tree), names);
}

function refersTo(references: readonly { path: readonly string[] }[], names: ReadonlySet<string>): boolean {
  return references.some(({ path }) => names.has(path[0] === 'vars' ? (path[1] ?? '') : path[0]!));
}

function resourceSubject(
  text: ResourceText,
  secret: ReadonlySet<string>,
  resource: Resource,
  source: Source,
): ResourceSubject {
  const file = fileText(text, resource, source);
  const subject: ResourceSubject = {
    text,
    resource,
    module: text.module.name,
    tags: resource.tags,
    present: false,
    texts: [...textsIn(text, text.args, []), ...(file === undefined ? [] : [file])].map(each =>
      textOf(each, argument(subjectFor(resource), ...each.path)),
    ),
    holdsSecret: name => {
      const tree = branch(text.args, name);
      if (tree !== undefined && isSecret(tree, secret)) return true;
      return name === 'content' && file !== undefined && refersTo(file.references, secret);
    },
  };
  return { ...subject, present: resource.when !== false && argument(subject, 'state') !== 'absent' };
}

const subjectFor = (resource: Resource) => ({ resource }) as ResourceSubject;

function textsIn(text: ResourceText, tree: Tree, path: Path): WrittenText[] {
  if (tree.kind === 'list')
    return tree.elements.flatMap((each, index) => textsIn(text, each, [...path, index]));
  if (tree.kind === 'map') return tree.entries.flatMap(([key, each]) => textsIn(text, each, [...path, key]));
  if (tree.kind === 'constant' && typeof tree.value === 'object' && tree.value !== null) {
    const isList = Array.isArray(tree.value);
    return Object.entries(tree.value).flatMap(([key, value]) =>
      textsIn(text, { kind: 'constant', value }, [...path, isList ? Number(key) : key]),
    );
  }
  const source = sourceOf(tree);
  if (tree.kind === 'vault' || tree.kind === 'secret' || typeof source !== 'string') return [];
  const where = text.doc.within([...text.path, ...path]);
  return [{ path, source, where, body: tree.kind === 'template' ? tree.template.body : plain(source) }];
}

const plain = (source: string): Body => [{ kind: 'text', text: source }];

/** The file beside the playbook that becomes the content. */
function fileText(
  { module, args }: ResourceText,
  resource: Resource,
  { files, templates }: Source,
): (WrittenText & { references: readonly { path: readonly string[] }[] }) | undefined {
  const kind = module.files?.template && branch(args, 'template') !== undefined ? 'template' : 'file';
  const key = kind === 'template' ? 'template' : 'src';
  const name = argument(subjectFor(resource), key);
  if (typeof name !== 'string' || module.files?.tree || (kind === 'file' && !module.files?.src))
    return undefined;
  return new Problems().attempt(() => {
    const path = files.find(name, resource.at, kind);
    const source = files.bytes(path).toString('utf8');
    const shown = shownPath(path);
    const template = kind === 'template' ? templates.get(path) : undefined;
    return {
      path: ['content'],
      source,
      where: placeIn(shown, source),
      body: template?.body ?? plain(source),
      references: template?.references ?? [],
      file: shown,
    };
  });
}
