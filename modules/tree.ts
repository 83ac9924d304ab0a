import { defined, flag, listOf, text } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import type { Change, State } from '../engine/module.ts';
import { attributesOf, pathClaims } from '../engine/path-claims.ts';
import { diff, textOf } from '../engine/plan/diff.ts';
import {
  type Content,
  content,
  type Entry,
  entries,
  type PathState,
  type Probe,
  path,
} from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { absolutePath, fileMode, matches, noDirectory, ownership } from './_files.ts';

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
  examples: [
    {
      title: 'The code of an application',
      args: { src: 'app', path: '/srv/app', owner: 'www-data', exclude: ['*.pyc'] },
    },
    {
      title: 'Exactly these files and no others',
      args: { src: 'conf.d', path: '/etc/app/conf.d', file_mode: '0640', delete_extra: true },
    },
  ],
  identity: args => args.path,
  probes: args => {
    const pieces = piecesOf(args);
    const whole = pieces.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0) <= shownBytes;
    const probes: Record<string, Probe> = {};
    for (const { absolute, bytes } of pieces) {
      probes[absolute] = path(absolute);
      if (bytes && whole) probes[`content ${absolute}`] = content(absolute);
    }
    if (args.delete_extra || !whole) probes['entries'] = entries(args.path, { hashes: !whole });
    return probes;
  },
  actual: (read, args) => {
    const { isNew, files, extra, changes } = survey(args, read);
    const present = files.filter(({ at }) => at?.type === 'file').map(({ path }) => path);
    const others = extra.map(({ path, type }) => (type === 'directory' ? `${path}/` : path));
    const before = Object.fromEntries(changes.map(({ key, before }) => [key, before!]));
    return isNew ? null : { files: [...present, ...others].toSorted(), ...before };
  },
  desired: (args, read) => {
    const { isNew, files, changes } = survey(args, read ?? {});
    const after = Object.fromEntries(changes.map(({ key, after }) => [key, after!]));
    return { files: files.map(({ path }) => path).toSorted(), ...(!isNew && after) };
  },
  obstacles: (args, read) =>
    survey(args, read).directories.map(({ absolute, at }) => noDirectory(absolute, at)),
  steps: (_diff, args, read) => {
    const { directories, files, extra } = survey(args, read);
    const ownership = defined({ owner: args.owner, group: args.group });
    const made = directories.filter(({ at }) => !at);
    const written = files.filter(({ at, contents }) => at?.type !== 'file' || contents.length > 0);
    const kept = [...directories, ...files.filter(file => !written.includes(file))];
    const set = kept.filter(({ attributes }) => attributes.length > 0);
    return [
      ...made.map(({ absolute: path, mode }): Step => ({ do: 'directory', path, ...ownership, mode })),
      ...written.map(({ absolute: path, bytes: content = '', mode }): Step => {
        return { do: 'write', path, content, ...ownership, mode };
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

/** A file (with its bytes) or a directory of the tree; its `path` is relative. */
interface Piece {
  path: string;
  absolute: string;
  bytes?: Buffer;
  executable: boolean;
}

const isExcluded = (path: string, { exclude }: Arguments) => exclude.some(glob => matches(path, glob));

/** The folders that a path is in, from that of the tree, which is called '', to its own. */
const foldersOf = (path: string) => path.split('/').map((_, i, names) => names.slice(0, i).join('/'));

/** All of the tree: directories first, parents before what is in them. */
function piecesOf(args: Arguments): Piece[] {
  const copied = (args.files ?? []).filter(({ path }) => !isExcluded(path, args));
  const folders = new Set(['', ...copied.flatMap(({ path }) => foldersOf(path))]);
  const directories = [...folders].toSorted().map(path => ({ path, executable: true }));
  return [...directories, ...copied].map(piece => ({
    ...piece,
    absolute: piece.path === '' ? args.path : `${args.path}/${piece.path}`,
  }));
}

/** The pieces with what is in their place, and what of that is not as it should be. */
function survey(args: Arguments, read: Readonly<Record<string, unknown>>) {
  const below = (read['entries'] ?? []) as Entry[];
  const pieces = piecesOf(args).map(piece => {
    const { path, absolute, bytes } = piece;
    const at = (read[absolute] ?? null) as PathState | null;
    const hashed = below.find(entry => entry.path === path && entry.sha256 !== undefined);
    const found = (read[`content ${absolute}`] ?? hashed ?? null) as Content | null;
    const mode = modeOf(piece, at, args);
    const shared = { ...piece, at, mode };
    // What is in the place of a file is replaced, whatever it is like.
    if (!at || (bytes && at.type !== 'file')) return { ...shared, contents: [], attributes: [] };
    const isOther = !bytes && at.type !== 'directory';
    const { owner, group } = args;
    const wanted = isOther ? { type: 'directory' } : attributesOf({ owner, group, mode });
    const named = changesIn({ type: at.type, ...attributesOf(at) }, wanted);
    return {
      ...shared,
      contents: bytes && found ? changesIn({ [absolute]: found }, { [absolute]: textOf(bytes) }) : [],
      attributes: named.map(change => ({ ...change, key: `${path || '.'} ${change.key}` })),
    };
  });
  const [directories, files] = [pieces.filter(({ bytes }) => !bytes), pieces.filter(({ bytes }) => bytes)];
  const extra = args.delete_extra ? extraOf(below, pieces, args) : [];
  const isEmpty = extra.length === 0 && !files.some(({ at }) => at?.type === 'file');
  return {
    directories,
    files,
    extra,
    // A directory that an earlier resource has made is no difference: the plan shows the same before and after it.
    isNew: directories[0]?.at === null || (files.length > 0 && isEmpty),
    changes: [
      ...files.flatMap(({ contents }) => contents),
      ...pieces.flatMap(({ attributes }) => attributes),
    ],
  };
}

const changesIn = (before: State, after: State): readonly Change[] => diff(before, after)?.changes ?? [];

function modeOf({ bytes, executable }: Piece, at: PathState | null, args: Arguments): string {
  if (!bytes) return args.directory_mode ?? (at?.type === 'directory' ? at.mode : '0755');
  if (args.file_mode !== undefined) return args.file_mode;
  const same = at?.type === 'file' && /[1357]/.test(at.mode.slice(1)) === executable;
  return same ? at.mode : executable ? '0755' : '0644';
}

/** What is there besides the tree and what is excluded; of a directory that goes as a whole, only itself. */
function extraOf(below: readonly Entry[], pieces: readonly Piece[], args: Arguments): Entry[] {
  const excluded = below.filter(({ path }) => isExcluded(path, args));
  const kept = new Set([...pieces, ...excluded].flatMap(({ path }) => [path, ...foldersOf(path)]));
  return below
    .filter(({ path }) => !kept.has(path) && kept.has(foldersOf(path).at(-1)!))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
