import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Written } from '../expression/template-tree.ts';
import { ansibleVariables, secretVariable, type Variable } from '../expression/variables.ts';
import { type Problem, ProblemError, withoutText } from '../problem.ts';
import { silently } from '../secrets/read-secrets.ts';
import { isVault } from '../secrets/vault.ts';
import type { Vault } from '../secrets/vaulted-values.ts';
import { Problems } from '../util/problem-collector.ts';
import { statOf } from '../util/stat.ts';
import { isMap } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { readText, shownPath } from '../yaml/source-files.ts';
import type { Groups, Hosts } from './inventory-model.ts';

const extensions = ['', '.yml', '.yaml', '.json'];

/**
 * Adds the variables in group_vars/ and host_vars/ of a folder to groups and hosts, like Ansible. Returns the problems of
 * unusable hosts by group or host: an encrypted file for them cannot be opened.
 */
export function addVariablesFolder(
  folder: string,
  hosts: Hosts,
  groups: Groups,
  problems: Problems,
  vault: Vault,
): (host: string, groups: readonly string[]) => readonly Problem[] {
  const sealed = new Map<string, Problem[]>();
  const add = (kind: 'group' | 'host', all: ReadonlyMap<string, { vars: Variable[] }>) => {
    const within = join(folder, `${kind}_vars`);
    const there = new Set(list(within));
    if (there.size === 0) return;
    for (const [name, { vars }] of all) {
      const found = extensions.map(extension => name + extension).find(each => there.has(each));
      if (found === undefined) continue;
      const level = `${kind} ${name}`;
      for (const file of filesOf(join(within, found))) {
        const read = problems.attempt(() => readFile(file, level, vault)) ?? [];
        if (Array.isArray(read)) vars.push(...read);
        else sealed.set(level, [...(sealed.get(level) ?? []), ...read.problems]);
      }
    }
  };
  add('group', groups);
  add('host', hosts);
  return (host, of) =>
    sealed.size === 0
      ? []
      : ['group all', ...of.map(group => `group ${group}`), `host ${host}`].flatMap(
          level => sealed.get(level) ?? [],
        );
}

function readFile(file: string, level: string, vault: Vault): Variable[] | ProblemError {
  const shown = shownPath(file);
  const text = readText(file, shown);
  return isVault(text)
    ? readSealed(text, shown, level, vault)
    : variablesIn(parseYaml(text, shown, 'ansible'), level);
}

/** Returns the variables of a wholly encrypted file. All of them are secret, and no problem holds a line of the file. */
function readSealed(text: string, shown: string, level: string, vault: Vault): Variable[] | ProblemError {
  const problems = new Problems();
  const clear = problems.attempt(() => vault.open(text, shown));
  const doc = clear === undefined ? undefined : silently(problems, () => parseYaml(clear, shown, 'ansible'));
  if (doc === undefined) return new ProblemError(...problems.all());
  const hidden: Written & Pick<Doc, 'data'> = {
    data: doc.data,
    place: (...where) => withoutText(doc.place(...where)),
    within: path => {
      const place = doc.within(path);
      return (...part) => withoutText(place(...part));
    },
    tag: path => doc.tag(path),
  };
  return variablesIn(hidden, level).map(secretVariable);
}

function variablesIn(doc: Written & Pick<Doc, 'data'>, level: string): Variable[] {
  if (doc.data !== null && !isMap(doc.data)) {
    const message = 'A file of variables is a map of names and values.';
    throw new ProblemError({ code: 'wrong-type', message, at: doc.place([]) });
  }
  return ansibleVariables(doc, [], level, doc.data);
}

/** Returns the file itself, or all files below a folder in the order of their names. */
function filesOf(path: string): string[] {
  if (!isFolder(path)) return [path];
  return list(path).flatMap(name => {
    const inner = join(path, name);
    if (name.startsWith('.') || name.endsWith('~')) return [];
    if (isFolder(inner)) return extname(name) === '' ? filesOf(inner) : [];
    return extensions.includes(extname(name)) ? [inner] : [];
  });
}

/** Returns the names in a folder; none for a missing folder. */
export function list(folder: string): string[] {
  return isFolder(folder) ? readdirSync(folder, { encoding: 'utf8' }).toSorted() : [];
}

function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() === true;
}
