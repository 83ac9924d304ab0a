import type { Expression } from '../expression/expression.ts';
import type { Tree } from '../expression/template-tree.ts';
import type { Named } from '../inventory/inventory-model.ts';
import type { Module } from '../module.ts';
import type { Place } from '../problem.ts';
import type { Visit } from '../resource.ts';
import type { Modules } from '../schema/known-keys.ts';
import type { Schema } from '../schema/schema.ts';
import type { Problems } from '../util/problem-collector.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';

/** A parameter of a component. */
export interface Parameter {
  name: string;
  /** The schema of its value. */
  schema: Schema;
  /** Left out for a required parameter. */
  default?: Tree;
  at: Place;
}

/** A component as written. */
export interface ComponentText {
  doc: Doc;
  /** The file's name without its ending. */
  name: string;
  params: readonly Parameter[];
  /** The schema of the values under `with` of an include. */
  takes: Schema;
  resources: readonly EntryText[];
}

/** Reads component files. Returns undefined, with a problem, for a file that cannot be read. */
export interface ComponentReader {
  read(name: string, doc: Doc, at: Place, problems: Problems): ComponentText | undefined;
}

/** The input for reading resources. */
export interface Reading {
  modules: Modules;
  components: ComponentReader;
}

/** An element of `resources` as written. */
export type EntryText = ResourceText | IncludeText;

/** The common keys of resources and includes. */
export interface Envelope {
  doc: Doc;
  /** The path of the module's arguments, or of the component's name. */
  path: Path;
  /** The place of the module key, or of `include`. */
  at: Place;
  name?: Tree;
  when?: boolean | Expression;
  loop?: Tree;
  tags: readonly string[];
  needs: readonly Named[];
  become?: Tree;
  onFailure?: 'stop' | 'continue';
  /** Whether it stands around the resources of a play, under `rollout`. */
  visit?: Visit;
  /** False after a mistake in it: then it is not resolved. */
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
  /** The maximum number of hosts that apply it at the same time. */
  atOnce?: number;
  delegateTo?: Tree;
}

/** A component in the place of a resource. */
export interface IncludeText extends Envelope {
  component: ComponentText;
  /** The values for the component, by parameter. */
  given: ReadonlyMap<string, Tree>;
}

/** Whether an element of `resources` is an include. */
export function isInclude(text: EntryText): text is IncludeText {
  return 'component' in text;
}

/** Returns all resources of a list and of its components, each with its own and inherited tags. */
export function resourcesIn(
  entries: readonly EntryText[],
  inherited: readonly string[] = [],
): { text: ResourceText; tags: readonly string[] }[] {
  return entries.flatMap(text => {
    const tags = [...inherited, ...text.tags];
    return isInclude(text) ? resourcesIn(text.component.resources, tags) : [{ text, tags }];
  });
}
