import { defined, flag, listOf, text } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import type { State } from '../engine/module.ts';
import { attributesOf, pathClaims } from '../engine/path-claims.ts';
import { textOf } from '../engine/plan/diff.ts';
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
import { absolutePath, fileMode, inTheWay, isBelow, matches, ownership } from './_files.ts';

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
    const whole = sizeOf(pieces) <= shownBytes;
    const probes: Record<string, Probe> = {};
    for (const { absolute, bytes } of pieces) {
      probes[absolute] = path(absolute);
      if (bytes && whole) probes[`content ${absolute}`] = content(absolute);
    }
    if (args.delete_extra || !whole) probes['entries'] = entries(args.path, { hashes: !whole });
    return probes;
  },
  actual: (read, args) => {
    const seen = survey(args, read);
    if (seen.isNew) return null;
    return {
      files: [...seen.present, ...seen.extra].toSorted(),
      ...Object.fromEntries(seen.differing.map(({ absolute, found }) => [absolute, found as Content])),
      ...Object.assign({}, ...seen.deviating.map(({ before }) => before)),
    };
  },
  desired: (args, read) => {
    const seen = survey(args, read ?? {});
    const files = seen.files.map(({ relative }) => relative).toSorted();
    if (seen.isNew) return { files };
    return {
      files,
      ...Object.fromEntries(seen.differing.map(({ absolute, bytes }) => [absolute, textOf(bytes!)])),
      ...Object.assign({}, ...seen.deviating.map(({ after }) => after)),
    };
  },
  obstacles: (args, read) =>
    survey(args, read)
      .pieces.filter(({ bytes }) => !bytes)
      .flatMap(({ absolute, at }) => inTheWay(absolute, at, 'directory') ?? [])
      .map(other => ({
        says: `${other}; it is left as it is.`,
        fix: 'Declare it as absent before, or give another path.',
      })),
  steps: (_diff, args, read) => {
    const { pieces, files, differing, deviating, extra } = survey(args, read);
    const ownership = defined({ owner: args.owner, group: args.group });
    const written = files.filter(file => file.at?.type !== 'file' || differing.includes(file));
    const directories = pieces.filter(({ bytes, at }) => !bytes && !at);
    return [
      ...directories.map(({ absolute: path, mode }): Step => ({ do: 'directory', path, ...ownership, mode })),
      ...written.map(
        ({ absolute: path, bytes, mode }): Step => ({
          do: 'write',
          path,
          content: bytes!,
          ...ownership,
          mode,
        }),
      ),
      ...deviating
        .filter(piece => !written.includes(piece))
        .map(({ absolute, mode }): Step => ({ do: 'attributes', path: absolute, ...ownership, mode })),
      ...extra.map(
        (one): Step => ({ do: 'remove', path: `${args.path}/${one.replace(/\/$/, '')}`, recursive: true }),
      ),
    ];
  },
  claims: args => {
    const { owner, group } = args;
    const claims = piecesOf(args).map(({ absolute, bytes }) =>
      bytes
        ? pathClaims(absolute, 'file', { owner, group, mode: args.file_mode }, () => bytes)
        : pathClaims(absolute, 'directory', { owner, group, mode: args.directory_mode }),
    );
    return Object.assign({}, ...claims);
  },
  claimsBelow: (args, path) => {
    if (!args.delete_extra || !isBelow(path, args.path)) return {};
    const relative = path.slice(args.path.length + 1);
    return args.exclude.some(glob => matches(relative, glob)) ? {} : pathClaims(path, 'nothing');
  },
});

/** A file (with its bytes) or a directory of the tree, parents first. */
interface Piece {
  relative: string;
  absolute: string;
  bytes?: Buffer;
  executable: boolean;
}

function piecesOf({ files = [], exclude, path }: Arguments): Piece[] {
  const copied = files.filter(file => !exclude.some(glob => matches(file.path, glob)));
  const parents = (file: string): string[] =>
    file.split('/').map((_, i, names) => names.slice(0, i).join('/'));
  const folders = [...new Set(['', ...copied.flatMap(file => parents(file.path))])].toSorted();
  return [
    ...folders.map(relative => ({ relative, executable: true })),
    ...copied.map(file => ({ relative: file.path, bytes: file.bytes, executable: file.executable })),
  ].map(piece => ({ ...piece, absolute: piece.relative === '' ? path : `${path}/${piece.relative}` }));
}

const sizeOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);

/** The pieces with what is in their place, and what of that is not as it should be. */
function survey(declared: Arguments, read: Readonly<Record<string, unknown>>) {
  const below = (read['entries'] ?? []) as Entry[];
  const pieces = piecesOf(declared).map(piece => {
    const at = (read[piece.absolute] ?? null) as PathState | null;
    const hashed = below.find(entry => entry.path === piece.relative && entry.sha256 !== undefined);
    const found = (read[`content ${piece.absolute}`] ?? hashed ?? null) as Content | null;
    const mode = modeOf(piece, at, declared);
    const wanted: State =
      at && !piece.bytes && at.type !== 'directory'
        ? { type: 'directory' }
        : (attributesOf({ ...declared, mode }) as State);
    const differing = Object.entries(wanted).filter(
      ([key, value]) => at && at[key as keyof PathState] !== value,
    );
    const labelled = (value: (key: string) => unknown) =>
      Object.fromEntries(differing.map(([key]) => [`${piece.relative || '.'} ${key}`, value(key)])) as State;
    const before = labelled(key => at?.[key as keyof PathState]);
    const after = labelled(key => wanted[key]);
    return { ...piece, at, found, mode, before, after };
  });
  const files = pieces.filter(({ bytes }) => bytes !== undefined);
  const present = files.filter(({ at }) => at?.type === 'file').map(({ relative }) => relative);
  const extra = declared.delete_extra ? extraOf(below, pieces, declared.exclude) : [];
  const nothing = files.length > 0 && present.length === 0 && extra.length === 0;
  return {
    pieces,
    files,
    present,
    // A directory that an earlier resource has made is no difference: the plan shows the same before and after it.
    isNew: (read[declared.path] ?? null) === null || nothing,
    differing: files.filter(
      ({ at, found, bytes }) => at?.type === 'file' && found && found.sha256 !== textOf(bytes!).sha256,
    ),
    deviating: pieces.filter(
      ({ bytes, at, after }) => Object.keys(after).length > 0 && (!bytes || at?.type === 'file'),
    ),
    extra,
  };
}

function modeOf({ bytes, executable }: Piece, at: PathState | null, args: Arguments): string {
  if (!bytes) return args.directory_mode ?? (at?.type === 'directory' ? at.mode : '0755');
  if (args.file_mode !== undefined) return args.file_mode;
  const same = at?.type === 'file' && /[1357]/.test(at.mode.slice(1)) === executable;
  return same ? at.mode : executable ? '0755' : '0644';
}

/** What is there besides the tree, as whole directories (`media/`) where nothing in them is excluded. */
function extraOf(below: readonly Entry[], pieces: readonly Piece[], exclude: readonly string[]): string[] {
  const kept = [
    ...pieces.map(({ relative }) => relative),
    ...below.map(entry => entry.path).filter(path => exclude.some(glob => matches(path, glob))),
  ];
  const extra: string[] = [];
  for (const { path, type } of below.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    if (extra.some(folder => folder.endsWith('/') && path.startsWith(folder))) continue;
    if (kept.some(one => one === path || one.startsWith(`${path}/`))) continue;
    extra.push(type === 'directory' ? `${path}/` : path);
  }
  return extra;
}
