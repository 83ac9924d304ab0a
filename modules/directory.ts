import { defineModule } from '../engine/define-module.ts';
import { type Entry, entries, type PathState, type Probe, path } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import {
  absolutePath,
  attributesOf,
  attributesStep,
  fileMode,
  isBelow,
  ownership,
  pathClaims,
  pathState,
  refuse,
  wantedType,
} from './_files.ts';

/** A directory; what is in it is left alone, but for its owner and group with `recurse`. */
export const directory = defineModule({
  name: 'directory',
  summary: 'A directory with its owner and mode.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        ...absolutePath,
        description: 'Path of the directory; missing parents are created, owned by root, mode 0755.',
      },
      ...ownership('the directory'),
      mode: { ...fileMode, description: 'Permissions in octal; a new directory has 0755.' },
      recurse: {
        type: 'boolean',
        default: false,
        description:
          'Whether everything below it has this `owner` and `group` too (`mode` is for the directory alone).',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the directory exists; `absent` removes it with all that is in it.',
      },
    },
  },
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
      ? ['recurse is about owner and group: give at least one of them.']
      : [],
  probes: (args): { path: Probe<PathState | null>; below?: Probe<Entry[] | null> } => ({
    path: path(args.path),
    ...(args.state === 'absent' ? { below: entries(args.path, { depth: 1 }) } : {}),
    ...(args.state === 'present' && args.recurse ? { below: entries(args.path) } : {}),
  }),
  actual: (read, args) => {
    if (read.path === null) return null;
    const below = read.path.type === 'directory' ? (read.below ?? []) : [];
    if (args.state === 'absent')
      return {
        type: read.path.type,
        ...(below.length > 0 ? { holds: below.map(entry => entry.path).toSorted() } : {}),
      };
    return {
      ...pathState(read.path, 'directory'),
      ...(args.recurse ? { below: deviating(below, args) } : {}),
    };
  },
  desired: (args, read) => {
    if (args.state === 'absent') return null;
    const attributes = attributesOf(args);
    // Something new always has a line that says so.
    if (!read?.path) return Object.keys(attributes).length === 0 ? { type: 'directory' } : attributes;
    return {
      ...wantedType(read.path, 'directory'),
      ...attributes,
      ...(args.recurse && read.path.type === 'directory' ? { below: 'as declared' } : {}),
    };
  },
  steps: (diff, args, read) => {
    const type = read.path?.type ?? 'directory';
    if (type !== 'directory')
      return [
        refuse(
          `${args.path} is a ${type === 'other' ? 'special file' : type}, not a directory; it is left as it is.`,
        ),
      ];
    if (diff.kind === 'remove') return [{ do: 'remove', path: args.path, recursive: true }];
    if (diff.kind === 'create') return [{ do: 'directory', path: args.path, ...attributesOf(args) }];
    const { mode: _, ...ownership } = attributesOf(args);
    const below: Step[] = diff.has('below')
      ? [{ do: 'attributes', path: args.path, ...ownership, recursive: true }]
      : [];
    return [...below, ...attributesStep(args.path, diff, args)];
  },
  claims: args =>
    args.state === 'absent' ? pathClaims(args.path, 'nothing') : pathClaims(args.path, 'directory', args),
  claimsBelow: (args, path) => {
    if (!isBelow(path, args.path)) return {};
    if (args.state === 'absent') return pathClaims(path, 'nothing');
    return args.recurse ? pathClaims(path, undefined, { owner: args.owner, group: args.group }) : {};
  },
  brings: args => (args.state === 'absent' ? [] : [{ token: `path:${args.path}` }]),
});

/** How many entries have another owner or group, and the first of them. */
function deviating(below: readonly Entry[], args: { owner?: string; group?: string }): string {
  const others = below
    .filter(
      entry => entry.owner !== (args.owner ?? entry.owner) || entry.group !== (args.group ?? entry.group),
    )
    .map(entry => entry.path)
    .toSorted();
  if (others.length === 0) return 'as declared';
  const more = others.length > 3 ? ', …' : '';
  return `${others.length} of another owner: ${others.slice(0, 3).join(', ')}${more}`;
}
