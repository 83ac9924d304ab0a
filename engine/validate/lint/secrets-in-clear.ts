import { sourceOf, type Tree } from '../../expression/template-tree.ts';
import type { SourceFile } from '../../module.ts';
import type { Place } from '../../problem.ts';
import type { Plain } from '../../value.ts';
import type { Finding, Rule } from './rule.ts';
import { argument, type ResourceSubject } from './subject.ts';
import { hole, matchesIn, type Text, withHoles } from './texts.ts';

const secretName =
  /(?:^|[_.-])(?:password|passwd|passphrase|secret|token|(?:api|secret|private|access)[_-]?key)$/i;
/** `NAME=value`, as in environment files and units. */
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
  },
  *each(resource) {
    for (const text of resource.texts)
      for (const found of inText(text)) yield { ...found, of: resource.text };
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

/** The written text counts, not its evaluated value. */
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
      yield { message: `"${name}" is a secret that stands here in clear.`, ...advice(name), at: at() };
  }
  for (const { match, at } of matchesIn(written, urls))
    if (isClear(match[1]!))
      yield { message: 'This URL has a password in clear.', ...advice('password'), at: at() };
}

export const keyReadable: Rule = {
  code: 'key-readable',
  explanation:
    'A private key is copied to a file that every account of the host can read. Give the file an owner and the mode "0600", or "0640" with a group. A secret of `secrets.` in such a file is not only warned of: it is the problem `secret-exposed`.',
  *each(resource) {
    const { module, present, text, texts } = resource;
    if (!present) return;
    const message = (what: string) =>
      `${what} is a private key, and every account of the host could read it.`;
    const source = texts.find(({ path, shown }) => path[0] === 'content' && privateKey.test(shown));
    if (module === 'file' && source !== undefined && isReadable(resource, 'mode'))
      yield { message: message('This'), hint: 'Write: mode: "0600"', at: text.at, of: text };
    if (module !== 'tree' || !isReadable(resource, 'file_mode')) return;
    const files = argument(resource, 'files') as SourceFile[] | undefined;
    const key = files?.find(({ content }) => privateKey.test(String(content)));
    if (key === undefined) return;
    const at = text.doc.place([...text.path, 'src']);
    const hint = 'Write: file_mode: "0600", or give the key a file: of its own.';
    yield { message: message(`"${key.path}"`), hint, at, of: text };
  },
};

/** Whether a mode lets everybody read. A missing mode does; an unknown one may not. */
function isReadable(resource: ResourceSubject, key: string): boolean {
  const mode = argument(resource, key);
  if (typeof mode === 'string') return (parseInt(mode, 8) & 0o004) !== 0;
  return resource.text.doc.get([...resource.text.path, key]) === undefined;
}
