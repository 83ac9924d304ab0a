import type { Change, State } from '../engine/module.ts';
import { absolutePath, fileMode, flag, listOf, ownership, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { attributesOf, pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { diff } from '../engine/plan/diff.ts';
import * as probe from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { defined } from '../engine/util/defined.ts';
import { matches, noDirectory } from './_files.ts';

/** Up to this much in all, the files on the host are read whole, so that changed lines can be shown. */
const shownBytes = 262_144;

const its = {
  src: text('The folder beside the playbook; its files are copied as they are.', { minLength: 1 }),
  path: { ...absolutePath, description: 'The directory on the host that gets what is in the folder.' },
  ...ownership('the files and directories'),
  file_mode: {
    ...fileMode,
    description:
      'Permissions of all files in octal. Without it, only whether a file is executable is kept, as 0755 or 0644.',
  },
  directory_mode: {
    ...fileMode,
    description: 'Permissions of all its directories in octal; new ones have 0755.',
  },
  exclude: listOf(
    text('A glob.', { minLength: 1 }),
    'Globs of what is neither copied nor deleted, e.g. `*.pyc` or `media/**`; one without a slash is about names at any depth.',
    { default: [] },
  ),
  delete_extra: flag('Whether what is on the host, but not in the folder, is removed.', { default: false }),
} as const;
type Arguments = Given<typeof its, 'src' | 'path'>;

/** A folder with all that is in it, copied. */
export const tree = defineModule({
  name: 'tree',
  summary: 'A folder beside the playbook, copied with everything in it.',
  args: its,
  required: ['src', 'path'],
  files: { tree: true },
  examples: {
    'The code of an application': { src: 'app', path: '/srv/app', owner: 'www-data', exclude: ['*.pyc'] },
    'Exactly these files and no others': {
      src: 'conf.d',
      path: '/etc/app/conf.d',
      file_mode: '0640',
      delete_extra: true,
    },
  },
  identity: args => args.path,
  probes: args => {
    const pieces = piecesOf(args);
    const whole = pieces.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0) <= shownBytes;
    const probes: Record<string, probe.Probe> = {};
    for (const { absolute, bytes } of pieces) {
      probes[absolute] = probe.path(absolute);
      if (bytes && whole) probes[`content ${absolute}`] = probe.content(absolute);
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
    survey(args, read).pieces.map(({ absolute, at, bytes }) => !bytes && noDirectory(absolute, at)),
  steps: (_diff, args, read) => {
    const { pieces, extra } = survey(args, read);
    const ownership = defined({ owner: args.owner, group: args.group });
    const made = pieces.filter(({ isMade }) => isMade);
    const set = pieces.filter(({ isMade, attributes }) => !isMade && attributes.length > 0);
    return [
      ...made.map(({ absolute: path, bytes: content, mode }): Step => {
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
    const claims = piecesOf(args).map(({ absolute, bytes }) =>
      bytes
        ? pathClaims(absolute, 'file', { owner, group, mode: file_mode }, () => bytes)
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

/** The folders that a path is in, from that of the tree, which is called '', to its own. */
const foldersOf = (path: string) => path.split('/').map((_, i, names) => names.slice(0, i).join('/'));

/** The directories, parents before what is in them, and then the files of the tree; only these have bytes. */
function piecesOf(args: Arguments) {
  const copied = (args.files ?? []).filter(({ path }) => !isExcluded(path, args));
  const folders = new Set(['', ...copied.flatMap(({ path }) => foldersOf(path))]);
  const directories = [...folders].toSorted().map(path => ({ path, bytes: undefined, executable: true }));
  return [...directories, ...copied].map(piece => ({
    ...piece,
    absolute: piece.path === '' ? args.path : `${args.path}/${piece.path}`,
  }));
}
type Piece = ReturnType<typeof piecesOf>[number];

/** The pieces with what is in their place, and what of that is not as it should be. */
function survey(args: Arguments, read: Readonly<Record<string, unknown>>) {
  const below = (read['entries'] ?? []) as probe.DirectoryEntry[];
  const pieces = piecesOf(args).map(piece => {
    const { path, absolute, bytes } = piece;
    const at = (read[absolute] ?? null) as probe.PathState | null;
    const hashed = below.find(entry => entry.path === path && entry.sha256 !== undefined);
    const found = (read[`content ${absolute}`] ?? hashed ?? null) as probe.Content | null;
    const mode = modeOf(piece, at, args);
    // What is in the place of a file is replaced, whatever it is like.
    if (!at || (bytes && at.type !== 'file'))
      return { ...piece, at, mode, isMade: true, contents: [], attributes: [] };
    const { owner, group } = args;
    const isOther = !bytes && at.type !== 'directory';
    const wanted = isOther ? { type: 'directory' } : attributesOf({ owner, group, mode });
    const attributes = changesIn({ type: at.type, ...attributesOf(at) }, wanted);
    const contents = bytes && found ? changesIn({ content: found }, { content: textOf(bytes) }) : [];
    return {
      ...piece,
      at,
      mode,
      isMade: contents.length > 0,
      contents: contents.map(change => ({ ...change, key: absolute })),
      attributes: attributes.map(change => ({ ...change, key: `${path || '.'} ${change.key}` })),
    };
  });
  const files = pieces.filter(({ bytes }) => bytes);
  const present = files.filter(({ at }) => at?.type === 'file');
  const extra = args.delete_extra ? extraOf(below, pieces, args) : [];
  const changes = [...pieces.flatMap(piece => piece.contents), ...pieces.flatMap(piece => piece.attributes)];
  // A directory that an earlier resource has made is no difference: the plan shows the same before and after it.
  const isNew = pieces[0]?.at === null || (files.length > 0 && present.length + extra.length === 0);
  return { pieces, files, present, extra, changes, isNew };
}

const changesIn = (before: State, after: State): readonly Change[] => diff(before, after)?.changes ?? [];

function modeOf({ bytes, executable }: Piece, at: probe.PathState | null, args: Arguments): string {
  if (!bytes) return args.directory_mode ?? (at?.type === 'directory' ? at.mode : '0755');
  if (args.file_mode !== undefined) return args.file_mode;
  const same = at?.type === 'file' && /[1357]/.test(at.mode.slice(1)) === executable;
  return same ? at.mode : executable ? '0755' : '0644';
}

/** What is there besides the tree and what is excluded; of a directory that goes as a whole, only itself. */
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
