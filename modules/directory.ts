import { defined, flag } from '../engine/argument.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Ownership } from '../engine/effect.ts';
import { attributesOf, pathClaims } from '../engine/path-claims.ts';
import { type Entry, entries, type PathState, path } from '../engine/probe.ts';
import {
  absolutePath,
  attributesStep,
  fileMode,
  inTheWay,
  isBelow,
  ownership,
  pathState,
  wantedType,
} from './_files.ts';

/** A directory; what is in it is left alone, but for its owner and group with `recurse`. */
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
      'Whether everything below it has this `owner` and `group` too (`mode` is for the directory alone).',
      { default: false },
    ),
  },
  required: ['path'],
  absent: 'removes it with all that is in it',
  examples: [
    { title: 'For the files of an application', args: { path: '/srv/app', owner: 'www-data', mode: '0750' } },
    {
      title: 'With all that is in it',
      args: { path: '/srv/app/media', owner: 'www-data', group: 'www-data', recurse: true },
    },
    { title: 'No such directory', args: { path: '/var/www/html', state: 'absent' } },
  ],
  identity: args => args.path,
  refine: args =>
    args.recurse && args.owner === undefined && args.group === undefined
      ? [{ at: 'recurse', says: 'recurse is about owner and group: give at least one of them.' }]
      : [],
  probes: args => ({
    path: path(args.path),
    ...defined({ below: args.recurse ? entries(args.path) : undefined }),
  }),
  actual: (read, args) =>
    read.path && {
      ...pathState(read.path, 'directory'),
      ...defined({ below: args.recurse ? deviating(read.below ?? [], args) : undefined }),
    },
  desired: (args, read) => {
    const attributes = defined(attributesOf(args));
    // Something new always has a line that says so.
    if (!read?.path) return Object.keys(attributes).length === 0 ? { type: 'directory' } : attributes;
    const isOwn = args.recurse && read.path.type === 'directory';
    return {
      ...wantedType(read.path, 'directory'),
      ...attributes,
      ...defined({ below: isOwn ? asDeclared : undefined }),
    };
  },
  obstacles: (args, { path }) => {
    const other = inTheWay(args.path, path, 'directory');
    return other === undefined
      ? []
      : [
          {
            says: `${other}; it is left as it is.`,
            fix: 'Declare it as absent before, or give another path.',
          },
        ];
  },
  steps: (diff, args) => {
    const { mode: _, ...ownership } = attributesOf(args);
    if (diff.kind === 'create') return [{ do: 'directory', path: args.path, ...attributesOf(args) }];
    return [
      ...(diff.has('below')
        ? [{ do: 'attributes', path: args.path, ...ownership, recursive: true } as const]
        : []),
      ...attributesStep(args.path, diff, args),
    ];
  },
  remove: args => [{ do: 'remove', path: args.path, recursive: true }],
  removal: {
    probes: args => ({ path: path(args.path), below: entries(args.path, { depth: 1 }) }),
    actual: (read: { path: PathState | null; below: readonly Entry[] | null }) => {
      const holds = read.path?.type === 'directory' ? (read.below ?? []).map(entry => entry.path) : [];
      return (
        read.path && {
          type: read.path.type,
          ...defined({ holds: holds.length > 0 ? holds.toSorted() : undefined }),
        }
      );
    },
    claimsBelow: (args, path) => (isBelow(path, args.path) ? pathClaims(path, 'nothing') : {}),
  },
  claims: args => pathClaims(args.path, 'directory', args),
  claimsBelow: ({ owner, group, ...args }, path) =>
    args.recurse && isBelow(path, args.path) ? pathClaims(path, undefined, { owner, group }) : {},
});

const asDeclared = 'as declared';

/** How many entries have another owner or group, and the first of them. */
function deviating(below: readonly Entry[], { owner, group }: Ownership): string {
  const others = below
    .filter(entry => entry.owner !== (owner ?? entry.owner) || entry.group !== (group ?? entry.group))
    .map(entry => entry.path)
    .toSorted();
  if (others.length === 0) return asDeclared;
  const more = others.length > 3 ? ', …' : '';
  return `${others.length} of another owner: ${others.slice(0, 3).join(', ')}${more}`;
}
