import { defineModule } from '../engine/define-module.ts';
import { path } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { absolutePath, pathClaims, refuse, wantedType } from './_files.ts';

/** A symbolic link. */
export const link = defineModule({
  name: 'link',
  summary: 'A symbolic link.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['path', 'target'],
    properties: {
      path: { ...absolutePath, description: 'Path of the link; its directory must exist.' },
      target: {
        type: 'string',
        minLength: 1,
        description:
          'What it points to, as written in it; it need not exist, and may be relative to the link.',
      },
      force: {
        type: 'boolean',
        default: false,
        description: 'Whether a file or an empty directory that is in its place is replaced.',
      },
      state: { enum: ['present', 'absent'], default: 'present', description: 'Whether the link exists.' },
    },
  },
  examples: [
    { title: 'The release that is live', args: { path: '/srv/app/current', target: 'releases/42' } },
    {
      title: 'In the place of a file',
      args: { path: '/etc/resolv.conf', target: '/run/systemd/resolve/stub-resolv.conf', force: true },
    },
    {
      title: 'No such link',
      args: {
        path: '/etc/nginx/sites-enabled/default',
        target: '/etc/nginx/sites-available/default',
        state: 'absent',
      },
    },
  ],
  identity: args => args.path,
  probes: args => ({ path: path(args.path) }),
  actual: ({ path }) => {
    if (path === null) return null;
    return path.type === 'link' ? { target: path.target ?? '' } : { type: path.type };
  },
  desired: (args, read) =>
    args.state === 'absent' ? null : { ...wantedType(read?.path, 'link'), target: args.target },
  steps: (diff, args, { path }) => {
    const inTheWay = path !== null && path.type !== 'link' ? path.type : undefined;
    if (inTheWay !== undefined && (!args.force || inTheWay === 'other' || diff.kind === 'remove')) {
      const force = diff.kind === 'remove' || inTheWay === 'other' ? '' : '; `force: true` replaces it';
      return [
        refuse(`${args.path} is a ${inTheWay === 'other' ? 'special file' : inTheWay}, not a link${force}.`),
      ];
    }
    if (diff.kind === 'remove') return [{ do: 'remove', path: args.path }];
    // A directory with something in it is never removed by a link.
    const makeRoom: Step[] = inTheWay === 'directory' ? [{ do: 'remove', path: args.path, empty: true }] : [];
    return [...makeRoom, { do: 'link', path: args.path, target: args.target }];
  },
  claims: args =>
    args.state === 'absent'
      ? pathClaims(args.path, 'nothing')
      : { ...pathClaims(args.path, 'link'), [`the target of ${args.path}`]: args.target },
  brings: args => (args.state === 'absent' ? [] : [{ token: `path:${args.path}` }]),
});
