import { basename } from 'node:path';
import type { Tree } from '../expression/template-tree.ts';
import { readVariables, type Variable } from '../expression/variables.ts';
import type { Named } from '../inventory/inventory-model.ts';
import type { Place, Where } from '../problem.ts';
import { moduleOfAnsible } from '../schema/ansible-words.ts';
import { checkKeys, isPlainMap, type Modules } from '../schema/known-keys.ts';
import { playbookKeys, playKeys } from '../schema/resource-keys.ts';
import type { Schema } from '../schema/schema.ts';
import { type SecretSource, secretSources } from '../secrets/secret-sources.ts';
import type { Problems } from '../util/problem-collector.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import type { EntryText, Reading } from './entry-text.ts';
import { listOf, namedList, readCheck, readEntries, treeAt } from './resource-text.ts';
import { type Rollout, readRollout } from './rollout-text.ts';

/** A play as written, compiled and checked without hosts. */
export interface PlayText {
  doc: Doc;
  path: Path;
  name: string;
  at: Place;
  hosts: readonly { pattern: string; where: Where }[];
  become?: Tree;
  vars: readonly Variable[];
  varsFiles: readonly Named[];
  secrets: readonly SecretSource[];
  resources: readonly EntryText[];
  onFailedCheck: 'stop' | 'revert';
  rollout?: Rollout;
}

/** Reads the one play of a document, or those under `plays`. Mistakes go to `problems`. */
export function readPlays(doc: Doc, reading: Reading, problems: Problems): PlayText[] {
  const { data } = doc;
  if (!isPlainMap(data)) {
    const [message, hint] = insteadOfPlay(data, reading.modules);
    problems.report('wrong-type', message, doc.place([]), hint);
    return [];
  }
  if (data['hosts'] === undefined && isPlainMap(data['params'])) {
    const message = 'This is a component: it has params, and no hosts.';
    const hint = `Name a playbook that brings it in, with\n    - include: ${basename(doc.file)}`;
    problems.report('wrong-type', message, doc.place(['params'], 'key'), hint);
    return [];
  }
  if (data['plays'] === undefined) return [readPlay(doc, [], reading, problems)];
  checkKeys({ doc, path: [], label: 'A playbook with plays:' }, data, playsSchema, problems);
  return listOf(data['plays']).map((_, index) => readPlay(doc, ['plays', index], reading, problems));
}

/** Returns the problem with a file that holds no map, and its hint. */
function insteadOfPlay(data: Doc['data'], modules: Modules): [message: string, hint: string] {
  const [first] = listOf(data);
  const isOfTask = (key: string) =>
    Object.hasOwn(modules, key.split('.').at(-1)!) || moduleOfAnsible(key) !== undefined;
  if (isPlainMap(first) && first['hosts'] === undefined && Object.keys(first).some(isOfTask))
    return [
      'This is a task list of Ansible.',
      'Put its tasks under `resources` of a play or of a component file; `reconcile docs ansible` shows how each is written.',
    ];
  if (isPlainMap(first) && ['tasks', 'roles', 'gather_facts'].some(key => first[key] !== undefined))
    return [
      'This is a playbook of Ansible.',
      'Its inventory can be used as it is; `reconcile docs ansible` shows how its tasks are written here.',
    ];
  return [
    data === null ? 'The playbook is empty.' : 'A playbook is a map with hosts and resources.',
    Array.isArray(data)
      ? 'Remove the "-"; several plays stand under plays:'
      : 'Write:\n    hosts: all\n    resources:\n      - file: { path: /etc/motd, content: "Welcome" }',
  ];
}

function readPlay(doc: Doc, path: Path, reading: Reading, problems: Problems): PlayText {
  const data = doc.get(path) ?? null;
  const map = isPlainMap(data) ? data : {};
  checkKeys({ doc, path, label: 'A play' }, data, playSchema, problems);
  const { rollout, before, after } = readRollout(doc, [...path, 'rollout'], reading, problems);
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
    secrets: secretSources(doc, [...path, 'secrets']),
    resources: [
      ...before,
      ...readEntries(doc, [...path, 'resources'], reading, problems),
      ...listOf(map['checks']).flatMap((_, index) =>
        readCheck(doc, [...path, 'checks', index], reading, problems),
      ),
      ...after,
    ],
    onFailedCheck: map['on_failed_check'] === 'revert' ? 'revert' : 'stop',
    ...(rollout && { rollout }),
  };
}

const playSchema: Schema = {
  type: 'object',
  // readRollout looks into its value.
  properties: { ...playKeys, rollout: {} },
  required: ['hosts', 'resources'],
};
const playsSchema: Schema = { type: 'object', properties: playbookKeys };
