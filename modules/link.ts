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
    target: text('Target as written in the link; it need not exist, and may be relative to the link.', {
      pattern: '[^\\n]$',
    }),
    force: flag('Whether the link replaces a file or an empty directory.', { default: false }),
  },
  required: ['path'],
  absent: 'removes it, whatever its target is',
  examples: {
    'The release that is live': { path: '/srv/app/current', target: 'releases/42' },
    'Instead of a file': {
      path: '/etc/resolv.conf',
      target: '/run/systemd/resolve/stub-resolv.conf',
      force: true,
    },
    'No such link': { path: '/etc/nginx/sites-enabled/default', state: 'absent' },
  },
  identity: args => args.path,
  refine: ({ path, target }) => [
    target === undefined && { at: 'target', says: 'A link needs a target.' },
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
      return [{ says: `${other}.`, fix: 'Move it away manually, or give another path.' }];
    if (!args.force) return [{ says: `${other}; \`force: true\` replaces it.` }];
    return path?.type === 'directory' && below?.length
      ? [{ says: `${other}; \`force: true\` replaces only an empty one.`, fix: 'Move its contents first.' }]
      : [];
  },
  steps: (_diff, { path, target = '' }, read) => [
    // A link never replaces a directory with contents.
    read.path?.type === 'directory' && { do: 'remove', path, empty: true },
    { do: 'link', path, target },
  ],
  remove: args => [{ do: 'remove', path: args.path }],
  removal: { probes: args => ({ path: path(args.path) }) },
  claims: args => ({ ...pathClaims(args.path, 'link'), [`the target of ${args.path}`]: () => args.target }),
});
