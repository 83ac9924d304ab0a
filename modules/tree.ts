import type { Change, State } from '../engine/module.ts';
import { absolutePath, fileMode, flag, listOf, ownership, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { attributesOf, pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { diff } from '../engine/plan/diff.ts';
import * as probe from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { defined } from '../engine/util/defined.ts';
import { memoized } from '../engine/util/memoized.ts';
import { matches, noDirectory } from './_files.ts';

/** Up to this total size, the files on the host are read completely, so that the plan can show changed lines. */
const shownBytes = 262_144;

const args = {
  src: text('Folder beside the playbook; its files are copied unchanged.', { minLength: 1 }),
  path: { ...absolutePath, description: 'Directory on the host for the contents of the folder.' },
  ...ownership('the files and directories'),
  file_mode: {
    ...fileMode,
    description:
      'Permissions of all files in octal. By default, files are executable as in the folder, and new ones have 0755 or 0644.',
  },
  directory_mode: {
    ...fileMode,
    description: 'Permissions of all directories in octal; new ones have 0755.',
  },
  exclude: listOf(
    text('A glob.', { minLength: 1 }),
    'Globs of files that are neither copied nor deleted, e.g. `*.pyc` or `media/**`; a glob without a slash matches names at any depth.',
    { default: [] },
  ),
  delete_extra: flag('Whether files on the host that are not in the folder are removed.', { default: false }),
} as const;
type Arguments = Given<typeof args, 'src' | 'path'>;

/** A copy of a folder with all its contents. */
export const tree = defineModule({
  name: 'tree',
  summary: 'A folder beside the playbook, copied with all its contents.',
  args,
  required: ['src', 'path'],
  files: { tree: true },
  examples: {
    'The code of an application': { src: 'app', path: '/srv/app', owner: 'www-data', exclude: ['*.pyc'] },
    'Exactly these files': {
      src: 'conf.d',
      path: '/etc/app/conf.d',
      file_mode: '0640',
      delete_extra: true,
    },
  },
  identity: args => args.path,
  probes: args => {
    const pieces = piecesOf(args);
    const whole = pieces.reduce((sum, { content }) => sum + (content?.length ?? 0), 0) <= shownBytes;
    const probes: Record<string, probe.Probe> = {};
    for (const { absolute, content } of pieces) {
      probes[absolute] = probe.path(absolute);
      if (content && whole) probes[`content ${absolute}`] = probe.content(absolute);
    }
    if (args.delete_extra || !whole) probes['entries'] = probe.entries(args.path, { hashes: !whole });
    return probes;
  },
  actual: (read, args) => {
    const { isNew, present, extra, changes } = survey(args, read);
    const others = extra.map(({ path, type }) => (type === 'directory' ? `${path}/` : path));
    const files = [...present.map(({ path }) => path), ...others].toSorted();
    return isNew ? null : { files, ...Object.fromEntries(changes.map(({ key, before }) => [key, before!])) };
  },
  desired: (args, read) => {
    const { isNew, files, changes } = survey(args, read ?? {});
    const after = Object.fromEntries(changes.map(({ key, after }) => [key, after!]));
    return { files: files.map(({ path }) => path).toSorted(), ...(!isNew && after) };
  },
  obstacles: (args, read) =>
    survey(args, read).pieces.map(({ absolute, at, content }) => !content && noDirectory(absolute, at)),
  steps: (_diff, args, read) => {
    const { pieces, extra } = survey(args, read);
    const ownership = defined({ owner: args.owner, group: args.group });
    const made = pieces.filter(({ isMade }) => isMade);
    const set = pieces.filter(({ isMade, attributes }) => !isMade && attributes.length > 0);
    return [
      ...made.map(({ absolute: path, content, mode }): Step => {
        const attributes = { ...ownership, mode };
        return content
          ? { do: 'write', path, content, ...attributes }
          : { do: 'directory', path, ...attributes };
      }),
      ...set.map(({ absolute: path, mode }): Step => ({ do: 'attributes', path, ...ownership, mode })),
      ...extra.map(({ path }): Step => ({ do: 'remove', path: `${args.path}/${path}`, recursive: true })),
    ];
  },
  claims: args => {
    const { owner, group, file_mode, directory_mode } = args;
    const claims = piecesOf(args).map(({ absolute, content }) =>
      content
        ? pathClaims(absolute, 'file', { owner, group, mode: file_mode }, () => content)
        : pathClaims(absolute, 'directory', { owner, group, mode: directory_mode }),
    );
    return Object.assign({}, ...claims);
  },
  claimsBelow: (args, path) =>
    args.delete_extra && !isExcluded(path.slice(args.path.length + 1), args)
      ? pathClaims(path, 'nothing')
      : {},
});

const isExcluded = (path: string, { exclude }: Arguments) => exclude.some(glob => matches(path, glob));

/** Returns the folders of a path, from the tree itself, named '', to the innermost one. */
const foldersOf = (path: string) => path.split('/').map((_, i, names) => names.slice(0, i).join('/'));

/** Returns the directories of the tree, parents first, and then its files, which alone have a content. */
const piecesOf = memoized((args: Arguments) => {
  const copied = (args.files ?? []).filter(({ path }) => !isExcluded(path, args));
  const folders = new Set(['', ...copied.flatMap(({ path }) => foldersOf(path))]);
  const directories = [...folders].toSorted().map(path => ({ path, content: undefined, executable: true }));
  return [...directories, ...copied].map(piece => ({
    ...piece,
    absolute: piece.path === '' ? args.path : `${args.path}/${piece.path}`,
  }));
});
type Piece = ReturnType<typeof piecesOf>[number];

/** Returns the pieces with the things in their places, and the differences between them. */
const survey = (args: Arguments, read: Readonly<Record<string, unknown>>) => surveys(args)(read);
const surveys = memoized((args: Arguments) =>
  memoized((read: Readonly<Record<string, unknown>>) => compared(args, read)),
);

function compared(args: Arguments, read: Readonly<Record<string, unknown>>) {
  const below = (read['entries'] ?? []) as probe.DirectoryEntry[];
  const hashed = new Map(
    below.filter(({ sha256 }) => sha256 !== undefined).map(entry => [entry.path, entry]),
  );
  const pieces = piecesOf(args).map(piece => {
    const { path, absolute, content } = piece;
    const at = (read[absolute] ?? null) as probe.PathState | null;
    const found = (read[`content ${absolute}`] ?? hashed.get(path) ?? null) as probe.Content | null;
    const mode = modeOf(piece, at, args);
    // A file replaces a thing of another type, so the attributes of that thing do not matter.
    if (!at || (content && at.type !== 'file'))
      return { ...piece, at, mode, isMade: true, contents: [], attributes: [] };
    const { owner, group } = args;
    const isOther = !content && at.type !== 'directory';
    const wanted = isOther ? { type: 'directory' } : attributesOf({ owner, group, mode });
    const attributes = changesIn({ type: at.type, ...attributesOf(at) }, wanted);
    const contents = content && found ? changesIn({ content: found }, { content: textOf(content) }) : [];
    return {
      ...piece,
      at,
      mode,
      isMade: contents.length > 0,
      contents: contents.map(change => ({ ...change, key: absolute })),
      attributes: attributes.map(change => ({ ...change, key: `${path || '.'} ${change.key}` })),
    };
  });
  const files = pieces.filter(({ content }) => content);
  const present = files.filter(({ at }) => at?.type === 'file');
  const extra = args.delete_extra ? extraOf(below, pieces, args) : [];
  const changes = [...pieces.flatMap(piece => piece.contents), ...pieces.flatMap(piece => piece.attributes)];
  // A directory from an earlier resource makes no difference: the plan shows the same before and after its creation.
  const isNew = pieces[0]?.at === null || (files.length > 0 && present.length + extra.length === 0);
  return { pieces, files, present, extra, changes, isNew };
}

const changesIn = (before: State, after: State): readonly Change[] => diff(before, after)?.changes ?? [];

function modeOf({ content, executable }: Piece, at: probe.PathState | null, args: Arguments): string {
  if (!content) return args.directory_mode ?? (at?.type === 'directory' ? at.mode : '0755');
  if (args.file_mode !== undefined) return args.file_mode;
  const same = at?.type === 'file' && /[1357]/.test(at.mode.slice(1)) === executable;
  return same ? at.mode : executable ? '0755' : '0644';
}

/** Returns the entries that are neither of the tree nor excluded. A directory stands for everything below it. */
function extraOf(
  below: readonly probe.DirectoryEntry[],
  pieces: readonly Piece[],
  args: Arguments,
): probe.DirectoryEntry[] {
  const excluded = below.filter(({ path }) => isExcluded(path, args));
  const kept = new Set([...pieces, ...excluded].flatMap(({ path }) => [path, ...foldersOf(path)]));
  return below
    .filter(({ path }) => !kept.has(path) && kept.has(foldersOf(path).at(-1)!))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
