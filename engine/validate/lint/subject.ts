import { type Body, placeIn } from '../../expression/expression.ts';
import { branch, sourceOf, type Tree } from '../../expression/template-tree.ts';
import type { Variable } from '../../expression/variables.ts';
import type { Host } from '../../host.ts';
import { type EntryText, type IncludeText, isInclude, type ResourceText } from '../../playbook/entry-text.ts';
import type { Place } from '../../problem.ts';
import type { Templates } from '../../resolve/arguments.ts';
import type { Resolved } from '../../resolve/resolving.ts';
import { type Resource, UnknownArgument } from '../../resource.ts';
import { grouped } from '../../util/grouped.ts';
import { Problems } from '../../util/problem-collector.ts';
import { type PlaybookFiles, shownPath } from '../../yaml/source-files.ts';
import type { Path } from '../../yaml/source-text.ts';
import { type Text, textOf, type WrittenText } from './texts.ts';

/** A play for hosts of one kind. */
export interface Subject {
  /** The number of hosts of this kind. */
  hosts: number;
  /** Whether all hosts of the play, and more than one, are applied at the same time. */
  together: boolean;
  resources: readonly ResourceSubject[];
  /** The includes of the play, also those in components. */
  includes: readonly IncludeText[];
  /** All variables but those of the command line. */
  variables: readonly Variable[];
  /** The secrets of one or two characters, with the places of their sources. */
  shortSecrets: Source['shortSecrets'];
  /** The examined files, by their shown paths. */
  files: ReadonlySet<string>;
}

/** A resource as written, and as resolved for the hosts of the subject. */
export interface ResourceSubject {
  text: ResourceText;
  resource: Resource;
  module: string;
  /** Its tags, with those of the includes around it. */
  tags: readonly string[];
  /** False if it is skipped or removes its thing. */
  present: boolean;
  /** The texts in its arguments, and in the files that these name. */
  texts: readonly Text[];
}

/** The input for the subjects of a play. */
export interface Source {
  entries: readonly EntryText[];
  variables: readonly Variable[];
  shortSecrets: readonly { label: string; at: Place }[];
  files: PlaybookFiles;
  templates: Templates;
  /** The playbook and the files of variables, by their shown paths. */
  shownFiles: readonly string[];
  together: boolean;
  /** The resources that were made for other kinds of hosts. */
  made: Map<Resolved, ResourceSubject>;
}

/** Returns one host for each set of groups, and the number of hosts of its kind. */
export function kindsOf(hosts: readonly Host[]): [host: Host, count: number][] {
  const kinds = grouped(hosts, ({ groups }) => JSON.stringify(groups));
  return [...kinds.values()].map(alike => [alike[0]!, alike.length]);
}

/** Returns the play for a number of `hosts` with `resources`. */
export function subjectOf(source: Source, resources: readonly Resolved[], hosts: number): Subject {
  const entries = entriesIn(source.entries);
  const all = resources.map(resolved => {
    const known = source.made.get(resolved) ?? resourceSubject(resolved, source);
    source.made.set(resolved, known);
    return known;
  });
  const files = new Set([
    ...source.shownFiles,
    ...entries.map(({ doc }) => doc.file),
    ...all.flatMap(({ texts }) => texts.flatMap(({ file }) => file ?? [])),
  ]);
  const { variables, shortSecrets, together } = source;
  return {
    hosts,
    together,
    resources: all,
    includes: entries.filter(isInclude),
    variables,
    shortSecrets,
    files,
  };
}

function entriesIn(entries: readonly EntryText[]): EntryText[] {
  return entries.flatMap(text => [text, ...(isInclude(text) ? entriesIn(text.component.resources) : [])]);
}

/** Returns the argument at a path, or undefined if it is not given or not known. */
export function argument({ resource }: Pick<ResourceSubject, 'resource'>, ...path: Path): unknown {
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

function resourceSubject({ text, resource }: Resolved, source: Source): ResourceSubject {
  const file = fileText(text, resource, source);
  const texts = [...textsIn(text, text.args, []), ...(file === undefined ? [] : [file])];
  return {
    text,
    resource,
    module: text.module.name,
    tags: resource.tags,
    present: resource.when !== false && argument({ resource }, 'state') !== 'absent',
    texts: texts.map(each => textOf(each, argument({ resource }, ...each.path))),
  };
}

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
): WrittenText | undefined {
  const kind = module.files?.template && branch(args, 'template') !== undefined ? 'template' : 'file';
  const key = kind === 'template' ? 'template' : module.files?.src;
  const name = key && argument({ resource }, key);
  if (typeof name !== 'string' || module.files?.tree) return undefined;
  return new Problems().attempt(() => {
    const path = files.find(name, resource.at, kind);
    const source = files.bytes(path).toString('utf8');
    if (source.includes('\0')) return undefined;
    const shown = shownPath(path);
    const template = kind === 'template' ? templates.get(path) : undefined;
    return {
      path: ['content'],
      source,
      where: placeIn(shown, source),
      body: template?.body ?? plain(source),
      file: shown,
    };
  });
}
