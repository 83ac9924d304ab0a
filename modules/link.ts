import { posix } from 'node:path';
import { absolutePath, flag, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { entries, path } from '../engine/probe.ts';
import { inTheWay, wantedType } from './_files.ts';

export const link = defineModule({
  name: 'link',
  summary: 'A symbolic link.',
  args: {
    path: { ...absolutePath, description: 'Path of the link; its directory must exist.' },
    target: text('What it points to, as written in it; it need not exist, and may be relative to the link.', {
      minLength: 1,
    }),
    force: flag('Whether a file or an empty directory that is in its place is replaced.', { default: false }),
  },
  required: ['path'],
  absent: 'removes it, wherever it points',
  examples: {
    'The release that is live': { path: '/srv/app/current', target: 'releases/42' },
    'In the place of a file': {
      path: '/etc/resolv.conf',
      target: '/run/systemd/resolve/stub-resolv.conf',
      force: true,
    },
    'No such link': { path: '/etc/nginx/sites-enabled/default', state: 'absent' },
  },
  identity: args => args.path,
  refine: ({ path, target }) => [
    target === undefined && { at: 'target', says: 'A link needs the target that it points to.' },
    target !== undefined &&
      `${posix.resolve(posix.dirname(path), target)}/`.startsWith(`${posix.normalize(path)}/`) && {
        at: 'target',
        says: 'A link cannot point to itself, or to something below itself.',
      },
  ],
  probes: args => ({ path: path(args.path), ...(args.force && { below: entries(args.path, { depth: 1 }) }) }),
  actual: ({ path }) => path && (path.type === 'link' ? { target: path.target ?? '' } : { type: path.type }),
  desired: (args, read) => ({ ...wantedType(read?.path, 'link'), target: args.target ?? '' }),
  obstacles: (args, { path, below }, { kind }) => {
    const other = inTheWay(args.path, path, 'link');
    if (other === undefined) return [];
    if (kind === 'remove' || path?.type === 'other')
      return [{ says: `${other}.`, fix: 'Move it away by hand, or give another path.' }];
    if (!args.force) return [{ says: `${other}; \`force: true\` replaces it.` }];
    return path?.type === 'directory' && below?.length
      ? [{ says: `${other}; \`force: true\` replaces only an empty one.`, fix: 'Move what is in it first.' }]
      : [];
  },
  steps: (_diff, { path, target = '' }, read) => [
    // A directory with something in it is never removed by a link.
    read.path?.type === 'directory' && { do: 'remove', path, empty: true },
    { do: 'link', path, target },
  ],
  remove: args => [{ do: 'remove', path: args.path }],
  removal: { probes: args => ({ path: path(args.path) }) },
  claims: args => ({ ...pathClaims(args.path, 'link'), [`the target of ${args.path}`]: () => args.target }),
});
