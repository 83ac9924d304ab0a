import type { Expression } from '../expression/expression.ts';
import type { Tree } from '../expression/template-tree.ts';
import type { Named } from '../inventory/inventory-model.ts';
import type { Module } from '../module.ts';
import type { Place } from '../problem.ts';
import type { Modules } from '../schema/known-keys.ts';
import type { Schema } from '../schema/schema.ts';
import type { Problems } from '../util/problem-collector.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';

/** A parameter of a component. */
export interface Parameter {
  name: string;
  /** What its value must be. */
  schema: Schema;
  /** Missing when it must be given. */
  default?: Tree;
  at: Place;
}

/** A component as written. */
export interface ComponentText {
  doc: Doc;
  /** The file's name without its ending. */
  name: string;
  params: readonly Parameter[];
  /** The schema of what an include gives it. */
  takes: Schema;
  resources: readonly EntryText[];
}

/** Reads component files; undefined when one cannot be read, which `problems` then tells. */
export interface ComponentReader {
  read(name: string, doc: Doc, at: Place, problems: Problems): ComponentText | undefined;
}

/** What reading resources needs to know. */
export interface Reading {
  modules: Modules;
  components: ComponentReader;
}

/** An element of `resources` as written. */
export type EntryText = ResourceText | IncludeText;

/** What a resource and an include can both have. */
export interface Envelope {
  doc: Doc;
  /** Where the module's arguments, or the component's name, are. */
  path: Path;
  /** The module key, or `include`. */
  at: Place;
  name?: Tree;
  when?: boolean | Expression;
  loop?: Tree;
  tags: readonly string[];
  needs: readonly Named[];
  become?: Tree;
  onFailure?: 'stop' | 'continue';
  /** False when something in it is wrong, so that it cannot be resolved. */
  sound: boolean;
}

/** A resource as written. */
export interface ResourceText extends Envelope {
  module: Module;
  args: Tree;
  register?: Named;
  retry: { attempts: number; delayS: number };
  risky?: boolean;
  runOnce: boolean;
  delegateTo?: Tree;
}

/** A component in the place of a resource. */
export interface IncludeText extends Envelope {
  component: ComponentText;
  /** What the component is given, by parameter. */
  given: ReadonlyMap<string, Tree>;
}

/** Whether an element of `resources` is an include. */
export function isInclude(text: EntryText): text is IncludeText {
  return 'component' in text;
}

/** Every resource of a list, also those of components, each with the tags that it has and inherits. */
export function resourcesIn(
  entries: readonly EntryText[],
  inherited: readonly string[] = [],
): { text: ResourceText; tags: readonly string[] }[] {
  return entries.flatMap(text => {
    const tags = [...inherited, ...text.tags];
    return isInclude(text) ? resourcesIn(text.component.resources, tags) : [{ text, tags }];
  });
}
