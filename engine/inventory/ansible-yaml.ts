import { ansibleVariables } from '../expression/variables.ts';
import { describe } from '../schema/value-words.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap } from '../value.ts';
import type { Doc } from '../yaml/document.ts';
import type { Path } from '../yaml/source-text.ts';
import { hostsOfRange } from './host-range.ts';
import { addHosts, InventorySource, setGroupVariable } from './inventory-model.ts';

const sections = ['hosts', 'children', 'vars'] as const;

/** Whether data is an inventory of Ansible in YAML: groups by name, with hosts, children or vars. */
export function isAnsibleYaml(data: unknown): boolean {
  if (!isMap(data)) return false;
  if (['hosts', 'groups', 'defaults', 'resources', 'plays'].some(key => Object.hasOwn(data, key)))
    return false;
  return (
    ['all', 'ungrouped'].some(key => Object.hasOwn(data, key)) ||
    Object.values(data).some(group => isMap(group) && sections.some(key => Object.hasOwn(group, key)))
  );
}

/** Reads an inventory of Ansible in YAML. Adds its problems to `problems`. */
export function readAnsibleYaml(doc: Doc, problems: Problems): InventorySource {
  const source = new InventorySource(doc.file, true);
  source.group('ungrouped', doc.place([]));
  const mapAt = (path: Path, what: string): { [key: string]: unknown } => {
    const data = path.length === 0 ? doc.data : doc.get(path);
    if (isMap(data)) return data;
    if (typeof data === 'string' && path.at(-1) !== 'vars' && sections.some(key => key === path.at(-1)))
      return { [data]: null };
    if (data !== null && data !== undefined)
      problems.report(
        'wrong-type',
        `${what} takes a map or nothing, not ${describe(data as never)}.`,
        doc.place(path),
        Array.isArray(data) && data.every(each => typeof each === 'string')
          ? `Write each as a key: ${data.map(each => `${each}:`).join(' ')}`
          : undefined,
      );
    return {};
  };
  const readGroup = (name: string, path: Path): void => {
    const at = doc.place(path, 'key');
    const group = source.group(name, at);
    for (const key of Object.keys(mapAt(path, `The group ${name}`))) {
      if (sections.some(each => each === key)) continue;
      const hint = didYouMean(key, sections) ?? 'Variables stand under vars:, groups in it under children:';
      problems.report(
        'unknown-key',
        `The group ${name} takes hosts, children and vars, not "${key}".`,
        doc.place([...path, key], 'key'),
        hint,
      );
    }
    const vars = [...path, 'vars'];
    for (const each of ansibleVariables(doc, vars, `group ${name}`, mapAt(vars, `vars of ${name}`)))
      setGroupVariable(group, each);
    for (const child of Object.keys(mapAt([...path, 'children'], `children of ${name}`))) {
      const inner = [...path, 'children', child];
      group.groups.push({ name: child, at: doc.place(inner, 'key') });
      readGroup(child, inner);
    }
    for (const pattern of Object.keys(mapAt([...path, 'hosts'], `hosts of ${name}`))) {
      const inner = [...path, 'hosts', pattern];
      const place = doc.place(inner, 'key');
      const found = hostsOfRange(pattern);
      if ('fault' in found) {
        const { message, hint, start, length } = found.fault;
        problems.report(
          'inventory-syntax',
          message,
          { ...place, column: place.column + start, length },
          hint,
        );
        continue;
      }
      const data = mapAt(inner, `The host ${pattern}`);
      addHosts(source, name, found, place, host => ansibleVariables(doc, inner, `host ${host}`, data));
    }
  };
  for (const name of Object.keys(mapAt([], 'An inventory'))) readGroup(name, [name]);
  return source;
}
