import type { Ownership } from '../engine/effect.ts';
import { absolutePath, fileMode, flag, ownership } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { attributesOf, pathClaims } from '../engine/module-kit/path-claims.ts';
import { type DirectoryEntry, entries, type PathState, path } from '../engine/probe.ts';
import { defined } from '../engine/util/defined.ts';
import { attributesStep, noDirectory, pathState, wantedType } from './_files.ts';

/** A directory. Its contents stay unchanged, except for their owner and group with `recurse`. */
export const directory = defineModule({
  name: 'directory',
  summary: 'A directory with its owner and mode.',
  args: {
    path: {
      ...absolutePath,
      description: 'Path of the directory; missing parents are created, owned by root, mode 0755.',
    },
    ...ownership('the directory'),
    mode: { ...fileMode, description: 'Permissions in octal; a new directory has 0755.' },
    recurse: flag(
      'Whether everything below the directory has this `owner` and `group` too (`mode` is for the directory alone).',
      { default: false },
    ),
  },
  required: ['path'],
  absent: 'removes it with all its contents',
  examples: {
    'For the files of an application': { path: '/srv/app', owner: 'www-data', mode: '0750' },
    'With all its contents': { path: '/srv/app/media', owner: 'www-data', group: 'www-data', recurse: true },
    'No such directory': { path: '/var/www/html', state: 'absent' },
  },
  identity: args => args.path,
  refine: args =>
    args.recurse && (args.owner ?? args.group) === undefined
      ? [{ at: 'recurse', says: 'recurse applies to owner and group: give at least one of them.' }]
      : [],
  probes: args => ({ path: path(args.path), ...(args.recurse && { below: entries(args.path) }) }),
  actual: ({ path, below }, args) =>
    path && pathState(path, 'directory', { below: deviating(below ?? [], args) }),
  desired: (args, read) => {
    const attributes = attributesOf(args);
    const isBare = Object.keys(attributes).length === 0;
    return {
      // The diff of a new directory must not be empty.
      ...(read?.path ? wantedType(read.path, 'directory') : isBare && { type: 'directory' }),
      ...attributes,
      ...(args.recurse && read?.path?.type === 'directory' && { below: asDeclared }),
    };
  },
  obstacles: (args, { path }) => [noDirectory(args.path, path)],
  steps: (diff, args) => {
    const { path, owner, group } = args;
    if (diff.kind === 'create') return [{ do: 'directory', path, ...attributesOf(args) }];
    return [
      diff.has('below') && { do: 'attributes', path, ...defined({ owner, group }), recursive: true },
      attributesStep(path, diff, args),
    ];
  },
  remove: args => [{ do: 'remove', path: args.path, recursive: true }],
  removal: {
    probes: args => ({ path: path(args.path), below: entries(args.path, { depth: 1 }) }),
    actual: ({ path, below }: { path: PathState | null; below: readonly DirectoryEntry[] | null }) => {
      const holds = path?.type === 'directory' ? (below ?? []).map(entry => entry.path).toSorted() : [];
      return path && { type: path.type, ...(holds.length > 0 && { holds }) };
    },
    claimsBelow: (_args, path) => pathClaims(path, 'nothing'),
  },
  claims: args => pathClaims(args.path, 'directory', args),
  claimsBelow: ({ recurse, owner, group }, path) =>
    recurse ? pathClaims(path, undefined, { owner, group }) : {},
});

const asDeclared = 'as declared';

/** Returns the number of entries with another owner or group, and the first of them. */
function deviating(below: readonly DirectoryEntry[], { owner, group }: Ownership): string {
  const others = below
    .filter(entry => entry.owner !== (owner ?? entry.owner) || entry.group !== (group ?? entry.group))
    .map(entry => entry.path)
    .toSorted();
  if (others.length === 0) return asDeclared;
  const more = others.length > 3 ? ', …' : '';
  return `${others.length} of another owner: ${others.slice(0, 3).join(', ')}${more}`;
}
