import type { Place } from '../../problem.ts';
import type { Plain } from '../../value.ts';
import { sourceOf, type Tree } from '../tree.ts';
import type { Finding, Rule } from './rule.ts';
import { argument, type ResourceSubject, type Subject } from './subject.ts';
import { hole, matchesIn, type Text, withHoles } from './texts.ts';

const secretName =
  /(?:^|[_.-])(?:password|passwd|passphrase|secret|token|(?:api|secret|private|access)[_-]?key)$/i;
/** `NAME=value`, as files of an environment and units have it. */
const assignments = /^[ \t"']*(?:export[ \t]+)?([A-Za-z_]\w*)=["']?([^\s"']+)/gm;
const urls = /\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"']*:([^\s@/"']+)@/gi;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Whether a text can be a secret in clear: not empty, no template, no path, no reference of a shell, and no digest. */
const isClear = (text: string) =>
  text !== '' && !text.includes(hole) && !/^(?:[/$%<]|SCRAM-SHA-256\$)/.test(text);

export const secretInClear: Rule = {
  code: 'secret-in-clear',
  explanation:
    'A password, token or key stands in clear where everybody can read it who reads the repository, now and in its history. Keep it in a file that `reconcile secrets init FILE` makes, and write `{{ secrets.NAME }}` in its place. A secret that was in clear is to be replaced by another.',
  *check(subject) {
    for (const { name, tree, at } of subject.variables) yield* inTree(name, tree, at);
    for (const include of subject.includes) {
      const place = (name: string) => include.doc.place([...include.path.slice(0, -1), 'with', name]);
      for (const [name, tree] of include.given) yield* inTree(name, tree, place(name), include);
      for (const { name, default: tree, at } of include.component.params)
        if (tree !== undefined) yield* inTree(name, tree, at);
    }
    for (const resource of subject.resources) {
      for (const text of resource.texts)
        for (const found of inText(text)) yield { ...found, of: resource.text };
    }
  },
};

const advice = (name: string): Pick<Finding, 'hint'> => ({
  hint: `Put it into a file of secrets, and write "{{ secrets.${name.toLowerCase().replace(/\W/g, '_')} }}" in its place.`,
});

function* inTree(name: string, tree: Tree, at: Place, of?: Finding['of']): Iterable<Finding> {
  const value = tree.kind === 'secret' ? sourceOf(tree.tree) : sourceOf(tree);
  if (tree.kind === 'vault') return;
  for (const found of inValue(name, value)) yield { ...found, at, ...(of !== undefined && { of }) };
}

function* inValue(name: string, value: Plain): Iterable<Omit<Finding, 'at'>> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value))
      yield* inValue(Array.isArray(value) ? name : key, inner);
    return;
  }
  const isText = typeof value === 'string' || typeof value === 'number';
  const text = withHoles(String(value));
  if (isText && secretName.test(name) && isClear(text))
    yield { message: `"${name}" is a secret that stands here in clear.`, ...advice(name) };
  if ([...text.matchAll(urls)].some(([, password]) => isClear(password!)))
    yield { message: `"${name}" is a URL with a password in clear.`, ...advice(name) };
}

/** What is written counts, and not what comes of it. */
function* inText(text: Text): Iterable<Finding> {
  const written = { ...text, shown: withHoles(text.source) };
  const key = text.path.findLast(step => typeof step === 'string') as string;
  if (secretName.test(key) && isClear(written.shown))
    yield {
      message: `"${key}" is a secret that stands here in clear.`,
      ...advice(key),
      at: text.where(0, text.source.length),
    };
  for (const { match, at } of matchesIn(written, assignments)) {
    const [, name, value] = match as unknown as [string, string, string];
    if (secretName.test(name) && isClear(value))
      yield { message: `"${name}" is a secret that stands here in clear.`, ...advice(name), at };
  }
  for (const { match, at } of matchesIn(written, urls))
    if (isClear(match[1]!)) yield { message: 'This URL has a password in clear.', ...advice('password'), at };
}

export const secretReadable: Rule = {
  code: 'secret-readable',
  explanation:
    'A file with a secret in it can be read by every account of the host. Give it an owner and the mode "0600", or "0640" with a group. A unit of systemd and a site of Nginx are always readable: put the secret into a file of its own and name that there, for a unit as EnvironmentFile.',
  *check(subject) {
    for (const resource of subject.resources.filter(({ present }) => present)) {
      const { module, text } = resource;
      const place = (key: string) => text.doc.place([...text.path, key]);
      const what = { of: text };
      if (module === 'file' && isReadable(resource, 'mode', subject) && holdsSecretContent(resource)) {
        const mode = argument(resource, 'mode');
        const message =
          mode === undefined
            ? 'This file has a secret in it, and without a mode every account of the host can read it.'
            : `This file has a secret in it, and with the mode "${mode}" every account of the host can read it.`;
        yield {
          ...what,
          message,
          hint: 'Write: mode: "0600"',
          at: mode === undefined ? text.at : place('mode'),
        };
      } else if (module === 'tree' && isReadable(resource, 'file_mode', subject)) {
        const files = argument(resource, 'files') as { path: string; bytes: Buffer }[] | undefined;
        const key = files?.find(({ bytes }) => privateKey.test(bytes.toString('latin1')));
        if (key === undefined) continue;
        const message = `"${key.path}" is a private key, and every account of the host could read it.`;
        yield {
          ...what,
          message,
          hint: 'Write: file_mode: "0600", or give the key a file: of its own.',
          at: place('src'),
        };
      } else if (module === 'systemd_unit' || module === 'nginx_site') {
        const keys = ['content', 'template', 'unit', 'service', 'socket', 'timer', 'locations', 'extra'];
        const key = keys.find(each => resource.holdsSecret(each));
        if (key === undefined) continue;
        const [name, hint] =
          module === 'systemd_unit'
            ? ['unit', 'Put it into a file: with mode: "0600", and name that: EnvironmentFile: PATH']
            : ['site', 'Put it into a file: with mode: "0600" below /etc/nginx, and write: include PATH;'];
        const message = `Every account of the host can read a ${name}, and this one has a secret in it.`;
        yield { ...what, message, hint, at: placeOfSecret(resource, key) };
      }
    }
  },
};

function holdsSecretContent(resource: ResourceSubject): boolean {
  const isKey = resource.texts.some(({ path, source }) => path[0] === 'content' && privateKey.test(source));
  return isKey || ['content', 'template'].some(each => resource.holdsSecret(each));
}

/** The first text below an argument that is a template; the argument where there is none. */
function placeOfSecret({ texts, text }: ResourceSubject, key: string): Place {
  const found = texts.find(
    ({ path, source, file }) => file === undefined && path[0] === key && /secrets\b/.test(source),
  );
  return found === undefined
    ? text.doc.place([...text.path, key], 'key')
    : found.where(0, found.source.length);
}

/** Whether everybody can read the file: by its mode, and by those of the directories of the play that it is in. */
function isReadable(resource: ResourceSubject, key: string, { resources }: Subject): boolean {
  const mode = argument(resource, key);
  if (resource.text.module.name === 'file' && mode === undefined && givesMode(resource)) return false;
  if (mode !== undefined && (parseInt(String(mode), 8) & 0o004) === 0) return false;
  const path = String(argument(resource, 'path'));
  return !resources.some(other => {
    const closed = argument(other, 'mode');
    return (
      other.module === 'directory' &&
      typeof closed === 'string' &&
      path.startsWith(`${argument(other, 'path')}/`) &&
      (parseInt(closed, 8) & 0o001) === 0
    );
  });
}

/** Whether a mode is written, although it is not known yet. */
const givesMode = ({ text }: ResourceSubject) => text.doc.get([...text.path, 'mode']) !== undefined;
