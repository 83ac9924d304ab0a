import { branch, sourceOf } from '../../expression/template-tree.ts';
import { byName, meant, type Resource, unlessUnknown } from '../../resource.ts';
import { grouped } from '../../util/grouped.ts';
import type { Rule } from './rule.ts';
import { argument, type ResourceSubject, type Subject } from './subject.ts';
import { settingsOf, unitOf } from './unit-files.ts';

export const restartMissing: Rule = {
  code: 'restart-missing',
  explanation:
    'A service reads a file of the play, or is started from it, and is not restarted when it changes: until somebody restarts it, it runs as before. Name the resource in the `restart_on` of the service, or in its `reload_on` where a reload is enough.',
  *check(subject) {
    const resources = byName(subject.resources.map(({ resource }) => resource));
    const managed = managedIn(subject);
    for (const service of subject.resources) {
      if (service.module !== 'service' || !service.present || argument(service, 'state') === 'stopped')
        continue;
      const { args } = service.resource;
      const named = unlessUnknown(() => [...(args['restart_on'] ?? []), ...(args['reload_on'] ?? [])]);
      if (named === undefined) continue;
      const answered = new Set(named.flatMap(name => meant(name, service.resource, resources)));
      // `after` declares again what `before` has set, and names the service that reacts.
      const isElsewhere = ({ visit }: Resource) => visit !== undefined && visit !== service.resource.visit;
      const missing = dependencies(service, managed).filter(
        ({ resource }) => !answered.has(resource) && !isElsewhere(resource),
      );
      if (missing.length === 0) continue;
      const names = [...new Set(missing.map(({ resource }) => resource.name))];
      const all = [...new Set<string>([...(args['restart_on'] ?? []), ...names])];
      const { doc, path, at } = service.text;
      const given = doc.get([...path, 'restart_on']) !== undefined;
      yield {
        message: `This service depends on ${listed(names)}, and is not restarted when ${names.length === 1 ? 'it changes' : 'they change'}.`,
        hint: `Write: restart_on: [${all.map(quoted).join(', ')}]`,
        at: given ? doc.place([...path, 'restart_on'], 'key') : at,
        of: service.text,
      };
    }
  },
};

const quoted = (name: string) => (/^[\w /.-]+$/.test(name) ? name : JSON.stringify(name));

const listed = (names: readonly string[]) =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** The dependencies of a service: units by their full names, and files and environments by their paths. */
function managedIn({ resources }: Subject) {
  const present = resources.filter(each => each.present);
  const files = present
    .filter(({ module }) => ['file', 'python_venv'].includes(module))
    .map(each => {
      const written = branch(each.text.args, 'path');
      return { each, path: argument(each, 'path'), source: written && String(sourceOf(written)) };
    });
  const units = grouped(
    present.filter(({ module }) => module === 'systemd_unit'),
    unitOf,
  );
  return { units, files };
}

/** The unit of a service, and the things from the play that the unit and the service read. */
function dependencies(service: ResourceSubject, managed: ReturnType<typeof managedIn>): ResourceSubject[] {
  const name = unitOf(service);
  const units = managed.units.get(name) ?? [];
  const read = units.flatMap(settingsOf).filter(({ key }) => /^(?:EnvironmentFile|Exec\w*)$/.test(key));
  const named = new Set(
    read.flatMap(({ value }) => value.split(/[\s"'=]+/).map(word => word.replace(/^[-@:+!]+/, ''))),
  );
  const sources = new Set(units.flatMap(({ texts }) => texts.map(({ source }) => source.trim())));
  const stem = name.replace(/\.\w+$/, '');
  for (const path of [`/etc/${stem}.conf`, `/etc/default/${stem}`]) named.add(path);
  const files = managed.files.filter(({ each, path, source }) => {
    if (typeof path !== 'string') return source !== undefined && sources.has(source);
    if (each.module === 'python_venv') return [...named].some(word => word.startsWith(`${path}/bin/`));
    return named.has(path) || path.startsWith(`/etc/${stem}/`);
  });
  return [...units, ...files.map(({ each }) => each)];
}
